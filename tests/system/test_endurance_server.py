"""The whole server as clients meet it: fifty at once over HTTP, and killed under twenty; what was acknowledged is there, once."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlmodel import select

from db.engine import snapshot
from db.tables import Event
from db.verify import verify
from study.home import open_home
from tests.system.browser import free_port, serving, wait_until_up
from tests.system.endurance import going, result, rounds
from tests.system.endurance_clients import Posted, Seat, post_all, seats
from tests.system.test_endurance import BATCH, LONG, PACE_SECONDS, QUICK

pytestmark = pytest.mark.system


def check(home: Path, taken: list[Seat], posted: Posted) -> None:
    """Every acknowledged event is there once, under its author's name, and the audit is good."""
    place = open_home(home)
    task_of, authors = {seat.name: seat.task_id for seat in taken}, {}
    with snapshot(place.engine) as db_session:
        rows = db_session.execute(select(Event.key, Event.task_id, Event.actor_id).where(Event.kind == "input")).all()
    counted = Counter(key for key, _, _ in rows)
    assert set(posted.keys) <= set(counted)
    assert set(counted.values()) == {1}
    for key, task_id, actor_id in rows:
        name = key.split("-")[1]
        assert task_id == task_of[name]
        assert authors.setdefault(name, actor_id) == actor_id
    assert len(set(authors.values())) == len(authors)
    assert verify(place.engine).problems == []
    place.close()


@pytest.mark.parametrize("long", [QUICK, LONG])
@pytest.mark.timeout(3600)
def test_fifty_clients_at_once_are_answered_by_the_server_without_an_error(tmp_path, long):
    seconds = rounds(10, full=600, variable="GILBRETH_LOAD_SECONDS", long=long)
    home = tmp_path / "home"
    taken = seats(home, number=50)
    with serving(home) as address:
        posted = asyncio.run(post_all(address, taken, seconds=seconds, pace_seconds=PACE_SECONDS, kinds=BATCH, run="load"))
    check(home, taken, posted)
    delays, rate = sorted(posted.seconds), len(posted.keys) / seconds
    p95 = delays[int(len(delays) * 0.95)]
    result(
        "fifty clients of the server", long=long, rounds=len(delays), acknowledged=len(posted.keys), lost=0, errors=len(posted.errors),
        events_a_second=round(rate, 1), median_seconds=round(delays[len(delays) // 2], 4), p95_seconds=round(p95, 4),
        worst_seconds=round(delays[-1], 4), seconds=seconds,
    )  # fmt: skip
    assert posted.errors == []
    assert posted.repeated == 0
    if long:
        assert rate >= 100
        assert p95 <= 0.25


def start(home: Path, port: int, log: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "study.cli", "serve", "--home", str(home), "--port", str(port)]
    with log.open("a") as file:
        return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True, env=os.environ.copy())


@pytest.mark.parametrize("long", [QUICK, LONG])
@pytest.mark.timeout(7200)
def test_a_server_killed_under_twenty_clients_goes_on_where_it_was_and_every_retry_counts_once(tmp_path, long):
    kills = rounds(2, full=50, variable="GILBRETH_SERVER_KILLS", long=long)
    home, port, chance, ready, began = tmp_path / "home", free_port(), random.Random(20), [], time.monotonic()
    taken, over, box = seats(home, number=20), threading.Event(), []
    server = start(home, port, tmp_path / "log")
    wait_until_up(f"http://127.0.0.1:{port}/_stcore/health", server)
    clients = threading.Thread(target=lambda: box.append(asyncio.run(until_over(f"http://127.0.0.1:{port}", taken, over))))
    clients.start()
    for _ in going(range(kills), what="servers killed", total=kills):
        time.sleep(chance.uniform(0.5, 3.0))
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        killed = time.monotonic()
        server = start(home, port, tmp_path / "log")
        wait_until_up(f"http://127.0.0.1:{port}/_stcore/health", server)
        ready.append(time.monotonic() - killed)
    over.set()
    clients.join(120)
    os.killpg(server.pid, signal.SIGTERM)
    server.wait(20)
    (posted,) = box
    check(home, taken, posted)
    ready.sort()
    result(
        "servers killed", long=long, rounds=kills, acknowledged=len(posted.keys), lost=0, doubled=0, repeated=posted.repeated,
        errors=len(posted.errors), median_seconds=round(ready[len(ready) // 2], 2), worst_seconds=round(ready[-1], 2),
        seconds=round(time.monotonic() - began),
    )  # fmt: skip
    assert posted.errors == []
    assert posted.repeated >= kills
    assert len(posted.keys) > kills * 20


async def until_over(address: str, taken: list[Seat], over: threading.Event) -> Posted:
    """Post, a second at a time, until told to stop; the retries of a killed server go on across the seconds."""
    whole, number = Posted(), 0
    while not over.is_set():
        part = await post_all(address, taken, seconds=1.0, pace_seconds=0.3, kinds=("click",), run=f"kill{number}")
        number += 1
        whole.keys += part.keys
        whole.seconds += part.seconds
        whole.errors += part.errors
        whole.repeated += part.repeated
    return whole
