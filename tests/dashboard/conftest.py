"""Pages run without a browser or a server: Streamlit's own test runner, a home on disk, a signed-in cookie."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.server.home import COOKIE, server_home
from db.audit import Actor
from db.base import utc_now
from db.engine import transaction
from study.accounts import create_account, grant_role
from study.permissions import ROLES
from study.sign_in import sign_in
from tests.system.conftest import PASSWORD
from tests.system.workplaces import reconstruction, running_study

MAIN = Path(__file__).parents[2] / "dashboard" / "main.py"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running study with drawn cases, and an account in every role."""
    folder = tmp_path_factory.mktemp("pages") / "home"
    place = running_study(folder, cases=4)
    with transaction(place.engine) as db_session:
        for role in ROLES:
            account = create_account(db_session, name=role, password=PASSWORD, display_name=role, now=utc_now())
            grant_role(db_session, account=account, role=role, actor=Actor(), now=utc_now())
    place.close()
    for number in range(1, 5):
        reconstruction(folder, f"C{number:05d}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GILBRETH_HOME", str(folder))
        server_home.cache_clear()
        yield folder
        server_home().close()
        server_home.cache_clear()


@pytest.fixture
def opened(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], AppTest]:
    """Signs in under a name and runs the navigation with the first page of that account."""

    def open_as(name: str) -> AppTest:
        with transaction(server_home().engine) as db_session:
            token = sign_in(db_session, name=name, password=PASSWORD, now=utc_now()).token
        monkeypatch.setattr(type(st.context), "cookies", property(lambda _: {COOKIE: token}))
        return AppTest.from_file(str(MAIN), default_timeout=60).run()

    return open_as


def shown(app: AppTest) -> list[Any]:
    """Everything on the page that carries words."""
    return [element.value for kind in (app.title, app.markdown, app.caption, app.info, app.warning) for element in kind]
