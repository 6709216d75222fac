"""`POST /observe`: what an observer's tablet sends; the same checks as for the recorder."""

import json
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dashboard.server.home import COOKIE, server_home
from dashboard.server.record import FIELDS, LARGEST_BODY, find_person, refusal, within_rate
from dashboard.server.sign_in_page import same_origin
from db.base import utc_now
from db.engine import transaction
from study.errors import Forbidden, StudyError
from study.observing import note_seen
from study.recording.events import NewEvent
from study.sign_in import touch

KINDS = {"lap", "interruption", "return", "input", "note", "tool"}
DETAIL = ("phase", "with_whom", "tool")


async def observe(request: Request) -> Response:
    """Append a batch of what was seen."""
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
        observation, seen = str(content["observation"]), [_seen(item) for item in content["events"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return refusal(400, "malformed")
    try:
        done = await run_in_threadpool(
            note_seen, server_home().engine, actor=person.acting("observer"), observation_id=observation, seen=seen
        )
        await run_in_threadpool(_touch, str(token))
    except Forbidden as error:
        return refusal(409, str(error))
    except StudyError as error:
        return refusal(422, str(error))
    return JSONResponse({"stored": done})


def _seen(item: dict[str, Any]) -> NewEvent | tuple[str, str]:
    if item.get("kind") == "undo":
        return str(item["key"]), str(item["undone"])
    if item.get("kind") not in KINDS:
        raise ValueError(item.get("kind"))
    detail = {name: str(item[name])[:60] for name in DETAIL if item.get(name)}
    return NewEvent(**{name: item[name] for name in FIELDS if item.get(name) is not None}, detail=detail or None)


def _touch(token: str) -> None:
    with transaction(server_home().engine) as db_session:
        touch(db_session, token=token, now=utc_now())


ROUTES = [Route("/observe", observe, methods=["POST"])]
