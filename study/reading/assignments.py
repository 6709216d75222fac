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
from study.studies import protocol_of


def assign_readings(db_session: Session, *, study: Study, actor: Actor, now: datetime, seed: int) -> int:
    """Assign every settled image set that lacks readings; returns how many readings were added. Run again, it adds nothing.

    Parameters
    ----------
    seed : int
        Of the orders and repeats.

    Notes
    -----
    The arms of one case go to the same readers, so that each reader is their own comparison; the queue keeps them a
    washout apart.
    """
    require(db_session, actor=actor, operation="reading.assign", study=study)
    protocol = protocol_of(db_session, study_id=study.id)
    plan = protocol.reading
    if plan is None:
        raise Forbidden("this protocol has no [reading] part")
    readers = readers_of(db_session, study_id=study.id)
    if len(readers) < plan.readers_per_image_set:
        raise Forbidden(f"the protocol wants {plan.readers_per_image_set} readers per image set, the study has {len(readers)}")
    sets = db_session.execute(
        select(ImageSet, Task.case_id, Case.number)
        .join(Task, col(Task.id) == ImageSet.task_id)
        .join(Case, col(Case.id) == Task.case_id)
        .where(ImageSet.study_id == study.id, col(ImageSet.problem).is_(None))
        .order_by(Case.number, ImageSet.id)
    ).all()
    generator = random.Random(f"{seed}/{study.id}")
    wanted = _wanted(sets, readers=readers, protocol=protocol, generator=generator, load=_load(db_session, study.id))
    existing = set(
        db_session.execute(select(Reading.reader_id, Reading.image_set_id, Reading.round).where(Reading.study_id == study.id)).all()
    )
    added = 0
    for reader_id, rows in wanted.items():
        for place, (image_set_id, number, purpose) in enumerate(_ordered(rows, protocol, generator, readers.index(reader_id)), start=1):
            if (reader_id, image_set_id, number) in existing:
                continue
            db_session.add(_row(study, reader_id, image_set_id, number, purpose, place, now))
            added += 1
    db_session.flush()
    return added


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


def _load(db_session: Session, study_id: str) -> Counter[str]:
    return Counter(db_session.exec(select(Reading.reader_id).where(Reading.study_id == study_id)).all())


Row = tuple[str, int, str]


def _wanted(sets: object, *, readers: list[str], protocol: Protocol, generator: random.Random, load: Counter[str]) -> dict[str, list[Row]]:
    """For every reader: (image set, round, purpose)."""
    plan = protocol.reading
    assert plan is not None
    chosen: dict[str, list[str]] = {}
    wanted: dict[str, list[Row]] = {reader: [] for reader in readers}
    for image_set, case_id, _ in sets:  # type: ignore[attr-defined]
        if image_set.calibration:
            for reader in readers:
                wanted[reader].append((image_set.id, 1, "calibration"))
            continue
        if case_id not in chosen:
            tied = {reader: generator.random() for reader in readers}
            chosen[case_id] = sorted(readers, key=lambda reader: (load[reader], tied[reader]))[: plan.readers_per_image_set]
            load.update(chosen[case_id])
        for reader in chosen[case_id]:
            wanted[reader] += [(image_set.id, number, "primary") for number in range(1, plan.rounds + 1)]
    for rows in wanted.values():
        primary = [row for row in rows if row[2] == "primary" and row[1] == 1]
        again = generator.sample(primary, round(plan.repeat_share * len(primary)))
        rows += [(image_set_id, plan.rounds + 1, "repeat") for image_set_id, _, _ in again]
    return wanted


def _ordered(rows: list[Row], protocol: Protocol, generator: random.Random, index: int) -> list[Row]:
    """Calibration first, then round by round, each in the reader's own order; repeats among the last round."""
    plan = protocol.reading
    assert plan is not None
    ordered = [row for row in rows if row[2] == "calibration"]
    for number in range(1, plan.rounds + 1):
        part = [row for row in rows if row[2] != "calibration" and min(row[1], plan.rounds) == number]
        if plan.order == "latin_square" and part:
            square = latin_square(len(part))
            part = [sorted(part)[place] for place in square[(index * 7 + number) % len(square)]]
        else:
            generator.shuffle(part)
        ordered += part
    return ordered


def _row(study: Study, reader_id: str, image_set_id: str, number: int, purpose: str, place: int, now: datetime) -> Reading:
    return Reading.model_validate(
        {
            "study_id": study.id, "image_set_id": image_set_id, "reader_id": reader_id, "round": number, "purpose": purpose,
            "position": place, "assigned_at": now,
        }
    )  # fmt: skip
