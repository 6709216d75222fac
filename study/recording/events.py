"""Appending events: checked, stamped by the server's clocks, written once however often they are sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import metadata
from typing import Any

from sqlmodel import Session, col, select

from db.audit import Actor
from db.tables import Event, Observation, Study, Task
from study.clock import Instant
from study.errors import Forbidden, RejectedInput
from study.permissions import require
from study.recording.leases import require_lease
from study.recording.states import LAST_WORDS, NEEDS_REASON, next_state
from study.studies import protocol_of

CLOCK_STEP_SECONDS = 1.0
MOST_AT_ONCE = 1000


@cache
def software_version() -> str:
    """The version that is stamped on every event."""
    return metadata.version("gilbreth")


@dataclass(frozen=True, kw_only=True)
class NewEvent:
    """An event to be appended.

    Parameters
    ----------
    kind : str
        `start`, `pause`, `resume`, `interruption`, `return`, `input`, `tool`, `lap`, `ai_wait`, `ai_ready`, `correction`,
        `hidden`, `visible`, `note`, `finish`, `abort`, `undo`, `hand_over`.
    key : str
        Idempotency key, chosen by the sender: the same key is the same event.
    input, area, count, span_seconds
        For kind `input`: `click`, `drag`, ..; where; how many; how long before this moment the first one was. [s]
    reason : str, optional
        Needed for a pause, an interruption, an abort and an undo.
    client, client_offset_seconds
        Name of the page load or agent run, and its own monotonic clock at the event. [s]
    """

    kind: str
    key: str
    input: str | None = None
    area: str | None = None
    count: int | None = None
    span_seconds: float | None = None
    reason: str | None = None
    detail: dict[str, Any] | None = None
    client: str | None = None
    client_offset_seconds: float | None = None


@dataclass(frozen=True)
class Appended:
    """What became of a batch: how many events are new, how many were known already, and the task's state after it."""

    new: int
    repeated: int
    state: str


def append_events(
    db_session: Session,
    *,
    task_id: str,
    events: Sequence[NewEvent],
    actor: Actor,
    now: Instant,
    source: str = "browser",
    holder: str | None = None,
    observation_id: str | None = None,
) -> Appended:
    """Append events to a task, all or none.

    Parameters
    ----------
    events : sequence of NewEvent
        In the order in which they happened; at most 1000.
    now : Instant
        The server's clocks at arrival.
    source : str
        `browser`, `agent`, `observer` or `machine`.
    holder : str, optional
        The tab that sends, checked against the lease.

    Raises
    ------
    Forbidden
        For somebody else's task, a locked study, another tab's lease, an event that this state does not allow, or a task that is
        resumed while another one runs.
    RejectedInput
        For a key that was used for something else, or a malformed event.
    """
    task = get_task(db_session, task_id)
    study = db_session.get_one(Study, task.study_id)
    _check_right(db_session, task=task, study=study, actor=actor, source=source, observation_id=observation_id)
    if len(events) > MOST_AT_ONCE:
        raise RejectedInput("too_many_events", f"{len(events)} events at once", f"send at most {MOST_AT_ONCE}")
    known = _known(db_session, task_id=task_id, events=events)
    fresh = [event for event in events if event.key not in known]
    if holder is not None and any(event.kind not in LAST_WORDS for event in fresh):
        require_lease(db_session, task_id=task_id, holder=holder, now=now)
    step = _clock_step(db_session, task_id=task_id, now=now) if fresh else None
    if observation_id is None and any(event.kind == "resume" for event in fresh):
        require_no_other(db_session, task=task)
    for event in fresh:
        if observation_id is None and (state := next_state(task.state, event.kind)) != task.state:
            task.state = state  # type: ignore[assignment]
        if event.kind == "abort":
            task.missing_reason = (event.reason or "")[:200]
        db_session.add(_row(event, now=now, actor=actor, source=source, task_id=task_id, observation_id=observation_id, step=step))
        step = None
    if any(event.kind == "finish" for event in fresh) and not task.training:
        _start_washout(db_session, task=task, now=now)
    db_session.flush()
    return Appended(len(fresh), len(events) - len(fresh), task.state)


class AnotherRunning(Forbidden):
    """Two tasks of one person cannot run at once: the same minutes would count twice."""


