"""`POST /record/reading`: what the clock of a reading sends; checked like the technologist's recorder, stored once."""

from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dashboard.server.checks import event_of, keep_signed_in, signed_in_post
from dashboard.server.home import server_home
from study.reading_room import note_reading
from study.recording.events import NewEvent
from study.sign_in import Person

KINDS = {"pause", "resume", "input", "hidden", "visible", "note"}


@dataclass(frozen=True)
class Batch:
    """Events of one reading."""

    reading: str
    events: list[NewEvent]


def _read(content: Any) -> Batch:
    return Batch(str(content["reading"]), [event_of(item, kinds=KINDS) for item in content["events"]])


def _store(person: Person, token: str, batch: Batch) -> Response:
    role = next((role for role in ("reader", "adjudicator") if role in person.roles), "reader")
    note_reading(server_home().engine, actor=person.acting(role), reading_id=batch.reading, events=batch.events)
    if any(event.kind == "input" for event in batch.events):
        keep_signed_in(person, token)
    return JSONResponse({"stored": len(batch.events)})


ROUTES = [Route("/record/reading", signed_in_post(_read, _store), methods=["POST"])]
