"""A reader's queue: what may be read now, in the reader's own order, with washouts kept and no arm anywhere."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from db.audit import Actor
from db.tables import Case, ImageSet, Reading, Study, Task
from study.permissions import require
from study.studies import protocol_of


@dataclass(frozen=True)
class QueueEntry:
    """One reading in the queue: a number of the reader's own, and whether it was begun. Repeats look like all others."""

    reading_id: str
    number: int
    state: str
    calibration: bool


@dataclass(frozen=True)
class Queue:
    """What a reader sees.

    Parameters
    ----------
    entries : tuple of QueueEntry
        Readings that may be done now, begun ones first.
    done, total : int
        Progress.
    waiting : int
        Readings kept back by a washout.
    next_at : datetime or None
        When the first of them may be read.
    """

    entries: tuple[QueueEntry, ...]
    done: int
    total: int
    waiting: int
    next_at: datetime | None


def reading_queue(db_session: Session, *, actor: Actor, study: Study, now: datetime) -> Queue:
    """The queue of the reader who asks."""
    require(db_session, actor=actor, operation="reading.rate", study=study)
    plan = protocol_of(db_session, study_id=study.id).reading
    washout = timedelta(days=plan.washout_days if plan else 0)
    rows = db_session.execute(
        select(Reading, Task.case_id, Case.state)
        .join(ImageSet, col(ImageSet.id) == Reading.image_set_id)
        .join(Task, col(Task.id) == ImageSet.task_id)
        .join(Case, col(Case.id) == Task.case_id)
        .where(
            Reading.reader_id == actor.account_id, Reading.study_id == study.id, Reading.state != "void", Reading.purpose != "adjudication"
        )
        .order_by(col(Reading.position), Reading.id)
    ).all()
    seen: dict[str, datetime] = {}
    for reading, case_id, _ in rows:
        if reading.submitted_at is not None and reading.purpose != "calibration":
            seen[case_id] = max(seen.get(case_id, reading.submitted_at), reading.submitted_at)
    calibrating = any(reading.purpose == "calibration" and reading.state != "submitted" for reading, _, _ in rows)
    begun = {case_id for reading, case_id, _ in rows if reading.state == "open"}
    gone = {reading.id for reading, _, state in rows if state == "withdrawn" and reading.state == "assigned"}  # nobody looks at them now
    entries, waits = [], []
    for number, (reading, case_id, _) in enumerate(rows, start=1):
        if reading.state == "submitted" or reading.id in gone or (calibrating and reading.purpose != "calibration"):
            continue
        free_at = seen[case_id] + washout if case_id in seen and reading.purpose != "calibration" else now
        if reading.state == "open" or (free_at <= now and case_id not in begun):
            entries.append(QueueEntry(reading.id, number, reading.state, reading.purpose == "calibration"))
            begun.add(case_id)  # the same case again, in the other arm or as a repeat, only after a washout
        else:
            waits.append(max(free_at, now))
    entries.sort(key=lambda entry: entry.state != "open")
    done = sum(reading.state == "submitted" for reading, _, _ in rows)
    later = [at for at in waits if at > now]
    return Queue(tuple(entries), done, len(rows) - len(gone), len(waits), min(later) if later else None)


def queue_numbers(db_session: Session, *, reader_id: str, study_id: str) -> dict[str, int]:
    """The number under which a reader meets each of the own readings, as `reading_queue` counts them; by id."""
    own = select(Reading.id).where(Reading.reader_id == reader_id, Reading.study_id == study_id)
    own = own.where(Reading.state != "void", Reading.purpose != "adjudication").order_by(col(Reading.position), Reading.id)
    return {reading_id: number for number, reading_id in enumerate(db_session.exec(own).all(), start=1)}


def may_read_now(db_session: Session, *, reading: Reading, actor: Actor, study: Study, now: datetime) -> bool:
    """Whether a reading is in the reader's queue at this moment."""
    queue = reading_queue(db_session, actor=actor, study=study, now=now)
    return any(entry.reading_id == reading.id for entry in queue.entries)
