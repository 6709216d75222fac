"""What the technologist's pages share: consent, worklist, the open task and its strip."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import streamlit as st

from dashboard import jobs, state
from dashboard.components.recorder import End, recorder_strip
from dashboard.state import text
from dashboard.times import moment
from db.base import utc_now
from study import workplace
from study.correcting import note_wait
from study.errors import StudyError
from study.protocol.reading_part import Activity
from study.recording.tasks import OpenTask, WorklistEntry
from study.task_ends import hand_over_my_task, undo_my_task

# The strip stays on screen while the page below it scrolls, and nothing shows above it.
STICKY = """<style>
div[data-testid="stLayoutWrapper"]:has(> .st-key-strip) { position: sticky; top: -2.75rem; z-index: 90; padding-top: 3.5rem;
background: light-dark(#ffffff, #10161d); }
.st-key-strip { gap: 0; } .stMainBlockContainer { padding-top: .5rem; }
</style>"""


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


def notice() -> None:
    """What the last act led to, told once on the page that it ended on."""
    words = st.session_state.pop("notice", None)
    if words:
        st.info(words, icon=":material/info:")


def entry_words(entry: WorklistEntry, began: datetime | None) -> str:
    """State of a task; arm, period and when it was begun only once it was opened."""
    words = [text(f"task.state.{entry.state}")]
    if entry.arm is not None:
        words += [text(f"arm.{entry.arm}"), text("task.period").format(number=entry.period)]
    if began is not None:
        words.append(f"{text('worklist.started')} {moment(began)}")
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
    around = workplace.around(state.engine(), actor=state.actor(), task_id=task.task_id)
    known, finish = st.session_state.get("finish", ("", ""))
    with st.container(key="strip"):
        st.html(STICKY)
        end = recorder_strip(
            task=task.task_id, case=task.case_number, arm=text(f"arm.{task.arm}"), state=task.state,
            holder=str(st.session_state["holder"]), read_only=task.read_only, reasons=around.timing.pause_reasons,
            abort_reasons=around.timing.abort_reasons, colleagues=[(item.account_id, item.name) for item in around.colleagues],
            needs_images=around.needs_images, finish=finish if known == task.task_id else "",
        )  # fmt: skip
    if end is not None:
        _ended(task, end)


def _ended(task: OpenTask, end: End) -> None:
    """What the study keeps of the ways out that the recorder cannot store by itself; then back to the worklist."""
    engine, actor = state.engine(), state.actor()
    try:
        if end.how == "undo":
            undo_my_task(engine, actor=actor, task_id=task.task_id, reason=end.what)
            st.session_state["notice"] = text("strip.undone")
        elif end.how == "hand_over":
            hand_over_my_task(engine, actor=actor, task_id=task.task_id, to_account_id=end.what)
            st.session_state["notice"] = text("strip.handed_over")
    except StudyError as error:
        st.session_state["notice"] = str(error)
    st.session_state["task"] = None
    st.session_state["holder"] = workplace.new_holder()
    st.switch_page(state.page("worklist"))


def begin(task: OpenTask, what: str, act: Callable[[], Any]) -> None:
    """Start long work for a task; until it is over the person waits for the machine, and that is no hands-on time."""
    engine, actor = state.engine(), state.actor()

    def timed() -> Any:
        try:
            return act()
        finally:
            note_wait(engine, actor=actor, task_id=task.task_id, waits=False)

    note_wait(engine, actor=actor, task_id=task.task_id, waits=True)
    jobs.start(task.task_id, what, timed)


@st.fragment(run_every=0.5)
def working(task_id: str) -> None:
    """How long the machine has been at work; the page goes on by itself when it is done."""
    job = jobs.find(task_id)
    if job is None or not job.running:
        st.rerun()
    st.info(f"{text('pick.working')} {text('pick.seconds').format(seconds=round(job.seconds))}", icon=":material/hourglass_top:")


def stored(frames: int, problem: str | None) -> None:
    """What lies ready for the readers."""
    st.success(text("task.stored").format(number=frames), icon=":material/check:")
    if problem:
        st.warning(f"{text('task.flagged')} {problem}")
