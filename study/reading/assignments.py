"""Who rates which image set: balanced over readers, in each reader's own order, with repeats nobody can tell apart."""

import random
from collections import Counter
from datetime import datetime

from sqlmodel import Session, col, select

from db.audit import Actor
from db.tables import Account, Case, ImageSet, Reading, RoleGrant, Study, Task
from study.allocation import latin_square
from study.errors import Forbidden
from study.permissions import require
from study.protocol import Protocol
from study.protocol.reading_part import ReadingPart
from study.studies import protocol_of


def assign_readings(db_session: Session, *, study: Study, actor: Actor, now: datetime, seed: int) -> int:
    """Assign every settled image set that lacks readings; returns how many readings were added. Run again, it adds nothing.

    Parameters
    ----------
    seed : int
        Of the orders and repeats.

    Notes
    -----
    The arms of one case go to the same readers, so that each reader is their own comparison, also when the second arm is
    settled weeks later; the queue keeps them a washout apart. What is added comes after what a reader has already. What
    somebody who reads no more has not begun goes to somebody else.
    """
    require(db_session, actor=actor, operation="reading.assign", study=study)
    protocol = protocol_of(db_session, study_id=study.id)
    plan = protocol.reading
    if plan is None:
        raise Forbidden("this protocol has no [reading] part")
    readers = readers_of(db_session, study_id=study.id)
    if len(readers) < plan.readers_per_image_set:
        raise Forbidden(f"the protocol wants {plan.readers_per_image_set} readers per image set, the study has {len(readers)}")
    given = _given(db_session, study_id=study.id, readers=readers)
    sets = db_session.execute(
        select(ImageSet, Task.case_id, Case.number)
        .join(Task, col(Task.id) == ImageSet.task_id)
        .join(Case, col(Case.id) == Task.case_id)
        .where(ImageSet.study_id == study.id, col(ImageSet.problem).is_(None), Case.state != "withdrawn")
        .order_by(Case.number, ImageSet.id)
    ).all()
    generator = random.Random(f"{seed}/{study.id}/{len(given)}")
    wanted = _wanted(sets, readers=readers, protocol=protocol, generator=generator, given=given)
    last = {reader: max((row.position for row in given if row.reader_id == reader), default=0) for reader in readers}
    for reader_id, rows in wanted.items():
        ordered = _ordered(rows, protocol, generator, readers.index(reader_id), len(readers))
        for place, (image_set_id, number, purpose) in enumerate(ordered, start=last[reader_id] + 1):
            _give(db_session, study, reader_id, image_set_id, number, purpose, place, now)
    db_session.flush()
    return sum(len(rows) for rows in wanted.values())


def _given(db_session: Session, *, study_id: str, readers: list[str]) -> list[Reading]:
    """The readings there are; those that somebody who left has not submitted are void from now on."""
    rows = db_session.exec(
        select(Reading).where(Reading.study_id == study_id, Reading.state != "void", Reading.purpose != "adjudication")
    ).all()
    for row in rows:
        if row.reader_id not in readers and row.state != "submitted":
            row.state = "void"
            db_session.add(row)
    return [row for row in rows if row.state != "void"]


def readers_of(db_session: Session, *, study_id: str) -> list[str]:
    """Accounts that read in this study, by code."""
    statement = (
        select(Account.id)
        .join(RoleGrant, col(RoleGrant.account_id) == Account.id)
        .where(RoleGrant.role == "reader", col(RoleGrant.revoked_at).is_(None), col(Account.disabled_at).is_(None))
        .where(col(RoleGrant.study_id).is_(None) | (RoleGrant.study_id == study_id))
        .order_by(Account.code)
    )
    return list(db_session.exec(statement).all())


Row = tuple[str, int, str]


