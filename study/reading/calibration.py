"""Feedback after a calibration reading: where the others stood, before the study begins and never after."""

from dataclasses import dataclass

from sqlmodel import Session, select

from db.audit import Actor
from db.tables import Reading
from study.errors import Forbidden
from study.reading.answers import Answer
from study.reading.ratings import current_ratings
from study.reading.sittings import own_reading


@dataclass(frozen=True)
class Feedback:
    """One region: one's own answer, and of how many others how many passed it, and their mean quality."""

    region: str
    own: Answer
    others: int
    others_passed: int
    others_quality: float | None


def calibration_feedback(db_session: Session, *, reading_id: str, actor: Actor) -> list[Feedback]:
    """How one's calibration reading compares with the other readers' of the same pictures.

    Raises
    ------
    Forbidden
        For a reading of the study proper, or one that is not submitted.
    """
    reading, _ = own_reading(db_session, reading_id=reading_id, actor=actor)
    if reading.purpose != "calibration" or reading.state != "submitted":
        raise Forbidden("feedback is given on submitted calibration readings only")
    others = db_session.exec(
        select(Reading.id).where(
            Reading.image_set_id == reading.image_set_id,
            Reading.purpose == "calibration",
            Reading.state == "submitted",
            Reading.id != reading.id,
        )
    ).all()
    tables = [current_ratings(db_session, reading_id=other) for other in others]
    feedback = []
    for region, rating in sorted(current_ratings(db_session, reading_id=reading.id).items()):
        theirs = [table[region] for table in tables if region in table]
        qualities = [row.quality for row in theirs if row.quality is not None]
        own = Answer(rating.quality, rating.passed, tuple(rating.reason.split("; ")) if rating.reason else ())
        mean = sum(qualities) / len(qualities) if qualities else None
        feedback.append(Feedback(region, own, len(theirs), sum(bool(row.passed) for row in theirs), mean))
    return feedback