def require_no_other(db_session: Session, *, task: Task) -> None:
    """Raise `AnotherRunning` while another task of the same technologist is running."""
    running = select(Task.id).where(Task.technologist_id == task.technologist_id, Task.state == "open", Task.id != task.id)
    if db_session.exec(running).first():
        raise AnotherRunning("another task of yours is running; pause or finish it first")


def _start_washout(db_session: Session, *, task: Task, now: Instant) -> None:
    """The same person may do the next period of this case only when the washout is over."""
    washout = timedelta(days=protocol_of(db_session, study_id=task.study_id).allocation.washout_days)
    later = select(Task).where(Task.case_id == task.case_id, Task.technologist_id == task.technologist_id, Task.state == "planned")
    for following in db_session.exec(later.where(Task.period > task.period)).all():
        following.available_from = now.at + washout
        db_session.add(following)


def get_task(db_session: Session, task_id: str) -> Task:
    """A task by id, locked for this transaction."""
    task = db_session.get(Task, task_id)
    if task is None:
        raise RejectedInput("no_such_task", f"there is no task {task_id!r}", "open the worklist again")
    return task


def _check_right(db_session: Session, *, task: Task, study: Study, actor: Actor, source: str, observation_id: str | None) -> None:
    if source == "observer":
        require(db_session, actor=actor, operation="task.observe", study=study)
        observation = db_session.get(Observation, observation_id) if observation_id else None
        if observation is None or observation.task_id != task.id or observation.observer_id != actor.account_id:
            raise Forbidden("this observation is not yours; start one of your own")
        return
    require(db_session, actor=actor, operation="task.work", study=study)
    if task.technologist_id != actor.account_id:
        raise Forbidden("this task was drawn for somebody else; open one from your own worklist")


def _known(db_session: Session, *, task_id: str, events: Sequence[NewEvent]) -> set[str]:
    keys = [event.key for event in events]
    if len(set(keys)) != len(keys):
        raise RejectedInput("repeated_key", "two events of one batch have the same key", "give every event its own key")
    rows = db_session.execute(select(Event.key, Event.task_id, Event.kind).where(col(Event.key).in_(keys))).all()
    kinds = {event.key: event.kind for event in events}
    for key, owner, kind in rows:
        if owner != task_id or kind != kinds[key]:
            raise RejectedInput("key_in_use", f"the key {key!r} belongs to another event", "make keys random")
    return {key for key, _, _ in rows}


def _clock_step(db_session: Session, *, task_id: str, now: Instant) -> float | None:
    """How far the wall clock moved against the monotonic one since this task's last event; None when it kept step. [s]"""
    statement = select(Event.at, Event.monotonic_seconds).where(Event.task_id == task_id, Event.boot == now.boot)
    last = db_session.execute(statement.order_by(col(Event.id).desc()).limit(1)).first()
    if last is None:
        return None
    step: float = (now.at - last[0]).total_seconds() - (now.monotonic_seconds - last[1])
    return step if abs(step) > CLOCK_STEP_SECONDS else None


def _row(
    event: NewEvent,
    *,
    now: Instant,
    actor: Actor,
    source: str,
    task_id: str | None = None,
    reading_id: str | None = None,
    observation_id: str | None = None,
    step: float | None = None,
) -> Event:
    if event.kind in NEEDS_REASON and not (event.reason or "").strip():
        raise RejectedInput("no_reason", f"the event {event.kind} came without a reason", "say why")
    try:
        return Event.model_validate(
            {
                **vars(event), "task_id": task_id, "reading_id": reading_id, "observation_id": observation_id, "at": now.at,
                "boot": now.boot, "monotonic_seconds": now.monotonic_seconds, "clock_step_seconds": step, "actor_id": actor.account_id,
                "source": source, "software_version": software_version(),
            }
        )  # fmt: skip
    except ValueError as error:
        raise RejectedInput(
            "bad_event", f"an event of kind {event.kind!r} is malformed: {_first_line(error)}", "send it as documented"
        ) from error


def _first_line(error: ValueError) -> str:
    details = getattr(error, "errors", None)
    if details is None:
        return str(error).splitlines()[0]
    first = details()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


new_row = _row
