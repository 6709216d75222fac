"""A task that somebody comes back to: what a closed tab could not send, and a machine that slept, are taken up where they were left."""

import random
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from db import frames
from db.engine import snapshot
from db.tables import Study
from study.home import open_home
from tests.system.browser import chromium
from tests.system.recorder_page import cookie, recorder_page
from tests.system.test_recorder_endurance import Driver, Known, _agree, _planned, _sweep
from tests.system.workplaces import running_study

pytestmark = [pytest.mark.system, pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    """An open task: its driver, its page, what is known of it, and its home."""
    home = tmp_path / "home"
    running_study(home, cases=1).close()
    with recorder_page(home) as (address, token, clock), chromium() as context:
        _agree(home)
        context.add_cookies([cookie(address, token)])
        driver = Driver(context, address, clock, random.Random(1))
        known = Known(_planned(home)[0], clock.seconds)
        page = driver.open(known.task_id)
        driver.tied(page, 0)
        yield driver, page, known, home


def times(home: Path, task_id: str) -> Any:
    place = open_home(home)
    with snapshot(place.engine) as db_session:
        study = db_session.exec(select(Study)).one()
        row = frames.task_details(db_session, study_id=study.id).set_index("task").loc[task_id]
    place.close()
    return row


def test_a_pause_pressed_offline_in_a_tab_that_was_closed_is_a_pause_when_one_comes_back(desk: Any) -> None:
    driver, page, known, home = desk
    driver.wait(10)
    driver.context.set_offline(True)
    page.locator(".strip .pause").click()
    driver.wait(5)
    page.close(run_before_unload=False)  # its last words find no network
    driver.wait(100)
    driver.context.set_offline(False)
    page = driver.open(known.task_id)
    driver.wait(3)
    page.locator(".strip .light.paused").wait_for(timeout=20_000)
    driver.wait(20)
    page.locator(".strip .pause").click()
    driver.wait(30)
    driver.finish(known, page)
    row = times(home, known.task_id)
    assert row["state"] == "finished"
    assert row["pause_seconds"] == pytest.approx(128, abs=0.05)
    assert row["hands_on_seconds"] == pytest.approx(40, abs=0.05)


def test_a_resume_pressed_offline_in_a_tab_that_was_closed_need_not_be_pressed_again(desk: Any) -> None:
    driver, page, known, home = desk
    page.locator(".strip .pause").click()
    driver.wait(50)
    driver.context.set_offline(True)
    page.locator(".strip .pause").click()
    driver.wait(5)
    page.close(run_before_unload=False)
    driver.wait(100)
    driver.context.set_offline(False)
    page = driver.context.new_page()
    page.goto(f"{driver.address}/?task={known.task_id}")
    driver.wait(3)
    page.locator(".strip .light.open").wait_for(timeout=20_000)
    driver.wait(20)
    driver.finish(known, page)
    row = times(home, known.task_id)
    assert row["pause_seconds"] == pytest.approx(50, abs=0.05)
    assert row["hands_on_seconds"] == pytest.approx(128, abs=0.05)


def test_a_machine_that_slept_past_the_half_hour_shows_the_task_interrupted_and_goes_on_at_a_click(desk: Any) -> None:
    driver, page, known, home = desk
    driver.wait(10)
    driver.clock.seconds += 2400  # the browser's clock stood still meanwhile
    _sweep(home, driver.clock)
    driver.wait(20)
    page.locator(".strip .light.interrupted").wait_for(timeout=20_000)
    page.locator(".strip .pause").click()
    driver.wait(30)
    driver.finish(known, page)
    row = times(home, known.task_id)
    assert row["state"] == "finished"
    assert row["hands_on_seconds"] < 90
