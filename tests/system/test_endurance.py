"""Killed servers, many clients and full disks: what was acknowledged is there, once.

The figures are printed (`pytest -s`), those of the long forms are kept in out/endurance.jsonl and stand in docs/reliability.md.
"""

import os
import random
import shutil
import signal
import statistics
import time

import pytest
from sqlalchemy import text
from sqlmodel import select

from db.engine import open_engine, snapshot, transaction
from db.migrate import upgrade
from db.tables import Event
from db.verify import verify
from study.clock import read_clock
from study.recording import NewEvent, append_events, open_task
from tests.study.world import make_world
from tests.system.endurance import going, result, rounds
from tests.system.recorder_server import fork, pause, read_lines, write_forever, write_until_full

pytestmark = pytest.mark.system
BATCH = ("click", "drag", "wheel", "key")  # what a recorder posts every few seconds
PACE_SECONDS = 1.6  # between two posts of one client: fifty of them offer 125 events a second


@pytest.fixture
def recorder(tmp_path):
    """A home on a file with two running tasks."""
    url, anchor = f"sqlite:///{tmp_path}/g.sqlite", tmp_path / "head"
    engine = open_engine(url, anchor=anchor)
    upgrade(engine)
    world = make_world(engine)
    tasks = []
    for name in ("technologist", "technologist2"):
        task = world.task(technologist=name)
        with transaction(engine) as db_session:
            open_task(db_session, task_id=task.id, actor=world.people[name], holder=name, now=read_clock(), key=f"s-{name}")
        tasks.append((task.id, world.people[name]))
    engine.dispose()
    return {"url": url, "anchor": anchor, "tasks": tasks}


def check(recorder, acknowledged, *, run="", whole=True):
    """Seconds until the first new write after a restart; fails when an acknowledged event is gone or twice there.

    `run` begins the keys of this round; `whole` also has SQLite check every page.
    """
    began = time.monotonic()
    engine = open_engine(recorder["url"], anchor=recorder["anchor"])
    task_id, actor = recorder["tasks"][0]
    with transaction(engine, actor=actor) as db_session:
        event = NewEvent(kind="note", reason="after the restart", key=f"after-{time.monotonic_ns()}")
        append_events(db_session, task_id=task_id, events=[event], actor=actor, now=read_clock())
    ready = time.monotonic() - began
    with snapshot(engine) as db_session:
        mine = select(Event.key).where(Event.key >= run, Event.key < run + "\x7f")
        keys = db_session.exec(mine).all()
        if whole:
            assert db_session.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    assert len(keys) == len(set(keys))
    assert set(acknowledged) <= set(keys)
    engine.dispose()
    return ready


def sound(recorder):
    engine = open_engine(recorder["url"], anchor=recorder["anchor"])
    assert verify(engine).problems == []
    engine.dispose()


LONG = pytest.param(True, marks=pytest.mark.slow, id="long")
QUICK = pytest.param(False, id="quick")


@pytest.mark.parametrize("long", [QUICK, LONG])
@pytest.mark.timeout(14_400)
def test_a_killed_server_loses_and_doubles_nothing_that_was_acknowledged(recorder, long):
    kills = rounds(50, full=1000, variable="GILBRETH_KILLS", long=long)
    chance, acknowledged, ready, began = random.Random(time.time_ns() if long else 50), [], [], time.monotonic()
    for run in going(range(kills), what="kills", total=kills):
        pid, reader = fork(lambda pipe, run=run: write_forever(pipe, **recorder, clients=20, run=run))
        pause(chance)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        lines = [line for line in read_lines(reader) if line]
        os.close(reader)
        complete = [line.split()[0] for line in lines if len(line.split()) == 2]
        assert not [line for line in lines if line.startswith("ERROR")]
        acknowledged += complete
        ready.append(check(recorder, complete, run=f"run{run}-", whole=run % 20 == 19))
    check(recorder, acknowledged)
    sound(recorder)
    ready.sort()
    result(
        "kills", long=long, rounds=kills, acknowledged=len(acknowledged), lost=0, doubled=0, worst_seconds=round(ready[-1], 2),
        p95_seconds=round(ready[int(len(ready) * 0.95)], 2), seconds=round(time.monotonic() - began),
    )  # fmt: skip
    assert len(acknowledged) > kills
    assert statistics.median(ready) < 2


@pytest.mark.parametrize("long", [QUICK, LONG])
@pytest.mark.timeout(3600)
def test_fifty_clients_at_once_write_without_an_error(recorder, long):
    seconds = rounds(10, full=600, variable="GILBRETH_LOAD_SECONDS", long=long)
    pid, reader = fork(
        lambda pipe: write_forever(pipe, **recorder, clients=50, run=0, seconds=seconds, kinds=BATCH, pace_seconds=PACE_SECONDS)
    )
    lines = read_lines(reader)
    os.waitpid(pid, 0)
    errors = [line for line in lines if line.startswith("ERROR")]
    delays = sorted(float(line.split()[1]) for line in lines if not line.startswith("ERROR"))
    rate, p95 = len(delays) / seconds, delays[int(len(delays) * 0.95)]
    check(recorder, [line.split()[0] for line in lines if not line.startswith("ERROR")])
    sound(recorder)
    result(
        "fifty clients", long=long, rounds=len(delays) // len(BATCH), acknowledged=len(delays), lost=0, errors=len(errors),
        events_a_second=round(rate, 1), median_seconds=delays[len(delays) // 2], p95_seconds=p95, worst_seconds=delays[-1], seconds=seconds,
    )  # fmt: skip
    assert errors == []
    if long:
        assert rate >= 100
        assert p95 <= 0.25


def copy_of(recorder, folder):
    """The same home again, in its first state: small, so that every offset is reached."""
    folder.mkdir()
    shutil.copy(recorder["url"].removeprefix("sqlite:///"), folder / "g.sqlite")
    shutil.copy(recorder["anchor"], folder / "head")
    return {"url": f"sqlite:///{folder}/g.sqlite", "anchor": folder / "head", "tasks": recorder["tasks"]}


@pytest.mark.parametrize("long", [QUICK, LONG])
@pytest.mark.timeout(7200)
def test_a_full_disk_is_said_clearly_loses_nothing_and_is_recovered_from(recorder, tmp_path, long):
    offsets = rounds(25, full=200, variable="GILBRETH_OFFSETS", long=long)
    told, acknowledged, began = 0, 0, time.monotonic()
    for run in going(range(offsets), what="disk full", total=offsets):
        home = copy_of(recorder, tmp_path / f"offset{run}")
        pid, reader = fork(lambda pipe, run=run, home=home: write_until_full(pipe, **home, extra_bytes=run * 977, run=run))
        lines = read_lines(reader)
        os.waitpid(pid, 0)
        os.close(reader)
        told += "FULL" in lines
        assert not [line for line in lines if line.startswith("ERROR")], (run, lines[-5:])
        assert lines[-1] == "RECOVERED", (run, lines[-3:])
        kept = [line.split()[0] for line in lines if line.startswith("full")]
        acknowledged += len(kept)
        check(home, kept, run=f"full{run}-")
        sound(home)
        shutil.rmtree(tmp_path / f"offset{run}")
    seconds = round(time.monotonic() - began)
    result("disk full", long=long, rounds=offsets, told=told, acknowledged=acknowledged, lost=0, seconds=seconds)
    assert told == offsets
