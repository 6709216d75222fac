"""Several dashboard processes behind one PostgreSQL: a session opened at one is known to all, outlives its server, and ends everywhere."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from db.audit import Actor
from db.base import utc_now
from db.engine import transaction
from study.accounts import create_account, grant_role
from study.home import open_home
from tests.system.browser import serving
from tests.system.conftest import PASSWORD
from tests.system.postgres import postgres_server

pytestmark = pytest.mark.system


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home on PostgreSQL with one manager."""
    with postgres_server() as url:
        monkeypatch.setenv("GILBRETH_DATABASE_URL", url)
        place = open_home(tmp_path / "home")
        with transaction(place.engine) as db_session:
            account = create_account(db_session, name="manager", password=PASSWORD, now=utc_now())
            grant_role(db_session, account=account, role="manager", actor=Actor(), now=utc_now())
        place.close()
        yield tmp_path / "home"


def sign_in(address: str) -> str:
    """The cookie that the form gives."""
    jar = CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    request = urllib.request.Request(f"{address}/signin", data=f"name=manager&password={PASSWORD}".encode(), headers={"Origin": address})
    opener.open(request, timeout=30).read()
    (cookie,) = jar
    return f"{cookie.name}={cookie.value}"


def answer(address: str, path: str, cookie: str) -> int:
    request = urllib.request.Request(address + path, headers={"Cookie": cookie, "Accept": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as refusal:
        return int(refusal.code)


@pytest.mark.timeout(600)
def test_a_session_is_known_to_every_server_outlives_the_one_that_opened_it_and_ends_at_all(home: Path) -> None:
    inside = "/_stcore/host-config"
    with serving(home) as second:
        with serving(home) as first:
            cookie = sign_in(first)
            assert answer(first, inside, cookie) == 200
            assert answer(second, inside, cookie) == 200
        assert answer(second, inside, cookie) == 200
        with serving(home) as started_later:
            assert answer(started_later, inside, cookie) == 200
            assert answer(second, "/signout", cookie) == 200  # and shows the form
            assert answer(started_later, inside, cookie) == 401
            assert answer(second, inside, cookie) == 401
