"""What a reader learns from a practice reading: where they differ from the reference, and where the others stood."""

import streamlit as st

from dashboard import reading, state
from dashboard.reading_form import in_words, regions_of
from dashboard.state import text
from study import reading_room, workplace
from study.errors import StudyError
from study.reading_room import Comparison


def feedback(reading_id: str) -> None:
    """The pictures of a signed practice reading, and its comparison region by region; differences first."""
    try:
        rows = reading_room.compare_practice(state.engine(), actor=state.actor(), reading_id=reading_id)
    except StudyError as error:
        st.error(str(error))
        return
    left, right = st.columns([9, 10], gap="medium")
    with left:
        reading.viewer(workplace.open_my_reading(state.engine(), actor=state.actor(), reading_id=reading_id))
    with right:
        _summary(rows)
        _table(rows)


def _summary(rows: list[Comparison]) -> None:
    known = [row for row in rows if row.reference is not None]
    if not known:
        st.info(text("calibration.no_reference"))
        return
    same = sum(not row.differs for row in known)
    st.subheader(text("calibration.differ") if same < len(known) else text("calibration.same"))
    st.caption(text("calibration.agree").format(same=same, all=len(known)))


def _table(rows: list[Comparison]) -> None:
    protocol = workplace.study_protocol(state.engine(), study_id=state.study_id())
    labels = dict(regions_of(protocol))
    place = {name: number for number, name in enumerate(labels)}
    ordered = sorted(rows, key=lambda row: (not row.differs, place.get(row.region, 99)))
    table = [
        {
            text("calibration.region"): ("≠ " if row.differs else "") + labels.get(row.region, row.region),
            text("calibration.own"): in_words(row.own, protocol),
            text("calibration.reference"): in_words(row.reference, protocol),
            text("calibration.others"): _others(row),
        }
        for row in ordered
    ]
    st.table(table, border="horizontal")


def _others(row: Comparison) -> str:
    if not row.others:
        return "–"
    quality = "–" if row.others_quality is None else f"{row.others_quality:.1f}"
    return text("calibration.others.passed").format(passed=row.others_passed, number=row.others, quality=quality)
