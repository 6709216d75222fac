"""Rows as data frames, with exactly the columns of tasks.csv and readings.csv.

Whoever withdrew their consent and asked that their record be taken out is in none of them: their tasks, their readings and
what they observed until then are left out here, and so out of every export and analysis. The rows themselves and their
audit stay in the database, which is append-only.
"""

from typing import Any

import pandas as pd
import sqlalchemy
from sqlalchemy import func
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from db.durations import COLUMNS, inputs, task_times
from db.tables import Account, Case, Consent, Event, ImageSet, Observation, Rating, Reading, Site, Task

TASKS = [
    "site", "case", "technologist", "arm", "period", "sequence", "started_at", "elapsed_seconds", "hands_on_seconds",
    "ai_wait_seconds", "clicks", "instrument", "missing_reason",
]  # fmt: skip
select: Any = sqlalchemy.select  # SQLModel types at most four columns
AI_REFUSED = "ai_refused"
READINGS = ["case", "reader", "arm", "round", "region", "quality", "passed", "reason"]


def erased(person: Any, study_id: Any, since: Any) -> Any:
    """A condition: this person withdrew from the study after `since` and asked that what was recorded be taken out.

    Parameters
    ----------
    person, study_id, since
        Columns of the row in question: whose it is, of which study, and when it came to be.
    """
    withdrawn = select(Consent.id).where(
        Consent.account_id == person, Consent.study_id == study_id, col(Consent.erase_data).is_(True), Consent.withdrawn_at >= since
    )
    return withdrawn.exists()


def _erased_task() -> Any:
    return erased(Task.technologist_id, Task.study_id, Task.created_at)


def _erased_reading() -> Any:
    return erased(Reading.reader_id, Reading.study_id, Reading.assigned_at)


def withheld(db_session: Session, *, study_id: str) -> dict[str, int]:
    """How many finished tasks and submitted readings are left out because somebody withdrew: a number to report."""
    tasks = select(func.count(col(Task.id))).where(Task.study_id == study_id, Task.state == "finished", _erased_task())
    readings = select(func.count(col(Reading.id))).where(Reading.study_id == study_id, Reading.state == "submitted", _erased_reading())
    return {"tasks": db_session.execute(tasks).scalar_one(), "readings": db_session.execute(readings).scalar_one()}


def refused(study_id: str) -> Any:
    """Ids of AI tasks whose reconstruction was refused and redone by hand: they stay in their arm, and the AI's pass is a fail.

    Their pictures were made by no run, which is cheap to find; only those tasks' events are looked at.
    """
    said = select(Event.id).where(Event.task_id == Task.id, Event.kind == "correction", col(Event.detail)["event"].as_string() == "refused")
    by_hand = select(ImageSet.task_id).where(ImageSet.study_id == study_id, col(ImageSet.run_id).is_(None))
    return select(Task.id).where(Task.study_id == study_id, Task.arm == "ai", col(Task.id).in_(by_hand), said.exists())


