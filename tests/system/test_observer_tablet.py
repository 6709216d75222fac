"""An observer's tablet in a real browser: quick taps are all stored, a slip is taken back, a reload changes nothing."""

from pathlib import Path

import pytest
from sqlmodel import select

from db.audit import Actor
from db.base import utc_now
from db.engine import snapshot, transaction
from db.tables import Event, Study
from study import workplace
from study.accounts import create_account, find_account, grant_role
from study.home import open_home
from tests.system.browser import chromium, serving, settle, sign_in
from tests.system.conftest import PASSWORD
from tests.system.workplaces import running_study

pytestmark = [pytest.mark.system, pytest.mark.browser, pytest.mark.timeout(600)]


def test_quick_taps_activities_and_an_interruption_are_stored_and_shown_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    place = running_study(home, cases=1)
    with transaction(place.engine) as db_session:
        olga = create_account(db_session, name="olga", password=PASSWORD, display_name="Olga", now=utc_now())
        grant_role(db_session, account=olga, role="observer", actor=Actor(), now=utc_now())
        actor = Actor("tess", "technologist", find_account(db_session, name="tess").id)
        study_id = db_session.exec(select(Study)).one().id
    workplace.agree(place.engine, actor=actor, study_id=study_id)
    entry = workplace.my_worklist(place.engine, actor=actor, study_id=study_id, now=utc_now())[0]
    workplace.open_my_task(place.engine, actor=actor, task_id=entry.task_id, holder="tab")
    place.close()
    with serving(home) as address, chromium(width=1180, height=820) as context:
        page = context.new_page()
        sign_in(page, address, name="olga", password=PASSWORD)
        settle(page)
        page.get_by_role("button", name="I have read this and agree").click()
        page.get_by_role("button", name="Watch", exact=True).click(timeout=60_000)
        tap = page.locator(".observer .tap")
        tap.wait_for(timeout=60_000)
        settle(page)
        page.get_by_role("button", name="Remove bone").click()
        page.get_by_role("button", name="Edit vessels").click()
        for _ in range(40):
            tap.click()
        page.locator(".observer .undo").click()
        page.locator(".observer .break").first.click()
        page.reload()
        page.locator(".observer .back:not([disabled])").wait_for(timeout=60_000)
        assert "39" in tap.inner_text()
        pressed = page.locator(".observer .activities button[aria-pressed=true]").all_inner_texts()
        assert pressed == ["Remove bone", "Edit vessels"]
        page.locator(".observer .back").click()
        page.get_by_text("stored", exact=True).wait_for(timeout=30_000)
    place = open_home(home)
    with snapshot(place.engine) as db_session:
        kinds = [event.kind for event in db_session.exec(select(Event).where(Event.source == "observer"))]
    place.close()
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"lap": 2, "input": 40, "undo": 1, "interruption": 1, "return": 1}
