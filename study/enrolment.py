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
    number = int(db_session.exec(select(func.count()).select_from(Case).where(Case.study_id == study.id)).one()) + 1
    case = Case.model_validate(
        {
            **dict(facts or {}), "study_id": study.id, "site_id": site.id, "number": f"C{number:05d}", "pseudonym": pseudonym,
            "state": "eligible" if eligible else "excluded", "strata": chosen, "training": training, "enrolled_at": now,
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


def plan_case(db_session: Session, *, case: Case, revealed: Revealed, now: datetime, technologist_id: str | None = None) -> list[Task]:
    """The tasks that follow from an allocation, given to one technologist: the one named, or the one with the fewest."""
    if not revealed.new:
        return list(db_session.exec(select(Task).where(Task.case_id == case.id)).all())
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


def least_busy(db_session: Session, *, study_id: str) -> str | None:
    """The technologist of a study with the fewest tasks; None when there is none."""
    count = select(func.count()).select_from(Task).where(Task.technologist_id == Account.id, Task.study_id == study_id).scalar_subquery()
    statement = (
        select(Account.id)
        .join(RoleGrant, col(RoleGrant.account_id) == Account.id)
        .where(RoleGrant.role == "technologist", col(RoleGrant.revoked_at).is_(None), col(Account.disabled_at).is_(None))
        .where(col(RoleGrant.study_id).is_(None) | (RoleGrant.study_id == study_id))
        .order_by(count, Account.code)
    )
    return db_session.exec(statement.limit(1)).first()


def require_allocated(db_session: Session, *, case: Case) -> None:
    """Raise `Forbidden` unless the case has been drawn."""
    if db_session.exec(select(Allocation.id).where(Allocation.case_id == case.id)).first() is None:
        raise Forbidden(f"case {case.number} is not allocated yet; gilbreth study allocate {case.number}")
