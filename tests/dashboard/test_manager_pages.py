"""The managers' pages on a department of 1,200 tasks: what they show, what they suppress, and what stays closed."""

import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from benchmarks.department import fill
from dashboard.background import elsewhere
from dashboard.server.home import COOKIE, server_home
from db.base import utc_now
from db.engine import transaction
from db.tables import Study
from study import department_store
from study.department import department
from study.home import open_home
from study.overview import overview, pdf
from study.sign_in import sign_in
from study.staffing_answer import StaffingInputs, answer_from_json, answer_json, question, staffing_answer, staffing_rows
from study.staffing_forecast import Target
from study.studies import protocol_of
from tests.system.conftest import PASSWORD

MAIN = Path(__file__).parents[2] / "dashboard" / "main.py"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("managers") / "home"
    place = open_home(folder)
    study = fill(place, tasks=1200, weeks=24, sites=3, seed=5, password=PASSWORD)
    place.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GILBRETH_HOME", str(folder))
        server_home.cache_clear()
        yield study
        server_home().close()
        server_home.cache_clear()


@pytest.fixture
def opened(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], AppTest]:
    if "nearly_empty" not in request.fixturenames:
        request.getfixturevalue("filled")

    def open_page(name: str, page: str) -> AppTest:
        with transaction(server_home().engine) as db_session:
            token = sign_in(db_session, name=name, password=PASSWORD, now=utc_now()).token
        monkeypatch.setattr(type(st.context), "cookies", property(lambda _: {COOKIE: token}))
        return AppTest.from_file(str(MAIN), default_timeout=120).switch_page(f"app_pages/{page}.py").run()

    return open_page


def words(app: AppTest) -> str:
    kinds = (app.title, app.subheader, app.markdown, app.caption, app.info, app.warning)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


@pytest.mark.parametrize("page", ["overview", "efficiency", "dose", "accrual"])
def test_a_page_of_a_running_roll_out_with_open_operations_shows_its_figures(opened, page: str) -> None:
    app = opened("manager", page)
    assert not app.exception
    assert not app.get("doc_string")  # what an expression left standing alone would print
    assert "Simulated data" in words(app)
    assert "not a medical device" in words(app)


def test_results_by_arm_stay_closed_while_the_roll_out_runs(opened) -> None:
    app = opened("manager", "headline")
    assert not app.metric
    assert "Outcomes are closed" in words(app)


def test_the_filter_stands_under_every_chart(opened) -> None:
    app = opened("manager", "efficiency")
    app.multiselect(key="filter-site").set_value(["S1"]).run()
    assert not app.exception
    notes = [chart.proto.spec for chart in app.get("plotly_chart")]
    assert len(notes) == 4
    assert all("site S1" in note for note in notes)


@pytest.mark.parametrize("view", ["flow", "pass", "models"])
def test_every_view_of_the_efficiency_page_opens(opened, view: str) -> None:
    app = opened("manager", "efficiency")
    app.segmented_control[0].set_value(view).run()
    assert not app.exception


def test_the_overview_says_that_quality_is_not_yet_known(opened) -> None:
    app = opened("manager", "overview")
    assert "#### not yet known" in words(app)
    assert "associated with the roll-out" in words(app)


def test_the_pdf_holds_every_word_of_the_page(filled: str, tmp_path: Path) -> None:
    import shutil
    import subprocess

    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed (apt-get install poppler-utils)")
    engine = server_home().engine
    with transaction(engine) as db_session:
        protocol, study = protocol_of(db_session, study_id=filled), db_session.get_one(Study, filled)
    found = overview(protocol, department(engine, study_id=filled).tasks, None, study=study.name, simulated=True)
    (tmp_path / "page.pdf").write_bytes(pdf(found, made_at=utc_now()))
    text = subprocess.run(["pdftotext", str(tmp_path / "page.pdf"), "-"], capture_output=True, text=True, check=True).stdout
    flat = "".join(text.split())
    for part in (found.decision, *(piece for tile in found.tiles for piece in (tile.label, tile.value, tile.detail))):
        assert "".join(part.split()) in flat.replace("-", "") or "".join(part.split()).replace("-", "") in flat.replace("-", "")


def test_the_forecast_is_worked_out_in_another_process(filled: str) -> None:
    rows = staffing_rows(department(server_home().engine, study_id=filled).tasks)
    inputs = StaffingInputs(target=Target(within_minutes=120.0), cases_per_week=40.0)
    found = answer_from_json(elsewhere(answer_json, question(rows, inputs)))
    assert repr(found) == repr(staffing_answer(rows, inputs))  # repr, for not-a-number equals itself there


@pytest.mark.slow
def test_the_forecast_holds_every_scenario(filled: str) -> None:
    rows = staffing_rows(department(server_home().engine, study_id=filled).tasks)
    found = staffing_answer(rows, StaffingInputs(target=Target(within_minutes=120)))
    assert len(found.grid) == 20
    assert len(found.pass_rates) == 4
    assert found.to_dict()["now"]["fte"] == found.now.fte


def test_what_goes_wrong_elsewhere_is_said(filled: str) -> None:
    with pytest.raises(RuntimeError, match="a forecast needs"):
        elsewhere(answer_json, question(staffing_rows(department(server_home().engine, study_id=filled).tasks).head(3), StaffingInputs()))


def test_a_mark_made_on_the_page_is_kept_with_who_made_it_and_shown_to_everybody(opened) -> None:
    app = opened("manager", "efficiency")
    app.date_input(key="change-day").set_value(date(2025, 8, 4))
    app.text_input(key="change-name").set_value("second scanner").run()
    next(button for button in app.button if button.label == "Mark").click().run()
    assert not app.exception
    other = opened("investigator", "efficiency")
    assert "2025-08-04 second scanner (marked by manager as manager)" in words(other)
    assert "second scanner" in words(opened("manager", "overview"))


def test_a_page_says_how_far_the_first_reading_is(opened, monkeypatch) -> None:
    engine, released = server_home().engine, threading.Event()
    engine.__dict__.pop("gilbreth_departments", None)
    monkeypatch.setattr(department_store, "SMALL", 0)
    monkeypatch.setattr(department_store, "PATIENCE_SECONDS", 0.0)
    really = department_store.read_all
    monkeypatch.setattr(department_store, "read_all", lambda *given, **named: released.wait(60) and really(*given, **named))
    app = opened("manager", "dose")
    assert not app.exception
    assert "is being read for the first time" in app.get("progress")[0].proto.text
    assert not app.get("plotly_chart")
    released.set()


@pytest.fixture
def nearly_empty(tmp_path: Path) -> Iterator[str]:
    place = open_home(tmp_path / "home")
    study = fill(place, tasks=3, weeks=24, sites=1, seed=5, password=PASSWORD)
    place.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GILBRETH_HOME", str(tmp_path / "home"))
        server_home.cache_clear()
        yield study
        server_home().close()
        server_home.cache_clear()


@pytest.mark.parametrize("page", ["overview", "efficiency", "staffing", "dose", "accrual"])
def test_a_page_of_a_study_with_three_tasks_opens(nearly_empty: str, opened, page: str) -> None:
    app = opened("manager", page)
    assert not app.exception
