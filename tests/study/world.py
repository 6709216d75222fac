"""A small active study with people in every role, for tests."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from sqlalchemy import Engine

from db.audit import Actor
from db.engine import transaction
from db.tables import Case, ImageSet, Screening, Site, Study
from study.accounts import create_account, grant_role
from study.clock import Instant
from study.consent import give_consent
from study.permissions import ROLES
from study.protocol import load_protocol
from study.recording import plan_task
from study.signatures import Confirmation
from study.studies import create_study

START = Instant(datetime(2027, 1, 4, 8, 0, tzinfo=UTC), 1000.0, "boot-1")
PASSWORD = "correct horse battery staple"


@dataclass
class World:
    """The engine, the study's id, and an actor per role (`people["reader"]`, a second reader is `reader2`)."""

    engine: Engine
    study_id: str
    people: dict[str, Actor]
    numbers: count = field(default_factory=lambda: count(1))

    def case(self, *, state="eligible", training=False):
        number = next(self.numbers)
        with transaction(self.engine) as db_session:
            site = db_session.get(Study, self.study_id) and db_session.exec(_first_site()).one()
            case = Case.model_validate(
                {
                    "study_id": self.study_id, "site_id": site.id, "number": f"C{number:04d}", "pseudonym": f"X{number:04d}",
                    "state": state, "training": training, "strata": {"priority": "elective"}, "enrolled_at": START.at,
                }
            )  # fmt: skip
            db_session.add(case)
            db_session.flush()
            db_session.add(
                Screening.model_validate(
                    {
                        "study_id": self.study_id, "case_id": case.id, "eligible": True, "screened_at": START.at, "screened_by": "t",
                        "locked_at": START.at,
                    }
                )
            )  # fmt: skip
        return case

    def task(self, *, arm="manual", case=None, technologist="technologist", instrument="browser", period=1, sequence=None):
        case = case or self.case()
        with transaction(self.engine) as db_session:
            return plan_task(
                db_session, case=case, technologist_id=self.people[technologist].account_id, arm=arm, period=period,
                sequence=sequence, instrument=instrument, now=START.at,
            )  # fmt: skip

    def image_set(self, *, arm="manual", case=None):
        task = self.task(arm=arm, case=case)
        with transaction(self.engine) as db_session:
            number = next(self.numbers)
            image_set = ImageSet.model_validate(
                {
                    "study_id": self.study_id, "task_id": task.id, "path": f"images/{number}", "sha256": "0" * 64, "frames": 72,
                    "created_at": START.at,
                }
            )  # fmt: skip
            db_session.add(image_set)
        return image_set

    def confirmation(self, role="investigator", at=None):
        return Confirmation(self.people[role].account_id, "password", at or START.at)


def _first_site():
    from sqlmodel import select

    return select(Site)


_MADE: dict[tuple, tuple[bytes, str, dict[str, Actor]]] = {}  # worlds in memory, made once and copied


def make_world(engine: Engine, *, protocol="head_neck_cta", consented=True) -> World:
    """Accounts have no password (argon2 is slow on purpose); tests of passwords set their own."""
    if str(engine.url) != "sqlite://":
        return _make_world(engine, protocol, consented)
    raw = engine.raw_connection()
    if (protocol, consented) not in _MADE:
        made = _make_world(engine, protocol, consented)
        _MADE[protocol, consented] = (raw.driver_connection.serialize(), made.study_id, made.people)
    content, study_id, people = _MADE[protocol, consented]
    raw.driver_connection.deserialize(content)
    raw.driver_connection.execute("PRAGMA foreign_keys = ON")
    raw.close()
    return World(engine, study_id, dict(people))


def _make_world(engine: Engine, protocol: str, consented: bool) -> World:
    people: dict[str, Actor] = {}
    with transaction(engine) as db_session:
        db_session.add(Site.model_validate({"code": "S1", "name": "First hospital"}))
        for role in (*ROLES, "technologist2", "reader2"):
            account = create_account(db_session, name=role, now=START.at)
            plain = role.rstrip("2")
            grant_role(db_session, account=account, role=plain, actor=Actor(), now=START.at)
            people[role] = Actor(role, plain, account.id)
        study = create_study(db_session, protocol=load_protocol(protocol), actor=people["investigator"], now=START.at)
        study.state, study.activated_at = "active", START.at  # the sealed list has its own tests
        db_session.add(study)
        db_session.flush()
        if consented:
            for role in ("technologist", "technologist2", "reader", "reader2", "observer"):
                give_consent(db_session, study=study, actor=people[role], now=START.at)
    return World(engine, study.id, people)
