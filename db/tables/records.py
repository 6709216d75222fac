"""Signatures and the audit: who did what, when, in which role, from what to what, and why."""

from typing import Any

from pydantic import AwareDatetime
from sqlmodel import Field, SQLModel

from db.base import UTC, Json, new_id
from db.tables.work import LongInteger


class Signature(SQLModel, table=True):
    """A person's signature under the hash of what was signed; void once that content changes."""

    __tablename__ = "signature"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=16)
    account_id: str = Field(foreign_key="account.id", max_length=16)
    printed_name: str = Field(max_length=120)
    meaning: str = Field(max_length=200)
    entity: str = Field(max_length=40)
    entity_id: str = Field(max_length=40, index=True)
    content_sha256: str = Field(max_length=64)
    signed_at: AwareDatetime = Field(sa_type=UTC)
    seal: str = Field(max_length=64)
    voided_at: AwareDatetime | None = Field(default=None, sa_type=UTC)
    void_reason: str | None = Field(default=None, max_length=500)


class AuditEntry(SQLModel, table=True):
    """One link of the hash chain: `sha256` covers this row and `previous_sha256`. Written below the services."""

    __tablename__ = "audit_entry"

    id: int = Field(sa_type=LongInteger, primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: AwareDatetime = Field(sa_type=UTC)
    account: str = Field(max_length=60, index=True)
    role: str = Field(max_length=20)
    operation: str = Field(max_length=40)
    entity: str = Field(max_length=40)
    entity_id: str = Field(max_length=64, index=True)
    old: dict[str, Any] | None = Field(default=None, sa_type=Json)
    new: dict[str, Any] | None = Field(default=None, sa_type=Json)
    reason: str = Field(default="", max_length=1000)
    session_id: str = Field(default="", max_length=64)
    request_id: str = Field(default="", max_length=64)
    previous_sha256: str = Field(max_length=64)
    sha256: str = Field(max_length=64, unique=True)
