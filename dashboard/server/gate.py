"""Nothing but the sign-in page is served to somebody who is not signed in: no page, no websocket, no picture."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.navigation import first_page
from dashboard.server.home import COOKIE, server_home
from db.base import utc_now
from db.engine import snapshot
from study.sign_in import Person, who_is

# The agent shows its task's token instead of a cookie.
OPEN_PATHS = ("/signin", "/signin/oidc", "/signin/callback", "/signout", "/_stcore/health", "/healthz", "/agent/task", "/agent/events")


class Gate:
    """Middleware that looks the cookie's session up in the database for every page, websocket and data request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, redirect to the form, or refuse."""
        if scope["type"] not in ("http", "websocket") or self._is_open(scope["path"]):
            await self.app(scope, receive, send)
            return
        token = HTTPConnection(scope).cookies.get(COOKIE)
        person = await run_in_threadpool(_person, token) if token is not None else None
        if person is not None and self._is_navigation(scope) and scope["path"] == f"/{first_page(person.roles)}":
            await RedirectResponse("/")(scope, receive, send)  # where Streamlit serves it
        elif person is not None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4401})
        elif "text/html" in HTTPConnection(scope).headers.get("accept", ""):
            await RedirectResponse("/signin", status_code=303)(scope, receive, send)
        else:
            await PlainTextResponse("sign in first", status_code=401)(scope, receive, send)

    @staticmethod
    def _is_navigation(scope: Scope) -> bool:
        """Whether somebody typed the address; an observer's taps are posted to an address of the same name."""
        return scope["type"] == "http" and scope["method"] == "GET" and "text/html" in HTTPConnection(scope).headers.get("accept", "")

    @staticmethod
    def _is_open(path: str) -> bool:
        return path in OPEN_PATHS or path.startswith("/static/")


def _person(token: str) -> Person | None:
    with snapshot(server_home().engine) as db_session:
        return who_is(db_session, token=token, now=utc_now())
