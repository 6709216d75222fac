"""Exams into cases: a number and a keyed pseudonym, screened by rule, eligibility locked before the arm is known."""

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, func, select

from db.audit import Actor
from db.tables import Account, Allocation, Case, RoleGrant, Screening, Site, Study, Task
from study.allocation import Revealed
from study.errors import Forbidden, RejectedInput
from study.permissions import require
from study.recording import plan_task
from study.studies import protocol_of


@dataclass(frozen=True)
class Enrolled:
    """A case taken in; `new` is false when this exam was in the study already."""

    case: Case
    eligible: bool
    reasons: tuple[str, ...]
    new: bool


def site_key(folder: Path) -> bytes:
    """The key of the pseudonyms, in a file outside the database that only its owner reads; made when absent."""
    path = folder / "site.key"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
    return bytes.fromhex(path.read_text().strip())


def pseudonym(identity: str, *, key: bytes) -> str:
    """A keyed pseudonym: the same exam gives the same one, and nobody without the key can go back.

    Examples
    --------
    >>> pseudonym("1.2.3", key=b"k" * 32) == pseudonym("1.2.3", key=b"k" * 32) != pseudonym("1.2.3", key=b"j" * 32)
    True
    """
    return hmac.new(key, identity.encode(), hashlib.sha256).hexdigest()[:32]


def get_site(db_session: Session, *, code: str, name: str = "") -> Site:
    """A site by its code; made when absent."""
    site = db_session.exec(select(Site).where(Site.code == code)).first()
    if site is None:
        site = Site.model_validate({"code": code, "name": name or code})
        db_session.add(site)
        db_session.flush()
    return site


def enrol_case(
    db_session: Session,
    *,
    study: Study,
    site: Site,
    pseudonym: str,
    actor: Actor,
    now: datetime,
    eligible: bool = True,
    reasons: Sequence[str] = (),
    strata: Mapping[str, str] | None = None,
    facts: Mapping[str, Any] | None = None,
    training: bool = False,
    remark: str = "",
) -> Enrolled:
    """Take an exam in, screen it and lock the answer.

    Parameters
    ----------
    pseudonym : str
        From `pseudonym`; never an identifier.
    eligible, reasons
        The answer of the screening; an excluded exam keeps its reasons.
    strata : mapping
        Level of every factor of the protocol.
    facts : mapping
        Other columns of the case: `sex`, `age_band`, `scanner`, `scanned_at`, `scan_sha256`, `ctdi_vol_mgy`, ...
    remark : str
        What the scan's check found, kept with the screening.
    """
    require(db_session, actor=actor, operation="case.enrol", study=study)
    known = db_session.exec(select(Case).where(Case.study_id == study.id, Case.pseudonym == pseudonym)).first()
    if known is not None:
        screening = db_session.exec(select(Screening).where(Screening.case_id == known.id)).one()
        return Enrolled(known, screening.eligible, tuple(screening.reasons), new=False)
    chosen = dict(strata or {})
    check_strata(db_session, study=study, strata=chosen)
    if not eligible and not reasons:
        raise RejectedInput("no_reason", "an exclusion without a reason", "name one of the protocol's exclusion reasons")
    case = Case.model_validate(
        {
            **dict(facts or {}), "study_id": study.id, "site_id": site.id, "number": next_number(db_session, study_id=study.id),
            "pseudonym": pseudonym, "state": "eligible" if eligible else "excluded", "strata": chosen, "training": training,
            "enrolled_at": now,
        }
    )  # fmt: skip
    db_session.add(case)
    db_session.flush()
    answer = {
        "study_id": study.id, "case_id": case.id, "eligible": eligible, "reasons": list(reasons), "remark": remark, "screened_at": now,
        "screened_by": actor.account, "locked_at": now,
    }  # fmt: skip
    db_session.add(Screening.model_validate(answer))
    db_session.flush()
    return Enrolled(case, eligible, tuple(reasons), new=True)


def next_number(db_session: Session, *, study_id: str) -> str:
    """The next number for a case, counted on from how many there are; one that an import has taken is passed over."""
    own = select(Case.number).where(Case.study_id == study_id)
    number = int(db_session.exec(select(func.count()).select_from(Case).where(Case.study_id == study_id)).one()) + 1
    while db_session.exec(own.where(Case.number == f"C{number:05d}")).first() is not None:
        number += 1
    return f"C{number:05d}"


def check_strata(db_session: Session, *, study: Study, strata: Mapping[str, str]) -> None:
    """Raise `RejectedInput` unless every factor and level is the protocol's."""
    factors = {factor.name: factor.levels for factor in protocol_of(db_session, study_id=study.id).allocation.strata}
    for name, level in strata.items():
        if name not in factors:
            raise RejectedInput("no_such_stratum", f"{name!r} is no factor of this protocol", f"use {', '.join(factors) or 'none'}")
        if level not in factors[name]:
            raise RejectedInput("no_such_level", f"{name} has no level {level!r}", f"use {', '.join(factors[name])}")


