"""What the server does by itself every few minutes: tasks nobody holds become *interrupted*, retention dates act."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.concurrency import run_in_threadpool

from dashboard.server.home import server_home
from db.audit import Actor
from db.engine import transaction
from study.clock import read_clock
from study.consent import forget_expired
from study.recording.tasks import sweep_lost_tasks

EVERY_SECONDS = 300.0
SELF = Actor(account="server", role="system")


def tidy_up() -> tuple[int, int]:
    """Tasks marked interrupted and people forgotten in this round."""
    now = read_clock()
    with transaction(server_home().engine, actor=SELF, reason="housekeeping") as db_session:
        return len(sweep_lost_tasks(db_session, now=now)), len(forget_expired(db_session, now=now.at))


@contextlib.asynccontextmanager
async def housekeeping(_app: Any) -> AsyncIterator[None]:
    """Run while the server runs."""
    round_trips = asyncio.create_task(_again_and_again())
    try:
        yield
    finally:
        round_trips.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await round_trips


async def _again_and_again() -> None:
    while True:
        with contextlib.suppress(Exception):  # a busy database is tried again in the next round
            await run_in_threadpool(tidy_up)
        await asyncio.sleep(EVERY_SECONDS)
