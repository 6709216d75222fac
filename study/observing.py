"""What the observer's page asks for, and how well two observers of the same work agree."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from db.audit import Actor
from db.engine import snapshot, transaction
from db.tables import Account, Case, Event, Observation, Study, Task
from study.clock import read_clock
from study.errors import Forbidden
from study.permissions import require
from study.recording.events import NewEvent, append_events
from study.recording.observations import end_observation, start_observation, undo_slip
from study.studies import find_study

if TYPE_CHECKING:  # the statistics take longer to load than all the rest of a server; a server that starts again must not wait for them
    from study.statistics.observers import EventAgreement

WINDOW_SECONDS = 3.0


@dataclass(frozen=True)
class Watchable:
    """A running task that may be watched."""

    task_id: str
    case_number: str
    technologist: str
    watching: bool


@dataclass(frozen=True)
class Watching:
    """One observer's running observation, and where it stands."""

    observation_id: str
    case_number: str
    running: tuple[str, ...]
    interrupted: bool
    taps: int


@dataclass(frozen=True)
class ObserverPair:
    """Two observers of one task."""

    case_number: str
    first: str
    second: str
    agreement: "EventAgreement | None"


def watchable(engine: Engine, *, actor: Actor, study_id: str) -> list[Watchable]:
    """Tasks that run now; one's own running observation first."""
    with snapshot(engine) as db_session:
        require(db_session, actor=actor, operation="task.observe", study=find_study(db_session, study=study_id))
        rows = db_session.execute(
            select(Task.id, Case.number, Account.display_name)
            .join(Case, col(Case.id) == Task.case_id)
            .join(Account, col(Account.id) == Task.technologist_id)
            .where(Task.study_id == study_id, col(Task.state).in_(("open", "paused")))
            .order_by(Case.number)
        ).all()
        own = select(Observation.task_id).where(Observation.observer_id == actor.account_id, col(Observation.ended_at).is_(None))
        mine = set(db_session.exec(own).all())
    found = [Watchable(task_id, number, name, task_id in mine) for task_id, number, name in rows]
    return sorted(found, key=lambda item: not item.watching)


def watch(engine: Engine, *, actor: Actor, task_id: str) -> Watching:
    """Begin to watch, or go on."""
    with transaction(engine, actor=actor) as db_session:
        observation = start_observation(db_session, task_id=task_id, actor=actor, now=read_clock())
        log = _standing(db_session, observation.id)
        number = db_session.get_one(Case, db_session.get_one(Task, task_id).case_id).number
        running: dict[str, bool] = {}
        for event in log:
            if event.kind == "lap":
                running[str(event.area)] = (event.detail or {}).get("phase") == "begin"
        breaks = [event.kind for event in log if event.kind in ("interruption", "return")]
        taps = sum(event.count or 0 for event in log if event.kind == "input")
        return Watching(observation.id, number, tuple(name for name, on in running.items() if on), breaks[-1:] == ["interruption"], taps)


def _standing(db_session: Session, observation_id: str) -> list[Event]:
    """Events of an observation without those taken back."""
    log = db_session.exec(select(Event).where(Event.observation_id == observation_id).order_by(col(Event.id))).all()
    slips = {(event.detail or {}).get("undone") for event in log if event.kind == "undo"}
    return [event for event in log if event.kind != "undo" and event.key not in slips]


def stop_watching(engine: Engine, *, actor: Actor, observation_id: str) -> None:
    """End the observation."""
    with transaction(engine, actor=actor) as db_session:
        end_observation(db_session, observation_id=observation_id, actor=actor, now=read_clock())


def note_seen(engine: Engine, *, actor: Actor, observation_id: str, seen: Sequence[NewEvent | tuple[str, str]]) -> int:
    """Append what an observer saw, in order; a pair (key, undone key) takes a slip back. Sent twice, it is stored once."""
    now = read_clock()
    with transaction(engine, actor=actor, quick=True) as db_session:
        observation = db_session.get(Observation, observation_id)
        if observation is None or observation.observer_id != actor.account_id:
            raise Forbidden("this observation is not yours; start one of your own")
        for item in seen:
            if isinstance(item, tuple):
                undo_slip(db_session, observation_id=observation_id, undone_key=item[1], actor=actor, now=now, key=item[0])
            else:
                append_events(
                    db_session, task_id=observation.task_id, events=[item], actor=actor, now=now, source="observer",
                    observation_id=observation_id,
                )  # fmt: skip
    return len(seen)


def observer_pairs(engine: Engine, *, actor: Actor, study_id: str, window_seconds: float = WINDOW_SECONDS) -> list[ObserverPair]:
    """Agreement of every two observers who watched the same task: kappa of matched events, and time-window agreement.

    Parameters
    ----------
    window_seconds : float
        Farther apart, two events are not the same event. [s]
    """
    with snapshot(engine) as db_session:
        study = db_session.get_one(Study, study_id)
        require(db_session, actor=actor, operation="accrual.view", study=study)
        rows = db_session.execute(
            select(Observation, Case.number, Account.code)
            .join(Task, col(Task.id) == Observation.task_id)
            .join(Case, col(Case.id) == Task.case_id)
            .join(Account, col(Account.id) == Observation.observer_id)
            .where(Task.study_id == study_id)
            .order_by(Case.number, col(Observation.started_at))
        ).all()
        logs = {observation.id: _times(_standing(db_session, observation.id)) for observation, _, _ in rows}
    by_task: dict[str, list[Any]] = {}
    for observation, number, code in rows:
        by_task.setdefault(observation.task_id, []).append((number, code, logs[observation.id]))
    pairs = []
    for seen in by_task.values():
        for number, other in enumerate(seen[1:], start=1):
            for one in seen[:number]:
                if one[1] != other[1]:
                    pairs.append(ObserverPair(one[0], one[1], other[1], _agreement(one[2], other[2], window_seconds)))
    return pairs


def _times(log: Sequence[Event]) -> list[tuple[float, str]]:
    """(server seconds, label) of what was seen to begin, to end, to interrupt."""
    labels = {"lap": lambda event: f"{event.area} {(event.detail or {}).get('phase')}", "interruption": lambda event: "interruption"}
    return [(event.at.timestamp(), labels[event.kind](event)) for event in log if event.kind in labels]


def _agreement(first: list[tuple[float, str]], second: list[tuple[float, str]], window_seconds: float) -> "EventAgreement | None":
    from study.statistics import StatisticsError, event_agreement

    try:
        return event_agreement(first, second, window_seconds=window_seconds)
    except StatisticsError:  # one of them noted nothing
        return None
