"""What the server does by itself every few minutes: tasks nobody holds become *interrupted*, retention dates act, figures are read."""

import asyncio
import contextlib
import gc
import importlib
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
FIRST_SECONDS = 5.0  # after a restart those come first who were in the middle of their work
PAGES_REST_ON = ("dashboard.front", "dashboard.operations", "dashboard.staffing", "dashboard.accrual", "study.overview")
SELF = Actor(account="server", role="system")


def tidy_up() -> tuple[int, int]:
    """Tasks marked interrupted and people forgotten in this round."""
    now = read_clock()
    with transaction(server_home().engine, actor=SELF, reason="housekeeping") as db_session:
        return len(sweep_lost_tasks(db_session, now=now)), len(forget_expired(db_session, now=now.at))


def look_ahead() -> int:
    """What pages are made of is imported, and figures of large studies are brought up to date, before anybody asks for them."""
    for module in PAGES_REST_ON:
        importlib.import_module(module)
    from study.department import read_ahead

    return read_ahead(server_home().engine, folder=server_home().path / "cache")


def clear_memory() -> None:
    """Collect what pages left behind; the first time, set aside what was imported, so that later collections are short.

    A collection stops every page while it lasts, and looking through all imported modules takes a tenth of a second and more.
    """
    gc.collect()
    if not gc.get_freeze_count():
        gc.freeze()


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
    await asyncio.sleep(FIRST_SECONDS)
    while True:
        for chore in (tidy_up, look_ahead, clear_memory):
            with contextlib.suppress(Exception):  # a busy database is tried again in the next round
                await run_in_threadpool(chore)
        await asyncio.sleep(EVERY_SECONDS)
