"""Many rows at once under one audit entry: the hash of the rows stands for them, and `verify` computes it again."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlmodel import Session, SQLModel

from db.audit import plain, record
from db.locks import require_unlocked
from db.tables import ImportBatch

CHUNK = 5000


def row_line(table: str, columns: Sequence[str], values: Mapping[str, Any]) -> bytes:
    """One row as the batch's hash sees it."""
    content = [plain(table, column, values.get(column)) for column in columns]
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def insert_batch(
    db_session: Session, *, batch: ImportBatch, rows: Mapping[type[SQLModel], Sequence[Mapping[str, Any]]], check: bool = True
) -> None:
    """Insert rows of several tables for one import, with one audit entry.

    Parameters
    ----------
    batch : ImportBatch
        The import, already added; every row is marked with its id.
    rows : mapping
        Table class to rows as dictionaries, parents before children.
    check : bool
        Validate every row by its table's rules first. Leave it on for anything that came from outside.

    Raises
    ------
    ValueError
        When a row breaks its table's rules; nothing is inserted.
    """
    db_session.flush()
    require_unlocked(db_session, study_id=batch.study_id)
    summary: dict[str, Any] = {}
    for model, given in rows.items():
        table: Any = model.__table__  # type: ignore[attr-defined]
        numbered = table.c.id.autoincrement is True or table.name == "event"
        marked: list[dict[str, Any]] = [{**values, "batch_id": batch.id} for values in given]
        full = [model.model_validate(values).model_dump() if check else values for values in marked]
        for start in range(0, len(full), CHUNK):
            part = full[start : start + CHUNK]
            db_session.connection().execute(table.insert(), [_without_id(values) if numbered else values for values in part])
        if full:
            columns = [column.name for column in table.columns if not (numbered and column.name == "id")]
            summary[table.name] = {
                "rows": len(full),
                "columns": columns,
                "sha256": hash_lines(row_line(table.name, columns, values) for values in full),
            }
    record(db_session, operation="insert_batch", entity="import_batch", entity_id=batch.id, new=summary)


def _without_id(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "id"}


def hash_lines(lines: Iterable[bytes]) -> str:
    """SHA-256 over the lines in sorted order, so that the order of rows in the database does not matter."""
    whole = hashlib.sha256()
    for line in sorted(lines):
        whole.update(line)
    return whole.hexdigest()
