"""Quality: pass rates with their denominators, the paired difference against the margin, and regions."""

import streamlit as st

from dashboard import parts, state
from dashboard.state import text
from study import charts
from study.comparison import failure_reasons, region_rates

st.title(text("page.quality"))
comparison, readings = state.comparison(), state.outcomes()[0].readings
parts.banner()
parts.verdict(comparison)
if readings.empty:
    st.info(text("quality.nothing"))
    parts.claims()
    st.stop()
left, right = st.columns(2)
left.plotly_chart(charts.pass_rates(comparison, title="Pass rate by arm"))
effects = [effect for effect in comparison.effects if effect.name.startswith("pass")]
title = "Difference in pass rate, Tango 95 % interval"
right.plotly_chart(charts.forest(effects, title=title, unit="percentage points", scale=100, margin=comparison.verdict.margin))
st.plotly_chart(charts.region_heat_map(region_rates(readings), title="Pass rate by vascular region and arm [%], all ratings"))
st.subheader(text("reasons"))
reasons = failure_reasons(readings)
reasons["reason"] = reasons["reason"].str.replace("_", " ")
names = {"reason": "Reason", "manual": "Manual, region ratings", "ai": "AI, region ratings"}
st.dataframe(reasons.rename(columns=names), hide_index=True)
parts.claims()
