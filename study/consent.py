"""Consent of the observed: technologists, readers and observers agree, see their record, withdraw; retention dates act."""

import calendar
import hashlib
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from db.audit import Actor, record
from db.tables import Account, Consent, Event, Observation, Rating, Reading, Study, Task
from study.errors import Forbidden
from study.permissions import KNOWN, require
from study.studies import protocol_of

UNTOLD = {"purpose", "round", "position", "image_set_id"}  # would tell a reader which readings are repeats, before unblinding


def consent_of(db_session: Session, *, account_id: str, study_id: str) -> Consent | None:
    """The live consent of a person in a study."""
    statement = select(Consent).where(Consent.account_id == account_id, Consent.study_id == study_id, col(Consent.withdrawn_at).is_(None))
    return db_session.exec(statement.order_by(col(Consent.given_at).desc())).first()


def require_consent(db_session: Session, *, account_id: str, study_id: str) -> None:
    """Raise `Forbidden` unless the person agreed to the consent text in force."""
    consent = consent_of(db_session, account_id=account_id, study_id=study_id)
    if consent is None:
        raise Forbidden("nobody is timed without having agreed; read the consent text and agree first")
    if consent.text_version != protocol_of(db_session, study_id=study_id).consent.version:
        raise Forbidden("the consent text has changed; read it and agree again")


def give_consent(db_session: Session, *, study: Study, actor: Actor, now: datetime) -> Consent:
    """Record that a person read the protocol's consent text and agrees."""
    require(db_session, actor=actor, operation="consent.give", study=study)
    text = protocol_of(db_session, study_id=study.id).consent
    assert actor.account_id is not None
    existing = consent_of(db_session, account_id=actor.account_id, study_id=study.id)
    if existing is not None and existing.text_version == text.version:
        return existing
    consent = Consent.model_validate(
        {
            "account_id": actor.account_id, "study_id": study.id, "text_version": text.version,
            "text_sha256": hashlib.sha256(text.text.encode()).hexdigest(), "given_at": now,
        }
    )  # fmt: skip
    db_session.add(consent)
    db_session.flush()
    return consent


def withdraw_consent(db_session: Session, *, study: Study, actor: Actor, now: datetime, erase_data: bool) -> None:
    """Withdraw, at any time and without a reason.

    Parameters
    ----------
    erase_data : bool
        Take what was recorded of this person until now out of every table, export and analysis from here on. The rows and
        their audit stay, for the record is append-only; how many tasks and readings are left out is reported.
    """
    require(db_session, actor=actor, operation="consent.withdraw", study=study)
    consent = consent_of(db_session, account_id=actor.account_id or "", study_id=study.id)
    if consent is None:
        raise Forbidden("there is no consent to withdraw")
    if erase_data and study.state == "archived":
        raise Forbidden("the study is archived: its results are final; withdraw without erasing, the retention date acts by itself")
    consent.withdrawn_at, consent.erase_data = now, erase_data
    db_session.add(consent)
    db_session.flush()


def own_record(db_session: Session, *, study: Study, actor: Actor) -> dict[str, Any]:
    """Everything recorded about the person who asks, to look at and to download; readers get no arm.

    A task that was not opened yet has recorded nothing, and naming it would tell the arm before it is time.
    """
    require(db_session, actor=actor, operation="record.view_own", study=study)
    account = db_session.get_one(Account, actor.account_id)
    own = select(Task).where(Task.technologist_id == account.id, Task.study_id == study.id, Task.state != "planned")
    tasks = db_session.exec(own).all()
    readings = db_session.exec(select(Reading).where(Reading.reader_id == account.id, Reading.study_id == study.id)).all()
    log = db_session.exec(_events_in(study.id).where(Event.actor_id == account.id).order_by(col(Event.id))).all()
    hidden = set() if study.state in KNOWN else UNTOLD
    kept = [reading.id for reading in readings if reading.state == "submitted"]
    ratings = db_session.exec(select(Rating).where(col(Rating.reading_id).in_(kept)).order_by(Rating.reading_id, Rating.region)).all()
    seen_in = select(Observation).join(Task, col(Task.id) == Observation.task_id).where(Task.study_id == study.id)
    watched = db_session.exec(seen_in.where(Observation.observer_id == account.id)).all()
    consents = db_session.exec(select(Consent).where(Consent.account_id == account.id, Consent.study_id == study.id)).all()
    record(db_session, operation="view_own_record", entity="account", entity_id=account.id)
    return {
        "account": {"name": account.name, "code": account.code, "display_name": account.display_name},
        "consents": [consent.model_dump(mode="json") for consent in consents],
        "tasks": [task.model_dump(mode="json", include={"id", "arm", "period", "state", "created_at", "missing_reason"}) for task in tasks],
        "readings": [reading.model_dump(mode="json", exclude={"batch_id"} | hidden) for reading in readings],
        "ratings": [rating.model_dump(mode="json", exclude={"batch_id"}) for rating in ratings],
        "observations": [seen.model_dump(mode="json", exclude={"observer_id"}) for seen in watched],
        "events": [event.model_dump(mode="json", exclude={"actor_id"}) for event in log],
    }


def _events_in(study_id: str) -> Any:
    """Events of the tasks and readings of one study."""
    within = [select(table.id).where(table.study_id == study_id) for table in (Task, Reading)]
    return select(Event).where(col(Event.task_id).in_(within[0]) | col(Event.reading_id).in_(within[1]))


def set_retention(db_session: Session, *, study: Study, now: datetime) -> int:
    """When a study is archived: until when the personal records may be kept; returns how many consents got a date."""
    months = protocol_of(db_session, study_id=study.id).consent.retention_months
    consents = db_session.exec(select(Consent).where(Consent.study_id == study.id, col(Consent.retain_until).is_(None))).all()
    for consent in consents:
        consent.retain_until = add_months(now, months)
        db_session.add(consent)
    return len(consents)


def add_months(day: datetime, months: int) -> datetime:
    """The same day some months later, or that month's last.

    Examples
    --------
    >>> from datetime import UTC
    >>> add_months(datetime(2027, 1, 31, tzinfo=UTC), 1).date().isoformat()
    '2027-02-28'
    """
    year, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + year, month + 1
    return day.replace(year=year, month=month, day=min(day.day, calendar.monthrange(year, month)[1]))


def forget_expired(db_session: Session, *, now: datetime) -> list[str]:
    """Act on retention dates: names of people whose records ran out are replaced by their code; a logged act."""
    expired = db_session.exec(select(Consent).where(col(Consent.retain_until) <= now)).all()
    forgotten = []
    for account_id in sorted({consent.account_id for consent in expired}):
        still = db_session.exec(select(Consent).where(Consent.account_id == account_id)).all()
        account = db_session.get_one(Account, account_id)
        if account.display_name == account.code or any(consent.retain_until is None or consent.retain_until > now for consent in still):
            continue
        account.display_name = account.code
        db_session.add(account)
        record(db_session, operation="forget", entity="account", entity_id=account.id, reason="retention date reached")
        forgotten.append(account.code)
    return forgotten
