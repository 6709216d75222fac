"""The adjudicator's desk: pictures on which two readings differ, both beside each other, and the form that settles them."""

import streamlit as st

from dashboard import reading, state
from dashboard.components.sitting import reading_clock
from dashboard.reading_form import form, in_words, regions_of
from dashboard.state import text
from study import reading_room, workplace
from study.errors import StudyError
from study.reading.adjudication import SideBySide
from study.reading.answers import Answers
from study.reading.sittings import ReadingView
from study.reading_room import Dispute

SLOT = "adjudication"


def choose(found: list[Dispute]) -> None:
    """Pick what to settle next; opening puts it on the desk."""
    waiting = {item.image_set_id: item for item in found if not item.settled}
    picked = st.selectbox(text("adjudication.pick"), list(waiting), format_func=lambda key: _name(waiting[key]), key="dispute")
    if st.session_state.get("dispute_on_desk") != picked:
        try:
            st.session_state[SLOT], st.session_state["side_by_side"] = reading_room.open_dispute(
                state.engine(), actor=state.actor(), image_set_id=picked
            )
        except StudyError as error:
            st.error(str(error))
            st.stop()
        st.session_state["dispute_on_desk"] = picked


def _name(item: Dispute) -> str:
    labels = dict(regions_of(workplace.study_protocol(state.engine(), study_id=state.study_id())))
    what = (
        text("adjudication.reference")
        if item.practice
        else text("adjudication.regions").format(regions=", ".join(labels.get(name, name) for name in item.regions))
    )
    return f"{text('adjudication.set').format(number=item.name)}: {what}"


def pictures(view: ReadingView, both: SideBySide | None) -> None:
    """The frames, the source scan, and below them the two raw readings."""
    reading.viewer(view, panes=2)
    if both is not None:
        _two_readings(both)
    reading.source(view)


def _two_readings(both: SideBySide) -> None:
    """Both raw readings, the regions that differ first."""
    protocol = workplace.study_protocol(state.engine(), study_id=state.study_id())
    named = sorted(regions_of(protocol), key=lambda item: item[0] not in both.regions)
    rows = [
        {
            text("calibration.region"): ("≠ " if name in both.regions else "") + label,
            text("adjudication.first"): in_words(both.first.get(name), protocol),
            text("adjudication.second"): in_words(both.second.get(name), protocol),
        }
        for name, label in named
    ]
    st.table(rows, border="horizontal")


def fill(view: ReadingView, both: SideBySide | None) -> None:
    """The form that settles it; the regions that differ come first."""

    def keep(answers: Answers, revision: int) -> int:
        return reading_room.keep_dispute(
            state.engine(), actor=state.actor(), reading_id=view.reading_id, answers=answers, revision=revision
        )

    def sign(answers: Answers, password: str) -> None:
        reading_room.sign_dispute(state.engine(), actor=state.actor(), reading_id=view.reading_id, answers=answers, password=password)
        st.session_state["dispute_on_desk"] = None
        st.toast(text("adjudication.signed"))

    reading_clock(reading=view.reading_id, title=text("adjudication.set").format(number=view.image_set_id[:4].upper()))
    if both is not None:
        st.caption(text("adjudication.only"))
    form(view, slot=SLOT, keep=keep, sign=sign, then="adjudication", first=both.regions if both else ())
