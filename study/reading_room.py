"""What the pages of readers, adjudicators and whoever looks after them ask for: one call each, one transaction each.

Nothing here hands out an arm, a task, a technologist or another reader's name.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from sqlalchemy import Engine
from sqlmodel import Session, col, func, select

from db.audit import Actor
from db.engine import snapshot, transaction
from db.tables import Account, Case, Event, ImageSet, Rating, Reading, Study, Task
from study.clock import Instant, read_clock
from study.errors import Forbidden, RejectedInput
from study.permissions import require
from study.reading.adjudication import Disagreement, SideBySide, differing_sets, disagreements, open_adjudication, side_by_side
from study.reading.answers import Answer, Answers
from study.reading.calibration import calibration_feedback
from study.reading.ratings import current_ratings
from study.reading.sittings import ReadingView, append_reading_events, save_draft
from study.recording.events import NewEvent
from study.studies import protocol_of
from study.workplace import sign_reading

FEWEST_FOR_AN_ESTIMATE = 3
LATEST = 50  # readings that an estimate rests on
ADJUDICATE = "reading.adjudicate"


@dataclass(frozen=True)
class Pace:
    """Median time of a reader's own readings, and how many it rests on. [s]"""

    median_seconds: float
    readings: int

    def rest_seconds(self, left: int) -> float:
        """An estimate of the time that some more readings take. [s]

        Examples
        --------
        >>> Pace(median_seconds=90.0, readings=12).rest_seconds(4)
        360.0
        """
        return left * self.median_seconds


@dataclass(frozen=True)
class Practice:
    """One calibration reading of the reader who asks: its number in their queue and its state."""

    reading_id: str
    number: int
    state: str


@dataclass(frozen=True)
class Comparison:
    """One region of a practice reading: one's own answer, the reference's where there is one, and the other readers'."""

    region: str
    own: Answer
    reference: Answer | None
    others: int
    others_passed: int
    others_quality: float | None

    @property
    def differs(self) -> bool:
        """Whether quality or verdict differ from the reference."""
        return self.reference is not None and (self.own.quality, self.own.passed) != (self.reference.quality, self.reference.passed)


@dataclass(frozen=True)
class Dispute:
    """Pictures that an adjudicator may settle: readings that differ, or practice pictures that lack a reference."""

    image_set_id: str
    regions: tuple[str, ...]
    settled: bool
    practice: bool

    @property
    def name(self) -> str:
        """What people call it: the start of a random id, which tells nothing and stays."""
        return self.image_set_id[:4].upper()


@dataclass(frozen=True)
class Overview:
    """How the reading goes, without any outcome.

    Parameters
    ----------
    progress : tuple of (str, int, int)
        Code of a reader, readings done, readings assigned.
    differing : tuple of Dispute
        Pictures on which readers differ.
    problems : tuple of (str, int, str)
        Reader's code, number of the reading in their queue, what was told.
    practice_sets, practice_wanted : int
        Calibration sets stored, and what the protocol asks for.
    """

    progress: tuple[tuple[str, int, int], ...]
    differing: tuple[Dispute, ...]
    problems: tuple[tuple[str, int, str], ...]
    practice_sets: int
    practice_wanted: int


def note_reading(engine: Engine, *, actor: Actor, reading_id: str, events: Sequence[NewEvent]) -> int:
    """Append what the clock of a reading saw; returns how many events were new."""
    with transaction(engine, actor=actor, quick=True) as db_session:
        return append_reading_events(db_session, reading_id=reading_id, events=events, actor=actor, now=read_clock())


def own_pace(engine: Engine, *, actor: Actor, study_id: str) -> Pace | None:
    """The pace of the reader who asks; None while there are too few readings for an estimate."""
    import pandas as pd  # a third of a second that no start of the server need wait for

    from db.durations import COLUMNS, task_times

    with snapshot(engine) as db_session:
        done = (
            select(Reading.id)
            .where(Reading.study_id == study_id, Reading.reader_id == actor.account_id, Reading.state == "submitted")
            .order_by(col(Reading.submitted_at).desc())
            .limit(LATEST)
        )
        latest = list(db_session.exec(done).all())
        names = [name if name != "task" else "reading_id" for name in COLUMNS]
        columns = [getattr(Event, name) for name in names]
        rows = db_session.execute(select(*columns).where(col(Event.reading_id).in_(latest)).order_by(col(Event.id))).all()
    frame = pd.DataFrame([tuple(row) for row in rows], columns=COLUMNS)
    seconds = task_times(frame.assign(at=pd.to_datetime(frame["at"], utc=True)))["hands_on_seconds"].dropna()
    return Pace(float(median(seconds)), len(seconds)) if len(seconds) >= FEWEST_FOR_AN_ESTIMATE else None


