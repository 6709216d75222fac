"""What the accrual page shows, cached by how far the records go."""

import streamlit as st

from dashboard import state
from dashboard.state import text
from db.base import utc_now
from study.accrual import Accrual, permit_accrual, read_accrual
from study.errors import Forbidden


def current() -> Accrual:
    """Accrual of the open study; permission is asked each time, what is shown does not depend on who asks."""
    study = state.study_id()
    try:
        heads = permit_accrual(state.engine(), actor=state.actor(), study_id=study)
    except Forbidden as refusal:
        st.info(str(refusal))
        st.stop()
    return _read(study, (heads.event, heads.audit_sha256, f"{utc_now():%Y-%m-%d %H}"))


@st.cache_data(max_entries=8, show_spinner=False)
def _read(study: str, version: tuple[object, ...]) -> Accrual:
    return read_accrual(state.engine(), study_id=study, now=utc_now())


def tiles(found: Accrual) -> None:
    """Enrolled, rate, forecast, queries."""
    coming = found.forecast
    reached = "full" if found.enrolled >= found.planned else f"{coming.reached:%Y-%m-%d}" if coming.reached else "not in sight"
    interval = f"{coming.early:%Y-%m-%d} to {coming.late:%Y-%m-%d}, 95 %" if coming.early and coming.late else "–"
    queries = int(found.queries["Number"].sum()) if len(found.queries) else 0
    cases = f"{found.allocated:,} allocated, {found.excluded:,} excluded, {found.withdrawn:,} withdrawn"
    values = (
        ("enrolled", f"{found.enrolled:,} of {found.planned:,}", cases),
        ("rate", f"{coming.rate_per_week:,.1f}", f"over the last {'week' if coming.weeks == 1 else f'{coming.weeks} weeks'}"),
        ("full", reached, interval),
        ("open", str(queries), "open and answered, not closed"),
    )
    for place, (key, value, detail) in zip(st.columns(4), values, strict=True):
        with place.container(border=True, height="stretch"):  # a metric would cut long figures off
            st.caption(text(f"accrual.{key}"))
            st.markdown(f"#### {value}")
            st.caption(detail)


def forecast_words(found: Accrual) -> str:
    """How the forecast was made."""
    return (
        f"Source: cases of study {found.study.name}, n = {found.enrolled:,} eligible. Plan: {found.planned:,} cases, evenly over the "
        "weeks of the protocol. Forecast: Poisson–gamma from the rate of the last weeks; it knows nothing of holidays or new sites."
    )
