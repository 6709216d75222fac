"""Tasks from planned to finished: the worklist, opening, finishing, giving up, undoing a wrong case, handing over."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from db.audit import Actor
from db.tables import Account, Case, Deviation, Event, Lease, Study, Task
from study.clock import Instant
from study.consent import require_consent
from study.errors import Forbidden, RejectedInput
from study.permissions import require, roles_of
from study.recording.events import Appended, NewEvent, append_events, get_task, require_no_other, software_version
from study.recording.leases import release_lease, take_lease

LOST_AFTER = timedelta(minutes=30)  # longer than a network may be cut without losing anything


@dataclass(frozen=True)
class WorklistEntry:
    """One line of a technologist's worklist; `arm` and `period` are None until the task is opened."""

    task_id: str
    case_number: str
    state: str
    arm: str | None
    period: int | None
    available_from: datetime | None
    training: bool


@dataclass(frozen=True)
class OpenTask:
    """A task on the screen. `read_only` when another tab holds it."""

    task_id: str
    case_number: str
    arm: str
    period: int
    state: str
    instrument: str
    read_only: bool
    scan_path: str | None


def plan_task(
    db_session: Session,
    *,
    case: Case,
    technologist_id: str,
    arm: str,
    period: int,
    sequence: str | None,
    instrument: str,
    now: datetime,
    available_from: datetime | None = None,
) -> Task:
    """A task in the worklist of one technologist."""
    task = Task.model_validate(
        {
            "study_id": case.study_id, "case_id": case.id, "technologist_id": technologist_id, "arm": arm, "period": period,
            "sequence": sequence, "instrument": instrument, "training": case.training, "created_at": now, "available_from": available_from,
        }
    )  # fmt: skip
    db_session.add(task)
    db_session.flush()
    return task


def worklist(db_session: Session, *, actor: Actor, study_id: str, now: datetime) -> list[WorklistEntry]:
    """A technologist's own tasks: open ones first, then those that may be done now, then the rest.

    A later period of a case stays hidden until its washout is over, and what was not begun of a case that was taken out for good. A
    task that was undone comes back in its old place.
    """
    statement = (
        select(Task, Case.number)
        .join(Case, col(Case.id) == Task.case_id)
        .where(Task.study_id == study_id, Task.technologist_id == actor.account_id)
        .where((Task.state != "planned") | (Case.state != "withdrawn"))
    )
    rows = db_session.execute(statement.order_by(col(Task.created_at), Task.id)).all()
    planned: dict[str, datetime] = {}
    for task, _ in rows:
        planned.setdefault(task.case_id, task.created_at)
    shown = [(task, number) for task, number in rows if task.state not in ("undone", "aborted")]
    shown.sort(key=lambda row: (planned[row[0].case_id], row[1], row[0].period))
    order = {"open": 0, "paused": 1, "interrupted": 2, "planned": 3, "finished": 4}
    entries: list[WorklistEntry] = []
    waiting: set[str] = set()
    for task, number in shown:
        started = task.state != "planned"
        if not started and (task.case_id in waiting or (task.available_from is not None and task.available_from > now)):
            continue
        if task.state in ("planned", "open", "paused", "interrupted"):
            waiting.add(task.case_id)  # a later period of this case comes after this one
        arm, period = (task.arm, task.period) if started else (None, None)
        entries.append(WorklistEntry(task.id, number, task.state, arm, period, task.available_from, task.training))
    return sorted(entries, key=lambda entry: order[entry.state])


def open_task(
    db_session: Session, *, task_id: str, actor: Actor, holder: str, now: Instant, key: str, client: str | None = None
) -> OpenTask:
    """Open a task: take the lease and, the first time, start the clock. A second tab gets it read-only.

    Raises
    ------
    Forbidden
        Without consent, for somebody else's task, before its washout is over, or while another task is running.
    """
    task = get_task(db_session, task_id)
    study, case = db_session.get_one(Study, task.study_id), db_session.get_one(Case, task.case_id)
    require(db_session, actor=actor, operation="task.work", study=study)
    if task.technologist_id != actor.account_id:
        raise Forbidden("this task was drawn for somebody else; open one from your own worklist")
    if task.state == "planned":
        if case.state == "withdrawn":
            raise Forbidden(f"case {case.number} was taken out of the study; take the next one from your worklist")
        _check_start(db_session, task=task, now=now)
    held = take_lease(db_session, task_id=task.id, account_id=task.technologist_id, holder=holder, now=now)
    if held and task.state == "planned":
        start = NewEvent(kind="start", key=key, client=client, client_offset_seconds=0.0 if client else None)
        append_events(db_session, task_id=task.id, events=[start], actor=actor, now=now, holder=holder)
    return OpenTask(task.id, case.number, task.arm, task.period, task.state, task.instrument, not held, case.scan_path)


def _check_start(db_session: Session, *, task: Task, now: Instant) -> None:
    require_consent(db_session, account_id=task.technologist_id, study_id=task.study_id)
    if task.available_from is not None and task.available_from > now.at:
        raise Forbidden(f"this task may be opened from {task.available_from:%Y-%m-%d %H:%M} UTC; the washout is not over")
    earlier = select(Task.id).where(Task.case_id == task.case_id, Task.period < task.period, Task.technologist_id == task.technologist_id)
    if db_session.exec(earlier.where(col(Task.state).in_(("planned", "open", "paused", "interrupted")))).first():
        raise Forbidden("the earlier period of this case is not finished; do that first")
    require_no_other(db_session, task=task)


