"""A fresh, migrated database for every test: SQLite in memory, or PostgreSQL when TEST_DATABASE_URL names a server."""

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from uuid import uuid4

from sqlalchemy import Engine, create_engine, make_url, text
from sqlmodel import SQLModel

from db.engine import open_engine
from db.migrate import upgrade

SERVER = os.environ.get("TEST_DATABASE_URL")


@contextmanager
def fresh_engine(path=None, *, anchor=None) -> Iterator[Engine]:
    """SQLite in memory (or in `path`), or a new PostgreSQL database that is dropped afterwards."""
    if not SERVER:
        if path:
            path.write_bytes(_migrated())
        engine = open_engine(f"sqlite:///{path}" if path else "sqlite://", anchor=anchor)
        if not path:
            connection = engine.raw_connection()
            connection.driver_connection.deserialize(_migrated())
            connection.close()
        yield engine
        engine.dispose()
        return
    with postgres_database(SERVER) as url:
        engine = open_engine(url, anchor=anchor)
        yield engine
        engine.dispose()


@cache
def _migrated() -> bytes:
    """A migrated database as bytes: copying it is fifty times faster than migrating."""
    engine = open_engine("sqlite://")
    upgrade(engine)
    connection = engine.raw_connection()
    content = connection.driver_connection.serialize()
    connection.close()
    return content


_FREE: list[str] = []  # databases of this process that are empty and waiting


@contextmanager
def postgres_database(server: str) -> Iterator[str]:
    """A migrated, empty database: emptied after each test and used again, for making one takes seconds."""
    url = _FREE.pop() if _FREE else _new_database(server)
    try:
        yield url
    finally:
        engine = create_engine(url)
        with engine.begin() as connection:
            names = ", ".join(f'"{table}"' for table in SQLModel.metadata.tables)
            connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
        engine.dispose()
        _FREE.append(url)


def _new_database(server: str) -> str:
    name = f"test_{uuid4().hex[:12]}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    url = make_url(server).set(database=name).render_as_string(hide_password=False)
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    atexit.register(_drop, admin, name)
    return url


def _drop(admin: Engine, name: str) -> None:
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()
