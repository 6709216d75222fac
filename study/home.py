"""The home of an installation: where its database, its keys and its images live. Wiring happens here and nowhere else."""

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from db.engine import database_url, open_engine
from db.migrate import current, require_current, upgrade


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
    """Open a home; an empty database gets its tables, an outdated one is refused with the command that upgrades it.

    Raises
    ------
    db.errors.SchemaMismatch
        When the database has another revision than this program.
    """
    path.mkdir(parents=True, exist_ok=True)
    engine = open_engine(database_url(path), anchor=anchor_path(path))
    if current(engine) is None:
        upgrade(engine)
    require_current(engine)
    return Home(path, engine)
