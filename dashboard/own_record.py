"""What the page of one's own record asks for."""

import json
from datetime import datetime
from html import escape
from typing import Any

from dashboard import state
from dashboard.state import text
from dashboard.times import moment
from db.base import utc_now
from db.engine import transaction
from study.consent import own_record, withdraw_consent
from study.studies import find_study
from study.workplace import study_protocol


def mine() -> dict[str, Any]:
    """Everything recorded about whoever is signed in; the look is audited."""
    with transaction(state.engine(), actor=state.actor()) as db_session:
        return own_record(db_session, study=find_study(db_session, study=state.study_id()), actor=state.actor())


def as_json(record: dict[str, Any]) -> str:
    """The record as a file."""
    return json.dumps(record, indent=1, ensure_ascii=False)


def agreement(record: dict[str, Any]) -> tuple[str, str] | None:
    """When they agreed, as HTML with UTC under the pointer, and to what; None when they did not, or withdrew."""
    live = [consent for consent in record["consents"] if consent["withdrawn_at"] is None]
    if not live:
        return None
    given = datetime.fromisoformat(live[-1]["given_at"])
    told = text("own_record.agreed").format(day=moment(given), version=escape(str(live[-1]["text_version"])))
    return told, study_protocol(state.engine(), study_id=state.study_id()).consent.text


def choice(erase: bool) -> str:
    """The two ways of leaving, in words."""
    return text("own_record.erase" if erase else "own_record.keep")


def leave(*, erase: bool) -> None:
    """Withdraw."""
    with transaction(state.engine(), actor=state.actor()) as db_session:
        study = find_study(db_session, study=state.study_id())
        withdraw_consent(db_session, study=study, actor=state.actor(), now=utc_now(), erase_data=erase)
