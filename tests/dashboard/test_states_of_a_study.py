"""Desks of a study that does not run, and the address of one's first page: a sentence and a page, never a traceback."""

from collections.abc import Iterator

import pytest
import streamlit as st
from sqlmodel import select
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from dashboard.navigation import PAGES
from dashboard.server.gate import Gate
from dashboard.server.home import COOKIE, server_home
from db.audit import Actor
from db.base import utc_now
from db.engine import transaction
from db.tables import Study
from study.accounts import create_account, grant_role
from study.permissions import ANY
from study.sign_in import sign_in
from tests.dashboard.conftest import MAIN
from tests.system.conftest import PASSWORD
from tests.system.workplaces import running_study

DESKS = [(role, name) for name, section, _, openers in PAGES if section == "nav.work" for role in openers]


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A running study, and somebody signed in for every role that has a desk."""
    folder = tmp_path_factory.mktemp("states") / "home"
    place = running_study(folder, cases=2)
    with transaction(place.engine) as db_session:
        for role in sorted({role for role, _ in DESKS}):
            account = create_account(db_session, name=f"as-{role}", password=PASSWORD, now=utc_now())
            grant_role(db_session, account=account, role=role, actor=Actor(), now=utc_now())
    with transaction(place.engine) as db_session:
        found = {role: str(sign_in(db_session, name=f"as-{role}", password=PASSWORD, now=utc_now()).token) for role, _ in DESKS}
    place.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GILBRETH_HOME", str(folder))
        server_home.cache_clear()
        yield found
        server_home().close()
        server_home.cache_clear()


def put(state: str) -> None:
    with transaction(server_home().engine, actor=Actor(account="test"), reason="another state") as db_session:
        study = db_session.exec(select(Study)).one()
        study.state = state
        db_session.add(study)


@pytest.mark.parametrize("state", sorted(ANY))
def test_no_desk_breaks_in_any_state_of_the_study(tokens, monkeypatch, state) -> None:
    put(state)
    broken = []
    for role, page in DESKS:
        monkeypatch.setattr(type(st.context), "cookies", property(lambda _, role=role: {COOKIE: tokens[role]}))
        app = AppTest.from_file(str(MAIN), default_timeout=60).switch_page(f"app_pages/{page}.py").run()
        said = " ".join(str(box.value) for box in (*app.info, *app.error, *app.caption))
        broken += [(role, page)] if app.exception or "is not possible while" in said else []
    assert broken == []


@pytest.mark.parametrize(("state", "told"), [("draft", "has not begun"), ("locked", "is locked"), ("unblinded", "is over")])
def test_an_adjudicator_is_told_why_there_is_nothing_to_settle(tokens, monkeypatch, state, told) -> None:
    put(state)
    monkeypatch.setattr(type(st.context), "cookies", property(lambda _: {COOKIE: tokens["adjudicator"]}))
    app = AppTest.from_file(str(MAIN), default_timeout=60).switch_page("app_pages/adjudication.py").run()
    assert not app.exception
    assert [title.value for title in app.title] == ["Adjudication"]
    assert told in str(app.info[-1].value)


@pytest.mark.parametrize(
    ("role", "path", "leads_to"),
    [
        ("technologist", "/worklist", "/"),
        ("technologist", "/task", "/task"),
        ("reader", "/queue", "/"),
        ("reader", "/worklist", "/worklist"),
    ],
)
def test_the_address_of_ones_first_page_leads_to_where_it_is_served(tokens, role, path, leads_to) -> None:
    def here(request):
        return PlainTextResponse(request.url.path)

    app = Starlette(routes=[Route("/{rest:path}", here)], middleware=[Middleware(Gate)])
    client = TestClient(app, base_url="http://127.0.0.1", cookies={COOKIE: tokens[role]})
    assert client.get(path, headers={"accept": "text/html,*/*"}).text == leads_to


def test_what_an_observer_taps_is_posted_past_the_page_of_the_same_address(tokens) -> None:
    app = Starlette(
        routes=[Route("/observe", lambda request: PlainTextResponse(request.method), methods=["POST"])], middleware=[Middleware(Gate)]
    )
    client = TestClient(app, base_url="http://127.0.0.1", cookies={COOKIE: tokens["observer"]})
    assert client.post("/observe", follow_redirects=False).text == "POST"


def test_the_gate_stays_shut_for_the_first_page_too(tokens) -> None:
    app = Starlette(routes=[Route("/{rest:path}", lambda _: PlainTextResponse("in"))], middleware=[Middleware(Gate)])
    client = TestClient(app, base_url="http://127.0.0.1")
    assert client.get("/worklist").status_code == 401
