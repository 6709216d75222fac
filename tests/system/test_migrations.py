"""Upgrades and downgrades from every revision, with rows in the tables, killed at many points: nothing lost, nothing half-way.

Half of the points are a statement of the migration or its commit, hit as it begins or up to some milliseconds into it.
"""

import hashlib
import os
import random
import shutil
import signal
import threading
import time
from pathlib import Path
from uuid import uuid4

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, inspect, make_url, text

from db.engine import open_engine, transaction
from db.migrate import FOLDER, current, downgrade, drift, newest, upgrade
from db.tables import KnownChange, Study
from db.verify import verify
from study.reading import assign_readings
from study.recording import NewEvent, append_events, finish_task, open_task
from tests.study.test_exchange import READINGS, TASKS, put
from tests.study.test_reading import filled, open_next, submit
from tests.study.world import START, make_world
from tests.system.endurance import going, result, rounds
from tests.system.postgres import postgres_server
from tests.system.recorder_server import fork
from tests.system.test_endurance import LONG, QUICK

pytestmark = pytest.mark.system
REVISIONS = sorted(step.revision for step in ScriptDirectory(str(FOLDER)).walk_revisions())
NEWER = {"batch_id", "scans", "known_change"}  # columns and tables that older revisions lack, or fill otherwise
LATEST_MS = 4.0
WAYS = [pytest.param(old, True, id=f"from-{old}") for old in REVISIONS[:-1]] + [
    pytest.param(old, False, id=f"back-to-{old}") for old in REVISIONS[:-1]
]


def fill(engine: Engine, folder: Path) -> dict[str, tuple[int, str]]:
    """Events, pictures, ratings, rows that came by an import, what only the newest revision can hold; returns the content."""
    world = make_world(engine)
    for name in ("technologist", "technologist2"):
        task, actor = world.task(technologist=name), world.people[name]
        with transaction(engine, actor=actor) as db_session:
            open_task(db_session, task_id=task.id, actor=actor, holder=name, now=START, key=f"s-{name}")
            clicks = [NewEvent(kind="input", input="click", count=1, key=f"{name}-{number}") for number in range(200)]
            append_events(db_session, task_id=task.id, events=clicks, actor=actor, now=START.after(30))
            finish_task(db_session, task_id=task.id, actor=actor, now=START.after(60), key=f"f-{name}")
    world.image_set()
    with transaction(engine) as db_session:
        study = db_session.get_one(Study, world.study_id)
        assign_readings(db_session, study=study, actor=world.people["investigator"], now=START.at, seed=1)
    submit(world, open_next(world), filled())
    put(world, folder, TASKS)
    put(world, folder, READINGS, kind="readings", name="r.csv")
    with transaction(engine, actor=world.people["investigator"]) as db_session:
        change = {"study_id": world.study_id, "day": "2027-01-04", "name": "new scanner", "marked_at": START.at}
        db_session.add(KnownChange.model_validate({**change, "marked_by": "manager", "marked_as": "manager"}))
    return content(engine, whole=True)


def content(engine: Engine, *, whole: bool = False) -> dict[str, tuple[int, str]]:
    """Rows and their hash, table by table; empty tables left out. But for `whole`, only what every revision can hold."""
    found = {}
    with engine.execution_options(read_only=True).connect() as connection:
        inspector = inspect(connection)
        names = {name for name in inspector.get_table_names() if not name.startswith("kept_")} - {"alembic_version"}
        for name in sorted(names if whole else names - NEWER):
            columns = {str(column["name"]) for column in inspector.get_columns(name)}
            quoted = ", ".join(f'"{column}"' for column in sorted(columns if whole else columns - NEWER))
            rows = sorted(repr(tuple(row)) for row in connection.execute(text(f'SELECT {quoted} FROM "{name}"')))
            found[name] = (len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest())
    return {name: figures for name, figures in found.items() if figures[0]}


def migrate(engine: Engine, *, to: str) -> None:
    upgrade(engine) if to == newest() else downgrade(engine, revision=to)


def steps(engine: Engine, act) -> list[str]:
    """Count what a migration does: its statements and its commit; `act(number)` runs before each."""
    seen: list[str] = []

    def note(what: str) -> None:
        seen.append(what)
        act(len(seen))

    event.listen(engine, "before_cursor_execute", lambda _c, _cursor, statement, *_: note(statement))
    event.listen(engine, "commit", lambda _connection: note("COMMIT"))
    return seen


def migrate_and_die(url: str, to: str, at: int, after_ms: float) -> None:
    """Migrate, and kill this process so long after the step `at` began."""
    engine = open_engine(url)

    def die(number: int) -> None:
        if number == at:
            if after_ms == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            threading.Timer(after_ms / 1000, os.kill, (os.getpid(), signal.SIGKILL)).start()

    steps(engine, die)
    migrate(engine, to=to)
    time.sleep(LATEST_MS / 1000 * 5)  # the last step may be over before its end comes


