"""Readings of image sets and their ratings. No column here names an arm but the reader's guess."""

from typing import Any, Literal

from pydantic import AwareDatetime
from sqlalchemy import CheckConstraint, String, UniqueConstraint
from sqlmodel import Field, SQLModel

from db.base import UTC, Json, new_id, not_negative, one_of

ReadingState = Literal["assigned", "open", "submitted", "void"]
Purpose = Literal["primary", "repeat", "calibration", "adjudication"]
Guess = Literal["manual", "ai", "unsure"]


class Reading(SQLModel, table=True):
    """One reader, one image set, one round. `revision` counts saved drafts, so that a stale tab cannot overwrite."""

    __tablename__ = "reading"
    __table_args__: Any = (
        UniqueConstraint("reader_id", "image_set_id", "round"),
        one_of("state", ReadingState),
        one_of("purpose", Purpose),
        one_of("guess", Guess, optional=True),
        CheckConstraint("round >= 1", name="round"),
        CheckConstraint("confidence IS NULL OR confidence BETWEEN 1 AND 5", name="confidence"),
        not_negative("revision"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=16)
    study_id: str = Field(foreign_key="study.id", max_length=16, index=True)
    image_set_id: str = Field(foreign_key="image_set.id", max_length=16, index=True)
    reader_id: str = Field(foreign_key="account.id", max_length=16, index=True)
    round: int = Field(default=1, ge=1)
    purpose: Purpose = Field(default="primary", sa_type=String(20))
    position: int = Field(default=0)
    state: ReadingState = Field(default="assigned", sa_type=String(20))
    available_from: AwareDatetime | None = Field(default=None, sa_type=UTC)
    assigned_at: AwareDatetime = Field(sa_type=UTC)
    submitted_at: AwareDatetime | None = Field(default=None, sa_type=UTC)
    draft: dict[str, Any] | None = Field(default=None, sa_type=Json)
    revision: int = Field(default=0, ge=0)
    guess: Guess | None = Field(default=None, sa_type=String(10))
    confidence: int | None = Field(default=None, ge=1, le=5)
    remark: str = Field(default="", max_length=4000)
    problem: str | None = Field(default=None, max_length=1000)
    batch_id: str | None = Field(default=None, foreign_key="import_batch.id", max_length=16)


class Rating(SQLModel, table=True):
    """One answer in a reading. An amendment is a new row with a higher number and a reason; the first value stays."""

    __tablename__ = "rating"
    __table_args__: Any = (
        UniqueConstraint("reading_id", "region", "amendment"),
        not_negative("amendment"),
        CheckConstraint("quality IS NULL OR quality BETWEEN 1 AND 5", name="quality"),
        CheckConstraint("amendment = 0 OR length(amend_reason) > 0", name="amendment_has_reason"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=16)
    reading_id: str = Field(foreign_key="reading.id", max_length=16, index=True)
    region: str = Field(max_length=40)
    quality: int | None = Field(default=None, ge=1, le=5)
    passed: bool | None = Field(default=None)
    reason: str | None = Field(default=None, max_length=200)
    amendment: int = Field(default=0, ge=0)
    amend_reason: str | None = Field(default=None, max_length=500)
    rated_at: AwareDatetime = Field(sa_type=UTC)
    batch_id: str | None = Field(default=None, foreign_key="import_batch.id", max_length=16)