def find_case(db_session: Session, *, study: Study, number: str) -> Case:
    """A case by its number or id."""
    found = db_session.exec(select(Case).where(Case.study_id == study.id, (Case.number == number) | (Case.id == number))).first()
    if found is None:
        raise RejectedInput("no_such_case", f"the study {study.name} has no case {number!r}", "gilbreth study status lists the last cases")
    return found


def withdraw_case(db_session: Session, *, case: Case, actor: Actor, now: datetime) -> None:
    """Take a case out; what was recorded stays and is reported as withdrawn."""
    require(db_session, actor=actor, operation="case.withdraw", study=db_session.get_one(Study, case.study_id))
    case.state, case.withdrawn_at = "withdrawn", now
    db_session.add(case)
    db_session.flush()


def screening_log(db_session: Session, *, study: Study, actor: Actor) -> list[dict[str, Any]]:
    """Every exam that was looked at, in order: its number, the answer, the reasons, who and when. No arm."""
    require(db_session, actor=actor, operation="accrual.view", study=study)
    rows = db_session.execute(
        select(Case, Screening, Site.code)
        .join(Screening, col(Screening.case_id) == Case.id)
        .join(Site, col(Site.id) == Case.site_id)
        .where(Case.study_id == study.id)
        .order_by(col(Screening.screened_at), Case.number)
    ).all()
    return [
        {
            "case": case.number, "site": site, "screened_at": seen.screened_at.isoformat(), "screened_by": seen.screened_by,
            "eligible": seen.eligible, "reasons": "; ".join(seen.reasons), "training": case.training, "state": case.state,
        }
        for case, seen, site in rows
    ]  # fmt: skip


def plan_case(db_session: Session, *, case: Case, revealed: Revealed, now: datetime, technologist_id: str | None = None) -> list[Task]:
    """The tasks that follow from an allocation, given to one technologist: the one named, or the one with the fewest."""
    known = [] if revealed.new else list(db_session.exec(select(Task).where(Task.case_id == case.id)).all())
    if known:
        return known
    chosen = technologist_id or least_busy(db_session, study_id=case.study_id)
    if chosen is None:
        return []
    arms = protocol_of(db_session, study_id=case.study_id).arms
    return [
        plan_task(
            db_session, case=case, technologist_id=chosen, arm=arm, period=period, sequence=revealed.sequence,
            instrument=getattr(arms, arm).instrument, now=now,
        )
        for period, arm in enumerate(revealed.arms, start=1)
    ]  # fmt: skip


def plan_training(db_session: Session, *, case: Case, actor: Actor, now: datetime, technologist_id: str | None = None) -> list[Task]:
    """Practice tasks in both arms for one technologist, or for every one of the study; nothing is drawn. Again, it adds nothing.

    Raises
    ------
    Forbidden
        For a case of the study proper, whose arm must be drawn.
    """
    require(db_session, actor=actor, operation="task.plan", study=db_session.get_one(Study, case.study_id))
    if not case.training:
        raise Forbidden(f"{case.number} is a case of the study; its arm is drawn with gilbreth study allocate")
    people = [technologist_id] if technologist_id else technologists_of(db_session, study_id=case.study_id)
    known = {(task.technologist_id, task.arm) for task in db_session.exec(select(Task).where(Task.case_id == case.id)).all()}
    arms = protocol_of(db_session, study_id=case.study_id).arms
    return [
        plan_task(
            db_session, case=case, technologist_id=person, arm=arm, period=period, sequence=None,
            instrument=getattr(arms, arm).instrument, now=now,
        )
        for person in people
        for period, arm in enumerate(("manual", "ai"), start=1)
        if (person, arm) not in known
    ]  # fmt: skip


def technologists_of(db_session: Session, *, study_id: str) -> list[str]:
    """Accounts that process cases of this study, by code."""
    statement = (
        select(Account.id)
        .join(RoleGrant, col(RoleGrant.account_id) == Account.id)
        .where(RoleGrant.role == "technologist", col(RoleGrant.revoked_at).is_(None), col(Account.disabled_at).is_(None))
        .where(col(RoleGrant.study_id).is_(None) | (RoleGrant.study_id == study_id))
        .order_by(Account.code)
    )
    return list(dict.fromkeys(db_session.exec(statement).all()))


def least_busy(db_session: Session, *, study_id: str) -> str | None:
    """The technologist of a study with the fewest tasks, by code where several have as few; None when there is none."""
    people = technologists_of(db_session, study_id=study_id)
    counts = select(Task.technologist_id, func.count()).where(Task.study_id == study_id).group_by(Task.technologist_id)
    tasks = {person: int(number) for person, number in db_session.execute(counts).all()}
    return min(people, key=lambda person: tasks.get(person, 0), default=None)


def require_allocated(db_session: Session, *, case: Case) -> None:
    """Raise `Forbidden` unless the case has been drawn."""
    if db_session.exec(select(Allocation.id).where(Allocation.case_id == case.id)).first() is None:
        raise Forbidden(f"case {case.number} is not allocated yet; gilbreth study allocate {case.number}")
