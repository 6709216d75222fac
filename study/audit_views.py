"""The audit for people to read: in full for the monitor, without anything that tells an arm for everybody else."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from db.audit import Actor, record
from db.tables import AuditEntry, Study
from study.permissions import require

# Rows of these tables tell the arm, by a column or by what kind of event they hold: blinded people see that something
# was done, by whom and when, and neither the values nor the id by which two entries could be tied together.
TELLING = frozenset(
    {"task", "event", "allocation", "sealed_entry", "image_set", "run", "observation", "task_token", "import_batch", "deviation"}
)
TELLING_COLUMNS = frozenset(
    {"arm", "sequence", "period", "instrument", "guess", "task_id", "run_id", "stratum", "position", "draft", "toml"}
)


@dataclass(frozen=True)
class AuditLine:
    """One entry as shown."""

    number: int
    at: datetime
    account: str
    role: str
    operation: str
    entity: str
    entity_id: str
    old: dict[str, Any]
    new: dict[str, Any]
    reason: str


def audit_lines(
    db_session: Session, *, study: Study, actor: Actor, before: int | None = None, limit: int = 200, entity: str | None = None,
    account: str | None = None,
) -> list[AuditLine]:  # fmt: skip
    """The newest entries, as far as the actor may see them; the look itself is audited.

    Parameters
    ----------
    before : int, optional
        Only entries with a smaller number, to page back.
    """
    blinded = actor.role != "monitor"
    require(db_session, actor=actor, operation="audit.view_blinded" if blinded else "audit.view", study=study)
    statement = select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(limit)
    if before is not None:
        statement = statement.where(AuditEntry.id < before)
    if entity is not None:
        statement = statement.where(AuditEntry.entity == entity)
    if account is not None:
        statement = statement.where(AuditEntry.account == account)
    lines = [shown(entry, blinded=blinded) for entry in db_session.exec(statement).all()]
    record(db_session, operation="view_audit", entity="study", entity_id=study.id)
    return lines


def shown(entry: AuditEntry, *, blinded: bool) -> AuditLine:
    """An entry as a line; a blinded one tells no arm."""
    hidden = blinded and (entry.entity in TELLING or entry.operation in ("insert_batch", "export"))
    old, new = ({}, {}) if hidden else (_open(entry.old, blinded), _open(entry.new, blinded))
    reason = "" if hidden else entry.reason
    return AuditLine(
        entry.id, entry.at, entry.account, entry.role, entry.operation, entry.entity, "" if hidden else entry.entity_id, old, new, reason
    )


def _open(values: dict[str, Any] | None, blinded: bool) -> dict[str, Any]:
    return {name: value for name, value in (values or {}).items() if not (blinded and name in TELLING_COLUMNS)}