def own_practice(engine: Engine, *, actor: Actor, study_id: str) -> list[Practice]:
    """The calibration readings of the reader who asks, in their order."""
    with snapshot(engine) as db_session:
        require(db_session, actor=actor, operation="reading.rate", study=db_session.get_one(Study, study_id))
        rows = db_session.exec(
            select(Reading)
            .where(Reading.study_id == study_id, Reading.reader_id == actor.account_id, Reading.purpose == "calibration")
            .where(Reading.state != "void")
            .order_by(col(Reading.position), Reading.id)
        ).all()
        return [Practice(row.id, number, row.state) for number, row in enumerate(rows, start=1)]


def compare_practice(engine: Engine, *, actor: Actor, reading_id: str) -> list[Comparison]:
    """How a signed practice reading compares with the reference and with the other readers, region by region."""
    with snapshot(engine) as db_session:
        feedback = calibration_feedback(db_session, reading_id=reading_id, actor=actor)
        reference = _reference(db_session, db_session.get_one(Reading, reading_id).image_set_id)
    return [
        Comparison(item.region, item.own, reference.get(item.region), item.others, item.others_passed, item.others_quality)
        for item in feedback
    ]


def _reference(db_session: Session, image_set_id: str) -> dict[str, Answer]:
    """The adjudicator's answers on practice pictures."""
    statement = select(Reading.id).where(
        Reading.image_set_id == image_set_id, Reading.purpose == "adjudication", Reading.state == "submitted"
    )
    reading_id = db_session.exec(statement).first()
    return _answers(db_session, reading_id) if reading_id else {}


def _answers(db_session: Session, reading_id: str) -> dict[str, Answer]:
    return {name: _answer(row) for name, row in current_ratings(db_session, reading_id=reading_id).items()}


def _answer(row: Rating) -> Answer:
    return Answer(row.quality, row.passed, tuple(row.reason.split("; ")) if row.reason else ())


def disputes(engine: Engine, *, actor: Actor, study_id: str) -> list[Dispute]:
    """What the adjudicator who asks may settle; the open ones first."""
    with snapshot(engine) as db_session:
        study = db_session.get_one(Study, study_id)
        found = disagreements(db_session, study=study, actor=actor)
        practice = _practice_sets(db_session, study_id)
        known = {item: bool(_reference(db_session, item)) for item in practice}
    listed = _listed(found) + [Dispute(item, (), known[item], practice=True) for item in practice]
    return sorted(listed, key=lambda item: (item.settled, item.practice, item.image_set_id))


def _listed(found: Sequence[Disagreement]) -> list[Dispute]:
    ordered = sorted(found, key=lambda item: item.image_set_id)
    return [Dispute(item.image_set_id, item.regions, item.settled, practice=False) for item in ordered]


def _practice_sets(db_session: Session, study_id: str) -> list[str]:
    statement = select(ImageSet.id).where(ImageSet.study_id == study_id, col(ImageSet.calibration), col(ImageSet.problem).is_(None))
    return list(db_session.exec(statement.order_by(ImageSet.id)).all())


def open_dispute(engine: Engine, *, actor: Actor, image_set_id: str) -> tuple[ReadingView, SideBySide | None]:
    """The adjudicator's own reading of some pictures, with the two raw readings beside it; none for practice pictures.

    A fresh one starts with the answers on which both readings agree.
    """
    with transaction(engine, actor=actor) as db_session:
        now = read_clock()
        image_set = db_session.get(ImageSet, image_set_id)
        if image_set is None:
            raise RejectedInput("no_such_image_set", f"there is no image set {image_set_id!r}", "open the list again")
        if image_set.calibration:
            reading_id, both = _open_reference(db_session, image_set=image_set, actor=actor, now=now), None
        else:
            reading_id = open_adjudication(db_session, image_set_id=image_set_id, actor=actor, now=now)
            both = side_by_side(db_session, reading_id=reading_id, actor=actor)
        reading = db_session.get_one(Reading, reading_id)
        if reading.state == "open" and reading.draft is None and both is not None:
            reading.draft = Answers(agreed(both)).to_dict()
            db_session.add(reading)
        view = ReadingView(
            reading.id, image_set.id, image_set.frames, image_set.views, reading.draft, reading.revision, reading.state,
            image_set.calibration,
        )  # fmt: skip
        return view, both


