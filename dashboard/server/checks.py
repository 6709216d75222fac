"""What every request that writes goes through: origin, size, sign-in, rate, form. Each refusal says why."""

import json
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dashboard.server.home import COOKIE, server_home
from dashboard.server.sign_in_page import same_origin
from db.base import utc_now
from db.engine import snapshot, transaction
from study.errors import Forbidden, StudyError
from study.recording.events import NewEvent
from study.sign_in import Person, needs_touch, token_hash, touch, who_is

LARGEST_BODY = 256 * 1024
MOST_REQUESTS, PER_SECONDS = 60, 10.0
FIELDS = ("kind", "key", "input", "area", "count", "span_seconds", "reason", "client", "client_offset_seconds")
_recent: dict[str, deque[float]] = defaultdict(deque)

Store = Callable[[Person, str, Any], Response]


def signed_in_post(read: Callable[[Any], Any], store: Store) -> Callable[[Request], Awaitable[Response]]:
    """A route that stores what a signed-in browser sends.

    Parameters
    ----------
    read : callable
        From the JSON that was sent to what `store` takes; anything malformed raises `ValueError`, `KeyError` or `TypeError`.
    store : callable
        `(person, cookie's token, what was read) -> response`, run in a thread.
    """

    async def route(request: Request) -> Response:
        if not same_origin(request):
            return refusal(403, "this must be sent from Gilbreth's own page")
        body = await body_of(request)
        if body is None:
            return refusal(413, "too much at once")
        token = request.cookies.get(COOKIE) or ""
        if not within_rate(token_hash(token)):
            return refusal(429, "too many requests")
        try:
            content = read(json.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError):
            return refusal(400, "malformed")
        return await run_in_threadpool(_answer, token, content, store)

    return route


def _answer(token: str, content: Any, store: Store) -> Response:
    person = find_person(token)
    if person is None:
        return refusal(401, "sign in first")
    try:
        return store(person, token, content)
    except Forbidden as error:
        return refusal(409, str(error))
    except StudyError as error:
        return refusal(422, str(error))


async def body_of(request: Request) -> bytes | None:
    """What was sent, or None when it is too large; said so before it is read where the sender told its size."""
    if int(request.headers.get("content-length") or 0) > LARGEST_BODY:
        return None
    body = await request.body()
    return body if len(body) <= LARGEST_BODY else None


def find_person(token: str | None) -> Person | None:
    """Who sent a request."""
    with snapshot(server_home().engine) as db_session:
        return who_is(db_session, token=token, now=utc_now())


def keep_signed_in(person: Person, token: str) -> None:
    """Note a sign of life of somebody who is at work without any page being run again; at most every twenty seconds."""
    if needs_touch(person):
        with transaction(server_home().engine, quick=True) as db_session:
            touch(db_session, token=token, now=utc_now())


def within_rate(sender: str) -> bool:
    """Whether a sender keeps within the number of requests for its time."""
    recent, now = _recent[sender], time.monotonic()
    while recent and now - recent[0] > PER_SECONDS:
        recent.popleft()
    recent.append(now)
    return len(recent) <= MOST_REQUESTS


def event_of(item: dict[str, Any], *, kinds: frozenset[str] | set[str], detail: dict[str, Any] | None = None) -> NewEvent:
    """An event as it was sent; `ValueError` for a kind that this sender may not send."""
    if item.get("kind") not in kinds:
        raise ValueError(item.get("kind"))
    return NewEvent(**{name: item[name] for name in FIELDS if item.get(name) is not None}, detail=detail)


def refusal(status: int, reason: str, **more: Any) -> JSONResponse:
    """A refusal that says why."""
    return JSONResponse({"reason": reason, **more}, status_code=status)
