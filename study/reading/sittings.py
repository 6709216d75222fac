"""One reading on the screen: opened, timed, drafts saved with every change, left and resumed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, func, select

from db.audit import Actor
from db.tables import Event, ImageSet, Reading, Study
from study.clock import Instant
from study.consent import require_consent
from study.errors import Forbidden, RejectedInput, StudyError
from study.permissions import require
from study.reading.answers import Answers
from study.reading.queue import may_read_now
from study.recording.events import NewEvent, new_row

LARGEST_DRAFT = 50_000
KINDS = frozenset({"start", "pause", "resume", "input", "tool", "hidden", "visible", "finish", "note"})


class StaleDraft(StudyError):
    """Another tab saved this reading meanwhile; load it again."""


@dataclass(frozen=True)
class ReadingView:
    """What a reader gets: nothing in it says or tells the arm."""

    reading_id: str
    image_set_id: str
    frames: int
    views: dict[str, Any]
    draft: dict[str, Any] | None
    revision: int
    state: str
    calibration: bool


def own_reading(db_session: Session, *, reading_id: str, actor: Actor, operation: str = "reading.rate") -> tuple[Reading, Study]:
    """A reading and its study, for its own reader only."""
    reading = db_session.get(Reading, reading_id)
    if reading is None:
        raise RejectedInput("no_such_reading", f"there is no reading {reading_id!r}", "open the queue again")
    study = db_session.get_one(Study, reading.study_id)
    require(db_session, actor=actor, operation=operation, study=study)
    if reading.reader_id != actor.account_id:
        raise Forbidden("this reading is somebody else's; open one from your own queue")
    return reading, study


def open_reading(db_session: Session, *, reading_id: str, actor: Actor, now: Instant) -> ReadingView:
    """Open or resume a reading from the queue; the first time starts its clock."""
    reading, study = own_reading(db_session, reading_id=reading_id, actor=actor)
    require_consent(db_session, account_id=reading.reader_id, study_id=study.id)
    if reading.state == "assigned":
        if not may_read_now(db_session, reading=reading, actor=actor, study=study, now=now.at):
            raise Forbidden("this one is not in your queue now; its washout is not over or calibration comes first")
        reading.state = "open"
        db_session.add(reading)
        start = NewEvent(kind="start", key=f"start-{reading.id}")
        append_reading_events(db_session, reading_id=reading.id, events=[start], actor=actor, now=now)
    image_set = db_session.get_one(ImageSet, reading.image_set_id)
    return ReadingView(
        reading.id, image_set.id, image_set.frames, image_set.views, reading.draft, reading.revision, reading.state,
        reading.purpose == "calibration",
    )  # fmt: skip


def save_draft(
    db_session: Session, *, reading_id: str, draft: Mapping[str, Any], revision: int, actor: Actor, operation: str = "reading.rate"
) -> int:
    """Save what the reader has so far; returns the new revision, to be sent with the next draft.

    Raises
    ------
    StaleDraft
        When `revision` is not the last one: another tab saved meanwhile.
    """
    reading, _ = own_reading(db_session, reading_id=reading_id, actor=actor, operation=operation)
    if reading.state != "open":
        raise Forbidden(
            f"this reading is {reading.state}; open it first"
            if reading.state == "assigned"
            else f"this reading is {reading.state}; amend it with a reason"
        )
    content = Answers.from_dict(draft).to_dict()
    if len(str(content)) > LARGEST_DRAFT:
        raise RejectedInput("too_large", "the draft is too large", "shorten the remark")
    if reading.draft == content:
        return reading.revision
    if reading.revision != revision:
        raise StaleDraft("this reading was saved in another tab; load it again to see that state")
    reading.draft, reading.revision = content, reading.revision + 1
    db_session.add(reading)
    db_session.flush()
    return reading.revision


def append_reading_events(
    db_session: Session, *, reading_id: str, events: Sequence[NewEvent], actor: Actor, now: Instant, source: str = "browser"
) -> int:
    """Append events to a reading (time and inputs, as for a task); returns how many were new."""
    reading, _ = own_reading(db_session, reading_id=reading_id, actor=actor)
    keys = [event.key for event in events]
    known = dict(db_session.execute(select(Event.key, Event.reading_id).where(col(Event.key).in_(keys))).all())
    if len(set(keys)) != len(keys) or any(owner != reading.id for owner in known.values()):
        raise RejectedInput("key_in_use", "a key belongs to another event", "make keys random")
    fresh = [event for event in events if event.key not in known]
    for event in fresh:
        if event.kind not in KINDS:
            raise RejectedInput("bad_event", f"a reading takes no event {event.kind!r}", f"use {', '.join(sorted(KINDS))}")
        db_session.add(new_row(event, now=now, actor=actor, source=source, reading_id=reading.id))
    db_session.flush()
    return len(fresh)


def report_problem(db_session: Session, *, reading_id: str, problem: str, actor: Actor) -> None:
    """Note that the pictures do not show as they should; the reading stays open."""
    reading, _ = own_reading(db_session, reading_id=reading_id, actor=actor)
    if not problem.strip():
        raise RejectedInput("no_reason", "a problem without words", "say what is wrong with the display")
    reading.problem = f"{reading.problem}\n{problem}" if reading.problem else problem
    db_session.add(reading)
    db_session.flush()


def readings_done(db_session: Session, *, study_id: str) -> int:
    """How many readings of a study are submitted."""
    statement = select(func.count()).select_from(Reading).where(Reading.study_id == study_id, Reading.state == "submitted")
    return int(db_session.exec(statement).one())
