"""`/signin/oidc` and `/signin/callback`: sign-in through the hospital's identity provider (OpenID Connect, code flow with PKCE).

The provider only vouches for who somebody is; whether they have an account, and which roles, stays with the study's
administrator. Set `GILBRETH_OIDC_ISSUER`, `GILBRETH_OIDC_CLIENT_ID` and `GILBRETH_OIDC_CLIENT_SECRET`.
"""

import base64
import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from dashboard.server.home import server_home
from dashboard.server.sign_in_page import refused, with_session
from db.base import utc_now
from db.engine import transaction
from study.sign_in import SignIn, sign_in_oidc

COOKIE = "gilbreth_oidc"
LASTS_SECONDS = 600
ALGORITHMS = ["RS256", "ES256", "PS256"]


@cache
def _cipher() -> Any:
    """Of this server run: a sign-in that was begun before a restart is begun again."""
    from cryptography.fernet import Fernet  # what this file needs is loaded when somebody comes this way: a start is quicker by a tenth

    return Fernet(Fernet.generate_key())


@dataclass(frozen=True)
class Provider:
    """Where the identity provider answers."""

    issuer: str
    client_id: str
    client_secret: str
    authorize: str
    token: str
    keys: str


def configured() -> bool:
    """Whether this server signs in through an identity provider."""
    return bool(os.environ.get("GILBRETH_OIDC_ISSUER") and os.environ.get("GILBRETH_OIDC_CLIENT_ID"))


async def leave_for_provider(request: Request) -> Response:
    """Send the browser to the provider, with a sealed note of what must come back."""
    import httpx

    if not configured():
        return Response("not configured", status_code=404)
    try:
        provider = await _provider()
    except (httpx.HTTPError, KeyError, ValueError):
        return refused(request, "The identity provider does not answer; try again, or sign in by password.", status=502)
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {
        "response_type": "code", "scope": "openid", "client_id": provider.client_id, "redirect_uri": _callback(request), "state": state,
        "nonce": nonce, "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip
    again = "again" in request.query_params  # before a signature: the provider asks for the person's proof anew, and says when
    asked |= {"prompt": "login", "max_age": "0"} if again else {}
    response = RedirectResponse(f"{provider.authorize}?{urlencode(asked)}", status_code=303)
    note = _cipher().encrypt(json.dumps([state, nonce, verifier, again]).encode()).decode()
    response.set_cookie(COOKIE, note, max_age=LASTS_SECONDS, httponly=True, samesite="lax", secure=_secure(), path="/signin")
    return response


async def come_back(request: Request) -> Response:
    """Take the code, ask the provider for the identity behind it, and open a session for its account."""
    import httpx
    from cryptography.fernet import InvalidToken

    if not configured():
        return Response("not configured", status_code=404)
    try:
        state, nonce, verifier, again = json.loads(_cipher().decrypt(request.cookies.get(COOKIE, "").encode(), ttl=LASTS_SECONDS))
    except (InvalidToken, ValueError):
        return refused(request, "This sign-in took too long or was begun in another browser; begin again.", status=403)
    if not secrets.compare_digest(request.query_params.get("state", ""), state):
        return refused(request, "This sign-in was not begun here; begin again.", status=403)
    try:
        provider = await _provider()
        claims = await _claims(provider, code=request.query_params["code"], verifier=verifier, nonce=nonce, callback=_callback(request))
        proved_at = _proved_at(claims, fresh=again)
    except (httpx.HTTPError, KeyError, ValueError):
        return refused(request, "The identity provider did not confirm this sign-in; begin again.", status=403)
    outcome = await run_in_threadpool(_sign_in, str(claims["sub"]), proved_at)
    if outcome.token is None:
        return refused(request, f"{(outcome.refusal or 'refused').capitalize()}.", status=403)
    # A redirect from here would still count as coming from the provider, and a strict cookie would stay behind.
    page = HTMLResponse('<!doctype html><meta http-equiv="refresh" content="0; url=/"><title>Gilbreth</title>')
    page.delete_cookie(COOKIE, path="/signin")
    return with_session(page, outcome.token)


async def _provider() -> Provider:
    import httpx

    issuer = os.environ["GILBRETH_OIDC_ISSUER"].rstrip("/")
    async with httpx.AsyncClient(timeout=10.0) as client:
        found = (await client.get(f"{issuer}/.well-known/openid-configuration")).raise_for_status().json()
    if str(found["issuer"]).rstrip("/") != issuer:
        raise ValueError("the provider names another issuer than GILBRETH_OIDC_ISSUER")
    identity, secret = os.environ["GILBRETH_OIDC_CLIENT_ID"], os.environ.get("GILBRETH_OIDC_CLIENT_SECRET", "")
    return Provider(str(found["issuer"]), identity, secret, found["authorization_endpoint"], found["token_endpoint"], found["jwks_uri"])


async def _claims(provider: Provider, *, code: str, verifier: str, nonce: str, callback: str) -> dict[str, Any]:
    """What the provider's signed token claims, after every check that the standard asks for."""
    import httpx

    sent = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": callback, "code_verifier": verifier,
        "client_id": provider.client_id, "client_secret": provider.client_secret,
    }  # fmt: skip
    async with httpx.AsyncClient(timeout=10.0) as client:
        answer = (await client.post(provider.token, data=sent)).raise_for_status().json()
        keys: Any = (await client.get(provider.keys)).raise_for_status().json()
    return await run_in_threadpool(_checked, str(answer["id_token"]), keys, provider, nonce)


def _checked(token: str, keys: Any, provider: Provider, nonce: str) -> dict[str, Any]:
    """The claims of a token whose signature and claims hold; `ValueError` for any other."""
    from joserfc import jwt  # takes a fifth of a server's start, and most servers sign in without it
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    expected = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": provider.issuer}, aud={"essential": True, "value": provider.client_id},
        nonce={"essential": True, "value": nonce}, exp={"essential": True}, sub={"essential": True},
    )  # fmt: skip
    try:
        found = jwt.decode(token, KeySet.import_key_set(keys), algorithms=ALGORITHMS)
        expected.validate(found.claims)
    except JoseError as error:
        raise ValueError(str(error)) from error
    return dict(found.claims)


def _proved_at(claims: dict[str, Any], *, fresh: bool) -> datetime | None:
    """When the person last proved to the provider who they are; `ValueError` where that was asked for anew and did not happen."""
    told = claims.get("auth_time")
    proved_at = datetime.fromtimestamp(int(told), UTC) if told is not None else None
    if fresh and (proved_at is None or utc_now() - proved_at > timedelta(seconds=LASTS_SECONDS)):
        raise ValueError("the provider did not ask for a proof anew")
    return proved_at


def _callback(request: Request) -> str:
    public = os.environ.get("GILBRETH_TLS_PROXY", "").rstrip("/")
    base = urlsplit(public or str(request.base_url))
    return f"{base.scheme}://{base.netloc}/signin/callback"


def _secure() -> bool:
    return bool(os.environ.get("GILBRETH_TLS_PROXY"))


def _sign_in(subject: str, proved_at: datetime | None) -> SignIn:
    with transaction(server_home().engine) as db_session:
        return sign_in_oidc(db_session, subject=subject, now=utc_now(), proved_at=proved_at)


ROUTES = [Route("/signin/oidc", leave_for_provider, methods=["GET"]), Route("/signin/callback", come_back, methods=["GET"])]
