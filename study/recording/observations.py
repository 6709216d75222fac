"""Watching somebody work: one observer's stretch on one task; two observers may watch the same task."""

from sqlmodel import Session, col, select

from db.audit import Actor
from db.tables import Event, Observation, Study
from study.clock import Instant
from study.consent import require_consent
from study.errors import Forbidden, RejectedInput
from study.permissions import require
from study.recording.events import NewEvent, append_events, get_task

UNDO_SECONDS = 10.0


def start_observation(db_session: Session, *, task_id: str, actor: Actor, now: Instant) -> Observation:
    """Begin to watch a task, or go on with one's own running observation of it. The watched person must have agreed."""
    task = get_task(db_session, task_id)
    require(db_session, actor=actor, operation="task.observe", study=db_session.get_one(Study, task.study_id))
    require_consent(db_session, account_id=task.technologist_id, study_id=task.study_id)
    own = select(Observation).where(Observation.task_id == task_id, Observation.observer_id == actor.account_id)
    running = db_session.exec(own.where(col(Observation.ended_at).is_(None))).first()
    if running is not None:
        return running
    observation = Observation.model_validate({"task_id": task_id, "observer_id": actor.account_id, "started_at": now.at})
    db_session.add(observation)
    db_session.flush()
    return observation


def end_observation(db_session: Session, *, observation_id: str, actor: Actor, now: Instant, note: str = "") -> Observation:
    """Stop watching; sent twice, it ends once."""
    observation = _own(db_session, observation_id, actor)
    if observation.ended_at is None:
        observation.ended_at, observation.note = now.at, note
        db_session.add(observation)
        db_session.flush()
    return observation


def undo_slip(db_session: Session, *, observation_id: str, undone_key: str, actor: Actor, now: Instant, key: str) -> None:
    """Take back one's own event within ten seconds: both stay in the log, the second says that the first was a slip.

    Raises
    ------
    Forbidden
        Later than ten seconds after the event.
    """
    observation = _own(db_session, observation_id, actor)
    slip = db_session.exec(select(Event).where(Event.key == undone_key, Event.observation_id == observation_id)).first()
    if slip is None:
        raise RejectedInput("no_such_event", "there is no such event in this observation", "undo the last one")
    if (now.at - slip.at).total_seconds() > UNDO_SECONDS:
        raise Forbidden("a slip can be undone for ten seconds; leave a note instead")
    note = NewEvent(kind="undo", key=key, reason="slip", detail={"undone": undone_key})
    append_events(
        db_session, task_id=observation.task_id, events=[note], actor=actor, now=now, source="observer", observation_id=observation_id
    )


def _own(db_session: Session, observation_id: str, actor: Actor) -> Observation:
    observation = db_session.get(Observation, observation_id)
    if observation is None or observation.observer_id != actor.account_id:
        raise Forbidden("this observation is not yours; start one of your own")
    return observation
