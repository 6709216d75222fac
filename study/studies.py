"""The life of a study: draft → active → locked → unblinded → archived, and the protocol version in force."""

from datetime import datetime
from functools import lru_cache

from sqlmodel import Session, col, select

from db.audit import Actor, head_of, record
from db.tables import DataQuery, ProtocolVersion, SealedEntry, Study, Task
from study.errors import Forbidden, RejectedInput
from study.permissions import require
from study.protocol import Protocol, parse_protocol
from study.signatures import Confirmation, sign, void_signatures

LOCKED = "lock: data are complete and final"
NEXT_STATES = {
    "draft": ("active",),
    "active": ("locked",),
    "locked": ("unblinded", "active"),
    "unblinded": ("archived",),
    "archived": (),
}


def find_study(db_session: Session, *, study: str | None = None) -> Study:
    """A study by id or name; the only one there is when nothing is named.

    Raises
    ------
    RejectedInput
        When there is none, or several and none is named.
    """
    if study:
        found = db_session.get(Study, study) or db_session.exec(select(Study).where(Study.name == study)).first()
        if found is None:
            raise RejectedInput("no_such_study", f"there is no study {study!r}", "gilbreth study status lists the studies")
        return found
    studies = db_session.exec(select(Study).order_by(col(Study.created_at))).all()
    if not studies:
        raise RejectedInput("no_study", "this home has no study", "gilbreth study init PROTOCOL makes one")
    if len(studies) > 1:
        names = ", ".join(item.name for item in studies)
        raise RejectedInput("several_studies", f"this home has the studies {names}", "name one with --study")
    return studies[0]


def create_study(db_session: Session, *, protocol: Protocol, actor: Actor, now: datetime, simulated: bool = False) -> Study:
    """A new study in draft, with the first version of its protocol."""
    require(db_session, actor=actor, operation="study.create")
    if db_session.exec(select(Study).where(Study.name == protocol.name)).first():
        raise RejectedInput("study_exists", f"there is already a study {protocol.name!r}", "change [study] name, or amend that study")
    study = Study.model_validate({"name": protocol.name, "title": protocol.study.title, "simulated": simulated, "created_at": now})
    db_session.add(study)
    db_session.flush()
    _add_version(db_session, study=study, protocol=protocol, number=1, reason="first version", actor=actor, now=now)
    return study


def amend_study(db_session: Session, *, study: Study, protocol: Protocol, reason: str, actor: Actor, now: datetime) -> ProtocolVersion:
    """A new version of the protocol, with the reason; design, arms and regions of an active study stay."""
    require(db_session, actor=actor, operation="study.amend", study=study)
    if not reason.strip():
        raise RejectedInput("no_reason", "an amendment without a reason", "say why with --reason")
    before, last = protocol_of(db_session, study_id=study.id), _last_version(db_session, study.id)
    if protocol.sha256 == last.sha256:
        raise RejectedInput("no_change", "this is the version already in force", "change the protocol first")
    if protocol.name != study.name:
        raise RejectedInput("not_amendable", f"the amendment renames the study to {protocol.name!r}", f'keep name = "{study.name}"')
    if study.state == "active":
        for part in ("design", "arms", "regions", "allocation"):
            if getattr(protocol, part) != getattr(before, part):
                raise RejectedInput("not_amendable", f"the amendment changes [{part}] of an active study", "start a new study")
    return _add_version(db_session, study=study, protocol=protocol, number=last.number + 1, reason=reason, actor=actor, now=now)


def _add_version(
    db_session: Session, *, study: Study, protocol: Protocol, number: int, reason: str, actor: Actor, now: datetime
) -> ProtocolVersion:
    version = ProtocolVersion.model_validate(
        {
            "study_id": study.id, "number": number, "sha256": protocol.sha256, "toml": protocol.text, "reason": reason,
            "created_at": now, "created_by": actor.account,
        }
    )  # fmt: skip
    db_session.add(version)
    db_session.flush()
    return version


def _last_version(db_session: Session, study_id: str) -> ProtocolVersion:
    statement = select(ProtocolVersion).where(ProtocolVersion.study_id == study_id).order_by(col(ProtocolVersion.number).desc())
    return db_session.exec(statement.limit(1)).one()


@lru_cache(maxsize=32)
def _parsed(text: str) -> Protocol:
    return parse_protocol(text)


