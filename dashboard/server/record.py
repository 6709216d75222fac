"""`POST /record`: what the recorder sends. Checked for sign-in, origin, size, rate and lease; stored once however often it comes."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dashboard.server.checks import event_of, keep_signed_in, refusal, signed_in_post
from dashboard.server.home import server_home
from db.engine import transaction
from study.clock import Instant, read_clock
from study.recording.events import AnotherRunning, NewEvent, append_events
from study.recording.leases import release_lease, renew_lease, take_lease
from study.sign_in import Person
from study.task_ends import ImagesMissing, require_images

KINDS = frozenset(
    {"pause", "resume", "input", "tool", "lap", "ai_wait", "ai_ready", "correction", "hidden", "visible", "note", "finish", "abort"}
)
LEASED = ("open", "paused", "interrupted")
SIGNS_OF_LIFE = ("input", "lap", "resume", "finish")


@dataclass(frozen=True)
class Batch:
    """What one request brings: events of one task from one tab; whether the tab wants the lease, or gives it back."""

    task: str
    holder: str
    events: list[NewEvent]
    take: bool
    release: bool


def _batch(content: dict[str, Any]) -> Batch:
    return Batch(
        str(content["task"]), str(content["holder"])[:64], [event_of(item, kinds=KINDS) for item in content["events"]],
        take=content.get("take") is True, release=content.get("release") is True,
    )  # fmt: skip


def _store(person: Person, token: str, batch: Batch) -> Response:
    """Append a batch of events to the sender's own task; an empty batch is a heartbeat that keeps the lease, or asks for it."""
    now, actor = read_clock(), person.acting("technologist")
    try:
        with transaction(server_home().engine, actor=actor, quick=True) as db_session:
            if any(event.kind == "finish" for event in batch.events):
                require_images(db_session, task_id=batch.task)
            done = append_events(db_session, task_id=batch.task, events=batch.events, actor=actor, now=now, holder=batch.holder)
            held = _lease(db_session, batch, done.state, person, now)
    except ImagesMissing as missing:
        return refusal(409, str(missing), missing="images")
    except AnotherRunning as running:
        return refusal(409, str(running), running=True)
    if any(event.kind in SIGNS_OF_LIFE for event in batch.events):
        keep_signed_in(person, token)
    return JSONResponse({"new": done.new, "repeated": done.repeated, "state": done.state, "held": held})


def _lease(db_session: Session, batch: Batch, state: str, person: Person, now: Instant) -> bool:
    """Keep, take or give back the lease."""
    if batch.release or state not in LEASED:
        release_lease(db_session, task_id=batch.task, holder=batch.holder)
        return False
    if batch.take:
        return take_lease(db_session, task_id=batch.task, account_id=person.account_id, holder=batch.holder, now=now)
    return renew_lease(db_session, task_id=batch.task, holder=batch.holder, now=now)


ROUTES = [Route("/record", signed_in_post(_batch, _store), methods=["POST"])]
