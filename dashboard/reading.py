"""The reader's desk: queue, clock, frames and source scan by sealed address, the protocol's form, a word about the display."""

from dataclasses import dataclass
from math import ceil

import streamlit as st

from dashboard import state
from dashboard.components.frames import frame_viewer
from dashboard.components.sitting import reading_clock
from dashboard.components.source import source_viewer
from dashboard.reading_form import form
from dashboard.server.pictures import address_of, volume_address
from dashboard.state import text
from dashboard.times import moment
from db.base import utc_now
from study import reading_room, workplace
from study.reading.answers import Answers
from study.reading.queue import Queue
from study.reading.sittings import ReadingView

# Pictures and form side by side need the width.
WIDE = "<style>.stMainBlockContainer { padding: 3.5rem 1.5rem 1rem; max-width: none; }</style>"
SLOT = "reading"
VIEWS = ("mip", "vr", "cpr", "mpr")  # in the order in which they stand beside each other


@dataclass(frozen=True)
class Sheet:
    """A reading on the desk and what it is called in the reader's own queue."""

    view: ReadingView
    number: int

    @property
    def title(self) -> str:
        """Its number, and whether it is practice."""
        words = text("reading.number").format(number=self.number)
        return f"{words} · {text('reading.practice')}" if self.view.calibration else words


def queue() -> Queue:
    """The queue of whoever is signed in."""
    return workplace.my_queue(state.engine(), actor=state.actor(), study_id=state.study_id(), now=utc_now())


def rest_in_words(found: Queue) -> str:
    """An estimate of how long the rest takes, or that there is none yet."""
    left = found.total - found.done
    pace = reading_room.own_pace(state.engine(), actor=state.actor(), study_id=state.study_id()) if left else None
    if pace is None:
        return text("queue.rest.unknown") if left else ""
    minutes = ceil(pace.rest_seconds(left) / 60)
    return text("queue.rest").format(minutes=minutes, left=left, median=f"{pace.median_seconds / 60:.1f}", number=pace.readings)


def practice_total() -> int:
    """How many calibration readings the reader has in all."""
    return len(reading_room.own_practice(state.engine(), actor=state.actor(), study_id=state.study_id()))


def next_in_words(found: Queue) -> str:
    """When the next reading becomes readable, as HTML with UTC under the pointer; or what fills the queue."""
    return text("queue.empty.help") if found.next_at is None else f"{text('queue.next_at')} {moment(found.next_at)}"


def open_entry(reading_id: str, number: int) -> None:
    """Put a reading on the desk."""
    st.session_state[SLOT] = workplace.open_my_reading(state.engine(), actor=state.actor(), reading_id=reading_id)
    st.session_state["reading_number"] = number


def current() -> Sheet | None:
    """The reading on the desk; after a reload the begun one is taken up again."""
    if st.session_state.get(SLOT) is None:
        begun = [entry for entry in queue().entries if entry.state == "open"]
        if begun:
            open_entry(begun[0].reading_id, begun[0].number)
    view: ReadingView | None = st.session_state.get(SLOT)
    return Sheet(view, int(st.session_state["reading_number"])) if view is not None else None


def clock(sheet: Sheet) -> None:
    """The light, the question after a long stillness, the keys."""
    timing = workplace.study_protocol(state.engine(), study_id=state.study_id()).timing
    reading_clock(reading=sheet.view.reading_id, title=sheet.title, idle_seconds=max(timing.idle_rules_seconds))


def viewer(view: ReadingView, *, panes: int = 1) -> None:
    """The frames of the image set; their addresses are made once per reading, not on every run."""
    known, session = view.reading_id in st.session_state.get("frame_addresses", {}), state.actor().session_id
    paths = workplace.frame_paths(view, images=state.images())
    kinds = sorted(paths, key=VIEWS.index)
    addresses = {kind: [] if known else [address_of(path, session_id=session) for path in paths[kind]] for kind in kinds}
    frame_viewer(addresses, key=view.reading_id, panes=panes)


def source(view: ReadingView) -> None:
    """The source scan, loaded only when it is asked for."""
    shown = f"scan-{view.reading_id}"
    if st.button(text("source.open"), key=f"source-{view.reading_id}", icon=":material/grid_view:", help=text("source.help")):
        st.session_state[shown] = not st.session_state.get(shown, False)
    if st.session_state.get(shown):
        source_viewer(volume_address(view.image_set_id, session_id=state.actor().session_id), key=view.reading_id)


def problem(view: ReadingView) -> None:
    """A button that tells a display problem."""
    with st.expander(text("reading.problem")):
        words = st.text_input(text("reading.problem.what"), key=f"problem-{view.reading_id}", max_chars=500)
        if st.button(text("reading.problem.send"), key=f"send-problem-{view.reading_id}") and words:
            workplace.tell_problem(state.engine(), actor=state.actor(), reading_id=view.reading_id, problem=words)
            st.success(text("reading.problem.sent"))


def fill(view: ReadingView) -> None:
    """The form of a reading."""

    def keep(answers: Answers, revision: int) -> int:
        return workplace.keep_draft(state.engine(), actor=state.actor(), reading_id=view.reading_id, answers=answers, revision=revision)

    def sign(answers: Answers, password: str) -> None:
        workplace.sign_reading(state.engine(), actor=state.actor(), reading_id=view.reading_id, answers=answers, password=password)

    form(view, slot=SLOT, keep=keep, sign=sign, then="calibration" if view.calibration else "queue")
