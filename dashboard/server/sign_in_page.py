"""`/signin` and `/signout`: a plain form, a cookie that scripts cannot read, a session in the database."""

import html
import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from dashboard.server.home import COOKIE, server_home
from dashboard.text import lookup
from db.base import utc_now
from db.engine import snapshot, transaction
from study.sign_in import SignIn, sign_in, sign_out, who_is

TEMPLATE = Path(__file__).with_name("signin.html").read_text(encoding="utf-8")
LARGEST_FORM = 4096
SSO = "GILBRETH_OIDC_ISSUER"
WRONG = "name or password is wrong"


def same_origin(request: Request) -> bool:
    """Whether a request that changes something comes from our own pages: browsers send Origin with every POST."""
    origin = request.headers.get("origin")
    public = urlsplit(os.environ.get("GILBRETH_TLS_PROXY", "")).netloc
    return origin is not None and urlsplit(origin).netloc in {request.headers.get("host", ""), public} - {""}


async def show_form(request: Request) -> Response:
    """The form; straight on to the pages for somebody who is signed in."""
    if await run_in_threadpool(_is_signed_in, request.cookies.get(COOKIE)):
        return RedirectResponse("/", status_code=303)
    why = request.query_params.get("why", "")
    return _page(request, note=f"signin.{why}" if why in ("idle", "out") else None)


async def take_form(request: Request) -> Response:
    """Check name and password; the cookie holds a random token, the database only its hash."""
    if not same_origin(request):
        return _page(request, fault=lookup("signin.origin", language=language_of(request)), status=403)
    body = await request.body()
    if len(body) > LARGEST_FORM:
        return _page(request, fault=lookup("signin.long", language=language_of(request)), status=413)
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    name, password = (fields.get(key, [""])[0] for key in ("name", "password"))
    outcome = await run_in_threadpool(_sign_in, name, password)
    if outcome.token is None:
        refusal = outcome.refusal or WRONG
        told = lookup("signin.wrong", language=language_of(request)) if refusal == WRONG else f"{refusal.capitalize()}."
        return _page(request, fault=told, status=401)
    return with_session(RedirectResponse("/", status_code=303), outcome.token)


def with_session(response: Response, token: str) -> Response:
    """Give the browser the session's cookie: unreadable for scripts, never sent from other sites."""
    response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=bool(os.environ.get("GILBRETH_TLS_PROXY")), path="/")
    return response


def refused(request: Request, fault: str, *, status: int) -> Response:
    """The form with a word on why somebody was not let in."""
    return _page(request, fault=fault, status=status)


async def leave(request: Request) -> Response:
    """End the session in every tab. The cookie never comes along from another site, so a link is enough."""
    token = request.cookies.get(COOKIE)
    if token:
        await run_in_threadpool(_sign_out, token)
    response = RedirectResponse("/signin?why=out", status_code=303)
    response.delete_cookie(COOKIE, path="/")
    return response


def _is_signed_in(token: str | None) -> bool:
    with snapshot(server_home().engine) as db_session:
        return who_is(db_session, token=token, now=utc_now()) is not None


def _sign_in(name: str, password: str) -> SignIn:
    with transaction(server_home().engine) as db_session:
        return sign_in(db_session, name=name, password=password, now=utc_now())


def _sign_out(token: str) -> None:
    with transaction(server_home().engine) as db_session:
        sign_out(db_session, token=token, now=utc_now())


def language_of(request: Request) -> str:
    """The language of the form: nobody is signed in yet, so the browser's own."""
    return "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"


def _page(request: Request, *, note: str | None = None, fault: str | None = None, status: int = 200) -> HTMLResponse:
    language = language_of(request)
    words = {name: lookup(f"signin.{name}", language=language) for name in ("title", "lead", "name", "password", "help")}
    words |= {"lang": language, "claims": lookup("claims", language=language)}
    page = TEMPLATE
    for name, value in words.items():
        page = page.replace(f"{{{name}}}", html.escape(value).replace("`", ""))
    sso = f'<a class="sso" href="/signin/oidc">{html.escape(lookup("signin.sso", language=language))}</a>' if SSO in os.environ else ""
    page = page.replace("{sso}", sso)
    page = page.replace("{note}", f'<p class="note">{html.escape(lookup(note, language=language))}</p>' if note else "")
    page = page.replace("{fault}", f'<p class="fault" role="alert">{html.escape(fault)}</p>' if fault else "")
    headers = {
        "Cache-Control": "no-store",
        "X-Frame-Options": "DENY",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
        "Vary": "Accept-Language",
    }
    return HTMLResponse(page, status_code=status, headers=headers)


ROUTES = [
    Route("/signin", show_form, methods=["GET"]),
    Route("/signin", take_form, methods=["POST"]),
    Route("/signout", leave, methods=["GET", "POST"]),
]
