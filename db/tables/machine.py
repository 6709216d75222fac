"""What the machine did: inference runs, the image sets that readers see, and the ledger of batch jobs."""

from typing import Any, Literal

from pydantic import AwareDatetime
from sqlalchemy import String, UniqueConstraint
from sqlmodel import Field, SQLModel

from db.base import UTC, Json, new_id, not_negative, one_of

RunState = Literal["running", "done", "failed"]
Verdict = Literal["accept", "review", "reject"]
JobState = Literal["waiting", "running", "done", "failed", "poisoned"]


class Run(SQLModel, table=True):
    """One inference on one case, with model, device and time per stage."""

    __tablename__ = "run"
    __table_args__: Any = (one_of("state", RunState), one_of("verdict", Verdict, optional=True), not_negative("seconds"))

    id: str = Field(default_factory=new_id, primary_key=True, max_length=16)
    case_id: str = Field(foreign_key="study_case.id", max_length=16, index=True)
    state: RunState = Field(default="running", sa_type=String(20))
    method: str = Field(default="network", max_length=40)
    model_name: str = Field(default="", max_length=120)
    model_version: str = Field(default="", max_length=60)
    model_sha256: str = Field(default="", max_length=64)
    device: str = Field(default="", max_length=60)
    engine: str = Field(default="", max_length=60)
    software_version: str = Field(default="", max_length=40)
    started_at: AwareDatetime = Field(sa_type=UTC)
    seconds: float | None = Field(default=None, ge=0)
    stages: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    verdict: Verdict | None = Field(default=None, sa_type=String(10))
    findings: list[Any] = Field(default_factory=list, sa_type=Json)
    output_path: str | None = Field(default=None, max_length=500)
    output_sha256: str | None = Field(default=None, max_length=64)
    failure: str | None = Field(default=None, max_length=1000)


class ImageSet(SQLModel, table=True):
    """The pictures one task made of one case, under a neutral id and a neutral path.

    `problem` holds what differs from the protocol's views, window or size; such a set is kept from readers until settled.
    """

    __tablename__ = "image_set"
    __table_args__: Any = (not_negative("frames"), UniqueConstraint("path"))

    id: str = Field(default_factory=new_id, primary_key=True, max_length=16)
    study_id: str = Field(foreign_key="study.id", max_length=16, index=True)
    task_id: str = Field(foreign_key="task.id", max_length=16, index=True)
    run_id: str | None = Field(default=None, foreign_key="run.id", max_length=16)
    path: str = Field(max_length=200)
    sha256: str = Field(max_length=64)
    frames: int = Field(ge=0)
    views: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    problem: str | None = Field(default=None, max_length=500)
    calibration: bool = Field(default=False)
    created_at: AwareDatetime = Field(sa_type=UTC)
    batch_id: str | None = Field(default=None, foreign_key="import_batch.id", max_length=16)


class Job(SQLModel, table=True):
    """One scan of a batch: done when its outputs are complete and hashed."""

    __tablename__ = "job"
    __table_args__: Any = (UniqueConstraint("batch", "name"), one_of("state", JobState), not_negative("attempts"), not_negative("seconds"))

    id: str = Field(default_factory=new_id, primary_key=True, max_length=16)
    batch: str = Field(max_length=200, index=True)
    name: str = Field(max_length=200)
    path: str = Field(max_length=1000)
    unenhanced: str | None = Field(default=None, max_length=1000)
    state: JobState = Field(default="waiting", sa_type=String(20))
    attempts: int = Field(default=0, ge=0)
    worker: str | None = Field(default=None, max_length=120)
    leased_until: AwareDatetime | None = Field(default=None, sa_type=UTC)
    output_sha256: str | None = Field(default=None, max_length=64)
    code: str | None = Field(default=None, max_length=60)
    reason: str | None = Field(default=None, max_length=1000)
    seconds: float | None = Field(default=None, ge=0)
    created_at: AwareDatetime = Field(sa_type=UTC)
    finished_at: AwareDatetime | None = Field(default=None, sa_type=UTC)
