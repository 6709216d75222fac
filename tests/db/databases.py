"""A fresh, migrated database for every test: SQLite in memory, or PostgreSQL when TEST_DATABASE_URL names a server."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from uuid import uuid4

from sqlalchemy import Engine, create_engine, make_url, text

from db.engine import open_engine
from db.migrate import upgrade

SERVER = os.environ.get("TEST_DATABASE_URL")


@contextmanager
def fresh_engine(path=None, *, anchor=None) -> Iterator[Engine]:
    """SQLite in memory (or in `path`), or a new PostgreSQL database that is dropped afterwards."""
    if not SERVER:
        engine = open_engine(f"sqlite:///{path}" if path else "sqlite://", anchor=anchor)
        connection = engine.raw_connection()
        connection.driver_connection.deserialize(_migrated()) if not path else upgrade(engine)
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


@contextmanager
def postgres_database(server: str) -> Iterator[str]:
    """A copy of a migrated template, so that a test pays for a file copy and not for the migrations."""
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    name = f"test_{uuid4().hex[:12]}"
    with admin.connect() as connection:
        if not connection.execute(text("SELECT 1 FROM pg_database WHERE datname = 'gilbreth_template'")).first():
            connection.execute(text("CREATE DATABASE gilbreth_template"))
            template = open_engine(make_url(server).set(database="gilbreth_template").render_as_string(hide_password=False))
            upgrade(template)
            template.dispose()
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE gilbreth_template"))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()
