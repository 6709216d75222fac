"""Known changes of a department: the go-live of the protocol and what a manager marks, kept with the study and audited.

Limits of every chart start afresh at these days and nowhere else, so a mark changes what everybody sees: who marked it, in which role
and when is kept with it, and every export names the marks it was drawn with.
"""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from db.audit import Actor
from db.engine import snapshot
from db.tables import KnownChange, Study
from study.errors import RejectedInput
from study.permissions import require
from study.protocol import Protocol

LONGEST_NAME = 80


def known_changes(engine: Engine, *, study_id: str) -> tuple[KnownChange, ...]:
    """What was marked in a study, earliest first; ask `study.department.permit_operations` before."""
    with snapshot(engine) as db_session:
        rows = db_session.exec(select(KnownChange).where(KnownChange.study_id == study_id).order_by(col(KnownChange.day), KnownChange.name))
        found = tuple(rows.all())
        db_session.expunge_all()
        return found


def mark_change(db_session: Session, *, study: Study, protocol: Protocol, actor: Actor, day: date, name: str, now: datetime) -> KnownChange:
    """Mark a known change; the same mark twice is one mark.

    Parameters
    ----------
    day : date
        When the change took effect; not after today.
    name : str
        What changed, in a few words.

    Raises
    ------
    study.errors.Forbidden
        Unless the actor may see operations now, as a manager or an investigator.
    RejectedInput
        Without a name, with one that is too long, or with a day to come.
    """
    _require(db_session, actor=actor, study=study, protocol=protocol)
    said = " ".join(name.split())
    if not 0 < len(said) <= LONGEST_NAME:
        raise RejectedInput("no_name", f"a change of {len(said)} letters", f"say in 1 to {LONGEST_NAME} letters what changed")
    if day > now.date():
        raise RejectedInput("day_to_come", f"{day} is still to come", "mark a change when it has happened")
    same = select(KnownChange).where(KnownChange.study_id == study.id, KnownChange.day == day.isoformat(), KnownChange.name == said)
    known = db_session.exec(same).first()
    if known is not None:
        return known
    who = {"marked_at": now, "marked_by": actor.account, "marked_as": actor.role}
    values = {"study_id": study.id, "day": day.isoformat(), "name": said, **who}
    change = KnownChange.model_validate(values)
    db_session.add(change)
    db_session.flush()
    return change


def unmark_change(db_session: Session, *, study: Study, protocol: Protocol, actor: Actor, change_id: str) -> None:
    """Take a mark away; the audit keeps that it was there."""
    _require(db_session, actor=actor, study=study, protocol=protocol)
    change = db_session.get(KnownChange, change_id)
    if change is not None and change.study_id == study.id:
        db_session.delete(change)
        db_session.flush()


def _require(db_session: Session, *, actor: Actor, study: Study, protocol: Protocol) -> None:
    require(db_session, actor=actor, operation="operations.view", study=study, open_operations=protocol.study.open_operations)
    require(db_session, actor=actor, operation="change.mark", study=study)


def changes_in_words(changes: Sequence[KnownChange], *, go_live: date | None) -> str:
    """The marks as every export names them.

    Examples
    --------
    >>> changes_in_words((), go_live=date(2026, 3, 2))
    'limits start afresh at: 2026-03-02 go-live (protocol)'
    >>> changes_in_words((), go_live=None)
    'limits start afresh nowhere'
    """
    parts = [f"{go_live} go-live (protocol)"] if go_live else []
    parts += [f"{change.day} {change.name} (marked by {change.marked_by} as {change.marked_as})" for change in changes]
    return f"limits start afresh at: {'; '.join(parts)}" if parts else "limits start afresh nowhere"
