"""Adjudication: two blinded readings side by side, the regions in which they differ, the form that settles them."""

import streamlit as st

from dashboard import adjudication, reading, state
from dashboard.state import text
from study import reading_room
from study.errors import Forbidden

try:
    found = reading_room.disputes(state.engine(), actor=state.actor(), study_id=state.study_id())
except Forbidden:  # the page has no title while pictures fill it
    st.title(text("page.adjudication"))
    raise
settled = sum(item.settled for item in found)
if settled == len(found):
    st.title(text("page.adjudication"))
    st.info(text("adjudication.none"))
    st.caption(text("adjudication.list").format(open=0, settled=settled))
    st.stop()
st.html(reading.WIDE)
left, right = st.columns([10, 9], gap="small")
with left:
    adjudication.choose(found)
    view, both = st.session_state[adjudication.SLOT], st.session_state["side_by_side"]
    adjudication.pictures(view, both)
with right:
    st.caption(text("adjudication.list").format(open=len(found) - settled, settled=settled))
    adjudication.fill(view, both)
