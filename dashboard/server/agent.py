"""`/agent/task` and `/agent/events`: the desktop agent, known by its task's token. The arm is the server's to say."""

import json
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dashboard.server.checks import body_of, event_of, refusal, within_rate
from dashboard.server.home import server_home
from db.engine import snapshot, transaction
from db.tables import Case
from study.clock import read_clock
from study.consent import consent_of, require_consent
from study.errors import Forbidden, StudyError
from study.recording.events import NewEvent, append_events
from study.recording.tokens import token_holder
from study.sign_in import token_hash

KINDS = frozenset({"input", "tool"})


async def tell_task(request: Request) -> Response:
    """Case number, arm, state and consent version."""
    return await _answered(request, _task)


async def take_events(request: Request) -> Response:
    """Append counts to the token's task."""
    body = await body_of(request)
    if body is None:
        return refusal(413, "too much at once")
    try:
        events = [event_of(item, kinds=KINDS) for item in json.loads(body)["events"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return refusal(400, "malformed")
    return await _answered(request, lambda token: _append(token, events))


async def _answered(request: Request, act: Any) -> Response:
    token = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    if not token:
        return refusal(401, "this needs a task's token")
    if not within_rate(token_hash(token)):
        return refusal(429, "too many requests")
    try:
        return JSONResponse(await run_in_threadpool(act, token))
    except Forbidden as error:
        return refusal(403, str(error))
    except StudyError as error:
        return refusal(422, str(error))


def _task(token: str) -> dict[str, Any]:
    with snapshot(server_home().engine) as db_session:
        task, actor = token_holder(db_session, token=token, now=read_clock())
        require_consent(db_session, account_id=task.technologist_id, study_id=task.study_id)
        consent = consent_of(db_session, account_id=actor.account_id or "", study_id=task.study_id)
        case = db_session.get_one(Case, task.case_id)
        return {"case": case.number, "arm": task.arm, "state": task.state, "consent": consent.text_version if consent else None}


def _append(token: str, events: list[NewEvent]) -> dict[str, Any]:
    now = read_clock()
    with snapshot(server_home().engine) as db_session:
        _, actor = token_holder(db_session, token=token, now=now)
    with transaction(server_home().engine, actor=actor, quick=True) as db_session:
        task, actor = token_holder(db_session, token=token, now=now)
        require_consent(db_session, account_id=task.technologist_id, study_id=task.study_id)
        done = append_events(db_session, task_id=task.id, events=events, actor=actor, now=now, source="agent")
    return {"new": done.new, "repeated": done.repeated, "state": done.state}


ROUTES = [Route("/agent/task", tell_task, methods=["GET"]), Route("/agent/events", take_events, methods=["POST"])]
