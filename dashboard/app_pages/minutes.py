"""Minutes by arm: distribution, paired difference, every estimate."""

import streamlit as st

from dashboard import parts, state
from dashboard.state import text
from study import charts

comparison, pairs = state.comparison(), state.pairs("minutes")
st.title(text("page.minutes"))
parts.banner()
left, right = st.columns(2)
left.plotly_chart(charts.distribution(pairs, title="Minutes per case by arm", unit="hands-on time [min]"))
right.plotly_chart(charts.paired_slopes(pairs, title="Each case, both ways", unit="hands-on time [min]"))
effects = [effect for effect in comparison.effects if effect.name.startswith("minutes") and effect.unit == "min"]
st.plotly_chart(charts.forest(effects, title="AI − manual, 95 % intervals", unit="min"))
st.dataframe(parts.summary_table(comparison, "minutes"), hide_index=True)
st.dataframe(parts.effect_table(comparison, "minutes"), hide_index=True)
parts.claims()
