"""Recorders without browsers: each is signed in, holds a task of its own and posts batches to `/record` over a connection it keeps.

What gets no answer is sent again with the same keys, as the recorder does, until it is acknowledged.
"""

import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from dashboard.server.home import COOKIE
from db.audit import Actor
from db.base import utc_now
from db.engine import transaction
from db.tables import Study
from study.accounts import create_account, grant_role
from study.clock import read_clock
from study.consent import give_consent
from study.home import open_home
from study.recording import open_task
from study.sign_in import open_session
from tests.study.world import make_world

RETRY_SECONDS = 0.05


@dataclass(frozen=True)
class Seat:
    """One technologist at a task: the cookie's token and the tab's name."""

    name: str
    task_id: str
    token: str
    holder: str


@dataclass
class Posted:
    """What became of all posts: keys acknowledged, seconds from sending to the answer, refusals, and posts that had to be sent again."""

    keys: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    repeated: int = 0


def seats(folder: Path, *, number: int) -> list[Seat]:
    """A home with so many technologists, each signed in with a task open."""
    place, made = open_home(folder), []
    world = make_world(place.engine)
    for index in range(number):
        name, now = f"client{index}", read_clock()
        with transaction(place.engine) as db_session:
            account = create_account(db_session, name=name, now=now.at)
            grant_role(db_session, account=account, role="technologist", actor=Actor(), now=now.at)
            actor = world.people[name] = Actor(name, "technologist", account.id)
            give_consent(db_session, study=db_session.get_one(Study, world.study_id), actor=actor, now=now.at)
            token = open_session(db_session, account=account, now=utc_now()).token
        task = world.task(technologist=name)
        with transaction(place.engine, actor=actor) as db_session:
            open_task(db_session, task_id=task.id, actor=actor, holder=name, now=read_clock(), key=f"s-{name}")
        made.append(Seat(name, task.id, str(token), name))
    place.close()
    return made


async def post_all(address: str, taken: list[Seat], *, seconds: float, pace_seconds: float, kinds: tuple[str, ...], run: str) -> Posted:
    """Every seat posts a batch, one event of each kind, at random intervals around `pace_seconds` until the time is over."""
    posted, until = Posted(), time.monotonic() + seconds
    await asyncio.gather(*(_client(address, seat, posted, until, pace_seconds, kinds, run) for seat in taken))
    return posted


async def _client(
    address: str, seat: Seat, posted: Posted, until: float, pace_seconds: float, kinds: tuple[str, ...], run: str
) -> None:  # fmt: skip
    line, number = Line(address, seat), 0
    await asyncio.sleep(random.uniform(0, pace_seconds))
    while time.monotonic() < until:
        keys = [f"{run}-{seat.name}-{number}-{kind}" for kind in kinds]
        events = [{"kind": "input", "input": kind, "count": 1, "key": key} for kind, key in zip(kinds, keys, strict=True)]
        number += 1
        began = time.monotonic()
        status, answer = await line.post({"task": seat.task_id, "holder": seat.holder, "events": events}, posted)
        posted.seconds.append(time.monotonic() - began)
        if status == 200:
            posted.keys += keys
        else:
            posted.errors.append(f"{status} {answer}")
        await asyncio.sleep(max(0.0, random.uniform(0.5, 1.5) * pace_seconds - posted.seconds[-1]))
    line.close()


class Line:
    """One kept connection of one client; opened anew when the server went away."""

    def __init__(self, address: str, seat: Seat) -> None:
        parts = urlsplit(address)
        self.host, self.port = str(parts.hostname), int(parts.port or 80)
        self.head = (
            f"POST /record HTTP/1.1\r\nHost: {parts.netloc}\r\nOrigin: {address}\r\nCookie: {COOKIE}={seat.token}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        )
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, content: dict[str, object], posted: Posted) -> tuple[int, str]:
        """Status and body; sends until there is an answer."""
        body = json.dumps(content)
        while True:
            try:
                return await self._once(f"{self.head}{len(body)}\r\n\r\n{body}".encode())
            except (OSError, asyncio.IncompleteReadError):
                self.close()
                posted.repeated += 1
                await asyncio.sleep(RETRY_SECONDS)

    async def _once(self, request: bytes) -> tuple[int, str]:
        if self.streams is None:
            self.streams = await asyncio.open_connection(self.host, self.port)
        reader, writer = self.streams
        writer.write(request)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        body = (await reader.readexactly(length)).decode()
        if "connection: close" in head:
            self.close()
        return int(head.split()[1]), body

    def close(self) -> None:
        """Hang up."""
        if self.streams is not None:
            self.streams[1].close()
            self.streams = None
