"""Submitting signs; amending keeps the first value, asks why, voids the old signature and signs anew."""

from typing import Any

from sqlmodel import Session, col, func, select

from db.audit import Actor
from db.tables import Rating, Reading, Signature
from study.clock import Instant
from study.errors import Forbidden, RejectedInput
from study.reading.answers import Answer, Answers, checked
from study.reading.sittings import append_reading_events, own_reading
from study.recording.events import NewEvent
from study.signatures import Confirmation, sign, void_signatures
from study.studies import protocol_of

MEANING = "this is my own independent rating"


def submit_reading(
    db_session: Session,
    *,
    reading_id: str,
    answers: Answers,
    confirmation: Confirmation,
    actor: Actor,
    now: Instant,
    operation: str = "reading.rate",
) -> Signature:
    """Submit and sign a reading. Sent twice with the same answers, it is submitted once.

    Raises
    ------
    RejectedInput
        When the form is incomplete.
    Forbidden
        When it was submitted with other answers, or somebody else's identity was confirmed.
    """
    reading, study = own_reading(db_session, reading_id=reading_id, actor=actor, operation=operation)
    if confirmation.account_id != actor.account_id:
        raise Forbidden("sign with your own password")
    full = checked(answers, protocol_of(db_session, study_id=study.id))
    if reading.state == "submitted":
        return _again(db_session, reading=reading, answers=full)
    if reading.state != "open":
        raise Forbidden(f"this reading is {reading.state}; open it from your queue first")
    for region, answer in sorted(full.regions.items()):
        db_session.add(_rating(reading, region, answer, now))
    reading.state, reading.submitted_at, reading.draft = "submitted", now.at, None
    reading.confidence, reading.remark = full.confidence, full.remark
    reading.guess = full.guess  # type: ignore[assignment]
    db_session.add(reading)
    if operation == "reading.rate":
        finish = NewEvent(kind="finish", key=f"finish-{reading.id}")
        append_reading_events(db_session, reading_id=reading.id, events=[finish], actor=actor, now=now)
    db_session.flush()
    return _sign(db_session, reading, confirmation, MEANING, now)


def _again(db_session: Session, *, reading: Reading, answers: Answers) -> Signature:
    """The reply to a retry after a lost answer: the signature there is, provided the answers are the same."""
    if signed_content(db_session, reading=reading)["regions"] != answers.to_dict()["regions"]:
        raise Forbidden("this reading was submitted already with other answers; amend it with a reason")
    live = select(Signature).where(Signature.entity == "reading", Signature.entity_id == reading.id, col(Signature.voided_at).is_(None))
    return db_session.exec(live).one()


def _rating(reading: Reading, region: str, answer: Answer, now: Instant, *, amendment: int = 0, why: str | None = None) -> Rating:
    return Rating.model_validate(
        {
            "reading_id": reading.id, "region": region, "quality": answer.quality, "passed": answer.passed, "reason": answer.reason,
            "amendment": amendment, "amend_reason": why, "rated_at": now.at,
        }
    )  # fmt: skip


def current_ratings(db_session: Session, *, reading_id: str) -> dict[str, Rating]:
    """The last value of every region."""
    rows = db_session.exec(select(Rating).where(Rating.reading_id == reading_id).order_by(col(Rating.amendment))).all()
    return {rating.region: rating for rating in rows}


def signed_content(db_session: Session, *, reading: Reading) -> dict[str, Any]:
    """Exactly what a signature under a reading covers."""
    ratings = current_ratings(db_session, reading_id=reading.id)
    answers = Answers(
        {name: Answer(row.quality, row.passed, tuple(row.reason.split("; ")) if row.reason else ()) for name, row in ratings.items()},
        reading.confidence, reading.guess, reading.remark,
    )  # fmt: skip
    return {"reading": reading.id, "image_set": reading.image_set_id, "round": reading.round, **answers.to_dict()}


def _sign(db_session: Session, reading: Reading, confirmation: Confirmation, meaning: str, now: Instant) -> Signature:
    content = signed_content(db_session, reading=reading)
    return sign(db_session, confirmation=confirmation, meaning=meaning, entity="reading", entity_id=reading.id, content=content, now=now.at)


def amend_rating(
    db_session: Session, *, reading_id: str, region: str, answer: Answer, why: str, confirmation: Confirmation, actor: Actor, now: Instant
) -> Signature:
    """Change one rating of a submitted reading. The first value stays, the reason is kept, the old signature is void."""
    reading, study = own_reading(db_session, reading_id=reading_id, actor=actor)
    if reading.state != "submitted":
        raise Forbidden("only a submitted reading is amended; change the draft instead")
    if not why.strip():
        raise RejectedInput("no_reason", "an amendment without a reason", "say why the first value was wrong")
    if confirmation.account_id != actor.account_id:
        raise Forbidden("sign with your own password")
    before = signed_content(db_session, reading=reading)
    if region not in before["regions"]:
        raise RejectedInput("no_such_region", f"{region!r} was not rated", f"use {', '.join(sorted(before['regions']))}")
    checked(_with(before, region, answer), protocol_of(db_session, study_id=study.id))
    last = db_session.exec(select(func.max(Rating.amendment)).where(Rating.reading_id == reading.id, Rating.region == region)).one()
    db_session.add(_rating(reading, region, answer, now, amendment=int(last or 0) + 1, why=why))
    void_signatures(db_session, entity="reading", entity_id=reading.id, reason=f"amended: {why}", now=now.at)
    db_session.flush()
    return _sign(db_session, reading, confirmation, f"amended: {why}", now)


def _with(content: dict[str, Any], region: str, answer: Answer) -> Answers:
    answers = Answers.from_dict(content)
    return Answers({**answers.regions, region: answer}, answers.confidence, answers.guess, answers.remark)
