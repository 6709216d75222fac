"""A locked study takes no change, whichever way it comes: refused below the services, as rows are flushed."""

from typing import Any

from sqlalchemy import event
from sqlmodel import Session, SQLModel

from db.errors import StudyLocked
from db.tables import Case, ImageSet, Reading, Study, Task

# What goes on after the lock: signing, unblinding, consent, people, and the audit itself.
FREE = frozenset(
    {"study", "signature", "consent", "account", "role_grant", "login_session", "audit_entry", "site", "lease", "task_token", "job"}
)
PARENTS: tuple[tuple[str, type[SQLModel]], ...] = (
    ("task_id", Task),
    ("reading_id", Reading),
    ("image_set_id", ImageSet),
    ("case_id", Case),
)
CLOSED = frozenset({"locked", "unblinded", "archived"})


def require_unlocked(db_session: Session, *, study_id: str) -> None:
    """Raise `StudyLocked` when a study's data are closed."""
    with db_session.no_autoflush:
        study = db_session.get(Study, study_id)
    if study is not None and _was(study) in CLOSED:
        raise StudyLocked(f"the study {study.name} is {study.state}: its data take no change; an investigator may unlock it with a reason")


def _was(study: Study) -> str:
    """The state before this transaction touched it, so that locking and writing cannot be one act."""
    from sqlalchemy import inspect

    history = inspect(study).attrs["state"].history
    return str(history.deleted[0] if history.deleted else study.state)


def study_of(db_session: Session, row: Any) -> str | None:
    """The study that a row belongs to, through its parents where it does not say."""
    study_id: str | None = getattr(row, "study_id", None)
    if study_id is not None:
        return study_id
    for name, model in PARENTS:
        key = getattr(row, name, None)
        if key is not None:
            with db_session.no_autoflush:
                parent = db_session.get(model, key)
            if parent is not None:
                return study_of(db_session, parent)
    return None


@event.listens_for(Session, "before_flush")
def _refuse_when_locked(db_session: Session, _context: Any, _instances: Any) -> None:
    seen: set[str] = set()
    for row in (*db_session.new, *db_session.dirty, *db_session.deleted):
        if row.__tablename__ in FREE or (row in db_session.dirty and not db_session.is_modified(row)):
            continue
        study_id = study_of(db_session, row)
        if study_id is not None and study_id not in seen:
            seen.add(study_id)
            require_unlocked(db_session, study_id=study_id)
