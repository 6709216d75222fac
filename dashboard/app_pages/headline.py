"""Headline: minutes, clicks and pass rate by arm, each with effect and interval."""

import streamlit as st

from dashboard import parts, state
from dashboard.state import text
from study import charts

comparison = state.comparison()
found = {effect.name: effect for effect in comparison.effects}
st.title(text("page.headline"))
parts.banner()

columns = st.columns(3)
parts.measure_tile(columns[0], "headline.minutes", comparison, "minutes", found.get("minutes, mean difference"))
parts.measure_tile(columns[1], "headline.clicks", comparison, "clicks", found.get("clicks, mean difference"))
parts.pass_tile(columns[2], comparison, found.get("pass rate, difference"))

left, right = st.columns(2)
left.plotly_chart(charts.paired_slopes(state.pairs("minutes"), title="Minutes per case, a line each", unit="hands-on time [min]"))
right.plotly_chart(charts.paired_slopes(state.pairs("clicks"), title="Clicks per case, a line each", unit="clicks"))

st.subheader(text("headline.verdict"))
parts.verdict(comparison)
with st.expander(text("table.title")):
    st.dataframe(parts.effect_table(comparison), hide_index=True)
parts.claims()
