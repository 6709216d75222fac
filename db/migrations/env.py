"""How Alembic reaches the database: through the engine that `db.migrate` hands over, in one transaction."""

from typing import Any

from alembic import context
from sqlalchemy import Engine
from sqlmodel import SQLModel

import db.tables  # noqa: F401


def run(engine: Engine) -> None:
    """Run the steps that Alembic asks for.

    A batch step rebuilds a SQLite table, and with foreign keys on, that would drop its children's rows: they are off
    while it runs and checked before the commit.
    """
    with engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        raw: Any = connection.connection.driver_connection
        if sqlite:
            raw.execute("PRAGMA foreign_keys = OFF")
        try:
            # Begun here: by itself Alembic gives every step of SQLite a transaction of its own.
            with connection.begin():
                context.configure(connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True, compare_type=True)
                with context.begin_transaction():
                    context.run_migrations()
                if sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()):
                    raise RuntimeError(f"the migration would leave {len(broken)} rows without their parent; nothing was changed")
        finally:
            if sqlite:
                raw.execute("PRAGMA foreign_keys = ON")


if getattr(context, "config", None):  # absent when a tool imports this file outside a migration
    run(context.config.attributes["engine"])
