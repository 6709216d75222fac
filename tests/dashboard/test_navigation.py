"""Each role opens exactly its pages, and a page without a sign-in shows nothing."""

from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import navigation
from dashboard.navigation import FOLDER, PAGES, RESULTS, pages_for
from study.permissions import ROLES

WORK = {
    "technologist": ["worklist", "task", "own_record", "questions"],
    "reader": ["queue", "reading", "calibration", "own_record", "questions"],
    "adjudicator": ["adjudication"],
    "observer": ["observe", "own_record"],
    "scientist": ["pictures"],
}


EVERYBODY = {"methods", "password"}


def pages_of(monkeypatch, *roles):
    monkeypatch.setattr(navigation.st, "Page", lambda path, **options: SimpleNamespace(path=path, **options))
    monkeypatch.setattr(navigation.st, "session_state", {})
    sections, acting = pages_for(SimpleNamespace(roles=roles))
    return [page.url_path for pages in sections.values() for page in pages], acting


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_its_own_pages_and_no_other(monkeypatch, role):
    names, acting = pages_of(monkeypatch, role)
    own = set(WORK.get(role, []))
    results = {name for name, _, _, openers in PAGES if set(openers) & set(RESULTS)} if role in RESULTS else set()
    if role == "manager":
        results -= {"observers", "consensus", "questions"}
    assert own | EVERYBODY <= set(names) <= own | results | EVERYBODY
    assert set(acting.values()) == {role}


def test_readers_get_no_page_that_could_name_an_arm(monkeypatch):
    names, _ = pages_of(monkeypatch, "reader")
    assert set(names) == {"queue", "reading", "calibration", "own_record", "questions", *EVERYBODY}


def test_a_page_runs_in_the_name_of_the_role_that_opens_it(monkeypatch):
    _, acting = pages_of(monkeypatch, "investigator", "technologist")
    assert (acting["task"], acting["minutes"]) == ("technologist", "investigator")


def test_every_page_named_in_the_navigation_has_a_file():
    assert [name for name, *_ in PAGES if not (FOLDER / f"{name}.py").exists()] == []


def test_pages_are_short():
    long = {path.name for path in FOLDER.glob("*.py") if len(path.read_text().splitlines()) > 60}
    assert long == set()


def test_without_a_sign_in_nothing_is_shown(home, monkeypatch):
    monkeypatch.setattr(type(st.context), "cookies", property(lambda _: {}))
    app = AppTest.from_file(str(FOLDER.parent / "main.py"), default_timeout=60).run()
    assert not app.exception
    assert [box.value for box in app.info] == ["You are signed out."]
    assert not app.title