def kill_at_every_point(copy, full, *, start: str, goal: str, points: int, what: str, long: bool) -> None:
    """`copy()` gives the URL of a fresh database in revision `start`, with rows."""
    began, chance, seen = time.monotonic(), random.Random(points), []
    url = copy()
    engine = open_engine(url)
    before, made = content(engine), steps(engine, lambda _number: None)
    assert before["event"][0] > 400
    migrate(engine, to=goal)
    number_of_steps = len(made)
    assert made[-1] == "COMMIT"
    engine.dispose()
    for point in going(range(points), what=what, total=points):
        url, at = copy(), 1 + round(point * (number_of_steps - 1) / (points - 1))
        after_ms = LATEST_MS * 4 if point == points - 1 else point % 2 * chance.uniform(0, LATEST_MS)  # the last one past the commit
        pid, reader = fork(lambda _pipe, url=url, at=at, after_ms=after_ms: migrate_and_die(url, goal, at, after_ms))
        _, status = os.waitpid(pid, 0)
        os.close(reader)
        assert os.WIFSIGNALED(status)
        engine = open_engine(url)
        seen.append(current(engine))
        assert content(engine) == before
        migrate(engine, to=goal)  # the way on from there is open
        assert content(engine) == before
        upgrade(engine)
        assert drift(engine) == []
        assert verify(engine).problems == []
        assert content(engine, whole=True) == full
        engine.dispose()
    assert set(seen) <= {start, goal}
    result(
        what, long=long, rounds=points, lost=0, steps=number_of_steps, still_old=seen.count(start), already_new=seen.count(goal),
        rows=sum(count for count, _ in full.values()), seconds=round(time.monotonic() - began),
    )  # fmt: skip
    assert seen.count(start) > points // 2


@pytest.mark.parametrize("long", [QUICK, LONG])
@pytest.mark.parametrize(("old", "upwards"), WAYS)
@pytest.mark.timeout(3600)
def test_a_migration_killed_at_any_point_leaves_one_revision_or_the_other_and_every_row(tmp_path, old, upwards, long):
    points = rounds(10, full=50, variable="GILBRETH_POINTS", long=long)
    start, goal = (old, newest()) if upwards else (newest(), old)
    engine = open_engine(f"sqlite:///{tmp_path}/made.sqlite")
    upgrade(engine)
    full = fill(engine, tmp_path)
    migrate(engine, to=start)
    engine.dispose()

    def copy() -> str:
        for left in tmp_path.glob("now.sqlite*"):
            left.unlink()
        shutil.copy(tmp_path / "made.sqlite", tmp_path / "now.sqlite")
        return f"sqlite:///{tmp_path}/now.sqlite"

    what = f"migration killed, {start} to {goal}"
    kill_at_every_point(copy, full, start=start, goal=goal, points=points, what=what, long=long)


@pytest.fixture(scope="module")
def server():
    """The URL of a throw-away PostgreSQL server."""
    with postgres_server() as url:
        yield url


@pytest.mark.parametrize("long", [QUICK, LONG])
@pytest.mark.parametrize(("old", "upwards"), WAYS)
@pytest.mark.timeout(3600)
def test_the_same_on_postgresql(tmp_path, server, old, upwards, long):
    points = rounds(10, full=50, variable="GILBRETH_POINTS", long=long)
    start, goal = (old, newest()) if upwards else (newest(), old)
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    made = f"made_{uuid4().hex[:8]}"

    def say(statement: str) -> None:
        with admin.connect() as connection:
            connection.execute(text(statement))

    def url_of(name: str) -> str:
        return make_url(server).set(database=name).render_as_string(hide_password=False)

    say(f"CREATE DATABASE {made}")
    engine = open_engine(url_of(made))
    upgrade(engine)
    full = fill(engine, tmp_path)
    migrate(engine, to=start)
    engine.dispose()
    what = f"migration killed on PostgreSQL, {start} to {goal}"
    copies: list[str] = []

    def copy() -> str:
        for name in copies:
            say(f"DROP DATABASE {name} WITH (FORCE)")
        copies[:] = [f"now_{uuid4().hex[:8]}"]
        say(f"CREATE DATABASE {copies[0]} TEMPLATE {made}")
        return url_of(copies[0])

    kill_at_every_point(copy, full, start=start, goal=goal, points=points, what=what, long=long)
    admin.dispose()


@pytest.mark.parametrize("old", REVISIONS[:-1])
def test_what_an_older_revision_cannot_hold_is_there_again_after_the_way_back_and_forth(tmp_path, old):
    engine = open_engine("sqlite://")
    upgrade(engine)
    full = fill(engine, tmp_path)
    assert full["known_change"][0] == 1
    downgrade(engine, revision=old)
    assert "known_change" not in inspect(engine).get_table_names()
    upgrade(engine)
    assert content(engine, whole=True) == full
    assert not [name for name in inspect(engine).get_table_names() if name.startswith("kept_")]
    assert drift(engine) == []
    assert verify(engine).problems == []
    downgrade(engine, revision=old)
    downgrade(engine, revision="base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
