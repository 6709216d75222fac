"""Efficiency: weekly minutes, clicks and AI usage as control charts, re-based only at the protocol's go-live."""

import streamlit as st

from dashboard import operations, parts
from dashboard.state import text
from study import charts
from study.operations import MEASURES, usage_chart, weekly_chart

st.title(text("page.efficiency"))
tasks, change = operations.tasks_and_change()
parts.banner()
chosen = operations.filtered(tasks)
left, right = st.columns(2)
for place, measure in zip((left, right, left, right), MEASURES, strict=True):
    chart = weekly_chart(chosen, measure, change=change)
    place.plotly_chart(charts.control_chart(chart, title=operations.title(measure, chart)), key=f"chart-{measure}")
st.plotly_chart(charts.control_chart(usage_chart(operations.since(chosen, change)), title=text("efficiency.usage")), key="chart-usage")
st.caption(text("efficiency.rules"))
operations.effect()
parts.claims()
