"""When two readings differ by the protocol's rule, a third person decides; both raw readings stay in the data."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from db.audit import Actor
from db.tables import ImageSet, Rating, Reading, Study
from study.clock import Instant
from study.errors import Forbidden, RejectedInput
from study.permissions import require
from study.protocol import Protocol
from study.reading.answers import Answer
from study.reading.ratings import current_ratings
from study.studies import protocol_of


@dataclass(frozen=True)
class Disagreement:
    """An image set whose readings differ, and in which regions; neither reader nor arm is named."""

    image_set_id: str
    regions: tuple[str, ...]
    settled: bool


@dataclass(frozen=True)
class SideBySide:
    """Two blinded readings of one image set: answers of the first and the second reader, in an order that tells nothing."""

    reading_id: str
    image_set_id: str
    first: dict[str, Answer]
    second: dict[str, Answer]
    regions: tuple[str, ...]


def disagreements(db_session: Session, *, study: Study, actor: Actor) -> list[Disagreement]:
    """Every image set whose primary readings of round 1 differ by the protocol's rule."""
    require(db_session, actor=actor, operation="reading.adjudicate", study=study)
    return differing_sets(db_session, study=study)


def differing_sets(db_session: Session, *, study: Study) -> list[Disagreement]:
    """The same for callers that checked who asks."""
    protocol = protocol_of(db_session, study_id=study.id)
    if protocol.reading is None or protocol.reading.adjudication.rule == "none":
        return []
    rows = db_session.execute(
        select(Reading.image_set_id, Reading.id)
        .where(Reading.study_id == study.id, Reading.state == "submitted", Reading.purpose == "primary", Reading.round == 1)
        .order_by(Reading.image_set_id, Reading.id)
    ).all()
    pairs: dict[str, list[str]] = {}
    for image_set_id, reading_id in rows:
        pairs.setdefault(image_set_id, []).append(reading_id)
    settled = set(
        db_session.exec(
            select(Reading.image_set_id).where(
                Reading.study_id == study.id, Reading.purpose == "adjudication", Reading.state == "submitted"
            )
        ).all()
    )
    found = []
    for image_set_id, readings in pairs.items():
        regions = _differing(db_session, readings, protocol) if len(readings) >= 2 else ()
        if regions:
            found.append(Disagreement(image_set_id, regions, image_set_id in settled))
    return found


def _differing(db_session: Session, readings: list[str], protocol: Protocol) -> tuple[str, ...]:
    assert protocol.reading is not None
    rule = protocol.reading.adjudication
    tables = [current_ratings(db_session, reading_id=reading_id) for reading_id in readings]
    names = [name for name in tables[0] if all(name in table for table in tables)]
    return tuple(name for name in names if _differ([table[name] for table in tables], rule.rule, rule.quality_steps))


def _differ(ratings: list[Rating], rule: str, steps: int) -> bool:
    if len({rating.passed for rating in ratings}) > 1:
        return True
    qualities = [rating.quality for rating in ratings if rating.quality is not None]
    return rule == "pass_or_quality_differs" and bool(qualities) and max(qualities) - min(qualities) >= steps


def open_adjudication(db_session: Session, *, image_set_id: str, actor: Actor, now: Instant) -> str:
    """The adjudicator's own reading of an image set, made when absent; returns its id, to be submitted like any other.

    Submit it with `submit_reading(..., operation="reading.adjudicate")`.
    """
    image_set = db_session.get(ImageSet, image_set_id)
    if image_set is None:
        raise RejectedInput("no_such_image_set", f"there is no image set {image_set_id!r}", "open the list again")
    study = db_session.get_one(Study, image_set.study_id)
    if image_set_id not in {item.image_set_id for item in disagreements(db_session, study=study, actor=actor)}:
        raise Forbidden("the readings of this image set do not differ; there is nothing to settle")
    if (
        actor.account_id
        in db_session.exec(select(Reading.reader_id).where(Reading.image_set_id == image_set_id, Reading.purpose != "adjudication")).all()
    ):
        raise Forbidden("whoever rated this image set cannot settle it")
    own = select(Reading).where(Reading.image_set_id == image_set_id, Reading.purpose == "adjudication", col(Reading.state) != "void")
    reading = db_session.exec(own).first()
    if reading is None:
        reading = Reading.model_validate(
            {
                "study_id": study.id, "image_set_id": image_set_id, "reader_id": actor.account_id, "round": 1, "purpose": "adjudication",
                "state": "open", "assigned_at": now.at,
            }
        )  # fmt: skip
        db_session.add(reading)
        db_session.flush()
    elif reading.reader_id != actor.account_id:
        raise Forbidden("another adjudicator is settling this image set")
    return reading.id


def side_by_side(db_session: Session, *, reading_id: str, actor: Actor) -> SideBySide:
    """The two raw readings beside each other, for the adjudicator whose reading this is."""
    reading = db_session.get(Reading, reading_id)
    if reading is None or reading.purpose != "adjudication" or reading.reader_id != actor.account_id:
        raise Forbidden("this is not your adjudication")
    study = db_session.get_one(Study, reading.study_id)
    require(db_session, actor=actor, operation="reading.adjudicate", study=study)
    raw = db_session.exec(
        select(Reading.id)
        .where(Reading.image_set_id == reading.image_set_id, Reading.purpose == "primary", Reading.round == 1, Reading.state == "submitted")
        .order_by(Reading.id)  # random ids: the order tells neither reader nor time
        .limit(2)
    ).all()
    first, second = ({name: _answer(row) for name, row in current_ratings(db_session, reading_id=key).items()} for key in raw)
    protocol = protocol_of(db_session, study_id=study.id)
    return SideBySide(reading.id, reading.image_set_id, first, second, _differing(db_session, list(raw), protocol))


def _answer(row: Rating) -> Answer:
    return Answer(row.quality, row.passed, tuple(row.reason.split("; ")) if row.reason else ())
