"""Quality: pass rates with their denominators, the paired difference against the margin, and regions."""

import streamlit as st

from dashboard import charts, state
from dashboard.state import text

comparison = state.comparison()
st.title(text("page.quality"))
state.banner()
state.verdict(comparison)
left, right = st.columns(2)
left.plotly_chart(charts.pass_rates(comparison, title="Pass rate by arm"))
effects = [effect for effect in comparison.effects if effect.name.startswith("pass")]
title = "Difference in pass rate, Tango 95 % interval"
right.plotly_chart(charts.forest(effects, title=title, unit="percentage points", scale=100, margin=comparison.verdict.margin))
st.plotly_chart(charts.region_heat_map(state.region_rates(), title="Pass rate by vascular region and arm [%], all ratings"))
st.dataframe(state.reason_table(), hide_index=True)
