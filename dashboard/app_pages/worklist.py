"""Worklist: the tasks drawn for this technologist; one click opens a case and starts its clock."""

import streamlit as st

from dashboard import state, work
from dashboard.state import text
from study.errors import StudyError

st.title(text("page.worklist"))
work.ask_consent()
running = work.running_task()
entries = work.worklist()
if not entries:
    st.info(text("worklist.empty"))
for entry in entries:
    with st.container(border=True):
        left, middle, right = st.columns([2, 3, 1], vertical_alignment="center")
        left.markdown(f"**{entry.case_number}**" + (f" · {text('worklist.training')}" if entry.training else ""))
        middle.caption(work.entry_words(entry))
        if entry.state != "finished" and right.button(text("worklist.open"), key=f"open-{entry.task_id}", type="primary"):
            try:
                work.start(entry.task_id)
            except StudyError as error:
                st.error(str(error))
            else:
                st.switch_page(state.page("task"))
