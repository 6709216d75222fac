"""Does the audit still tell the truth? The chain is walked, its head compared with the anchor, and the tables replayed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.exc import DataError
from sqlmodel import Session, SQLModel, col

from db.anchor import read_anchor
from db.audit import GENESIS, UNAUDITED, digest, plain
from db.batches import hash_lines, row_line
from db.engine import snapshot
from db.tables import AuditEntry

CHUNK = 500
SHOWN = 50


@dataclass
class Verification:
    """What was found.

    Parameters
    ----------
    entries : int
        Links of the chain walked.
    rows : int
        Rows of the tables compared with the audit.
    head : str
        Hash of the last link; write it down elsewhere to be able to compare later.
    problems : list of str
        What is wrong, at most 50 in words; empty when all is well.
    """

    entries: int = 0
    rows: int = 0
    head: str = GENESIS
    problems: list[str] = field(default_factory=list)
    found: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.found == 0

    def add(self, problem: str) -> None:
        """Note a problem."""
        self.found += 1
        if self.found <= SHOWN:
            self.problems.append(problem)


def verify(engine: Engine, *, anchor: Path | None = None, replay: bool = True, expected_head: str | None = None) -> Verification:
    """Find any edited, deleted, swapped, inserted or truncated row.

    Parameters
    ----------
    anchor : Path, optional
        The file with the anchored head; the engine's own when absent.
    replay : bool
        Also compare every row of every table with what the audit says it should hold.
    expected_head : str, optional
        A head noted earlier, for instance on paper; it must still be a link of the chain.
    """
    result = Verification()
    anchored, anchored_sha256 = read_anchor(path) if (path := anchor or engine.__dict__.get("gilbreth_anchor")) else (0, "")
    with snapshot(engine) as db_session:
        seen = _Seen()
        with _readable("the audit", result):
            _walk(db_session, result, seen, number_wanted=anchored, hash_wanted=expected_head)
        if path is not None:
            _compare_anchor(anchored, anchored_sha256, seen, result)
        if expected_head is not None and not seen.hash_found:
            result.add(f"the head {expected_head} noted earlier is no link of this chain")
        if replay:
            for name, table in sorted(SQLModel.metadata.tables.items()):
                if name not in UNAUDITED:
                    with _readable(f"the table {name}", result):
                        _replay(db_session, name, table, result, alive=seen.alive.get(name, set()))
            with _readable("the entries of imports", result):
                _compare_batches(db_session, result)
    return result


@contextmanager
def _readable(what: str, result: Verification) -> Iterator[None]:
    """A forged value may be one that cannot even be read: that is found, too."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, DataError) as error:
        result.add(f"{what} cannot be read to the end ({type(error).__name__}: {error}); it was changed behind the audit")


@dataclass
class _Seen:
    """What the walk met of what it was to look out for."""

    number_sha256: str | None = None
    hash_found: bool = False
    last: int = 0
    alive: dict[str, set[str]] = field(default_factory=dict)  # keys inserted and not deleted, by table


def _walk(db_session: Session, result: Verification, seen: _Seen, *, number_wanted: int, hash_wanted: str | None) -> None:
    previous, number = GENESIS, 0
    table = SQLModel.metadata.tables["audit_entry"]
    for row in db_session.execute(select(table).order_by(table.c.id).execution_options(yield_per=2000)).mappings():
        number += 1
        if row["id"] != number:
            result.add(f"audit entry {number} is missing" if row["id"] > number else f"audit entry {row['id']} is out of place")
            number = row["id"]
        if row["previous_sha256"] != previous:
            result.add(f"audit entry {number} does not follow the one before it")
        previous = row["sha256"]
        if digest(dict(row)) != previous:
            result.add(f"audit entry {number} was changed: its content does not match its hash")
        seen.number_sha256 = previous if number == number_wanted else seen.number_sha256
        seen.hash_found |= previous == hash_wanted
        if row["operation"] == "insert":
            seen.alive.setdefault(row["entity"], set()).add(row["entity_id"])
        elif row["operation"] == "delete":
            seen.alive.get(row["entity"], set()).discard(row["entity_id"])
        result.entries += 1
        seen.last, result.head = number, previous


