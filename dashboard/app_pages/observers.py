"""Observers: how well two observers of the same work agree."""

import streamlit as st

from dashboard import state
from dashboard.state import text
from study.console import number
from study.observing import WINDOW_SECONDS, observer_pairs

st.title(text("page.observers"))
st.caption(text("observers.help").format(seconds=WINDOW_SECONDS))
pairs = observer_pairs(state.engine(), actor=state.actor(), study_id=state.study_id())
if not pairs:
    st.info(text("observers.none"))
    st.stop()
rows = [
    {
        text("observers.case"): pair.case_number,
        text("observers.first"): pair.first,
        text("observers.second"): pair.second,
        text("observers.kappa"): number(pair.agreement.kappa) if pair.agreement else "–",
        text("observers.window"): number(pair.agreement.window_agreement) if pair.agreement else "–",
        text("observers.matched"): pair.agreement.matched if pair.agreement else 0,
    }
    for pair in pairs
]
help_of = {text(f"observers.{name}"): text(f"observers.{name}.help") for name in ("kappa", "window", "matched")}
st.dataframe(rows, hide_index=True, column_config={name: st.column_config.Column(help=words) for name, words in help_of.items()})
