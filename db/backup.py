"""Copies of a SQLite database while it is in use, and whether a copy is sound."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine

from db.errors import DatabaseError


def copy_sqlite(engine: Engine, target: Path) -> None:
    """Copy the whole database as of one moment; writers go on meanwhile.

    The copy is written beside its place and renamed when it is complete and sound, so a half copy is never taken for one.
    """
    source = engine.url.database
    if engine.dialect.name != "sqlite" or not source:
        raise DatabaseError("only a SQLite file is copied this way; use pg_dump for PostgreSQL")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".part")
    partial.unlink(missing_ok=True)
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as reader, closing(sqlite3.connect(partial)) as writer:
        reader.backup(writer, pages=2000)
        writer.execute("PRAGMA journal_mode = DELETE")
        problems = writer.execute("PRAGMA integrity_check").fetchall()
    if problems != [("ok",)]:
        partial.unlink()
        raise DatabaseError(f"the copy is not sound: {problems[0][0]}")
    partial.replace(target)
