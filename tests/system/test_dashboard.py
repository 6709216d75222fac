"""The dashboard as a person meets it: sign in, look, and see every change of the database."""

import sqlite3
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.system.browser import chromium, serving, settle, sign_in
from tests.system.conftest import PASSWORD

pytestmark = [pytest.mark.system, pytest.mark.browser]
PAGES = ("", "minutes", "clicks", "quality", "pictures", "methods")


def test_every_page_opens_without_an_error_and_says_that_its_data_are_simulated(demo_home: Path) -> None:
    with serving(demo_home) as address, chromium() as context:
        page = context.new_page()
        sign_in(page, address, name="manager", password=PASSWORD)
        for name in PAGES:
            page.goto(f"{address}/{name}")
            settle(page)
            assert page.get_by_test_id("stException").count() == 0, name
            assert page.get_by_text("not a medical device").count() > 0, name
            if name in ("", "minutes", "clicks", "quality"):
                assert page.get_by_text("Simulated data").count() == 1, name


def test_changing_one_recorded_event_changes_the_minutes_on_the_page(demo_home: Path) -> None:
    with serving(demo_home) as address, chromium() as context:
        page = context.new_page()
        sign_in(page, address, name="investigator", password=PASSWORD)
        settle(page)
        before = page.get_by_test_id("stMetricValue").first.inner_text()
        with sqlite3.connect(demo_home / "gilbreth.sqlite", timeout=30) as database:
            statement = """SELECT event.id FROM event JOIN task ON task.id = event.task_id JOIN study ON study.id = task.study_id
                WHERE event.kind = 'finish' AND task.arm = 'manual' AND study.name = 'head_neck_cta' LIMIT 1"""
            (finish,) = database.execute(statement).fetchone()
            database.execute("UPDATE event SET monotonic_seconds = monotonic_seconds + 30000 WHERE id = ?", (finish,))
        page.goto(address)
        settle(page)
        after = page.get_by_test_id("stMetricValue").first.inner_text()
        with sqlite3.connect(demo_home / "gilbreth.sqlite", timeout=30) as database:
            database.execute("UPDATE event SET monotonic_seconds = monotonic_seconds - 30000 WHERE id = ?", (finish,))
    # 30,000 s on one of 152 cases: 500 min / 152 = 3.29 min on the manual mean
    shift = float(after.split("→")[0]) - float(before.split("→")[0])
    assert shift == pytest.approx(500 / 152, abs=0.011)


def test_nothing_is_served_to_somebody_who_is_not_signed_in(demo_home: Path) -> None:
    with serving(demo_home) as address:
        for path in ("/_stcore/host-config", "/picture/forged", "/minutes"):
            request = urllib.request.Request(address + path, headers={"Accept": "application/json"})
            with pytest.raises(urllib.error.HTTPError) as refusal:
                urllib.request.urlopen(request, timeout=10)
            assert refusal.value.code == 401, path


def test_a_wrong_password_and_a_foreign_origin_are_refused(demo_home: Path) -> None:
    with serving(demo_home) as address:
        for origin, password, status in ((address, "wrong-password-wrong", 401), ("https://elsewhere.example", PASSWORD, 403)):
            body = f"name=manager&password={password}".encode()
            request = urllib.request.Request(f"{address}/signin", data=body, headers={"Origin": origin})
            with pytest.raises(urllib.error.HTTPError) as refusal:
                urllib.request.urlopen(request, timeout=10)
            assert refusal.value.code == status


def test_a_role_without_outcomes_sees_no_result_page(demo_home: Path) -> None:
    with serving(demo_home) as address, chromium() as context:
        page = context.new_page()
        sign_in(page, address, name="administrator", password=PASSWORD)
        settle(page)
        assert page.get_by_role("link", name="Headline").count() == 0
        assert page.get_by_role("heading", name="Methods").count() == 1
