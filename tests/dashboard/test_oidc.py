"""Sign-in through an identity provider: a made one that answers on loopback, honestly or not."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from dashboard.server import oidc, sign_in_page
from dashboard.server.home import COOKIE, server_home
from db.audit import Actor
from db.base import utc_now
from db.engine import snapshot, transaction
from study.accounts import confirm_identity, create_account, grant_role
from study.errors import Forbidden
from study.home import open_home
from study.sign_in import Person, who_is
from study.signatures import Confirmation
from tests.system.browser import free_port


class Idp:
    """An identity provider that vouches for `subject`; `lies` changes what its token claims."""

    def __init__(self, address: str) -> None:
        self.address, self.subject, self.lies = address, "anna@hospital.test", dict[str, Any]()
        self.key = RSAKey.generate_key(2048, parameters={"kid": "one"})
        self.signer, self.nonce, self.challenge, self.asked = self.key, "", "", dict[str, str]()

    async def about(self, _: Request) -> Response:
        ways = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return JSONResponse({"issuer": self.address, **{name: f"{self.address}/{way}" for name, way in ways.items()}})

    async def authorize(self, request: Request) -> Response:
        asked = request.query_params
        self.nonce, self.challenge, self.asked = asked["nonce"], asked["code_challenge"], dict(asked)
        return RedirectResponse(f"{asked['redirect_uri']}?code=abc&state={asked['state']}", status_code=303)

    async def token(self, request: Request) -> Response:
        import base64
        import hashlib

        sent = parse_qs((await request.body()).decode())
        digest = base64.urlsafe_b64encode(hashlib.sha256(sent["code_verifier"][0].encode()).digest()).decode().rstrip("=")
        if digest != self.challenge or sent["client_secret"] != ["secret"]:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        claims = {"iss": self.address, "aud": "gilbreth", "sub": self.subject, "nonce": self.nonce, "exp": int(time.time()) + 60}
        return JSONResponse({"id_token": jwt.encode({"alg": "RS256", "kid": "one"}, claims | self.lies, self.signer)})

    async def keys(self, _: Request) -> Response:
        return JSONResponse(KeySet([self.key]).as_dict(private=False))


def served(app: Starlette, port: int) -> tuple[uvicorn.Server, threading.Thread]:
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
    return server, thread


@pytest.fixture
def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Idp, str]]:
    place = open_home(tmp_path / "home")
    with transaction(place.engine) as db_session:
        anna = create_account(db_session, name="anna", password=None, display_name="Anna", now=utc_now(), oidc_subject="anna@hospital.test")
        grant_role(db_session, account=anna, role="reader", actor=Actor(), now=utc_now())
    place.close()
    ports = free_port(), free_port()
    idp, address = Idp(f"http://127.0.0.1:{ports[0]}"), f"http://127.0.0.1:{ports[1]}"
    monkeypatch.setenv("GILBRETH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GILBRETH_OIDC_ISSUER", idp.address)
    monkeypatch.setenv("GILBRETH_OIDC_CLIENT_ID", "gilbreth")
    monkeypatch.setenv("GILBRETH_OIDC_CLIENT_SECRET", "secret")
    server_home.cache_clear()
    ways = {"/.well-known/openid-configuration": idp.about, "/authorize": idp.authorize, "/keys": idp.keys}
    routes = [*(Route(path, act) for path, act in ways.items()), Route("/token", idp.token, methods=["POST"])]
    running = [served(Starlette(routes=routes), ports[0]), served(Starlette(routes=[*sign_in_page.ROUTES, *oidc.ROUTES]), ports[1])]
    yield idp, address
    for server, thread in running:
        server.should_exit = True
        thread.join(20)
    server_home().close()
    server_home.cache_clear()


def came_in(address: str, way: str = "/signin/oidc") -> tuple[httpx.Response, Person | None]:
    """Walk the whole way as a browser does; who is signed in afterwards."""
    with httpx.Client(follow_redirects=True) as browser:
        answer = browser.get(f"{address}{way}")
        with snapshot(server_home().engine) as db_session:
            return answer, who_is(db_session, token=browser.cookies.get(COOKIE), now=utc_now())


def signed_in(address: str, way: str = "/signin/oidc") -> tuple[httpx.Response, str | None]:
    answer, person = came_in(address, way)
    return answer, person.name if person else None


def confirmed(person: Person, *, seconds: float = 0.0) -> Confirmation | None:
    """What signing asks of somebody without a password."""
    now = utc_now() + timedelta(seconds=seconds)
    with transaction(server_home().engine) as db_session:
        return confirm_identity(db_session, account_id=person.account_id, password="", now=now, session_id=person.session_id)


def test_whoever_the_provider_vouches_for_is_signed_in_to_their_own_account(hospital: tuple[Idp, str]) -> None:
    answer, name = signed_in(hospital[1])
    assert (answer.status_code, name) == (200, "anna")
    assert "Sign in with your hospital account" in httpx.get(f"{hospital[1]}/signin").text


def test_a_stranger_has_no_account_here(hospital: tuple[Idp, str]) -> None:
    hospital[0].subject = "stranger@hospital.test"
    answer, name = signed_in(hospital[1])
    assert (answer.status_code, name) == (403, None)
    assert "ask an administrator" in answer.text


@pytest.mark.parametrize("lie", [{"aud": "another"}, {"iss": "https://elsewhere.example"}, {"nonce": "old"}, {"exp": 1}, {"sub": None}])
def test_a_token_that_claims_something_else_is_refused(hospital: tuple[Idp, str], lie: dict[str, Any]) -> None:
    hospital[0].lies = lie
    answer, name = signed_in(hospital[1])
    assert (answer.status_code, name) == (403, None)


def test_a_token_signed_by_somebody_else_is_refused(hospital: tuple[Idp, str]) -> None:
    hospital[0].signer = RSAKey.generate_key(2048, parameters={"kid": "one"})
    answer, name = signed_in(hospital[1])
    assert (answer.status_code, name) == (403, None)


def test_a_sign_in_that_was_not_begun_in_this_browser_is_refused(hospital: tuple[Idp, str]) -> None:
    begun = httpx.get(f"{hospital[1]}/signin/oidc")
    state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
    assert httpx.get(f"{hospital[1]}/signin/callback?code=abc&state={state}").status_code == 403
    assert httpx.get(f"{hospital[1]}/signin/callback?code=abc&state=other", cookies=dict(begun.cookies)).status_code == 403


def test_who_has_just_proved_to_the_provider_who_they_are_may_sign_for_two_minutes(hospital: tuple[Idp, str]) -> None:
    hospital[0].lies = {"auth_time": int(time.time())}
    _, person = came_in(hospital[1], "/signin/oidc?again=1")
    assert (hospital[0].asked["prompt"], hospital[0].asked["max_age"]) == ("login", "0")
    assert person is not None
    found = confirmed(person)
    assert found is not None
    assert (found.account_id, found.method) == (person.account_id, "identity provider")
    with pytest.raises(Forbidden, match=r"open /signin/oidc\?again=1"):
        confirmed(person, seconds=125)


@pytest.mark.parametrize("claims", [{}, {"auth_time": int(time.time()) - 3600}])
def test_a_session_that_the_provider_kept_open_does_not_sign(hospital: tuple[Idp, str], claims: dict[str, Any]) -> None:
    hospital[0].lies = claims
    _, person = came_in(hospital[1])
    assert person is not None
    with pytest.raises(Forbidden, match="confirm who you are with your hospital account"):
        confirmed(person)
    assert signed_in(hospital[1], "/signin/oidc?again=1")[0].status_code == 403  # a provider that asks nobody anew is not believed


def test_without_a_provider_there_is_no_such_way_in(hospital: tuple[Idp, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GILBRETH_OIDC_ISSUER")
    assert httpx.get(f"{hospital[1]}/signin/oidc").status_code == 404
    assert "hospital account" not in httpx.get(f"{hospital[1]}/signin").text
