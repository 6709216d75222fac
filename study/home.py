"""The home of an installation: one folder that holds database, keys, scans and results, unless told otherwise.

`GILBRETH_DATABASE_URL` moves the database elsewhere; `GILBRETH_KEYS` moves the keys (allocation key, site key, audit head) out of
the administrator's reach, as docs/security.md asks for.
"""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine


@dataclass(frozen=True)
class Home:
    """Paths of an installation.

    Parameters
    ----------
    folder : Path
        The home; created when missing.

    Examples
    --------
    >>> import tempfile
    >>> home = Home(Path(tempfile.mkdtemp()))
    >>> home.database_url.startswith("sqlite:///")
    True
    """

    folder: Path

    @property
    def database_url(self) -> str:
        """`GILBRETH_DATABASE_URL`, else an SQLite file inside the home."""
        from db.engine import sqlite_url

        return os.environ.get("GILBRETH_DATABASE_URL") or sqlite_url(self.folder.resolve() / "gilbreth.sqlite")

    @property
    def keys(self) -> Path:
        """Folder of the key files, readable by its owner only: `GILBRETH_KEYS`, else `keys` inside the home."""
        chosen = Path(os.environ["GILBRETH_KEYS"]) if os.environ.get("GILBRETH_KEYS") else self.folder / "keys"
        chosen.mkdir(mode=0o700, parents=True, exist_ok=True)
        return chosen

    @property
    def anchor(self) -> Path:
        """File that holds the head of the audit chain."""
        return self.keys / "audit.head"

    @property
    def reconstructions(self) -> Path:
        """Folder of what `reconstruct` wrote, one folder per case."""
        return self.folder / "reconstructions"

    @property
    def image_sets(self) -> Path:
        """Folder of the image sets that readers see, under neutral ids."""
        return self.folder / "image_sets"

    def secret(self, name: str) -> str:
        """A random secret of this home, made on first use and kept in the keys folder (mode 600)."""
        path = self.keys / f"{name}.secret"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text()
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
        return path.read_text()

    def open(self, *, upgrade: bool = False) -> "Engine":
        """The database engine; with `upgrade`, its tables are first brought to this program's revision."""
        from db.engine import open_engine
        from db.migrate import upgrade as migrate

        self.folder.mkdir(parents=True, exist_ok=True)
        engine = open_engine(self.database_url, anchor=self.anchor)
        if upgrade:
            migrate(engine)
        return engine
