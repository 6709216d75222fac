"""A study in which nothing is finished: result pages say so and what comes next, and draw no empty axes."""

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.server.home import COOKIE, server_home
from db.base import utc_now
from db.engine import transaction
from study.sign_in import sign_in
from tests.dashboard.conftest import MAIN, shown
from tests.system.conftest import PASSWORD

PAGES = {
    "headline": "No case was finished in both arms",
    "minutes": "No case is finished yet",
    "clicks": "No case is finished yet",
    "quality": "No reading is signed yet",
    "overview": "a chart needs four or more",
}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_without_data_says_so_and_draws_nothing(home, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    with transaction(server_home().engine) as db_session:
        token = sign_in(db_session, name="monitor", password=PASSWORD, now=utc_now()).token
    monkeypatch.setattr(type(st.context), "cookies", property(lambda _: {COOKIE: token}))
    app = AppTest.from_file(str(MAIN), default_timeout=60).switch_page(f"app_pages/{page}.py").run()
    assert not app.exception
    words = " ".join(str(word) for word in shown(app))
    assert PAGES[page] in words
    assert "rejected [" not in words
    assert not app.get("plotly_chart")
    assert not any("nan" in str(metric.value) for metric in app.metric)
