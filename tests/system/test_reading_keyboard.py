"""A reader's day by keyboard alone: 20 cases rated, exceptions made, the idle question answered, a reload survived; never the mouse."""

import re
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlmodel import select

from db import frames
from db.engine import snapshot
from db.tables import Event, Rating, Study
from study.home import open_home
from tests.system.browser import chromium, serving, settle, sign_in
from tests.system.conftest import PASSWORD
from tests.system.reading_home import consent, reading_home, submitted

pytestmark = [pytest.mark.system, pytest.mark.browser, pytest.mark.timeout(3600)]
PATIENCE = 90_000


def begin(page: Any) -> float:
    """Enter takes the next case from the queue; milliseconds from the key to the first picture."""
    page.evaluate("""() => { globalThis.__first = null; const from = performance.now(); const look = () => {
        const root = [...document.querySelectorAll('*')].map((node) => node.shadowRoot?.querySelector('.viewer') ?? null).find(Boolean)
            ?? document.querySelector('.viewer');
        if (root?.dataset.firstMs) globalThis.__first = performance.now() - from; else requestAnimationFrame(look); }; look(); }""")
    page.keyboard.press("Enter")
    page.locator(".viewer[data-first-ms]").wait_for(timeout=PATIENCE)
    page.wait_for_function("globalThis.__first !== null", timeout=PATIENCE)
    settle(page)
    return float(page.evaluate("globalThis.__first"))


def sign(page: Any, done: int) -> None:
    expect(page.get_by_role("button", name="Sign and submit")).to_be_enabled(timeout=PATIENCE)
    page.keyboard.press("s")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_text(re.compile(rf"^{done} of \d+ readings done")).wait_for(timeout=PATIENCE)  # repeats come on top, after a washout
    settle(page)


def marked(page: Any, part: str) -> None:
    """The cursor of the form stands on a question."""
    page.locator(f'[class*="st-key-{part}"] [data-gilbreth-here]').wait_for(timeout=PATIENCE)


def rate(page: Any, *, exception: bool) -> None:
    if exception:  # the first region: quality 2, fail, its first reason; the rest by pass-all
        marked(page, "q-aortic_arch")
        page.keyboard.press("2")
        marked(page, "p-aortic_arch")
        page.keyboard.press("2")
        marked(page, "r-aortic_arch")
        page.keyboard.press("1")
        settle(page)
    page.keyboard.press("a")
    marked(page, "confidence")
    page.keyboard.press("4")
    marked(page, "guess")
    page.keyboard.press("2")
    settle(page)


def turning(page: Any) -> list[float]:
    """Milliseconds of 36 frame changes after loading."""
    page.locator('.viewer[data-loaded="true"]').wait_for(timeout=PATIENCE)
    page.keyboard.press("p")
    took = []
    for _ in range(36):
        page.keyboard.press("ArrowRight")
        took.append(float(page.locator(".viewer").get_attribute("data-change-ms") or "nan"))
    return took


def idle_question(page: Any) -> None:
    """Asked twice; once the reader was reading, once not."""
    for key in ("y", "n"):
        page.evaluate("globalThis.__gilbrethIdleSeconds = 2")
        page.locator(".sitting .question:not([hidden])").wait_for(timeout=PATIENCE)
        page.keyboard.press(key)
        page.evaluate("globalThis.__gilbrethIdleSeconds = 1e6")
        page.locator(".sitting .question[hidden]").wait_for(state="attached", timeout=PATIENCE)


def work(home: Path, *, cases: int) -> list[float]:
    """Rate every case; milliseconds from each viewer's beginning to its first picture."""
    reading_home(home, cases=cases, both=False).close()
    consent(home, "rita")
    first, own, turns = [], [], []
    with serving(home) as address, chromium() as context:
        context.add_init_script("globalThis.__gilbrethIdleSeconds = 1e6")
        page = context.new_page()
        sign_in(page, address, name="rita", password=PASSWORD)
        settle(page)
        for number in range(1, cases + 1):
            first.append(begin(page))
            own.append(float(page.locator(".viewer").get_attribute("data-first-ms") or "nan"))
            if number == 1:
                turns = turning(page)
                page.keyboard.press("l")  # side by side, and it stays
                idle_question(page)
            assert page.locator(".viewer figure").count() == 2
            if number == 2:
                page.reload()
                page.locator(".viewer[data-first-ms]").wait_for(timeout=PATIENCE)
                page.evaluate("globalThis.__gilbrethIdleSeconds = 1e6")
                settle(page)
            rate(page, exception=number % 3 == 0)
            sign(page, number)
            if number == 3:
                page.get_by_text("an estimate from your median").wait_for(timeout=PATIENCE)
    middle, longest = sorted(first)[len(first) // 2], max(turns)
    print(f"\nfirst picture, key to screen: median {middle:.0f} ms, in the viewer {median(own):.0f} ms; "
          f"frame change: longest of 36 {longest:.1f} ms")  # fmt: skip
    assert longest < 50
    check(home, cases)
    return own


def check(home: Path, cases: int) -> None:
    readings = submitted(home)
    assert len(readings) == cases
    assert {(reading.confidence, reading.guess) for reading in readings} == {(4, "unsure")}
    place = open_home(home)
    with snapshot(place.engine) as db_session:
        study = db_session.exec(select(Study)).one()
        events = db_session.exec(select(Event).where(Event.reading_id == readings[0].id).order_by(Event.id)).all()  # type: ignore[arg-type]
        failed = db_session.exec(select(Rating).where(Rating.passed == False)).all()  # noqa: E712
        times = frames.reading_times(db_session, study_id=study.id)
    place.close()
    assert {(rating.reading_id, rating.region, rating.quality) for rating in failed} == {
        (reading.id, "aortic_arch", 2) for reading in readings[2::3]
    }
    assert all(rating.reason for rating in failed)
    told = [(event.kind, event.reason) for event in events if event.reason]
    assert ("note", "idle question: was reading") in told
    assert ("pause", "away") in told
    first = times.loc[readings[0].id]
    assert first["pause_seconds"] >= 2  # what the reader said was not reading, and nothing else
    assert (times["hands_on_seconds"] > 0).all()
    assert sum(event.count or 0 for event in events if event.input == "key") >= 36
    assert not any(event.input == "click" for event in events)


def test_five_cases_are_rated_by_keyboard_alone(tmp_path: Path) -> None:
    work(tmp_path / "home", cases=5)


@pytest.mark.slow
def test_twenty_cases_are_rated_by_keyboard_alone(tmp_path: Path) -> None:
    assert median(work(tmp_path / "home", cases=20)) < 1000
