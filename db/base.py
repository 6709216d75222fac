"""What every table shares: names of constraints, aware UTC times, neutral ids, choices checked by the database."""

import secrets
from datetime import UTC as _UTC
from datetime import datetime
from typing import Any, get_args

from sqlalchemy import JSON, CheckConstraint, DateTime, Dialect, TypeDecorator, text
from sqlmodel import SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


Json = JSON(none_as_null=True)  # a missing value is NULL, never the JSON word null


class UTC(TypeDecorator[datetime]):
    """A point in time: stored in UTC, handed back aware, naive input refused (SQLite forgets the zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"expected a time with a zone, got {value.isoformat()}; give one in UTC")
        return value.astimezone(_UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        return value.replace(tzinfo=_UTC) if value.tzinfo is None else value.astimezone(_UTC)


def utc_now() -> datetime:
    """The server's clock; services take `now` as an argument and callers pass this.

    Examples
    --------
    >>> utc_now().tzname()
    'UTC'
    """
    return datetime.now(_UTC)


def new_id() -> str:
    """A neutral id of 16 hex digits: says nothing of order, arm or site.

    Examples
    --------
    >>> len(new_id())
    16
    """
    return secrets.token_hex(8)


def one_of(column: str, choices: Any, *, optional: bool = False) -> CheckConstraint:
    """A CHECK that a column holds one of a `Literal`'s values.

    Examples
    --------
    >>> from typing import Literal
    >>> str(one_of("arm", Literal["manual", "ai"]).sqltext)
    "arm IN ('manual', 'ai')"
    """
    allowed = ", ".join(f"'{choice}'" for choice in get_args(choices))
    condition = f"{column} IN ({allowed})"
    return CheckConstraint(f"{column} IS NULL OR {condition}" if optional else condition, name=column)


def not_negative(column: str) -> CheckConstraint:
    """A CHECK that a number is missing, zero or more."""
    return CheckConstraint(f"{column} IS NULL OR {column} >= 0", name=f"{column}_not_negative")


def only(condition: str) -> dict[str, Any]:
    """Options of an `Index` that cover only some rows, the same on both databases."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}
