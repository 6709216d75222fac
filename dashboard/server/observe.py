"""`POST /observe`: what an observer's tablet sends; the same checks as for the recorder."""

from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dashboard.server.checks import event_of, keep_signed_in, signed_in_post
from dashboard.server.home import server_home
from study.observing import note_seen
from study.recording.events import NewEvent
from study.sign_in import Person

KINDS = frozenset({"lap", "interruption", "return", "input", "note", "tool"})
DETAIL = ("phase", "with_whom", "tool")


@dataclass(frozen=True)
class Seen:
    """What one request brings: events of one observation; a pair (key, undone key) takes a slip back."""

    observation: str
    events: list[NewEvent | tuple[str, str]]


def _seen(content: dict[str, Any]) -> Seen:
    return Seen(str(content["observation"]), [_event(item) for item in content["events"]])


def _event(item: dict[str, Any]) -> NewEvent | tuple[str, str]:
    if item.get("kind") == "undo":
        return str(item["key"]), str(item["undone"])
    return event_of(item, kinds=KINDS, detail={name: str(item[name])[:60] for name in DETAIL if item.get(name)} or None)


def _store(person: Person, token: str, seen: Seen) -> Response:
    """Append a batch of what was seen."""
    done = note_seen(server_home().engine, actor=person.acting("observer"), observation_id=seen.observation, seen=seen.events)
    keep_signed_in(person, token)
    return JSONResponse({"stored": done})


ROUTES = [Route("/observe", signed_in_post(_seen, _store), methods=["POST"])]