def protocol_of(db_session: Session, *, study_id: str) -> Protocol:
    """The protocol version in force."""
    return _parsed(_last_version(db_session, study_id).toml)


def activate_study(db_session: Session, *, study: Study, actor: Actor, now: datetime) -> Study:
    """Freeze the protocol and open enrolment. The sealed list must be there if the protocol draws arms."""
    require(db_session, actor=actor, operation="study.activate", study=study)
    protocol = protocol_of(db_session, study_id=study.id)
    if protocol.allocation.method != "none":
        sealed = db_session.exec(select(SealedEntry.id).where(SealedEntry.study_id == study.id).limit(1)).first()
        if sealed is None:
            raise Forbidden("the allocation list is not sealed yet; seal it first (gilbreth study activate does both)")
    return _move(db_session, study=study, state="active", now=now)


def lock_study(db_session: Session, *, study: Study, confirmation: Confirmation, actor: Actor, now: datetime) -> Study:
    """Lock: from here on every write is refused. Open tasks must be finished or given up first, data queries closed."""
    require(db_session, actor=actor, operation="study.lock", study=study)
    busy = db_session.exec(select(Task.id).where(Task.study_id == study.id, col(Task.state).in_(("open", "paused")))).all()
    if busy:
        raise Forbidden(f"{len(busy)} tasks are still open; finish or abort them, then lock")
    asked = db_session.exec(select(DataQuery.id).where(DataQuery.study_id == study.id, DataQuery.state != "closed")).all()
    if asked:
        raise Forbidden(f"{len(asked)} data queries are not closed; answer and close them, then lock (gilbreth study ask lists them)")
    _sign(db_session, study, confirmation, LOCKED, now)
    return _move(db_session, study=study, state="locked", now=now)


def unlock_study(db_session: Session, *, study: Study, reason: str, confirmation: Confirmation, actor: Actor, now: datetime) -> Study:
    """Back to active, with reason and signature; only while nobody is unblinded. The signature under the lock is void."""
    require(db_session, actor=actor, operation="study.unlock", study=study)
    if not reason.strip():
        raise RejectedInput("no_reason", "unlocking without a reason", "say why")
    void_signatures(db_session, entity="study", entity_id=study.id, reason=f"unlocked: {reason}"[:500], now=now, meaning=LOCKED)
    _sign(db_session, study, confirmation, f"unlock: {reason}"[:200], now)
    record(db_session, operation="unlock", entity="study", entity_id=study.id, reason=reason)
    return _move(db_session, study=study, state="active", now=now)


def unblind_study(db_session: Session, *, study: Study, confirmation: Confirmation, actor: Actor, now: datetime) -> Study:
    """Show outcomes by arm. There is no way back."""
    require(db_session, actor=actor, operation="study.unblind", study=study)
    _sign(db_session, study, confirmation, "unblind: the plan is fixed and will be run as it stands", now)
    return _move(db_session, study=study, state="unblinded", now=now)


def archive_study(db_session: Session, *, study: Study, actor: Actor, now: datetime) -> Study:
    """Close the books; retention dates run from here."""
    from study.consent import set_retention

    require(db_session, actor=actor, operation="study.archive", study=study)
    set_retention(db_session, study=study, now=now)
    return _move(db_session, study=study, state="archived", now=now)


def _sign(db_session: Session, study: Study, confirmation: Confirmation, meaning: str, now: datetime) -> None:
    """Under the protocol in force and everything recorded until now, which the head of the audit stands for."""
    db_session.flush()
    protocol, head = _last_version(db_session, study.id).sha256, list(head_of(db_session))
    content = {"study": study.name, "protocol": protocol, "meaning": meaning, "audit": head}
    sign(db_session, confirmation=confirmation, meaning=meaning, entity="study", entity_id=study.id, content=content, now=now)


def _move(db_session: Session, *, study: Study, state: str, now: datetime) -> Study:
    if state not in NEXT_STATES[study.state]:
        raise Forbidden(f"a study cannot go from {study.state} to {state}; from there it goes to {', '.join(NEXT_STATES[study.state])}")
    study.state = state  # type: ignore[assignment]
    stamp = {"active": "activated_at", "locked": "locked_at", "unblinded": "unblinded_at", "archived": "archived_at"}[state]
    setattr(study, stamp, now)
    db_session.add(study)
    db_session.flush()
    return study
