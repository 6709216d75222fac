"""The audit, written below the services: every row inserted, changed or deleted leaves a link in a hash chain.

The listeners sit on the engine's sessions, so no service can forget them. Statements that would pass them by (bulk
UPDATE or DELETE of audited tables) are refused. The head of the chain is anchored in a file outside the database.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, inspect
from sqlalchemy.orm import ORMExecuteState
from sqlmodel import Session, SQLModel, col, select

from db.anchor import write_anchor
from db.base import UTC, utc_now
from db.errors import UnauditedChange
from db.tables.records import AuditEntry

UNAUDITED = frozenset({"audit_entry", "lease", "login_session", "job", "alembic_version"})
SECRET = frozenset({("account", "password_hash")})
GENESIS = "0" * 64


@dataclass(frozen=True)
class Actor:
    """Who acts: for the audit and for permission checks.

    Examples
    --------
    >>> Actor().account
    'system'
    """

    account: str = "system"
    role: str = "system"
    account_id: str | None = None
    session_id: str = ""
    study_id: str | None = None


def plain(table: str, column: str, value: Any) -> Any:
    """A column's value as the audit keeps it: JSON, times as UTC text, bytes as their hash, secrets not at all.

    Examples
    --------
    >>> plain("account", "password_hash", "$argon2id$..")
    '(secret)'
    """
    if value is not None and (table, column) in SECRET:
        return "(secret)"
    if isinstance(value, datetime):
        return UTC().process_bind_param(value, None).isoformat()  # type: ignore[arg-type,union-attr]
    if isinstance(value, bytes):
        return "sha256:" + hashlib.sha256(value).hexdigest()
    return value


def digest(entry: dict[str, Any]) -> str:
    """The SHA-256 of an entry's canonical JSON, `previous_sha256` included and `sha256` left out."""
    content = {key: plain("audit_entry", key, value) for key, value in entry.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def attach(engine: Engine, *, anchor: Path | None) -> None:
    """Remember where this engine's chain is anchored."""
    engine.__dict__["gilbreth_anchor"] = anchor


def record(
    db_session: Session, *, operation: str, entity: str, entity_id: str, reason: str = "", new: dict[str, Any] | None = None
) -> None:
    """Write an act that changes no row: a login, a view of outcomes, an export, a refused attempt."""
    db_session.flush()
    _append(db_session, [{"operation": operation, "entity": entity, "entity_id": entity_id, "old": None, "new": new, "reason": reason}])


def settle(engine: Engine, head: tuple[int, str] | None) -> None:
    """After a commit: move the anchor forward to the new head."""
    anchor = engine.__dict__.get("gilbreth_anchor")
    if head and anchor:
        write_anchor(anchor, number=head[0], sha256=head[1])


def head_of(db_session: Session) -> tuple[int, str]:
    """Number and hash of the last entry; (0, 64 zeros) when there is none."""
    row = db_session.exec(select(AuditEntry.id, AuditEntry.sha256).order_by(col(AuditEntry.id).desc()).limit(1)).first()
    return (row[0], row[1]) if row else (0, GENESIS)


def _append(db_session: Session, acts: list[dict[str, Any]]) -> None:
    if not acts:
        return
    info = db_session.info
    actor: Actor = info.get("actor") or Actor()
    with db_session.no_autoflush:
        number, previous = info.get("audit_head") or head_of(db_session)
    rows, now = [], info.get("now") or utc_now()
    for act in acts:
        number += 1
        row: dict[str, Any] = {
            "id": number, "at": now, "account": actor.account, "role": actor.role, **act,
            "reason": act.get("reason") or info.get("reason", ""), "session_id": actor.session_id,
            "request_id": info.get("request_id", ""), "previous_sha256": previous,
        }  # fmt: skip
        previous = row["sha256"] = digest(row)
        rows.append(row)
    db_session.connection().execute(SQLModel.metadata.tables["audit_entry"].insert(), rows)
    info["audit_head"] = (number, previous)


def _key(row: Any) -> str:
    identity = inspect(row).mapper.primary_key_from_instance(row)
    return "/".join(str(part) for part in identity)


def _values(row: Any) -> dict[str, Any]:
    state = inspect(row)
    table = state.mapper.local_table.name
    return {c.key: plain(table, c.key, getattr(row, c.key)) for c in state.mapper.column_attrs}


def _changes(row: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    state = inspect(row)
    table = state.mapper.local_table.name
    old, new = {}, {}
    for column in state.mapper.column_attrs:
        history = state.attrs[column.key].history
        if history.has_changes():
            before = history.deleted[0] if history.deleted else None
            old[column.key], new[column.key] = plain(table, column.key, before), plain(table, column.key, history.added[0])
    return old, new


def _is_audited(row: Any) -> bool:
    return inspect(row).mapper.local_table.name not in UNAUDITED


@event.listens_for(Session, "before_flush")
def _load_old_values(db_session: Session, _context: Any, _instances: Any) -> None:
    """Old values are only known if loaded: attributes expired by a rollback or refresh would otherwise be lost."""
    for row in db_session.dirty:
        if _is_audited(row):
            for name in inspect(row).unloaded:
                getattr(row, name)


@event.listens_for(Session, "after_flush")
def _write_entries(db_session: Session, _context: Any) -> None:
    acts: list[dict[str, Any]] = []
    for row in db_session.new:
        if _is_audited(row):
            acts.append({"operation": "insert", "entity": row.__tablename__, "entity_id": _key(row), "old": None, "new": _values(row)})
    for row in db_session.dirty:
        if _is_audited(row) and db_session.is_modified(row):
            old, new = _changes(row)
            if new:
                acts.append({"operation": "update", "entity": row.__tablename__, "entity_id": _key(row), "old": old, "new": new})
    for row in db_session.deleted:
        if _is_audited(row):
            acts.append({"operation": "delete", "entity": row.__tablename__, "entity_id": _key(row), "old": _values(row), "new": None})
    _append(db_session, acts)


@event.listens_for(Session, "do_orm_execute")
def _refuse_bulk(state: ORMExecuteState) -> None:
    if state.is_insert or state.is_update or state.is_delete:
        table = state.statement.table.name  # type: ignore[attr-defined]
        if table not in UNAUDITED:
            raise UnauditedChange(f"bulk change of {table}; change the rows one by one through the session")
