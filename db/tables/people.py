"""Sites, accounts, roles, sign-in sessions and the consent of the observed."""

from typing import Any, Literal

from pydantic import AwareDatetime
from sqlalchemy import Index, String, UniqueConstraint
from sqlmodel import Field, SQLModel

from db.base import UTC, new_id, not_negative, one_of, only

RoleName = Literal[
    "investigator", "technologist", "reader", "observer", "manager", "monitor", "allocator", "adjudicator", "administrator", "scientist"
]
EndReason = Literal["logout", "idle", "expired", "revoked"]


class Site(SQLModel, table=True):
    """A hospital or department."""

    __tablename__ = "site"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=16)
    code: str = Field(max_length=40, unique=True, min_length=1)
    name: str = Field(max_length=200)
    time_zone: str = Field(default="UTC", max_length=60)


class Account(SQLModel, table=True):
    """A named person who may sign in. `code` stands for the person in tables and exports."""

    __tablename__ = "account"
    __table_args__: Any = (not_negative("failed_attempts"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=16)
    name: str = Field(max_length=60, unique=True, min_length=1)
    code: str = Field(max_length=40, unique=True, min_length=1)
    display_name: str = Field(default="", max_length=120)
    site_id: str | None = Field(default=None, foreign_key="site.id", max_length=16)
    password_hash: str | None = Field(default=None, max_length=300)
    must_change_password: bool = Field(default=False)
    oidc_subject: str | None = Field(default=None, max_length=300, unique=True)
    language: str = Field(default="en", max_length=10)
    created_at: AwareDatetime = Field(sa_type=UTC)
    disabled_at: AwareDatetime | None = Field(default=None, sa_type=UTC)
    failed_attempts: int = Field(default=0, ge=0)
    locked_until: AwareDatetime | None = Field(default=None, sa_type=UTC)


class RoleGrant(SQLModel, table=True):
    """One role of one account, in one study or (study_id empty) everywhere; revoked, never deleted."""

    __tablename__ = "role_grant"
    __table_args__: Any = (
        one_of("role", RoleName),
        Index("uq_role_grant_study", "account_id", "role", "study_id", unique=True, **only("revoked_at IS NULL")),
        Index("uq_role_grant_everywhere", "account_id", "role", unique=True, **only("revoked_at IS NULL AND study_id IS NULL")),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=16)
    account_id: str = Field(foreign_key="account.id", max_length=16, index=True)
    role: RoleName = Field(sa_type=String(20))
    study_id: str | None = Field(default=None, foreign_key="study.id", max_length=16)
    granted_at: AwareDatetime = Field(sa_type=UTC)
    granted_by: str = Field(max_length=60)
    revoked_at: AwareDatetime | None = Field(default=None, sa_type=UTC)
    revoked_by: str | None = Field(default=None, max_length=60)


class LoginSession(SQLModel, table=True):
    """One sign-in. `id` is the hash of the cookie's token; the token itself is never stored."""

    __tablename__ = "login_session"
    __table_args__: Any = (one_of("end_reason", EndReason, optional=True),)

    id: str = Field(primary_key=True, max_length=64)
    account_id: str = Field(foreign_key="account.id", max_length=16, index=True)
    created_at: AwareDatetime = Field(sa_type=UTC)
    last_seen_at: AwareDatetime = Field(sa_type=UTC)
    authenticated_at: AwareDatetime = Field(sa_type=UTC)
    ended_at: AwareDatetime | None = Field(default=None, sa_type=UTC)
    end_reason: EndReason | None = Field(default=None, sa_type=String(20))


class Consent(SQLModel, table=True):
    """A technologist's, reader's or observer's consent to be measured in a study, and its withdrawal."""

    __tablename__ = "consent"
    __table_args__: Any = (UniqueConstraint("account_id", "study_id", "given_at"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=16)
    account_id: str = Field(foreign_key="account.id", max_length=16, index=True)
    study_id: str = Field(foreign_key="study.id", max_length=16, index=True)
    text_version: str = Field(max_length=20)
    text_sha256: str = Field(max_length=64)
    given_at: AwareDatetime = Field(sa_type=UTC)
    withdrawn_at: AwareDatetime | None = Field(default=None, sa_type=UTC)
    erase_data: bool = Field(default=False)
    retain_until: AwareDatetime | None = Field(default=None, sa_type=UTC)
