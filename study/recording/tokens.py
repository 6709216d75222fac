"""One-task tokens for the desktop agent: short-lived, for one task, revocable; the arm is the server's to say."""

import secrets
from datetime import timedelta

from sqlmodel import Session

from db.audit import Actor
from db.tables import Account, Study, Task, TaskToken
from study.clock import Instant
from study.errors import Forbidden
from study.permissions import require
from study.recording.events import get_task
from study.sign_in import token_hash

LASTS = timedelta(hours=12)


def issue_token(db_session: Session, *, task_id: str, actor: Actor, now: Instant) -> str:
    """A token with which the agent may write to this task for twelve hours; shown once."""
    task = get_task(db_session, task_id)
    require(db_session, actor=actor, operation="task.work", study=db_session.get_one(Study, task.study_id))
    if task.technologist_id != actor.account_id:
        raise Forbidden("this task was drawn for somebody else; open one from your own worklist")
    token = secrets.token_urlsafe(24)
    row = {
        "id": token_hash(token),
        "task_id": task.id,
        "account_id": task.technologist_id,
        "issued_at": now.at,
        "expires_at": now.at + LASTS,
    }
    db_session.add(TaskToken.model_validate(row))
    db_session.flush()
    return token


def token_holder(db_session: Session, *, token: str, now: Instant) -> tuple[Task, Actor]:
    """The task of a token, and its technologist as actor.

    Raises
    ------
    Forbidden
        When the token is unknown, expired or revoked, or its task has gone to somebody else.
    """
    row = db_session.get(TaskToken, token_hash(token))
    if row is None or row.revoked_at is not None or row.expires_at <= now.at:
        raise Forbidden("this token is unknown or has expired; ask for a new one on the task's page")
    task, account = get_task(db_session, row.task_id), db_session.get_one(Account, row.account_id)
    if task.technologist_id != account.id or account.disabled_at is not None:
        raise Forbidden("this token's task belongs to somebody else now; ask for a new one")
    return task, Actor(account.name, "technologist", account.id, study_id=task.study_id)
