"""Bring a database to this program's revision, or back; the steps ship inside the wheel."""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlmodel import SQLModel

import db.tables  # noqa: F401  the tables register themselves
from db.errors import SchemaMismatch

FOLDER = Path(__file__).parent / "migrations"


def _config(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine, *, revision: str = "head") -> None:
    """Apply every missing step in one transaction: it is done whole or not at all.

    Examples
    --------
    >>> from db.engine import open_engine
    >>> engine = open_engine("sqlite://")
    >>> upgrade(engine)
    >>> current(engine) == newest()
    True
    """
    command.upgrade(_config(engine), revision)


def downgrade(engine: Engine, *, revision: str) -> None:
    """Go back to an older revision (`base` for none)."""
    command.downgrade(_config(engine), revision)


def newest() -> str:
    """The revision this program needs."""
    head = ScriptDirectory(str(FOLDER)).get_current_head()
    if head is None:
        raise SchemaMismatch("no migrations are installed; install gilbreth again")
    return head


def is_known(revision: str) -> bool:
    """Whether this program has the steps from a revision; false for a newer program's."""
    return revision in {step.revision for step in ScriptDirectory(str(FOLDER)).walk_revisions()}


def current(engine: Engine) -> str | None:
    """The revision the database has; None when it is empty."""
    with engine.execution_options(read_only=True).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def require_current(engine: Engine) -> None:
    """Raise `SchemaMismatch` unless the database has this program's revision."""
    have, need = current(engine), newest()
    if have != need:
        raise SchemaMismatch(f"expected database revision {need}, got {have or 'an empty database'}; run gilbreth study upgrade")


def drift(engine: Engine) -> list[object]:
    """Differences between the tables in the database and in the program; empty when they agree."""
    with engine.execution_options(read_only=True).connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), SQLModel.metadata))
