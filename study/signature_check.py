"""Do the signatures still hold? Each live one is compared with what it was put under, as it is recorded now."""

from typing import Any

from sqlmodel import Session, col, select

from db.tables import AuditEntry, ProtocolVersion, Reading, Signature, Study
from study.reading.ratings import signed_content
from study.signatures import holds


def broken_signatures(db_session: Session) -> list[str]:
    """Live signatures under something that is not what was signed, in words; empty when all hold."""
    live = select(Signature).where(col(Signature.voided_at).is_(None)).order_by(col(Signature.signed_at), Signature.id)
    return [
        f"signature {signature.id} of {signature.printed_name} does not hold: "
        f"{signature.entity} {signature.entity_id} is not what was signed"
        for signature in db_session.exec(live)
        if not any(holds(signature, content=content) for content in _contents(db_session, signature))
    ]


def _contents(db_session: Session, signature: Signature) -> list[Any]:
    if signature.entity == "reading":
        reading = db_session.get(Reading, signature.entity_id)
        return [] if reading is None else [signed_content(db_session, reading=reading)]
    study = db_session.get(Study, signature.entity_id)
    return [] if study is None else _states_of(db_session, signature, study)


def _states_of(db_session: Session, signature: Signature, study: Study) -> list[Any]:
    """What a signature under a study covers: the protocol in force and the record up to it, by the audit's head."""
    versions = select(ProtocolVersion.sha256).where(
        ProtocolVersion.study_id == study.id, col(ProtocolVersion.created_at) <= signature.signed_at
    )
    protocol = db_session.exec(versions.order_by(col(ProtocolVersion.number).desc()).limit(1)).first()
    own = select(AuditEntry.id, AuditEntry.previous_sha256).where(
        AuditEntry.entity == "signature", AuditEntry.entity_id == signature.id, AuditEntry.operation == "insert"
    )
    content = {"study": study.name, "protocol": protocol, "meaning": signature.meaning}
    return [{**content, "audit": [number - 1, previous]} for number, previous in db_session.exec(own).all()]
