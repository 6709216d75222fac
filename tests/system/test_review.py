"""The AI arm in a real browser: nothing wrong is one click; a piece taken out on the MIP, put back, and taken out again is kept."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from db import frames
from db.engine import snapshot, transaction
from db.tables import Case, Event, ImageSet, Study, Task
from study.home import open_home
from tests.system.browser import chromium, serving, settle, sign_in
from tests.system.conftest import PASSWORD
from tests.system.workplaces import running_study

pytestmark = [pytest.mark.system, pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small phantom and its reconstruction by rules."""
    folder = tmp_path_factory.mktemp("scan")
    for words in (
        ["phantom", "phantom", "--preset", "small", "--seed", "3", "--format", "nifti"],
        ["reconstruct", "phantom/ct.nii.gz", "--out", "result", "--method", "threshold", "--recipe", "standard"],
    ):
        subprocess.run([sys.executable, "-m", "study.cli", *words], cwd=folder, check=True, capture_output=True, timeout=600)
    return folder


@pytest.fixture
def home(tmp_path: Path, scan: Path) -> Path:
    """A study in which the technologist's only task now is one of the AI arm, with its real reconstruction."""
    import shutil

    folder = tmp_path / "home"
    place = running_study(folder, cases=4)
    with transaction(place.engine) as db_session:
        case_id = db_session.exec(select(Task.case_id).where(Task.arm == "ai", Task.period == 1)).first()
        for case in db_session.exec(select(Case).where(Case.id != case_id)):
            for task in db_session.exec(select(Task).where(Task.case_id == case.id)):
                task.state = "aborted"
                db_session.add(task)
        case = db_session.get_one(Case, case_id)
        case.scan_path = str(scan / "phantom" / "ct.nii.gz")
        db_session.add(case)
        shutil.copytree(scan / "result", folder / "reconstructions" / case.number)
    place.close()
    return folder


def open_the_case(page: Any) -> None:
    settle(page)
    page.get_by_role("button", name="I have read this and agree").click()
    page.get_by_role("button", name="Open", exact=True).click()
    page.locator(".strip .finish").wait_for(timeout=60_000)
    page.locator('.viewer[data-loaded="true"]').wait_for(timeout=60_000)
    settle(page)


def stored(home: Path) -> tuple[Any, list[Event], list[ImageSet]]:
    place = open_home(home)
    with snapshot(place.engine) as db_session:
        study = db_session.exec(select(Study)).one()
        details = frames.task_details(db_session, study_id=study.id)
        events = list(db_session.exec(select(Event).where(Event.kind.in_(("correction", "note"))).order_by(Event.id)))  # type: ignore[attr-defined, arg-type]
        sets = list(db_session.exec(select(ImageSet)))
    place.close()
    return details, events, sets


def wait_until_finished(home: Path) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        details, _, _ = stored(home)
        if (details["state"] == "finished").any():
            return
        time.sleep(0.5)
    raise AssertionError("the task never became finished")


def test_nothing_wrong_is_one_click_and_storing_is_no_hands_on_time(home: Path) -> None:
    with serving(home) as address, chromium() as context:
        page = context.new_page()
        sign_in(page, address, name="tess", password=PASSWORD)
        open_the_case(page)
        page.get_by_role("button", name="Confirm and finish").click()
        wait_until_finished(home)
        page.get_by_role("heading", name="Worklist").wait_for(timeout=60_000)
    details, events, sets = stored(home)
    row = details[details["state"] == "finished"].iloc[0]
    assert row["clicks"] == 1
    assert row["ai_wait_seconds"] > 0
    assert [event.detail["event"] for event in events if event.detail] == ["confirmed"]
    assert [(item.frames, item.problem) for item in sets] == [(72, None)]


def test_a_pick_shows_first_what_it_would_do_is_applied_undone_and_kept_with_before_and_after(home: Path) -> None:
    with serving(home) as address, chromium() as context:
        page = context.new_page()
        sign_in(page, address, name="tess", password=PASSWORD)
        open_the_case(page)
        before = pixels(page)
        pick_the_brightest(page)
        page.get_by_role("button", name="Apply").wait_for(timeout=120_000)
        assert stored(home)[1] == []  # a look changes nothing
        page.get_by_role("button", name="Apply").click()
        page.get_by_text("Corrections in force: 1").wait_for(timeout=120_000)
        page.locator('.viewer[data-loaded="true"]').wait_for(timeout=60_000)
        assert pixels(page) != before
        page.get_by_role("button", name="Undo the last correction").click()
        page.get_by_text("Corrections in force: 1").wait_for(state="detached", timeout=120_000)
        settle(page)
        page.locator('.viewer[data-loaded="true"]').wait_for(timeout=60_000)
        assert pixels(page) == before
        pick_the_brightest(page)
        page.get_by_role("button", name="Apply").click(timeout=120_000)
        page.get_by_text("Corrections in force: 1").wait_for(timeout=120_000)
        settle(page)
        page.get_by_role("button", name="Confirm and finish").click()
        wait_until_finished(home)
    details, events, sets = stored(home)
    told = [event.detail for event in events if event.detail]
    assert [detail["event"] for detail in told] == ["correction", "correction_undone", "correction", "confirmed"]
    assert told[0]["before"]["vessel_ml"] > told[0]["after"]["vessel_ml"]
    assert told[0]["before"]["sha256"] != told[0]["after"]["sha256"]
    assert len(sets) == 1
    # two picks, two applies, one undo, one confirm: every one is a click of the arm's own work
    assert details[details["state"] == "finished"].iloc[0]["clicks"] == 6


def pixels(page: Any) -> str:
    return str(page.locator(".viewer canvas").first.evaluate("canvas => canvas.toDataURL()"))


def pick_the_brightest(page: Any) -> None:
    """Click where the MIP on the screen is brightest."""
    place = page.locator(".viewer canvas").first.evaluate("""canvas => {
        const box = canvas.getBoundingClientRect();
        const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        let best = 0, at = 0;
        for (let k = 0; k < data.length; k += 4) if (data[k] > best) { best = data[k]; at = k / 4; }
        return { x: box.left + (at % canvas.width + .5) / canvas.width * box.width,
                 y: box.top + (Math.floor(at / canvas.width) + .5) / canvas.height * box.height };
    }""")
    page.mouse.click(place["x"], place["y"])
