"""The server tidies up by itself, and says so in the audit."""

import gc
import tomllib
import weakref
from pathlib import Path

import pytest
from sqlmodel import select

from dashboard.server import home as server
from dashboard.server.housekeeping import clear_memory, tidy_up
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


def test_what_was_imported_is_set_aside_once_and_what_pages_leave_behind_is_still_collected() -> None:
    gc.unfreeze()
    try:
        clear_memory()
        aside = gc.get_freeze_count()
        assert aside > 10_000

        class Page:
            """Refers to itself, as a page's session does."""

        page = Page()
        page.own = page  # type: ignore[attr-defined]
        left = weakref.ref(page)
        del page
        clear_memory()
        assert left() is None
        assert gc.get_freeze_count() <= aside
    finally:
        gc.unfreeze()


def test_no_page_waits_for_a_full_collection_after_every_run() -> None:
    config = tomllib.loads(Path("dashboard/.streamlit/config.toml").read_text(encoding="utf-8"))
    assert config["runner"]["postScriptGC"] is False
