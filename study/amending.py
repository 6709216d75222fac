"""A signed reading changed by its reader: the first value stays, the reason is asked for, the old signature is void."""

from dataclasses import dataclass

from sqlalchemy import Engine
from sqlmodel import col, select

from db.audit import Actor
from db.engine import snapshot, transaction
from db.tables import Reading, Study
from study.accounts import confirm_identity
from study.clock import read_clock
from study.errors import Forbidden
from study.permissions import may
from study.reading.answers import Answer, Answers
from study.reading.queue import queue_numbers
from study.reading.ratings import amend_rating, signed_content


@dataclass(frozen=True)
class SignedReading:
    """One of the reader's own signed readings, by its number in the queue, with the answers that hold now."""

    reading_id: str
    number: int
    answers: Answers


def signed_readings(engine: Engine, *, actor: Actor, study_id: str) -> list[SignedReading]:
    """What the reader who asks has signed and may change, the latest first; nothing once the study is locked. Practice is left out."""
    with snapshot(engine) as db_session:
        if not may(actor.role, "reading.rate", db_session.get_one(Study, study_id).state):
            return []
        numbers = queue_numbers(db_session, reader_id=actor.account_id or "", study_id=study_id)
        rows = db_session.exec(
            select(Reading)
            .where(col(Reading.id).in_(list(numbers)), Reading.state == "submitted", Reading.purpose != "calibration")
            .order_by(col(Reading.submitted_at).desc())
        ).all()
        return [SignedReading(row.id, numbers[row.id], Answers.from_dict(signed_content(db_session, reading=row))) for row in rows]


def amend(engine: Engine, *, actor: Actor, reading_id: str, region: str, answer: Answer, why: str, password: str) -> None:
    """Change one answer and sign again.

    Raises
    ------
    Forbidden
        When the password is wrong, the reading is somebody else's or not signed, or the study is locked.
    RejectedInput
        Without a reason, or for an answer that the form does not take.
    """
    now = read_clock()
    with transaction(engine, actor=actor) as db_session:
        confirmation = confirm_identity(
            db_session, account_id=actor.account_id or "", password=password, now=now.at, session_id=actor.session_id
        )
    if confirmation is None:
        raise Forbidden("the password is wrong; nothing was changed")
    with transaction(engine, actor=actor, reason=why) as db_session:
        amend_rating(
            db_session, reading_id=reading_id, region=region, answer=answer, why=why, confirmation=confirmation, actor=actor, now=now
        )