def _frame(db_session: Session, statement: Any, columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame.from_records(db_session.execute(statement).all(), columns=columns)


def events(db_session: Session, *, study_id: str, task_id: str | None = None, observers: bool = False) -> pd.DataFrame:
    """The events of a study's tasks in the order of recording, with the columns that durations need."""
    statement = (
        select(
            Event.task_id, Event.kind, Event.input, Event.count, Event.span_seconds, Event.at, Event.boot,
            Event.monotonic_seconds, Event.client, Event.client_offset_seconds, Event.source,
        )
        .join(Task, col(Task.id) == Event.task_id)
        .where(Task.study_id == study_id, ~_erased_task())
        .order_by(Event.id)
    )  # fmt: skip
    if task_id is not None:
        statement = statement.where(Event.task_id == task_id)
    if not observers:
        statement = statement.where(col(Event.observation_id).is_(None))
    frame = _frame(db_session, statement, COLUMNS)
    return frame.assign(at=pd.to_datetime(frame["at"], utc=True))


def task_details(
    db_session: Session, *, study_id: str, idle_seconds: tuple[float, ...] = (30.0, 60.0, 120.0), training: bool = False
) -> pd.DataFrame:
    """One row per task with everything known about it: `TASKS`, and `task`, `state`, pauses, active times, other inputs.

    Undone tasks (wrong case opened) are left out; they stay in the event log.
    """
    statement = (
        select(
            Task.id, Site.code, Case.number, Account.code, Task.arm, Task.period, Task.sequence, Task.instrument, Task.missing_reason,
            Task.state,
        )
        .join(Case, col(Case.id) == Task.case_id)
        .join(Site, col(Site.id) == Case.site_id)
        .join(Account, col(Account.id) == Task.technologist_id)
        .where(Task.study_id == study_id, Task.state != "undone", Task.training == training, ~_erased_task())
        .order_by(Case.number, Task.period, Task.created_at, Task.id)
    )  # fmt: skip
    names = ["task", "site", "case", "technologist", "arm", "period", "sequence", "instrument", "missing_reason", "state"]
    tasks = _frame(db_session, statement, names)
    log = events(db_session, study_id=study_id)
    times = task_times(log, idle_seconds=idle_seconds)
    tasks = tasks.merge(times, how="left", left_on="task", right_index=True)
    instruments = tasks.set_index("task")["instrument"]
    if (instruments == "observer").any():
        log = pd.concat([log, _observed(db_session, study_id=study_id)], ignore_index=True)
    counted = pd.DataFrame(
        {
            "clicks": inputs(log, instruments),
            "drags": inputs(log, instruments, kind="drag"),
            "double_clicks": inputs(log, instruments, kind="double_click"),
            "wheel": inputs(log, instruments, kind="wheel"),
            "keys": inputs(log, instruments, kind="key"),
        }
    )
    tasks = tasks.merge(counted, how="left", left_on="task", right_index=True)
    finished = tasks["state"] == "finished"
    tasks.loc[~finished, "clicks"] = None
    unexplained = ~finished & tasks["missing_reason"].isna()
    tasks.loc[unexplained, "missing_reason"] = tasks.loc[unexplained, "state"]
    return tasks


def _observed(db_session: Session, *, study_id: str) -> pd.DataFrame:
    """Inputs tallied by the first observer of each task; a second observer's are for agreement only. Slips are left out."""
    statement = (
        select(Event.task_id, Event.observation_id, Event.key, Event.kind, Event.detail, Event.input, Event.count, Event.source)
        .join(Task, col(Task.id) == Event.task_id)
        .join(Observation, col(Observation.id) == Event.observation_id)
        .where(Task.study_id == study_id, Task.instrument == "observer")
        .where(~erased(Observation.observer_id, Task.study_id, Observation.started_at))
        .order_by(Observation.started_at, Event.id)
    )
    frame = _frame(db_session, statement, ["task", "observation", "key", "kind", "detail", "input", "count", "source"])
    slips = {detail["undone"] for detail in frame.loc[frame["kind"] == "undo", "detail"]}
    first = frame["task"].map(frame.groupby("task")["observation"].first())
    return frame[(frame["observation"] == first) & ~frame["key"].isin(slips)].reindex(columns=COLUMNS)


def tasks(db_session: Session, *, study_id: str) -> pd.DataFrame:
    """The columns of tasks.csv, one row per task.

    A task without a finish has no times and says why in `missing_reason`.
    """
    return task_details(db_session, study_id=study_id)[TASKS]


def readings(db_session: Session, *, study_id: str, calibration: bool = False) -> pd.DataFrame:
    """The columns of readings.csv, one row per rating of a submitted reading; amended ratings show their last value.

    Where the AI's pictures were refused, readers rated what was made by hand instead: grades and regions stay as rated, the overall
    verdict is the AI's and fails, with the reason `ai_refused`.
    """
    later = aliased(Rating)
    failed = (col(Rating.region) == "overall") & col(Task.id).in_(refused(study_id))
    passed = sqlalchemy.case((failed, sqlalchemy.false()), else_=col(Rating.passed))
    reason = sqlalchemy.case((failed, AI_REFUSED), else_=col(Rating.reason))
    statement = (
        select(Case.number, Account.code, Task.arm, Reading.round, Rating.region, Rating.quality, passed, reason)
        .join(Reading, col(Reading.id) == Rating.reading_id)
        .join(ImageSet, col(ImageSet.id) == Reading.image_set_id)
        .join(Task, col(Task.id) == ImageSet.task_id)
        .join(Case, col(Case.id) == Task.case_id)
        .join(Account, col(Account.id) == Reading.reader_id)
        .outerjoin(later, (later.reading_id == Rating.reading_id) & (later.region == Rating.region) & (later.amendment > Rating.amendment))
        .where(Reading.study_id == study_id, Reading.state == "submitted", col(later.id).is_(None), ~_erased_reading())
        .where(Reading.purpose == "calibration" if calibration else col(Reading.purpose).in_(("primary", "repeat")))
        .order_by(Case.number, Account.code, Task.arm, Reading.round, Rating.region)
    )
    return _frame(db_session, statement, READINGS)


def reading_times(db_session: Session, *, study_id: str, idle_seconds: tuple[float, ...] = (30.0, 60.0, 120.0)) -> pd.DataFrame:
    """Times of every reading, computed as for tasks; index `reading`. People read without moving: the idle rules are shown, not used."""
    statement = (
        select(
            Event.reading_id, Event.kind, Event.input, Event.count, Event.span_seconds, Event.at, Event.boot,
            Event.monotonic_seconds, Event.client, Event.client_offset_seconds, Event.source,
        )
        .join(Reading, col(Reading.id) == Event.reading_id)
        .where(Reading.study_id == study_id, ~_erased_reading())
        .order_by(Event.id)
    )  # fmt: skip
    frame = _frame(db_session, statement, COLUMNS)
    times = task_times(frame.assign(at=pd.to_datetime(frame["at"], utc=True)), idle_seconds=idle_seconds)
    return times.rename_axis("reading")
