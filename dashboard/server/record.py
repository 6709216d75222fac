"""`POST /record`: what the recorder sends. Checked for sign-in, origin, size, rate and lease; stored once however often it comes."""

import json
import time
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dashboard.server.home import COOKIE, server_home
from dashboard.server.sign_in_page import same_origin
from db.base import utc_now
from db.engine import snapshot, transaction
from study.clock import Instant, read_clock
from study.errors import Forbidden, StudyError
from study.recording.events import NewEvent, append_events
from study.recording.leases import release_lease, renew_lease, take_lease
from study.sign_in import Person, touch, who_is

LARGEST_BODY = 256 * 1024
MOST_REQUESTS, PER_SECONDS = 60, 10.0
FIELDS = ("kind", "key", "input", "area", "count", "span_seconds", "reason", "client", "client_offset_seconds")
ALLOWED = {"pause", "resume", "input", "tool", "lap", "ai_wait", "ai_ready", "correction", "hidden", "visible", "note", "finish", "abort"}
LEASED = ("open", "paused", "interrupted")
_recent: dict[str, deque[float]] = defaultdict(deque)


@dataclass(frozen=True)
class Batch:
    """What one request brings: events of one task from one tab; whether the tab wants the lease, or gives it back."""

    task: str
    holder: str
    events: list[NewEvent]
    take: bool
    release: bool


async def record(request: Request) -> Response:
    """Append a batch of events to the sender's own task; an empty batch is a heartbeat that keeps the lease, or asks for it."""
    if not same_origin(request):
        return refusal(403, "this must be sent from Gilbreth's own page")
    if int(request.headers.get("content-length") or 0) > LARGEST_BODY:
        return refusal(413, "too much at once")
    body = await request.body()
    if len(body) > LARGEST_BODY:
        return refusal(413, "too much at once")
    token = request.cookies.get(COOKIE)
    person = await run_in_threadpool(find_person, token)
    if person is None:
        return refusal(401, "sign in first")
    if not within_rate(person.session_id):
        return refusal(429, "too many requests")
    try:
        content = json.loads(body)
        batch = Batch(
            str(content["task"]), str(content["holder"])[:64], [_event(item) for item in content["events"]],
            take=content.get("take") is True, release=content.get("release") is True,
        )  # fmt: skip
    except (ValueError, KeyError, TypeError):
        return refusal(400, "malformed")
    try:
        return await run_in_threadpool(_store, person, token or "", batch)
    except Forbidden as error:
        return refusal(409, str(error))
    except StudyError as error:
        return refusal(422, str(error))


def find_person(token: str | None) -> Person | None:
    """Who sent a request."""
    with snapshot(server_home().engine) as db_session:
        return who_is(db_session, token=token, now=utc_now())


def within_rate(session_id: str) -> bool:
    """Whether a sender keeps within the number of requests for its time."""
    recent, now = _recent[session_id], time.monotonic()
    while recent and now - recent[0] > PER_SECONDS:
        recent.popleft()
    recent.append(now)
    return len(recent) <= MOST_REQUESTS


def _event(item: dict[str, Any]) -> NewEvent:
    if item.get("kind") not in ALLOWED:
        raise ValueError(item.get("kind"))
    return NewEvent(**{name: item[name] for name in FIELDS if item.get(name) is not None})


def _store(person: Person, token: str, batch: Batch) -> Response:
    now, actor = read_clock(), person.acting("technologist")
    with transaction(server_home().engine, actor=actor) as db_session:
        done = append_events(db_session, task_id=batch.task, events=batch.events, actor=actor, now=now, holder=batch.holder)
        held = _lease(db_session, batch, done.state, person, now)
        if any(event.kind in ("input", "lap", "resume", "finish") for event in batch.events):
            touch(db_session, token=token, now=now.at)
    return JSONResponse({"new": done.new, "repeated": done.repeated, "state": done.state, "held": held})


def _lease(db_session: Session, batch: Batch, state: str, person: Person, now: Instant) -> bool:
    """Keep, take or give back the lease."""
    if batch.release or state not in LEASED:
        release_lease(db_session, task_id=batch.task, holder=batch.holder)
        return False
    if batch.take:
        return take_lease(db_session, task_id=batch.task, account_id=person.account_id, holder=batch.holder, now=now)
    return renew_lease(db_session, task_id=batch.task, holder=batch.holder, now=now)


def refusal(status: int, reason: str) -> JSONResponse:
    """A refusal that says why."""
    return JSONResponse({"reason": reason}, status_code=status)


ROUTES = [Route("/record", record, methods=["POST"])]
