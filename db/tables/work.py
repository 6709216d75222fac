"""Tasks, the append-only events from which every duration is computed, leases, observations, one-task tokens, imports."""

from typing import Any, Literal

from pydantic import AwareDatetime
from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, String, UniqueConstraint
from sqlmodel import Field, SQLModel

from db.base import UTC, Json, new_id, not_negative, one_of, only
from db.tables.cases import Arm

TaskState = Literal["planned", "open", "paused", "interrupted", "finished", "aborted", "undone"]
EventKind = Literal[
    "start", "pause", "resume", "interruption", "return", "input", "tool", "lap", "ai_wait", "ai_ready", "correction",
    "hidden", "visible", "hand_over", "lost", "note", "finish", "abort", "undo",
]  # fmt: skip
EventSource = Literal["browser", "agent", "observer", "import", "machine", "simulation"]
InputKind = Literal["click", "double_click", "drag", "other_button", "wheel", "key"]
LongInteger = BigInteger().with_variant(Integer, "sqlite")


class ImportBatch(SQLModel, table=True):
    """One file of tasks or readings taken in; its hash stands for its rows in the audit."""

    __tablename__ = "import_batch"
    __table_args__: Any = (UniqueConstraint("study_id", "file_sha256"), not_negative("row_count"))

    id: str = Field(default_factory=new_id, primary_key=True, max_length=16)
    study_id: str = Field(foreign_key="study.id", max_length=16)
    kind: str = Field(max_length=20)
    file_name: str = Field(max_length=200)
    file_sha256: str = Field(max_length=64)
    row_count: int = Field(ge=0)
    mapping: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    imported_at: AwareDatetime = Field(sa_type=UTC)
    imported_by: str = Field(max_length=60)


class Task(SQLModel, table=True):
    """One technologist, one case, one arm, start to stop. Holds no duration: those are computed from its events."""

    __tablename__ = "task"
    __table_args__: Any = (
        one_of("arm", Arm),
        one_of("state", TaskState),
        CheckConstraint("period >= 1", name="period"),
        Index("uq_task_live", "case_id", "arm", "technologist_id", unique=True, **only("state NOT IN ('undone', 'aborted')")),
        Index("ix_task_tally", "study_id", "training", "state", "missing_reason"),  # accrual counts without reading a row
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=16)
    study_id: str = Field(foreign_key="study.id", max_length=16, index=True)
    case_id: str = Field(foreign_key="study_case.id", max_length=16, index=True)
    technologist_id: str = Field(foreign_key="account.id", max_length=16, index=True)
    arm: Arm = Field(sa_type=String(10))
    period: int = Field(default=1, ge=1)
    sequence: str | None = Field(default=None, max_length=20)
    state: TaskState = Field(default="planned", sa_type=String(20))
    instrument: str = Field(default="browser", max_length=20)
    training: bool = Field(default=False)
    missing_reason: str | None = Field(default=None, max_length=200)
    available_from: AwareDatetime | None = Field(default=None, sa_type=UTC)
    created_at: AwareDatetime = Field(sa_type=UTC)
    batch_id: str | None = Field(default=None, foreign_key="import_batch.id", max_length=16)


class Observation(SQLModel, table=True):
    """One observer's stretch of watching one task."""

    __tablename__ = "observation"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=16)
    task_id: str = Field(foreign_key="task.id", max_length=16, index=True)
    observer_id: str = Field(foreign_key="account.id", max_length=16)
    started_at: AwareDatetime = Field(sa_type=UTC)
    ended_at: AwareDatetime | None = Field(default=None, sa_type=UTC)
    note: str = Field(default="", max_length=2000)


class Event(SQLModel, table=True):
    """Something that happened in a task or a reading; appended once, never changed.

    `at` and `monotonic_seconds` (of the server's `boot`) are stamped on arrival; `client_offset_seconds` is the client's
    own monotonic clock since the page or agent `client` began. `count` inputs of kind `input` in `area` ended at the
    event and began `span_seconds` before.
    """

    __tablename__ = "event"
    __table_args__: Any = (
        one_of("kind", EventKind),
        one_of("source", EventSource),
        one_of("input", InputKind, optional=True),
        not_negative("count"),
        not_negative("span_seconds"),
        CheckConstraint("(task_id IS NULL) <> (reading_id IS NULL)", name="task_or_reading"),
        CheckConstraint("(kind = 'input') = (input IS NOT NULL)", name="input_has_kind"),
    )

    id: int | None = Field(default=None, sa_type=LongInteger, primary_key=True)
    task_id: str | None = Field(default=None, foreign_key="task.id", max_length=16, index=True)
    reading_id: str | None = Field(default=None, foreign_key="reading.id", max_length=16, index=True)
    observation_id: str | None = Field(default=None, foreign_key="observation.id", max_length=16)
    kind: EventKind = Field(sa_type=String(20))
    input: InputKind | None = Field(default=None, sa_type=String(20))
    area: str | None = Field(default=None, max_length=60)
    count: int | None = Field(default=None, ge=0)
    span_seconds: float | None = Field(default=None, ge=0)
    reason: str | None = Field(default=None, max_length=500)
    detail: dict[str, Any] | None = Field(default=None, sa_type=Json)
    at: AwareDatetime = Field(sa_type=UTC)
    boot: str = Field(max_length=40)
    monotonic_seconds: float
    client: str | None = Field(default=None, max_length=40)
    client_offset_seconds: float | None = Field(default=None)
    clock_step_seconds: float | None = Field(default=None)
    actor_id: str | None = Field(default=None, foreign_key="account.id", max_length=16)
    source: EventSource = Field(sa_type=String(20))
    software_version: str = Field(max_length=40)
    key: str = Field(max_length=100, unique=True, min_length=1)
    batch_id: str | None = Field(default=None, foreign_key="import_batch.id", max_length=16)


class Lease(SQLModel, table=True):
    """Who may write a task now: one tab of one technologist; a second tab only reads."""

    __tablename__ = "lease"

    task_id: str = Field(foreign_key="task.id", primary_key=True, max_length=16)
    account_id: str = Field(foreign_key="account.id", max_length=16)
    holder: str = Field(max_length=64)
    renewed_at: AwareDatetime = Field(sa_type=UTC)
    renewed_monotonic_seconds: float
    renewed_boot: str = Field(max_length=40)
    expires_at: AwareDatetime = Field(sa_type=UTC)


class TaskToken(SQLModel, table=True):
    """Lets the desktop agent write to one task for a while. `id` is the token's hash."""

    __tablename__ = "task_token"

    id: str = Field(primary_key=True, max_length=64)
    task_id: str = Field(foreign_key="task.id", max_length=16, index=True)
    account_id: str = Field(foreign_key="account.id", max_length=16)
    issued_at: AwareDatetime = Field(sa_type=UTC)
    expires_at: AwareDatetime = Field(sa_type=UTC)
    revoked_at: AwareDatetime | None = Field(default=None, sa_type=UTC)
