"""Worklist: the tasks drawn for this technologist; one click opens a case and starts its clock."""

import streamlit as st

from dashboard import state, work
from dashboard.state import text
from study import workplace
from study.errors import StudyError
from study.recording.tasks import WorklistEntry

GROUPS = (("worklist.running", ("open", "paused", "interrupted")), ("worklist.next", ("planned",)), ("worklist.done", ("finished",)))
SHOWN_DONE = 20


def line(entry: WorklistEntry, *, first: bool) -> None:
    """One task; arm and period only where it was opened."""
    with st.container(border=True):
        left, middle, right = st.columns([2, 4, 1], vertical_alignment="center")
        left.markdown(f"**{entry.case_number}**" + (f" · {text('worklist.training')}" if entry.training else ""))
        middle.caption(work.entry_words(entry, began.get(entry.task_id)), unsafe_allow_html=True)
        if entry.state == "finished":
            return
        label = text("worklist.open" if entry.state == "planned" else "worklist.resume")
        if right.button(label, key=f"open-{entry.task_id}", type="primary" if first else "secondary", width="stretch"):
            try:
                work.start(entry.task_id)
            except StudyError as error:
                st.error(str(error))
            else:
                st.switch_page(state.page("task"))


st.title(text("page.worklist"))
work.ask_consent()
work.notice()
running = work.running_task()
entries = work.worklist()
if not entries:
    st.info(text("worklist.empty"), icon=":material/inbox:")
    st.caption(text("worklist.empty.help"))
    st.stop()
began = workplace.begun(state.engine(), task_ids=[entry.task_id for entry in entries if entry.state != "planned"])
groups = {title: [entry for entry in entries if entry.state in states] for title, states in GROUPS}
count = {name: len(groups[f"worklist.{key}"]) for name, key in (("open", "running"), ("next", "next"), ("done", "done"))}
st.caption(text("worklist.count").format(**count), help=text("worklist.help"))
first = True
for title in ("worklist.running", "worklist.next"):
    if groups[title]:
        st.subheader(text(title))
    for entry in groups[title]:
        line(entry, first=first)
        first = False
if groups["worklist.done"]:
    with st.expander(text("worklist.done_count").format(number=count["done"])):
        for entry in groups["worklist.done"][:SHOWN_DONE]:
            line(entry, first=False)
