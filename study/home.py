"""The home of an installation: where its database, its keys and its images live. Wiring happens here and nowhere else."""

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from db.engine import database_url, open_engine
from db.errors import DatabaseUnreachable
from db.revision import is_current_file


@dataclass(frozen=True)
class Home:
    """An opened home.

    Parameters
    ----------
    path : Path
        The folder.
    engine : Engine
        Its database, at the current revision.
    """

    path: Path
    engine: Engine

    @property
    def keys(self) -> Path:
        """Folder of the keys; `GILBRETH_KEYS` puts it elsewhere, out of reach of whoever administers the database."""
        return Path(os.environ.get("GILBRETH_KEYS") or self.path / "keys")

    @property
    def images(self) -> Path:
        """Folder of the image sets, each under its neutral id."""
        return self.path / "images"

    @property
    def scans(self) -> Path:
        """Folder of the de-identified copies of the scans, each under its pseudonym (`Case.scan_path`)."""
        return self.path / "scans"

    @property
    def backups(self) -> Path:
        """Folder of automatic backups."""
        return self.path / "backups"

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()


def anchor_path(home: Path) -> Path:
    """Where the head of the audit chain is anchored; `GILBRETH_ANCHOR` puts it elsewhere."""
    return Path(os.environ.get("GILBRETH_ANCHOR") or home / "anchor" / "audit.head")


def open_home(path: Path) -> Home:
    """Open a home. An empty database gets its tables; an outdated SQLite file is copied to `backups` and upgraded.

    Raises
    ------
    db.errors.SchemaMismatch
        When a PostgreSQL database has another revision than this program: several servers may use it, so upgrading is
        somebody's decision (`gilbreth study upgrade`), or when the database is newer than the program.
    """
    path.mkdir(parents=True, exist_ok=True)
    engine = open_engine(database_url(path), anchor=anchor_path(path))
    if not (engine.url.get_backend_name() == "sqlite" and engine.url.database and is_current_file(Path(engine.url.database))):
        _bring_up_to_date(engine, path)
    return Home(path, engine)


def _bring_up_to_date(engine: Engine, path: Path) -> None:
    """Its tools are loaded here and not at every start: a server that was killed is to be up again at once."""
    from db.backup import copy_sqlite
    from db.migrate import current, is_known, newest, require_current, upgrade

    try:
        have = current(engine)
    except OperationalError as error:
        remedy = "start it, or set GILBRETH_DATABASE_URL right"
        raise DatabaseUnreachable(f"the database does not answer ({str(error.orig).splitlines()[0]}); {remedy}") from error
    if have is None:
        upgrade(engine)
    elif have != newest() and is_known(have) and engine.dialect.name == "sqlite":
        copy_sqlite(engine, path / "backups" / f"before-{newest()}-from-{have}.sqlite")
        upgrade(engine)
    require_current(engine)