def agreed(both: SideBySide) -> dict[str, Answer]:
    """The answers that are the same in both readings, for a fresh adjudication."""
    return {
        name: replace(answer, reasons=tuple(sorted({*answer.reasons} & {*both.second[name].reasons})))
        for name, answer in both.first.items()
        if name in both.second and (answer.quality, answer.passed) == (both.second[name].quality, both.second[name].passed)
    }


def _open_reference(db_session: Session, *, image_set: ImageSet, actor: Actor, now: Instant) -> str:
    require(db_session, actor=actor, operation=ADJUDICATE, study=db_session.get_one(Study, image_set.study_id))
    own = select(Reading).where(Reading.image_set_id == image_set.id, Reading.purpose == "adjudication", col(Reading.state) != "void")
    reading = db_session.exec(own).first()
    if reading is None:
        values = {
            "study_id": image_set.study_id, "image_set_id": image_set.id, "reader_id": actor.account_id, "round": 1,
            "purpose": "adjudication", "state": "open", "assigned_at": now.at,
        }  # fmt: skip
        reading = Reading.model_validate(values)
        db_session.add(reading)
        db_session.flush()
    elif reading.reader_id != actor.account_id:
        raise Forbidden("another adjudicator gives the reference for these pictures")
    return reading.id


def keep_dispute(engine: Engine, *, actor: Actor, reading_id: str, answers: Answers, revision: int) -> int:
    """Save what the adjudicator has so far; the new revision."""
    with transaction(engine, actor=actor) as db_session:
        draft = answers.to_dict()
        return save_draft(db_session, reading_id=reading_id, draft=draft, revision=revision, actor=actor, operation=ADJUDICATE)


def sign_dispute(engine: Engine, *, actor: Actor, reading_id: str, answers: Answers, password: str) -> None:
    """Submit and sign an adjudication or a reference, as a reading is signed."""
    sign_reading(engine, actor=actor, reading_id=reading_id, answers=answers, password=password, operation=ADJUDICATE)


def overview(engine: Engine, *, actor: Actor, study_id: str) -> Overview:
    """How the reading goes: progress, differing pictures and display problems; no verdict, no arm."""
    with snapshot(engine) as db_session:
        study = db_session.get_one(Study, study_id)
        require(db_session, actor=actor, operation="accrual.view", study=study)
        plan = protocol_of(db_session, study_id=study_id).reading
        rows = db_session.execute(
            select(Account.code, Reading.state, func.count())
            .join(Reading, col(Reading.reader_id) == Account.id)
            .where(Reading.study_id == study_id, Reading.state != "void", Reading.purpose != "adjudication")
            .group_by(Account.code, Reading.state)
        ).all()
        told = db_session.execute(
            select(Account.code, Reading.position, Reading.problem)
            .join(Reading, col(Reading.reader_id) == Account.id)
            .where(Reading.study_id == study_id, col(Reading.problem).is_not(None))
            .order_by(Account.code, col(Reading.position))
        ).all()
        differing = tuple(_listed(differing_sets(db_session, study=study)))
        practice = len(_practice_sets(db_session, study_id))
    codes = sorted({code for code, _, _ in rows})
    done = {code: sum(n for other, state, n in rows if other == code and state == "submitted") for code in codes}
    every = {code: sum(n for other, _, n in rows if other == code) for code in codes}
    progress = tuple((code, done[code], every[code]) for code in codes)
    problems = tuple((code, int(place), str(problem)) for code, place, problem in told)
    return Overview(progress, differing, problems, practice, plan.calibration_cases if plan else 0)


def scan_of(engine: Engine, *, image_set_id: str) -> str | None:
    """Where the de-identified scan behind some pictures lies; the same for both arms of a case. None when none is stored."""
    statement = (
        select(Case.scan_path)
        .join(Task, col(Task.case_id) == Case.id)
        .join(ImageSet, col(ImageSet.task_id) == Task.id)
        .where(ImageSet.id == image_set_id)
    )
    with snapshot(engine) as db_session:
        return db_session.exec(statement).first()
