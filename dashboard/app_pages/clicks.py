"""Clicks by arm: distribution, paired difference, every estimate."""

import streamlit as st

from dashboard import parts, state
from dashboard.state import text
from study import charts

comparison, pairs = state.comparison(), state.pairs("clicks")
st.title(text("page.clicks"))
parts.banner()
left, right = st.columns(2)
left.plotly_chart(charts.distribution(pairs, title="Clicks per case by arm", unit="clicks"))
right.plotly_chart(charts.paired_slopes(pairs, title="Each case, both ways", unit="clicks"))
effects = [effect for effect in comparison.effects if effect.name.startswith("clicks") and effect.unit == "clicks"]
st.plotly_chart(charts.forest(effects, title="AI − manual, 95 % intervals", unit="clicks"))
st.dataframe(parts.summary_table(comparison, "clicks"), hide_index=True)
st.dataframe(parts.effect_table(comparison, "clicks"), hide_index=True)
parts.claims()
