"""Studies, their protocol versions, deviations, known changes and data queries."""

from typing import Any, Literal

from pydantic import AwareDatetime
from sqlalchemy import CheckConstraint, String, UniqueConstraint
from sqlmodel import Field, SQLModel

from db.base import UTC, new_id, one_of

StudyState = Literal["draft", "active", "locked", "unblinded", "archived"]
QueryState = Literal["open", "answered", "closed"]


class Study(SQLModel, table=True):
    """A research study: its state and the protocol version in force."""

    __tablename__ = "study"
    __table_args__: Any = (one_of("state", StudyState),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=16)
    name: str = Field(max_length=60, unique=True, min_length=1)
    title: str = Field(max_length=300)
    state: StudyState = Field(default="draft", sa_type=String(20))
    simulated: bool = Field(default=False)
    created_at: AwareDatetime = Field(sa_type=UTC)
    activated_at: AwareDatetime | None = Field(default=None, sa_type=UTC)
    locked_at: AwareDatetime | None = Field(default=None, sa_type=UTC)
    unblinded_at: AwareDatetime | None = Field(default=None, sa_type=UTC)
    archived_at: AwareDatetime | None = Field(default=None, sa_type=UTC)


class ProtocolVersion(SQLModel, table=True):
    """The exact text of one version of a study's protocol; the newest is in force, none is ever changed."""

    __tablename__ = "protocol_version"
    __table_args__: Any = (UniqueConstraint("study_id", "number"), CheckConstraint("number >= 1", name="number"))

    id: str = Field(default_factory=new_id, primary_key=True, max_length=16)
    study_id: str = Field(foreign_key="study.id", max_length=16, index=True)
    number: int = Field(ge=1)
    sha256: str = Field(max_length=64)
    toml: str
    reason: str = Field(default="", max_length=1000)
    created_at: AwareDatetime = Field(sa_type=UTC)
    created_by: str = Field(max_length=60)


class Deviation(SQLModel, table=True):
    """Something done otherwise than the protocol says; reported with the results."""

    __tablename__ = "deviation"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=16)
    study_id: str = Field(foreign_key="study.id", max_length=16, index=True)
    case_id: str | None = Field(default=None, foreign_key="study_case.id", max_length=16)
    kind: str = Field(max_length=60)
    description: str = Field(max_length=2000)
    recorded_at: AwareDatetime = Field(sa_type=UTC)
    recorded_by: str = Field(max_length=60)


class KnownChange(SQLModel, table=True):
    """A change in a department that a manager marked: limits of charts start afresh at its day."""

    __tablename__ = "known_change"
    __table_args__: Any = (UniqueConstraint("study_id", "day", "name"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=16)
    study_id: str = Field(foreign_key="study.id", max_length=16, index=True)
    day: str = Field(max_length=10)
    name: str = Field(max_length=80, min_length=1)
    marked_at: AwareDatetime = Field(sa_type=UTC)
    marked_by: str = Field(max_length=60)
    marked_as: str = Field(max_length=20)


class DataQuery(SQLModel, table=True):
    """A question about a recorded value, its answer and its closing."""

    __tablename__ = "data_query"
    __table_args__: Any = (one_of("state", QueryState),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=16)
    study_id: str = Field(foreign_key="study.id", max_length=16, index=True)
    entity: str = Field(max_length=40)
    entity_id: str = Field(max_length=40)
    question: str = Field(max_length=2000)
    state: QueryState = Field(default="open", sa_type=String(20))
    raised_at: AwareDatetime = Field(sa_type=UTC)
    raised_by: str = Field(max_length=60)
    answer: str | None = Field(default=None, max_length=2000)
    answered_at: AwareDatetime | None = Field(default=None, sa_type=UTC)
    answered_by: str | None = Field(default=None, max_length=60)
    closed_at: AwareDatetime | None = Field(default=None, sa_type=UTC)
    closed_by: str | None = Field(default=None, max_length=60)
