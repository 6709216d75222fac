"""A technologist's and a reader's day in a real browser: counted exactly, nothing lost, nothing told."""

import time
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from db import frames
from db.audit import Actor
from db.base import utc_now
from db.engine import snapshot, transaction
from db.tables import Deviation, Event, Study, Task
from study.accounts import create_account, grant_role
from study.home import Home, open_home
from tests.system.browser import chromium, serving, settle, sign_in
from tests.system.conftest import PASSWORD
from tests.system.workplaces import hand_in, reconstruction, running_study

pytestmark = [pytest.mark.system, pytest.mark.browser, pytest.mark.timeout(600)]
HIDE = """hidden => { Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});
document.dispatchEvent(new Event('visibilitychange')); }"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    place = running_study(tmp_path / "home", cases=6)
    place.close()
    for number in range(1, 7):
        reconstruction(tmp_path / "home", f"C{number:05d}")
    return tmp_path / "home"


def consent(page: Any) -> None:
    settle(page)
    button = page.get_by_role("button", name="I have read this and agree")
    if button.count():
        button.click()
        settle(page)


def open_case(page: Any) -> None:
    page.get_by_test_id("stMain").get_by_role("button", name="Open", exact=True).first.click()
    page.locator(".strip .finish").wait_for(timeout=30_000)
    settle(page)


def counts(home: Path, task_id: str) -> dict[str, int]:
    place = open_home(home)
    with snapshot(place.engine) as db_session:
        found: dict[str, int] = {}
        for event in db_session.exec(select(Event).where(Event.task_id == task_id, Event.kind == "input")):
            found[str(event.input)] = found.get(str(event.input), 0) + int(event.count or 0)
    place.close()
    return found


def last_task(home: Path) -> Task:
    place = open_home(home)
    with snapshot(place.engine) as db_session:
        started = select(Event.task_id).where(Event.kind == "start").order_by(Event.id.desc()).limit(1)  # type: ignore[union-attr]
        task = db_session.get_one(Task, db_session.exec(started).one())
    place.close()
    return task


def wait_for_state(home: Path, task_id: str, state: str) -> None:
    place = open_home(home)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with snapshot(place.engine) as db_session:
            if db_session.get_one(Task, task_id).state == state:
                place.close()
                return
        time.sleep(0.3)
    raise AssertionError(f"the task never became {state}")


def times(home: Path, case: str, arm: str) -> Any:
    place: Home = open_home(home)
    with snapshot(place.engine) as db_session:
        study = db_session.exec(select(Study)).one()
        rows = frames.task_details(db_session, study_id=study.id)
    place.close()
    return rows[(rows["case"] == case) & (rows["arm"] == arm)].iloc[0]


def test_clicks_drags_keys_pauses_and_hidden_tabs_are_counted_as_they_were_done(home: Path) -> None:
    with serving(home) as address, chromium() as context:
        page = context.new_page()
        sign_in(page, address, name="tess", password=PASSWORD)
        consent(page)
        open_case(page)
        task = last_task(home)
        heading = page.get_by_role("heading").first
        for _ in range(5):
            heading.click()
        page.locator(".strip .pause").click()  # the strip's own buttons never count
        began = time.perf_counter()
        heading.click()  # while paused: not counted
        page.wait_for_timeout(1500)
        page.locator(".strip .pause").click()
        paused = time.perf_counter() - began
        box = heading.bounding_box()  # in the middle of the page lie the pictures or the steps, as the arm was drawn
        page.mouse.move(box["x"] + 200, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + 320, box["y"] + 30, steps=5)
        page.mouse.up()
        heading.click()
        page.keyboard.press("a")
        page.evaluate(HIDE, True)
        page.wait_for_timeout(400)
        page.evaluate(HIDE, False)
        for _ in range(3):
            heading.click()
        hand_in(home, task_id=task.id)
        page.locator(".strip .finish").click()
        wait_for_state(home, task.id, "finished")
    found = counts(home, task.id)
    assert found.get("click", 0) == 9
    assert found.get("drag", 0) == 1
    assert found.get("key", 0) == 1
    row = times(home, "C00001", task.arm)
    assert row["pause_seconds"] == pytest.approx(paused, abs=0.25)


def test_a_reload_and_a_closed_tab_lose_no_click(home: Path) -> None:
    with serving(home) as address, chromium() as context:
        page = context.new_page()
        sign_in(page, address, name="tess", password=PASSWORD)
        consent(page)
        open_case(page)
        task = last_task(home)
        page.get_by_role("heading").first.click()
        page.get_by_role("heading").first.click()
        page.reload()  # at once: the two clicks leave by beacon or wait on disk
        page.locator(".strip .finish").wait_for(timeout=30_000)
        settle(page)
        page.get_by_role("heading").first.click()
        page.close()
        other = context.new_page()
        other.goto(address)
        other.locator(".strip .finish").wait_for(timeout=30_000)
        settle(other)
        other.get_by_role("heading").first.click()
        other.wait_for_timeout(4000)
        hand_in(home, task_id=task.id)
        other.locator(".strip .finish").click()
        wait_for_state(home, task.id, "finished")
    assert counts(home, task.id).get("click", 0) == 4


def test_a_cut_network_keeps_the_events_and_sends_them_later(home: Path) -> None:
    with serving(home) as address, chromium() as context:
        page = context.new_page()
        sign_in(page, address, name="tess", password=PASSWORD)
        consent(page)
        open_case(page)
        task = last_task(home)
        context.route("**/record", lambda route: route.abort())
        for _ in range(4):
            page.get_by_role("heading").first.click()
        page.locator(".strip .light.offline").wait_for(timeout=15_000)
        context.unroute("**/record")
        page.locator(".strip .light.open").wait_for(timeout=15_000)
        hand_in(home, task_id=task.id)
        page.locator(".strip .finish").click()
        wait_for_state(home, task.id, "finished")
    assert counts(home, task.id).get("click", 0) == 4


def test_a_second_tab_only_shows_the_task(home: Path) -> None:
    with serving(home) as address, chromium() as context:
        page = context.new_page()
        sign_in(page, address, name="tess", password=PASSWORD)
        consent(page)
        open_case(page)
        other = context.new_page()
        other.goto(address)
        other.locator(".strip").wait_for(timeout=30_000)
        settle(other)
        assert other.locator(".strip .finish").is_disabled()
        other.get_by_role("heading").first.click()
        other.wait_for_timeout(4000)
        assert counts(home, last_task(home).id).get("click", 0) == 0
        page.close(run_before_unload=True)
        other.locator(".strip .light.open").wait_for(timeout=90_000)  # the first tab is gone: this one goes on
        other.get_by_role("heading").first.click()
        hand_in(home, task_id=last_task(home).id)
        other.locator(".strip .finish").click()
        wait_for_state(home, last_task(home).id, "finished")
        assert counts(home, last_task(home).id).get("click", 0) == 1


def test_a_finish_before_the_pictures_is_refused_and_recording_goes_on(home: Path) -> None:
    with serving(home) as address, chromium() as context:
        page = context.new_page()
        sign_in(page, address, name="tess", password=PASSWORD)
        consent(page)
        open_case(page)
        task = last_task(home)
        page.get_by_role("heading").first.click()
        page.locator(".strip .finish").click()
        page.locator(".strip .note").get_by_text("hand them in").wait_for(timeout=15_000)
        page.get_by_role("heading").first.click()
        assert last_task(home).state == "open"
        hand_in(home, task_id=task.id)
        page.locator(".strip .finish").click()
        wait_for_state(home, task.id, "finished")
    assert counts(home, task.id).get("click", 0) == 2


def test_a_wrong_case_goes_back_to_the_worklist_with_a_reason(home: Path) -> None:
    with serving(home) as address, chromium() as context:
        page = context.new_page()
        sign_in(page, address, name="tess", password=PASSWORD)
        consent(page)
        open_case(page)
        task = last_task(home)
        page.locator(".strip .more").click()
        page.locator(".strip .way").select_option("undo")
        page.locator(".strip .why").select_option("opened the wrong case")
        page.locator(".strip .sure").click()
        wait_for_state(home, task.id, "undone")
        page.get_by_text("The case is back in your worklist").wait_for(timeout=30_000)
        assert page.locator(".strip").count() == 0
        settle(page)
        open_case(page)
        assert last_task(home).id != task.id


def test_two_tasks_of_one_person_never_run_at_once(home: Path) -> None:
    with serving(home) as address, chromium() as context:
        page = context.new_page()
        sign_in(page, address, name="tess", password=PASSWORD)
        consent(page)
        open_case(page)
        first = last_task(home)
        page.locator(".strip .pause").click()
        wait_for_state(home, first.id, "paused")
        page.get_by_role("link", name="Worklist").click()
        page.get_by_role("heading", name="Worklist").wait_for(timeout=30_000)
        settle(page)
        open_case(page)
        second = last_task(home)
        page.get_by_role("link", name="Worklist").click()
        page.get_by_role("heading", name="Worklist").wait_for(timeout=30_000)
        settle(page)
        page.locator(f".st-key-open-{first.id} button").click()
        page.locator(".strip .light.paused").wait_for(timeout=30_000)
        page.locator(".strip .pause").click()
        page.locator(".strip .note").get_by_text("another task of yours is running").wait_for(timeout=30_000)
        page.locator(".strip .light.paused").wait_for(timeout=30_000)
        wait_for_state(home, first.id, "paused")
        wait_for_state(home, second.id, "open")


def test_a_task_is_handed_over_between_shifts_and_nobody_is_timed_in_between(home: Path) -> None:
    place = open_home(home)
    with transaction(place.engine) as db_session:
        tom = create_account(db_session, name="tom", password=PASSWORD, display_name="Tom", now=utc_now())
        grant_role(db_session, account=tom, role="technologist", actor=Actor(), now=utc_now())
    place.close()
    with serving(home) as address, chromium() as context:
        page = context.new_page()
        sign_in(page, address, name="tess", password=PASSWORD)
        consent(page)
        open_case(page)
        task = last_task(home)
        for _ in range(2):
            page.get_by_role("heading").first.click()
        page.locator(".strip .more").click()
        page.locator(".strip .way").select_option("hand_over")
        page.locator(".strip .why").select_option(label="Tom")
        page.locator(".strip .sure").click()
        page.get_by_text("Handed over").wait_for(timeout=30_000)
        began = time.perf_counter()
        assert page.locator(".strip").count() == 0
        settle(page)
        assert page.get_by_text("1 open").count() == 0
        page.goto(f"{address}/signout")
        sign_in(page, address, name="tom", password=PASSWORD)
        consent(page)
        page.locator(".strip .light.paused").wait_for(timeout=30_000)
        page.wait_for_timeout(1500)
        page.locator(".strip .pause").click()
        rested = time.perf_counter() - began
        for _ in range(3):
            page.get_by_role("heading").first.click()
        hand_in(home, task_id=task.id, name="tom")
        page.locator(".strip .finish").click()
        wait_for_state(home, task.id, "finished")
    assert counts(home, task.id).get("click", 0) == 5
    place = open_home(home)
    with snapshot(place.engine) as db_session:
        assert db_session.exec(select(Deviation.kind).where(Deviation.kind == "hand_over")).all() == ["hand_over"]
        assert db_session.get_one(Task, task.id).technologist_id == tom.id
        log = frames.task_details(db_session, study_id=task.study_id).set_index("task").loc[task.id]
    place.close()
    assert log["pause_seconds"] == pytest.approx(rested, abs=1.0)