def _compare_anchor(number: int, sha256: str, seen: _Seen, result: Verification) -> None:
    if number == 0 and seen.last:
        result.add("the anchor file is missing or empty, so a shortened chain would not show")
    elif number and seen.number_sha256 != sha256:
        found = f"the chain ends at {seen.last}" if seen.last < number else "that link has another hash"
        result.add(f"the anchor says that link {number} exists, but {found}")


def _replay(db_session: Session, name: str, table: Any, result: Verification, *, alive: set[str]) -> None:
    for rows in _chunks(db_session.execute(select(table).execution_options(yield_per=CHUNK)).mappings()):
        keys = ["/".join(str(row[column.name]) for column in table.primary_key) for row in rows]
        history = _history(db_session, name, keys)
        for key, row in zip(keys, rows, strict=True):
            result.rows += 1
            alive.discard(key)
            _compare(name, key, row, history.get(key, []), result)
    for key in sorted(alive):
        result.add(f"{name} {key} was deleted behind the audit")


def _chunks(rows: Any) -> Iterator[list[Any]]:
    yield from (list(part) for part in rows.partitions(CHUNK))


def _history(db_session: Session, name: str, keys: list[str]) -> dict[str, list[Any]]:
    statement = (
        select(AuditEntry.entity_id, AuditEntry.operation, AuditEntry.old, AuditEntry.new)  # type: ignore[call-overload]
        .where(col(AuditEntry.entity) == name, col(AuditEntry.entity_id).in_(keys))
        .where(col(AuditEntry.operation).in_(("insert", "update", "delete")))
        .order_by(AuditEntry.id)
    )
    history: dict[str, list[Any]] = {}
    for key, operation, old, new in db_session.execute(statement):
        history.setdefault(key, []).append((operation, old or {}, new or {}))
    return history


def _compare(name: str, key: str, row: Any, history: list[Any], result: Verification) -> None:
    inserted = bool(history) and history[0][0] == "insert"
    if not inserted and not row.get("batch_id"):
        result.add(f"{name} {key} was inserted behind the audit")
        return
    values: dict[str, Any] = {}
    for operation, old, new in history:
        if operation == "delete":
            values = {}
        if operation == "update" and any(values.get(column, value) != value for column, value in old.items()):
            result.add(f"{name} {key} was changed behind the audit before one of its recorded changes")
        values.update(new)
    changed = [column for column, value in values.items() if column in row and plain(name, column, row[column]) != value]
    if changed:
        result.add(f"{name} {key} was changed behind the audit: {', '.join(changed)}")


def _compare_batches(db_session: Session, result: Verification) -> None:
    """Rows of bulk imports: each as it was at the import, against the batch's hash."""
    entries = select(AuditEntry.entity_id, AuditEntry.new).where(col(AuditEntry.operation) == "insert_batch")  # type: ignore[call-overload]
    known: dict[str, set[str]] = {}
    for batch_id, summary in db_session.execute(entries).all():
        for name, fact in summary.items():
            if name not in SQLModel.metadata.tables:
                result.add(f"the entry of import {batch_id} names {name!r}, which is no table")
                continue
            known.setdefault(name, set()).add(batch_id)
            _compare_batch(db_session, name, batch_id, fact, result)
    for name, table in SQLModel.metadata.tables.items():
        if "batch_id" in table.c and name not in UNAUDITED:
            strangers = select(table.c.id).where(table.c.batch_id.is_not(None), table.c.batch_id.notin_(known.get(name, {""})))
            for (key,) in db_session.execute(strangers):
                result.add(f"{name} {key} names an import that the audit does not know")


def _compare_batch(db_session: Session, name: str, batch_id: str, fact: dict[str, Any], result: Verification) -> None:
    table = SQLModel.metadata.tables[name]
    lines: list[bytes] = []
    for rows in _chunks(
        db_session.execute(select(table).where(table.c.batch_id == batch_id).execution_options(yield_per=CHUNK)).mappings()
    ):
        history = _history(db_session, name, [str(row["id"]) for row in rows])
        for row in rows:
            values = {column: plain(name, column, row[column]) for column in fact["columns"] if column in row}
            for _, old, _ in reversed(history.get(str(row["id"]), [])):
                values.update({column: value for column, value in old.items() if column in values})
            lines.append(row_line(name, fact["columns"], values))
    if len(lines) != fact["rows"] or hash_lines(lines) != fact["sha256"]:
        result.add(f"{name}: the rows of import {batch_id} are not those that were taken in ({len(lines)} of {fact['rows']})")
