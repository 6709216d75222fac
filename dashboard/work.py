"""What the technologist's pages share: consent, worklist, the open task and its strip."""

import streamlit as st

from dashboard import state
from dashboard.components.recorder import recorder_strip
from dashboard.state import text
from db.base import utc_now
from study import workplace
from study.errors import StudyError
from study.protocol.reading_part import Activity
from study.recording.tasks import OpenTask, WorklistEntry

# The strip stays on screen while the page below it scrolls.
STICKY = """<style>div[data-testid="stLayoutWrapper"]:has(> .st-key-strip) { position: sticky; top: 3.75rem; z-index: 90; }
.st-key-strip { background: var(--st-background-color, Canvas); gap: 0; } .stMainBlockContainer { padding-top: 4rem; }</style>"""


def ask_consent() -> None:
    """Nobody is measured without having agreed: show the protocol's text and stop until they do."""
    protocol = workplace.needs_consent(state.engine(), actor=state.actor(), study_id=state.study_id())
    if protocol is None:
        return
    st.subheader(text("consent.title"))
    st.markdown(protocol.consent.text)
    if st.button(text("consent.agree"), type="primary", key="agree"):
        workplace.agree(state.engine(), actor=state.actor(), study_id=state.study_id())
        st.rerun()
    st.stop()


def worklist() -> list[WorklistEntry]:
    """The tasks of whoever is signed in."""
    return workplace.my_worklist(state.engine(), actor=state.actor(), study_id=state.study_id(), now=utc_now())


def entry_words(entry: WorklistEntry) -> str:
    """State of a task; arm and period only once it was opened."""
    words = [text(f"task.state.{entry.state}")]
    if entry.arm is not None:
        words += [text(f"arm.{entry.arm}"), text("task.period").format(number=entry.period)]
    return " · ".join(words)


def label_of(item: Activity) -> str:
    """The label of an activity in the account's language."""
    return item.label_zh if st.session_state.get("language") == "zh" and item.label_zh else item.label


def start(task_id: str) -> None:
    """Open a task in this tab."""
    holder = st.session_state.setdefault("holder", workplace.new_holder())
    st.session_state["task"] = workplace.open_my_task(state.engine(), actor=state.actor(), task_id=task_id, holder=holder)


def running_task() -> OpenTask | None:
    """The task this tab has on the desk; after a reload the one that is still open is taken up again."""
    shown: OpenTask | None = st.session_state.get("task")
    if shown is not None and shown.read_only:
        start(shown.task_id)  # the other tab may be gone
    if shown is None:
        for entry in worklist():
            if entry.state in ("open", "paused", "interrupted"):
                try:
                    start(entry.task_id)
                except StudyError:
                    continue
                break
    found: OpenTask | None = st.session_state.get("task")
    return found


def strip() -> None:
    """The strip of the open task, on every page of a technologist; back to the worklist when it ended."""
    try:
        task = running_task()
    except StudyError:
        return
    if task is None:
        return
    timing = workplace.study_protocol(state.engine(), study_id=state.study_id()).timing
    with st.container(key="strip"):
        st.html(STICKY)
        ended = recorder_strip(
            task=task.task_id, case=task.case_number, arm=text(f"arm.{task.arm}"), state=task.state,
            holder=str(st.session_state["holder"]), read_only=task.read_only, reasons=timing.pause_reasons,
            abort_reasons=timing.abort_reasons,
        )  # fmt: skip
    if ended:
        st.session_state["task"] = None
        st.session_state["holder"] = workplace.new_holder()
        st.switch_page(state.page("worklist"))
