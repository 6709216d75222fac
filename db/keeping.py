"""What an older revision cannot hold: kept aside by a migration's way back, put in again by its way forward.

An older program passes such tables by. So a study that goes back to an older program and forward again has lost nothing, and its audit,
which knows every value, still agrees with its tables.
"""
# ruff: noqa: S608  names and conditions are written in the migrations, none comes from outside

import sqlalchemy as sa
from alembic import op

PREFIX = "kept"


def keep_column(table: str, column: str, *, where: str) -> None:
    """Copy the values of a column, for the rows that a condition names; nothing when there are none.

    Parameters
    ----------
    where : str
        SQL condition, written in the migration itself.
    """
    if _any(f"{table} WHERE {where}"):
        kept = f"{PREFIX}_{table}_{column}"
        op.execute(f"CREATE TABLE {kept} AS SELECT id, {column} FROM {table} WHERE {where}")
        op.create_index(f"ix_{kept}_id", kept, ["id"])


def put_column_back(table: str, column: str) -> None:
    """Give rows the values that `keep_column` kept."""
    kept = f"{PREFIX}_{table}_{column}"
    if _exists(kept):
        own = f"SELECT {kept}.{column} FROM {kept} WHERE {kept}.id = {table}.id"
        op.execute(f"UPDATE {table} SET {column} = ({own}) WHERE id IN (SELECT id FROM {kept})")
        op.drop_table(kept)


def keep_rows(table: str) -> None:
    """Copy a table that an older revision does not have; nothing when it is empty."""
    if _any(table):
        op.execute(f"CREATE TABLE {PREFIX}_{table} AS SELECT * FROM {table}")


def put_rows_back(table: str) -> None:
    """Fill a table with the rows that `keep_rows` kept."""
    kept = f"{PREFIX}_{table}"
    if _exists(kept):
        columns = ", ".join(f'"{column["name"]}"' for column in sa.inspect(op.get_bind()).get_columns(kept))
        op.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {kept}")
        op.drop_table(kept)


def drop_kept() -> None:
    """Nothing is left to go forward to: drop all that was kept."""
    for name in sa.inspect(op.get_bind()).get_table_names():
        if name.startswith(f"{PREFIX}_"):
            op.drop_table(name)


def _any(rows: str) -> bool:
    return op.get_bind().execute(sa.text(f"SELECT 1 FROM {rows} LIMIT 1")).first() is not None


def _exists(table: str) -> bool:
    return sa.inspect(op.get_bind()).has_table(table)
