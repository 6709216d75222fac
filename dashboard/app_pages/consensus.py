"""Readings: progress, pictures on which readers differ, display problems; no verdict and no arm."""

import streamlit as st

from dashboard import state
from dashboard.reading_form import regions_of
from dashboard.state import text
from study import reading_room, workplace

st.title(text("page.consensus"))
found = reading_room.overview(state.engine(), actor=state.actor(), study_id=state.study_id())
labels = dict(regions_of(workplace.study_protocol(state.engine(), study_id=state.study_id())))
left, right = st.columns(2, gap="large")
with left:
    st.subheader(text("consensus.progress"))
    names = (text("consensus.reader"), text("consensus.done"), text("consensus.assigned"))
    st.table([dict(zip(names, row, strict=True)) for row in found.progress] or [dict.fromkeys(names, "–")], border="horizontal")
    st.subheader(text("consensus.calibration"))
    st.caption(text("consensus.calibration.help").format(stored=found.practice_sets, wanted=found.practice_wanted))
with right:
    st.subheader(text("consensus.problems"))
    names = (text("consensus.reader"), text("reading.number").format(number=""), text("consensus.problem"))
    if found.problems:
        st.table([dict(zip(names, row, strict=True)) for row in found.problems], border="horizontal")
    else:
        st.caption(text("consensus.problems.none"))
st.subheader(text("consensus.list"))
st.caption(text("consensus.help"))
if not found.differing:
    st.info(text("consensus.none"))
    st.stop()
rows = [
    {
        text("consensus.set"): item.name,
        text("consensus.regions"): ", ".join(labels.get(name, name) for name in item.regions),
        text("consensus.state"): text("consensus.settled" if item.settled else "consensus.open"),
    }
    for item in found.differing
]
st.table(rows, border="horizontal")
