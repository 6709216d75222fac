"""Nobody sees outcomes early: every page with results or operations, in every state of a study, as every role."""

import re
from collections.abc import Callable, Iterator

import pytest
import streamlit as st
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from benchmarks.department import fill
from dashboard.navigation import PAGES
from dashboard.server.home import COOKIE, server_home
from db.audit import Actor
from db.base import utc_now
from db.engine import snapshot, transaction
from db.tables import Account, Study
from study.accounts import create_account, grant_role
from study.accrual import permit_accrual
from study.department import permit_operations
from study.errors import Forbidden
from study.home import open_home
from study.outcomes import permit_outcomes
from study.permissions import ANY, KNOWN, ROLES
from study.sign_in import sign_in
from tests.dashboard.conftest import MAIN
from tests.system.conftest import PASSWORD

SECTIONS = {"nav.results", "nav.operations"}
LOOKING = ("investigator", "manager", "monitor")
BLINDED = sorted(ANY - KNOWN)
NO_OUTCOMES = {"pictures", "observers", "consensus", "accrual"}  # one case's pictures, the instruments' and readers' agreement, enrolment
OUTCOMES = [name for name, section, *_ in PAGES if section in SECTIONS and name not in NO_OUTCOMES]
OPERATIONS = {"overview", "efficiency", "staffing", "dose"}
FIGURES = ("plotly_chart", "metric", "dataframe", "table", "download_button")
Opened = Callable[[str, str, str], AppTest]


@pytest.fixture(scope="module", params=[False, True], ids=["operations closed", "operations open"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, bool]]:
    """A roll-out of 300 tasks whose protocol opens its operations or not, and an account in every role."""
    folder = tmp_path_factory.mktemp("closed") / "home"
    place = open_home(folder)
    study = fill(place, tasks=300, weeks=24, sites=2, seed=4, password=PASSWORD, open_operations=request.param)
    with transaction(place.engine) as db_session:
        for role in ROLES:
            account = create_account(db_session, name=f"as-{role}", password=PASSWORD, now=utc_now())
            grant_role(db_session, account=account, role=role, actor=Actor(), now=utc_now())
    place.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GILBRETH_HOME", str(folder))
        server_home.cache_clear()
        yield study, request.param
        server_home().close()
        server_home.cache_clear()


@pytest.fixture(scope="module")
def tokens(made: tuple[str, bool]) -> dict[str, str]:
    with transaction(server_home().engine) as db_session:
        return {role: str(sign_in(db_session, name=f"as-{role}", password=PASSWORD, now=utc_now()).token) for role in LOOKING}


@pytest.fixture
def opened(made: tuple[str, bool], tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Opened:
    def open_page(role: str, page: str, state: str) -> AppTest:
        put(made[0], state)
        monkeypatch.setattr(type(st.context), "cookies", property(lambda _: {COOKIE: tokens[role]}))
        app = AppTest.from_file(str(MAIN), default_timeout=120).switch_page(f"app_pages/{page}.py").run()
        assert not app.exception
        return app

    return open_page


def put(study_id: str, state: str) -> None:
    """Another state, without the way there: each page must go by the state alone."""
    with transaction(server_home().engine, actor=Actor(account="test"), reason="another state") as db_session:
        study = db_session.get_one(Study, study_id)
        if study.state != state:
            study.state = state
            db_session.add(study)


def given_away(app: AppTest) -> list[str]:
    """Every kind of element on the page that could carry a figure."""
    return [name for name in FIGURES if len(app.get(name))]


@pytest.mark.parametrize("role", ["investigator", "manager"])
def test_before_unblinding_no_page_shows_a_figure_unless_the_protocol_opens_its_operations(made, opened: Opened, role) -> None:
    expected = OPERATIONS if made[1] else set()
    found = {state: {page for page in OUTCOMES if given_away(opened(role, page, state))} for state in BLINDED}
    assert found == dict.fromkeys(BLINDED, expected)


def test_a_page_that_stays_closed_says_until_when(opened: Opened) -> None:
    assert "Outcomes are closed" in str(opened("manager", "quality", "active").info[0].value)


@pytest.mark.parametrize("role", LOOKING)
def test_once_unblinded_every_page_opens(opened: Opened, role) -> None:
    assert [page for page in OUTCOMES if not given_away(opened(role, page, "unblinded"))] == []


def test_what_was_open_closes_when_the_state_goes_back(opened: Opened) -> None:
    assert given_away(opened("manager", "headline", "unblinded"))
    assert not given_away(opened("manager", "headline", "locked"))


@pytest.mark.parametrize("state", sorted(ANY))
def test_no_other_role_may_see_results_operations_or_accrual_in_any_state(made, state) -> None:
    put(made[0], state)
    engine = server_home().engine
    with snapshot(engine) as db_session:
        ids = {account.name: account.id for account in db_session.exec(select(Account))}
    for role in ROLES:
        actor = Actor(f"as-{role}", role, ids[f"as-{role}"])
        for look in (permit_outcomes, permit_operations, permit_accrual):
            if role not in LOOKING and (look, role) != (permit_accrual, "administrator"):
                with pytest.raises(Forbidden):
                    look(engine, actor=actor, study_id=made[0])


@pytest.mark.parametrize("state", ["active", "unblinded"])
def test_accrual_is_open_and_never_by_arm(opened: Opened, state) -> None:
    app = opened("manager", "accrual", state)
    assert given_away(app)
    tables = [frame.value.to_csv() for frame in app.dataframe]
    words = " ".join([*tables, *(str(element.proto.spec) for element in app.get("plotly_chart"))]).lower()
    assert "enrolled" in words
    assert not re.search(r"\bmanual\b|\bai\b", words)
