"""Dose: CTDIvol and DLP per case, and what one scan saves against two."""

import streamlit as st

from dashboard import operations, parts
from dashboard.state import text
from study import charts, dose
from study.errors import RejectedInput


def _signed(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


st.title(text("page.dose"))
cases = dose.cases_with_dose(operations.figures().tasks)
operations.banner()
shown = 0
for place, (measure, unit) in zip(st.columns(2), dose.MEASURES.items(), strict=True):
    try:
        found = dose.dose_saved(cases, measure)
    except RejectedInput:
        continue
    shown += 1
    place.plotly_chart(charts.dose_boxes(cases, measure, unit=unit, title=f"{unit} per exam"), key=f"chart-{measure}")
    if found.saved is None or found.share is None:
        place.caption(found.method)
        continue
    value = f"{_signed(found.saved)} ({_signed(found.low)} to {_signed(found.high)})"
    place.metric(f"{text('dose.saved')}, {unit}", value, border=True)
    place.caption(f"{_signed(100 * found.share, 0)} % of two scans; n = {found.two[0]:,} and {found.one[0]:,}; {found.method}")
if not shown:
    st.info(text("dose.none"))
open_number = int(cases["scans"].isna().sum())
told = f"; number of scans not known of {open_number:,}, left out" if open_number else ""
st.caption(f"Source: study {operations.permitted()[0].name}, n = {len(cases):,} cases{told}. {text('dose.help')}")
parts.claims()
