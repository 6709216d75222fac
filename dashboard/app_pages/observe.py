"""Observe: watch a running task on a tablet; nothing here moves the task or names its outcome."""

import streamlit as st

from dashboard import state, work
from dashboard.components.observer import observer_board
from dashboard.state import text
from study import observing, workplace
from study.errors import StudyError

# A tablet has little height: everything that is tapped stands on one screen.
st.html("<style>.stMainBlockContainer { padding: 1.5rem 2rem 1rem; } h1 { font-size: 1.5rem !important; padding: 0 !important; }</style>")
st.title(text("page.observe"))
work.ask_consent()
tasks = observing.watchable(state.engine(), actor=state.actor(), study_id=state.study_id())
if not tasks:
    st.info(text("observe.none"), icon=":material/hourglass_empty:")
    st.button(text("observe.again"), key="again")
    st.stop()
names = {task.task_id: f"{task.case_number} · {task.technologist}" for task in tasks}
chosen = str(st.radio(text("page.task"), list(names), format_func=lambda key: names[key], key="watch", horizontal=True))
watching = any(task.watching and task.task_id == chosen for task in tasks)
if not watching and not st.button(text("observe.watch"), type="primary", key="begin"):
    st.stop()
try:
    sitting = observing.watch(state.engine(), actor=state.actor(), task_id=chosen)
except StudyError as error:
    st.error(str(error))
    st.stop()
if not watching:
    st.rerun()  # without the button, which has done its work
protocol = workplace.study_protocol(state.engine(), study_id=state.study_id())
observer_board(
    observation=sitting.observation_id,
    activities=[(item.name, work.label_of(item)) for item in protocol.taxonomy.activities],
    choices={
        "with_whom": protocol.taxonomy.with_whom,
        "tools": protocol.taxonomy.tools,
        "interruptions": protocol.timing.interruption_kinds,
    },
    so_far={"running": sitting.running, "interrupted": sitting.interrupted, "taps": sitting.taps},
)
if st.button(text("observe.stop"), key="stop"):
    observing.stop_watching(state.engine(), actor=state.actor(), observation_id=sitting.observation_id)
    st.rerun()
