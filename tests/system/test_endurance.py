"""Killed servers, many clients, full disks and interrupted migrations: what was acknowledged is there, once.

The figures are printed (`pytest -s`), and those of the full form stand in docs/reliability.md.
"""

import os
import random
import shutil
import signal
import sqlite3
import statistics
import time
from contextlib import closing

import pytest
from sqlalchemy import text
from sqlmodel import select

from db.engine import open_engine, snapshot, transaction
from db.migrate import current, downgrade, drift, newest, upgrade
from db.tables import Event
from db.verify import verify
from study.clock import read_clock
from study.recording import NewEvent, append_events, open_task
from tests.study.world import make_world
from tests.system.recorder_server import fork, pause, read_lines, write_forever, write_until_full

pytestmark = pytest.mark.system
BATCH = ("click", "drag", "wheel", "key")  # what a recorder posts every few seconds


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


def check(recorder, acknowledged):
    """Seconds until the first new write after a restart; fails when an acknowledged event is gone or twice there."""
    began = time.monotonic()
    engine = open_engine(recorder["url"], anchor=recorder["anchor"])
    task_id, actor = recorder["tasks"][0]
    with transaction(engine, actor=actor) as db_session:
        event = NewEvent(kind="note", reason="after the restart", key=f"after-{time.monotonic_ns()}")
        append_events(db_session, task_id=task_id, events=[event], actor=actor, now=read_clock())
    ready = time.monotonic() - began
    with snapshot(engine) as db_session:
        keys = db_session.exec(select(Event.key)).all()
        assert db_session.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    assert len(keys) == len(set(keys))
    assert set(acknowledged) <= set(keys)
    engine.dispose()
    return ready


def sound(recorder):
    engine = open_engine(recorder["url"], anchor=recorder["anchor"])
    assert verify(engine).problems == []
    engine.dispose()


@pytest.mark.parametrize("kills", [50, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.timeout(7200)
def test_a_killed_server_loses_and_doubles_nothing_that_was_acknowledged(recorder, kills):
    chance, acknowledged, ready = random.Random(kills), [], []
    for run in range(kills):
        pid, reader = fork(lambda pipe, run=run: write_forever(pipe, **recorder, clients=20, run=run))
        pause(chance)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        lines = [line for line in read_lines(reader) if line]
        os.close(reader)
        complete = [line.split()[0] for line in lines if len(line.split()) == 2]
        assert not [line for line in lines if line.startswith("ERROR")]
        acknowledged += complete
        ready.append(check(recorder, complete))
    sound(recorder)
    print(f"\n{kills} kills, {len(acknowledged)} acknowledged events, 0 lost, 0 doubled, ready in {max(ready):.2f} s at worst")
    assert len(acknowledged) > kills
    assert statistics.median(ready) < 2


@pytest.mark.parametrize("seconds", [10, pytest.param(600, marks=pytest.mark.slow)])
@pytest.mark.timeout(3600)
def test_fifty_clients_at_once_write_without_an_error(recorder, seconds):
    pid, reader = fork(lambda pipe: write_forever(pipe, **recorder, clients=50, run=0, seconds=seconds, kinds=BATCH, pace_seconds=1.0))
    lines = read_lines(reader)
    os.waitpid(pid, 0)
    assert not [line for line in lines if line.startswith("ERROR")]
    delays = sorted(float(line.split()[1]) for line in lines)
    rate, p95 = len(delays) / seconds, delays[int(len(delays) * 0.95)]
    told = f"p95 {p95 * 1000:.0f} ms, worst {delays[-1] * 1000:.0f} ms, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    print(f"\n50 clients, {seconds} s: {rate:.0f} durable audited events/s in batches of {len(BATCH)}, {told}")
    check(recorder, [line.split()[0] for line in lines])
    sound(recorder)
    if seconds >= 600:
        assert rate >= 100
        assert p95 <= 0.25


@pytest.mark.parametrize("offsets", [25, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.timeout(3600)
def test_a_full_disk_is_said_clearly_loses_nothing_and_is_recovered_from(recorder, offsets):
    task_id, actor = recorder["tasks"][0]
    told = 0
    for run in range(offsets):
        options = {"url": recorder["url"], "anchor": recorder["anchor"], "task_id": task_id, "actor": actor}
        pid, reader = fork(lambda pipe, run=run, options=options: write_until_full(pipe, **options, extra_bytes=run * 977, run=run))
        lines = read_lines(reader)
        os.waitpid(pid, 0)
        told += "FULL" in lines
        assert lines[-1] == "RECOVERED", (run, lines[-3:])
        check(recorder, [line.split()[0] for line in lines if line.startswith("full")])
    sound(recorder)
    print(f"\n{offsets} offsets, full disk told {told} times, 0 acknowledged events lost")
    assert told > offsets // 2


def old_database(path):
    """A database of the first revision with rows in it."""
    engine = open_engine(f"sqlite:///{path}")
    upgrade(engine)
    make_world(engine)
    downgrade(engine, revision="0001")
    engine.dispose()


def counts(path):
    with closing(sqlite3.connect(path)) as raw:
        tables = [row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")]
        return {name: raw.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}


@pytest.mark.parametrize("points", [50])
@pytest.mark.timeout(1200)
def test_a_migration_killed_at_any_point_leaves_one_revision_or_the_other_and_every_row(tmp_path, points):
    old_database(tmp_path / "old.sqlite")
    before = counts(tmp_path / "old.sqlite")
    seen = set()
    for point in range(points):
        path = tmp_path / "now.sqlite"
        for name in tmp_path.glob("now.sqlite*"):
            name.unlink()
        shutil.copy(tmp_path / "old.sqlite", path)
        pid, reader = fork(lambda pipe, path=path: upgrade(open_engine(f"sqlite:///{path}")))
        time.sleep(point * 0.02)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reader)
        engine = open_engine(f"sqlite:///{path}")
        seen.add(current(engine))
        assert counts(path) == before
        upgrade(engine)
        assert current(engine) == newest()
        assert drift(engine) == []
        assert verify(engine).ok
        engine.dispose()
        assert counts(path) == before
    print(f"\n{points} kills of a migration: revisions found {sorted(seen)}, every row kept")
    assert seen <= {"0001", newest()}
