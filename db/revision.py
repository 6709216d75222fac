"""Whether a database file is at this program's revision, told without loading what talks to databases.

For the start of a server: a file that is current needs nobody to look at it before the server does.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

STEPS = Path(__file__).parent / "migrations" / "versions"


def newest_step() -> str:
    """The revision that the newest migration's file is named by.

    Examples
    --------
    >>> from db.migrate import newest
    >>> newest_step() == newest()
    True
    """
    return max(path.name.split("_")[0] for path in STEPS.glob("[0-9]*.py"))


def is_current_file(path: Path) -> bool:
    """Whether this is a SQLite file at the newest revision; false for anything that cannot be read as one.

    Examples
    --------
    >>> is_current_file(Path("/nowhere/gilbreth.sqlite"))
    False
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=1.0)) as file:
            rows = file.execute("SELECT version_num FROM alembic_version").fetchall()
    except (sqlite3.Error, OSError):
        return False
    return rows == [(newest_step(),)]
