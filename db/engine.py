"""One engine by URL and one transaction per use case.

SQLite is the default home: write-ahead log, synchronous=FULL, foreign keys on, `BEGIN IMMEDIATE` for every write. On
both databases writers queue for one lock, so a use case that reads and then writes never meets another one half-way.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool
from sqlmodel import Session

import db.locks  # noqa: F401  its listener refuses changes to a locked study
from db.audit import Actor, attach
from db.errors import DatabaseUnreachable
from db.writers import Writers, written

BUSY_SECONDS = 60.0
CACHE_KIB = 32 * 1024  # of a connection, filled as needed; 2 MiB by default, with which filling a large table reads each index page again


def sqlite_url(path: Path) -> str:
    """The URL of a database file.

    Examples
    --------
    >>> sqlite_url(Path("/data/gilbreth.sqlite"))
    'sqlite:////data/gilbreth.sqlite'
    """
    return f"sqlite:///{path}"


def open_engine(url: str, *, anchor: Path | None = None, pool_size: int = 10) -> Engine:
    """Open a database; nothing is connected until it is used.

    Parameters
    ----------
    url : str
        `sqlite:///file`, `sqlite://` (in memory) or `postgresql+psycopg://..`; `postgresql://` means psycopg.
    anchor : Path, optional
        File outside the database that holds the head of the audit chain.
    pool_size : int
        Connections kept open.

    Raises
    ------
    DatabaseUnreachable
        If the driver for this kind of database is not installed.
    """
    address = make_url(url)
    if address.drivername in ("postgresql", "postgres"):
        address = address.set(drivername="postgresql+psycopg")
    if address.get_backend_name() == "sqlite":
        engine = _sqlite_engine(address, pool_size=pool_size)
    else:
        try:
            engine = create_engine(address, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True, pool_timeout=BUSY_SECONDS)
        except ModuleNotFoundError as error:
            raise DatabaseUnreachable(f"the driver {error.name} is missing; pip install 'gilbreth[postgres]'") from error
    engine.__dict__["gilbreth_writers"] = Writers()
    attach(engine, anchor=anchor)
    return engine


def _sqlite_engine(address: Any, *, pool_size: int) -> Engine:
    in_memory = address.database in (None, "", ":memory:")
    # Connections are kept: closing the last one would copy the whole log into the file after every transaction.
    pool: dict[str, Any] = {"poolclass": StaticPool} if in_memory else {"pool_size": pool_size, "max_overflow": -1}
    engine = create_engine(address, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}, **pool)

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
        connection.execute("PRAGMA foreign_keys = ON")
        if not in_memory:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get("read_only") else "BEGIN IMMEDIATE")

    return engine


@contextmanager
def transaction(
    engine: Engine, *, actor: Actor | None = None, reason: str = "", request_id: str = "", quick: bool = False
) -> Iterator[Session]:
    """One use case: committed as a whole when the block ends, rolled back when it raises.

    Parameters
    ----------
    engine : Engine
        From `open_engine`.
    actor : Actor, optional
        Who acts, for the audit; the program itself when absent.
    reason : str
        Why, for the audit, where the act needs one.
    request_id : str
        Ties the audit entries of one request together.
    quick : bool
        Whether this use case takes milliseconds and comes often: it may then share its commit with others of its kind that
        wait in the queue. Each is still whole by itself, and durable when the block ends.

    Examples
    --------
    >>> from db.migrate import upgrade
    >>> from db.tables import Site
    >>> engine = open_engine("sqlite://")
    >>> upgrade(engine)
    >>> with transaction(engine) as db_session:
    ...     db_session.add(Site.model_validate({"code": "S1", "name": "First hospital"}))
    >>> from sqlmodel import select
    >>> with snapshot(engine) as db_session:
    ...     db_session.exec(select(Site.name)).all()
    ['First hospital']
    """
    with written(engine, engine.__dict__["gilbreth_writers"], quick=quick) as db_session:
        db_session.info.update(actor=actor or Actor(), reason=reason, request_id=request_id)
        yield db_session


@contextmanager
def snapshot(engine: Engine) -> Iterator[Session]:
    """A consistent view for reading that waits for no writer; whatever is added in it is thrown away."""
    with Session(engine.execution_options(read_only=True), expire_on_commit=False, autoflush=False) as db_session:
        yield db_session
        db_session.expunge_all()  # what was read stays usable after the block
        db_session.rollback()


def database_url(home: Path) -> str:
    """The database of a home: `GILBRETH_DATABASE_URL` if set, else a SQLite file inside it."""
    return os.environ.get("GILBRETH_DATABASE_URL") or sqlite_url(home / "gilbreth.sqlite")


def describe(url: str) -> dict[str, Any]:
    """Whether a database can be reached and is current: `url` (without its password), `state`, `detail`.

    Examples
    --------
    >>> describe("sqlite://")["state"]
    'empty'
    """
    from db.migrate import current, newest

    address = make_url(url)
    shown = address.render_as_string(hide_password=True)
    if address.get_backend_name() == "sqlite" and address.database and not Path(address.database).exists():
        return {"url": shown, "state": "empty", "detail": "it is made on first use"}
    try:
        engine = open_engine(url)
        have = current(engine)
        engine.dispose()
    except (SQLAlchemyError, DatabaseUnreachable) as error:
        return {"url": shown, "state": "unreachable", "detail": str(error).splitlines()[0]}
    if have is None:
        return {"url": shown, "state": "empty", "detail": "it is made on first use"}
    if have != newest():
        return {"url": shown, "state": "outdated", "detail": f"revision {have}, newest {newest()}; run gilbreth study upgrade"}
    return {"url": shown, "state": "current", "detail": f"revision {have}"}
