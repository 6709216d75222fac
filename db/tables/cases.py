"""Exams screened and enrolled, the sealed list, and the allocations revealed from it."""

from typing import Any, Literal

from pydantic import AwareDatetime
from sqlalchemy import CheckConstraint, Index, LargeBinary, String, UniqueConstraint
from sqlmodel import Field, SQLModel

from db.base import UTC, Json, new_id, not_negative, one_of

Arm = Literal["manual", "ai"]
CaseState = Literal["screened", "eligible", "excluded", "allocated", "withdrawn"]
AllocationKind = Literal["arm", "sequence"]


class Case(SQLModel, table=True):
    """An exam in the study, under a number and a keyed pseudonym; never under a name."""

    __tablename__ = "study_case"
    __table_args__: Any = (
        UniqueConstraint("study_id", "number"),
        UniqueConstraint("study_id", "pseudonym"),
        one_of("state", CaseState),
        not_negative("ctdi_vol_mgy"),
        not_negative("dlp_mgy_cm"),
        Index("ix_study_case_tally", "study_id", "training", "state", "enrolled_at"),  # accrual counts without reading a row
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=16)
    study_id: str = Field(foreign_key="study.id", max_length=16, index=True)
    site_id: str = Field(foreign_key="site.id", max_length=16, index=True)
    number: str = Field(max_length=40, min_length=1)
    pseudonym: str = Field(max_length=64, min_length=1)
    state: CaseState = Field(default="screened", sa_type=String(20))
    training: bool = Field(default=False)
    strata: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    features: list[str] = Field(default_factory=list, sa_type=Json)
    sex: str | None = Field(default=None, max_length=10)
    age_band: str | None = Field(default=None, max_length=20)
    scanner: str | None = Field(default=None, max_length=120)
    ctdi_vol_mgy: float | None = Field(default=None, ge=0)
    dlp_mgy_cm: float | None = Field(default=None, ge=0)
    scans: int | None = Field(default=None, ge=1)
    scan_path: str | None = Field(default=None, max_length=500)
    scan_sha256: str | None = Field(default=None, max_length=64)
    scanned_at: AwareDatetime | None = Field(default=None, sa_type=UTC)
    enrolled_at: AwareDatetime = Field(sa_type=UTC)
    withdrawn_at: AwareDatetime | None = Field(default=None, sa_type=UTC)
    batch_id: str | None = Field(default=None, foreign_key="import_batch.id", max_length=16)


class Screening(SQLModel, table=True):
    """One look at one exam against the eligibility rules; `locked_at` fixes the answer before the arm is known."""

    __tablename__ = "screening"
    __table_args__: Any = (UniqueConstraint("case_id"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=16)
    study_id: str = Field(foreign_key="study.id", max_length=16, index=True)
    case_id: str = Field(foreign_key="study_case.id", max_length=16)
    eligible: bool
    reasons: list[str] = Field(default_factory=list, sa_type=Json)
    remark: str = Field(default="", max_length=1000)
    screened_at: AwareDatetime = Field(sa_type=UTC)
    screened_by: str = Field(max_length=60)
    locked_at: AwareDatetime | None = Field(default=None, sa_type=UTC)


class SealedEntry(SQLModel, table=True):
    """One line of the allocation list, encrypted; the key lives outside the database."""

    __tablename__ = "sealed_entry"
    __table_args__: Any = (UniqueConstraint("study_id", "stratum", "position"), CheckConstraint("position >= 1", name="position"))

    id: str = Field(default_factory=new_id, primary_key=True, max_length=16)
    study_id: str = Field(foreign_key="study.id", max_length=16, index=True)
    stratum: str = Field(max_length=200)
    position: int = Field(ge=1)
    ciphertext: bytes = Field(sa_type=LargeBinary)
    key_fingerprint: str = Field(max_length=16)
    created_at: AwareDatetime = Field(sa_type=UTC)


class Allocation(SQLModel, table=True):
    """What was drawn for a case: an arm, or for a crossover the sequence of arms."""

    __tablename__ = "allocation"
    __table_args__: Any = (
        UniqueConstraint("case_id"),
        UniqueConstraint("study_id", "stratum", "position"),
        CheckConstraint("sequence IN ('manual', 'ai', 'manual-ai', 'ai-manual')", name="sequence"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=16)
    study_id: str = Field(foreign_key="study.id", max_length=16, index=True)
    case_id: str = Field(foreign_key="study_case.id", max_length=16)
    stratum: str = Field(max_length=200)
    position: int = Field(ge=1)
    sequence: str = Field(max_length=20)
    method: str = Field(max_length=40)
    revealed_at: AwareDatetime = Field(sa_type=UTC)
    revealed_by: str = Field(max_length=60)
