"""Task: the case on the desk. AI arm: look, correct, confirm. Manual arm: the steps, and the pictures to hand in."""

import streamlit as st

from dashboard import desk, state, work
from dashboard.state import text

st.title(text("page.task"))
task = work.running_task()
if task is None:
    st.info(text("task.none"))
    st.page_link(state.page("worklist"), label=text("page.worklist"), icon=":material/list:")
    st.stop()
if task.arm == "ai":
    desk.machine(task)
else:
    desk.manual(task)
desk.agent(task)
