"""Calibration: practice readings before the study, each with what the reference and the other readers answered."""

import streamlit as st

from dashboard import state, work
from dashboard.practice import feedback
from dashboard.state import text
from study import reading_room

st.title(text("page.calibration"))
work.ask_consent()
practice = reading_room.own_practice(state.engine(), actor=state.actor(), study_id=state.study_id())
if not practice:
    st.info(text("calibration.none"))
    st.page_link(state.page("queue"), label=text("page.queue"), icon=":material/list:")
    st.stop()
done = [item for item in practice if item.state == "submitted"]
st.progress(len(done) / len(practice), text=text("calibration.progress").format(done=len(done), total=len(practice)))
st.caption(text("calibration.done" if len(done) == len(practice) else "calibration.first"))
if len(done) < len(practice) or not done:
    st.page_link(state.page("queue"), label=text("calibration.to_do"), icon=":material/list:")
if done:
    names = {item.reading_id: text("reading.number").format(number=item.number) for item in done}
    newest = done[-1].reading_id
    chosen = st.segmented_control(text("calibration.pick"), list(names), format_func=names.__getitem__, default=newest, key="practice")
    feedback(chosen or newest)