def _wanted(
    sets: object, *, readers: list[str], protocol: Protocol, generator: random.Random, given: list[Reading]
) -> dict[str, list[Row]]:
    """What every reader still lacks: (image set, round, purpose)."""
    plan = protocol.reading
    assert plan is not None
    load = Counter(row.reader_id for row in given)
    have = {(row.reader_id, row.image_set_id, row.round) for row in given}
    cases = {image_set.id: case_id for image_set, case_id, _ in sets}  # type: ignore[attr-defined]
    chosen: dict[str, list[str]] = {}
    for row in given:
        if row.purpose == "primary" and row.image_set_id in cases and row.reader_id not in chosen.setdefault(cases[row.image_set_id], []):
            chosen[cases[row.image_set_id]].append(row.reader_id)
    wanted: dict[str, list[Row]] = {reader: [] for reader in readers}
    for image_set, case_id, _ in sets:  # type: ignore[attr-defined]
        if image_set.calibration:
            for reader in readers:
                wanted[reader].append((image_set.id, 1, "calibration"))
            continue
        fill_up(chosen.setdefault(case_id, []), readers=readers, number=plan.readers_per_image_set, load=load, generator=generator)
        for reader in set(chosen[case_id]) & set(readers):
            wanted[reader] += [(image_set.id, number, "primary") for number in range(1, plan.rounds + 1)]
    for reader, rows in wanted.items():
        rows += _repeats(rows, plan, generator, [row for row in given if row.reader_id == reader and row.purpose == "repeat"])
    return {reader: [row for row in rows if (reader, row[0], row[1]) not in have] for reader, rows in wanted.items()}


def fill_up(chosen: list[str], *, readers: list[str], number: int, load: Counter[str], generator: random.Random) -> None:
    """Add the least busy readers to those of a case until there are enough; ties are drawn.

    Examples
    --------
    >>> chosen = ["anna"]
    >>> fill_up(chosen, readers=["anna", "ben", "cleo"], number=2, load=Counter(anna=1, ben=5), generator=random.Random(1))
    >>> chosen
    ['anna', 'cleo']
    """
    tied = {reader: generator.random() for reader in readers}
    free = sorted((reader for reader in readers if reader not in chosen), key=lambda reader: (load[reader], tied[reader]))
    added = free[: max(0, number - len(chosen))]
    chosen += added
    load.update(added)


def _repeats(rows: list[Row], plan: ReadingPart, generator: random.Random, given: list[Reading]) -> list[Row]:
    """The repeats of one reader: those there are, and as many more as make up the protocol's share of their first readings."""
    first = [row[0] for row in rows if row[2] == "primary" and row[1] == 1]
    repeated = {row.image_set_id for row in given}
    open_to = [image_set_id for image_set_id in first if image_set_id not in repeated]
    more = max(0, round(plan.repeat_share * len(first)) - len(repeated))
    return [(image_set_id, plan.rounds + 1, "repeat") for image_set_id in generator.sample(open_to, min(more, len(open_to)))]


def _ordered(rows: list[Row], protocol: Protocol, generator: random.Random, index: int, readers: int) -> list[Row]:
    """Calibration first, then round by round, each in the reader's own order; repeats among the last round.

    In a Latin square every reader has a row of their own in every round, as long as there are rows.
    """
    plan = protocol.reading
    assert plan is not None
    ordered = [row for row in rows if row[2] == "calibration"]
    for number in range(1, plan.rounds + 1):
        part = [row for row in rows if row[2] != "calibration" and min(row[1], plan.rounds) == number]
        if plan.order == "latin_square" and part:
            square = latin_square(len(part))
            part = [sorted(part)[place] for place in square[(index + (number - 1) * readers) % len(square)]]
        else:
            generator.shuffle(part)
        ordered += _repeats_later(part)
    return ordered


def _repeats_later(rows: list[Row]) -> list[Row]:
    """The same places, but a set's first reading before its repeat, so that the first is the one the analysis calls so."""
    rows = list(rows)
    first = {row[0]: place for place, row in enumerate(rows) if row[2] == "primary"}
    for place, row in enumerate(rows):
        if row[2] == "repeat" and first.get(row[0], -1) > place:
            rows[place], rows[first[row[0]]] = rows[first[row[0]]], row
    return rows


def _give(
    db_session: Session, study: Study, reader_id: str, image_set_id: str, number: int, purpose: str, place: int, now: datetime
) -> None:
    """A new reading; or, for a reader who left and came back, the one that was void meanwhile."""
    values = {
        "study_id": study.id, "image_set_id": image_set_id, "reader_id": reader_id, "round": number, "purpose": purpose,
        "position": place, "assigned_at": now,
    }  # fmt: skip
    own = select(Reading).where(Reading.reader_id == reader_id, Reading.image_set_id == image_set_id, Reading.round == number)
    void = db_session.exec(own.where(Reading.state == "void")).first()
    if void is None:
        db_session.add(Reading.model_validate(values))
        return
    void.state, void.position, void.assigned_at, void.purpose = "assigned", place, now, purpose  # type: ignore[assignment]
    db_session.add(void)
