"""Headline: minutes, clicks and pass rate by arm, each with effect and interval."""

import streamlit as st

from dashboard import parts, state
from dashboard.state import text
from study import charts

st.title(text("page.headline"))
comparison = state.comparison()
found = {effect.name: effect for effect in comparison.effects}
parts.banner()

columns = st.columns(3)
parts.measure_tile(columns[0], "headline.minutes", comparison, "minutes", found.get("minutes, mean difference"))
parts.measure_tile(columns[1], "headline.clicks", comparison, "clicks", found.get("clicks, mean difference"))
parts.pass_tile(columns[2], comparison, found.get("pass rate, difference"))

minutes, clicks = state.pairs("minutes"), state.pairs("clicks")
if len(minutes):
    (left, right), who = st.columns(2), f"a line each, n = {len(minutes):,}, orange: mean"
    left.plotly_chart(charts.paired_slopes(minutes, title=f"Minutes per case, {who}", unit="hands-on time [min]"))
    right.plotly_chart(charts.paired_slopes(clicks, title=f"Clicks per case, {who}", unit="clicks"))
else:
    st.info(text("arms.unpaired"))

st.subheader(text("headline.verdict"))
parts.verdict(comparison)
with st.expander(text("table.title")):
    st.table(parts.effect_table(comparison), border="horizontal", hide_index=True)
parts.claims()
