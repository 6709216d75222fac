"""The server tidies up by itself, and says so in the audit."""

from pathlib import Path

import pytest
from sqlmodel import select

from dashboard.server import home as server
from dashboard.server.housekeeping import tidy_up
from db.engine import snapshot, transaction
from db.tables import AuditEntry, Lease, Task
from study.recording.leases import LEASE
from tests.system.workplaces import running_study


def test_a_task_nobody_holds_becomes_interrupted_and_the_audit_says_by_whom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    from db.audit import Actor
    from study.accounts import find_account
    from study.clock import read_clock
    from study.consent import give_consent
    from study.recording import open_task
    from study.studies import find_study

    place = running_study(tmp_path / "home", cases=1)
    monkeypatch.setattr(server, "server_home", lambda: place)
    monkeypatch.setattr("dashboard.server.housekeeping.server_home", lambda: place)
    now = read_clock()
    with transaction(place.engine) as db_session:
        tess = find_account(db_session, name="tess")
        actor = Actor("tess", "technologist", tess.id)
        give_consent(db_session, study=find_study(db_session), actor=actor, now=now.at)
        task = db_session.exec(select(Task).where(Task.period == 1)).one()
        open_task(db_session, task_id=task.id, actor=actor, holder="tab", now=now, key="start")
    assert tidy_up() == (0, 0)
    with transaction(place.engine) as db_session:
        lease = db_session.get_one(Lease, task.id)
        lease.renewed_at, lease.expires_at = now.at - timedelta(hours=1), now.at - timedelta(hours=1) + LEASE
        db_session.add(lease)
    assert tidy_up() == (1, 0)
    with snapshot(place.engine) as db_session:
        assert db_session.get_one(Task, task.id).state == "interrupted"
        who = db_session.exec(select(AuditEntry.account).where(AuditEntry.entity == "task").order_by(AuditEntry.id.desc())).first()  # type: ignore[attr-defined]
    assert who == "server"