def finish_task(
    db_session: Session, *, task_id: str, actor: Actor, now: Instant, key: str, holder: str | None = None,
    client: str | None = None, client_offset_seconds: float | None = None,
) -> Appended:  # fmt: skip
    """Finish: the arm's images are accepted. Sent twice, it finishes once."""
    event = NewEvent(kind="finish", key=key, client=client, client_offset_seconds=client_offset_seconds)
    done = append_events(db_session, task_id=task_id, events=[event], actor=actor, now=now, holder=holder)
    if holder:
        release_lease(db_session, task_id=task_id, holder=holder)
    return done


def abort_task(db_session: Session, *, task_id: str, reason: str, actor: Actor, now: Instant, key: str) -> Appended:
    """Give a task up for good, with a reason that the data keep as `missing_reason`."""
    return append_events(db_session, task_id=task_id, events=[NewEvent(kind="abort", key=key, reason=reason)], actor=actor, now=now)


def undo_task(db_session: Session, *, task_id: str, reason: str, actor: Actor, now: Instant, key: str) -> Task:
    """The wrong case was opened: the task is marked undone, stays in the log, and a fresh one takes its place."""
    task = get_task(db_session, task_id)
    if task.state == "undone":
        again = select(Task).where(Task.case_id == task.case_id, Task.arm == task.arm, Task.technologist_id == task.technologist_id)
        return db_session.exec(again.where(Task.state != "undone")).one()
    append_events(db_session, task_id=task_id, events=[NewEvent(kind="undo", key=key, reason=reason)], actor=actor, now=now)
    task.missing_reason = f"undone: {reason}"
    db_session.flush()
    return plan_task(
        db_session, case=db_session.get_one(Case, task.case_id), technologist_id=task.technologist_id, arm=task.arm, period=task.period,
        sequence=task.sequence, instrument=task.instrument, now=now.at, available_from=task.available_from,
    )  # fmt: skip


def hand_over_task(db_session: Session, *, task_id: str, to_account_id: str, actor: Actor, now: Instant, key: str) -> Task:
    """Hand a running or planned task to another technologist, as between shifts; recorded as a deviation."""
    task = get_task(db_session, task_id)
    receiver = db_session.get(Account, to_account_id)
    if (
        receiver is None
        or receiver.disabled_at
        or "technologist" not in roles_of(db_session, account_id=to_account_id, study_id=task.study_id)
    ):
        raise RejectedInput("not_a_technologist", "the receiver is no technologist of this study", "choose one who is")
    if task.technologist_id == to_account_id:
        return task
    if task.state != "planned":
        detail = {"from": task.technologist_id, "to": to_account_id}
        append_events(db_session, task_id=task_id, events=[NewEvent(kind="hand_over", key=key, detail=detail)], actor=actor, now=now)
    else:
        require(db_session, actor=actor, operation="task.work", study=db_session.get_one(Study, task.study_id))
        if task.technologist_id != actor.account_id:
            raise Forbidden("this task was drawn for somebody else; only they can hand it over")
    task.technologist_id = to_account_id
    deviation = {
        "study_id": task.study_id, "case_id": task.case_id, "kind": "hand_over", "recorded_at": now.at, "recorded_by": actor.account,
        "description": "a task was handed over to another technologist",
    }  # fmt: skip
    db_session.add(Deviation.model_validate(deviation))
    lease = db_session.get(Lease, task_id)
    if lease is not None:
        db_session.delete(lease)
    db_session.flush()
    return task


def sweep_lost_tasks(db_session: Session, *, now: Instant) -> list[str]:
    """Mark running tasks that have been silent for half an hour as interrupted, at the moment they were last heard of."""
    lost = []
    for task in db_session.exec(select(Task).where(Task.state == "open")).all():
        lease = db_session.get(Lease, task.id)
        heard = _last_heard(db_session, task, lease)
        if heard is None or heard.at + LOST_AFTER > now.at:
            continue
        task.state = "interrupted"
        db_session.add(
            Event.model_validate(
                {
                    "task_id": task.id, "kind": "lost", "key": f"lost-{task.id}-{heard.at.isoformat()}", "at": heard.at,
                    "boot": heard.boot, "monotonic_seconds": heard.monotonic_seconds, "source": "machine",
                    "software_version": software_version(), "detail": {"noticed_at": now.at.isoformat()},
                }
            )
        )  # fmt: skip
        if lease is not None:
            db_session.delete(lease)
        lost.append(task.id)
    db_session.flush()
    return lost


def _last_heard(db_session: Session, task: Task, lease: Lease | None) -> Instant | None:
    """When a task's tab last renewed its lease; for a tab that was closed and gave it back, its last event."""
    if lease is not None:
        return Instant(lease.renewed_at, lease.renewed_monotonic_seconds, lease.renewed_boot)
    own = select(Event).where(Event.task_id == task.id, col(Event.observation_id).is_(None))
    last = db_session.exec(own.order_by(col(Event.id).desc()).limit(1)).first()
    return None if last is None else Instant(last.at, last.monotonic_seconds, last.boot)
