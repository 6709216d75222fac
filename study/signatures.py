"""Electronic signatures: who, when, what it means, bound to a hash of exactly what was signed.

Whether they all still hold: `study.signature_check`.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from db.tables import Account, Signature
from study.errors import Forbidden

CONFIRMATION_LASTS = timedelta(minutes=2)


@dataclass(frozen=True)
class Confirmation:
    """That a person proved who they are just now; made by `study.accounts.confirm_identity` only."""

    account_id: str
    method: str
    at: datetime


def content_hash(content: Any) -> str:
    """SHA-256 of the canonical JSON of what is signed.

    Examples
    --------
    >>> content_hash({"b": 1, "a": 2}) == content_hash({"a": 2, "b": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def sign(
    db_session: Session, *, confirmation: Confirmation, meaning: str, entity: str, entity_id: str, content: Any, now: datetime
) -> Signature:
    """Sign some content.

    Raises
    ------
    Forbidden
        When the person's identity was confirmed longer than two minutes ago, or for somebody else.
    """
    if not timedelta(0) <= now - confirmation.at <= CONFIRMATION_LASTS:
        raise Forbidden("the confirmation of your identity is too old; enter your password again")
    account = db_session.get(Account, confirmation.account_id)
    if account is None or account.disabled_at is not None:
        raise Forbidden("this account cannot sign; ask an administrator")
    fields = {
        "account_id": account.id, "printed_name": account.display_name or account.name, "meaning": meaning, "entity": entity,
        "entity_id": entity_id, "content_sha256": content_hash(content), "signed_at": now,
    }  # fmt: skip
    signature = Signature.model_validate({**fields, "seal": _seal(fields)})
    db_session.add(signature)
    db_session.flush()
    return signature


def _seal(fields: dict[str, Any]) -> str:
    """Binds all fields of one signature together, so that none can be pasted elsewhere."""
    return content_hash({key: value.isoformat() if isinstance(value, datetime) else value for key, value in fields.items()})


def void_signatures(db_session: Session, *, entity: str, entity_id: str, reason: str, now: datetime, meaning: str | None = None) -> int:
    """Void the live signatures under something that is about to change, or those of one meaning; returns how many."""
    statement = select(Signature).where(Signature.entity == entity, Signature.entity_id == entity_id, col(Signature.voided_at).is_(None))
    live = db_session.exec(statement if meaning is None else statement.where(Signature.meaning == meaning)).all()
    for signature in live:
        signature.voided_at, signature.void_reason = now, reason
        db_session.add(signature)
    return len(live)


def holds(signature: Signature, *, content: Any) -> bool:
    """Whether a signature is live, untouched, and about this very content."""
    names = ("account_id", "printed_name", "meaning", "entity", "entity_id", "content_sha256", "signed_at")
    fields = {name: getattr(signature, name) for name in names}
    return signature.voided_at is None and signature.seal == _seal(fields) and signature.content_sha256 == content_hash(content)
