"""Accrual and data quality: how the study fills and how well it is recorded; nothing by arm, no outcome."""

import streamlit as st

from dashboard import accrual, parts
from dashboard.state import text
from study import charts

st.title(text("page.accrual"))
found = accrual.current()
if found.study.simulated:
    st.warning(text("simulated"), icon=":material/science:")
accrual.tiles(found)
coming = found.forecast
ends = (coming.early, coming.reached, coming.late) if coming.early is not None else None
st.plotly_chart(charts.accrual_course(found.course, planned=found.planned, title=text("accrual.course"), ends=ends), key="chart-accrual")
st.caption(accrual.forecast_words(found))
left, right = st.columns(2)
for place, key, frame in (
    (left, "balance", found.balance), (right, "tasks", found.tasks), (left, "reasons", found.reasons), (right, "queries", found.queries),
    (left, "deviations", found.deviations), (right, "readings", found.readings),
):  # fmt: skip
    place.markdown(f"**{text(f'accrual.{key}')}**")
    if len(frame):
        place.dataframe(frame, hide_index=True)
    else:
        place.caption(text("accrual.none"))
st.caption(text("accrual.blinded"))
parts.claims()
