"""How a task ends other than by its work alone: what a finish needs, a wrong case undone, a hand-over between shifts."""

from dataclasses import dataclass

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from db.audit import Actor
from db.engine import transaction
from db.tables import Account, RoleGrant, Task
from study.clock import read_clock
from study.errors import Forbidden
from study.image_sets import set_of
from study.recording.events import NewEvent, append_events
from study.recording.tasks import hand_over_task, undo_task
from study.studies import protocol_of

HANDED_OVER = "hand-over to another technologist"


class ImagesMissing(Forbidden):
    """A task cannot be finished yet: the protocol's readers wait for its pictures."""


@dataclass(frozen=True)
class Colleague:
    """A technologist of the study who may take a task over."""

    account_id: str
    name: str


def images_needed(db_session: Session, *, task_id: str) -> bool:
    """Whether this task still owes the study its pictures. Where a protocol has no readers, the PACS may hold them."""
    task = db_session.get_one(Task, task_id)
    if protocol_of(db_session, study_id=task.study_id).reading is None:
        return False
    return set_of(db_session, task_id=task_id) is None


def require_images(db_session: Session, *, task_id: str) -> None:
    """Raise `ImagesMissing` when a finish would leave the readers without pictures."""
    if db_session.get(Task, task_id) is not None and images_needed(db_session, task_id=task_id):
        raise ImagesMissing("the protocol's readers need this case's pictures; hand them in, then finish")


def undo_my_task(engine: Engine, *, actor: Actor, task_id: str, reason: str) -> Task:
    """The wrong case was opened: what was recorded stays in the log, a fresh task takes its place in the worklist."""
    with transaction(engine, actor=actor, reason=reason) as db_session:
        return undo_task(db_session, task_id=task_id, reason=reason, actor=actor, now=read_clock(), key=f"undo-{task_id}")


def hand_over_my_task(engine: Engine, *, actor: Actor, task_id: str, to_account_id: str) -> Task:
    """Hand a task to a colleague. Its clock pauses until they take it up: nobody works on it in between."""
    now = read_clock()
    with transaction(engine, actor=actor, reason=HANDED_OVER) as db_session:
        task = db_session.get_one(Task, task_id)
        key = f"{task_id}-{actor.account_id}-{now.monotonic_seconds:.3f}"
        if task.state == "open":
            pause = NewEvent(kind="pause", key=f"rest-{key}", reason=HANDED_OVER)
            append_events(db_session, task_id=task_id, events=[pause], actor=actor, now=now)
        return hand_over_task(db_session, task_id=task_id, to_account_id=to_account_id, actor=actor, now=now, key=f"hand-{key}")


def colleagues(db_session: Session, *, actor: Actor, study_id: str) -> list[Colleague]:
    """Other technologists of a study, by name."""
    rows = db_session.execute(
        select(Account.id, Account.display_name, Account.name)
        .join(RoleGrant, col(RoleGrant.account_id) == Account.id)
        .where(RoleGrant.role == "technologist", col(RoleGrant.revoked_at).is_(None), col(Account.disabled_at).is_(None))
        .where(col(RoleGrant.study_id).is_(None) | (col(RoleGrant.study_id) == study_id), Account.id != actor.account_id)
        .distinct()
    ).all()
    return sorted((Colleague(key, shown or name) for key, shown, name in rows), key=lambda item: item.name.casefold())
