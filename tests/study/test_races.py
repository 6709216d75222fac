"""Many at once: two readers, two tabs, double submits, lost replies; nothing lost, nothing doubled, nobody else's name.

The long form runs `GILBRETH_RACES` races, 10,000 when it is not set, a quarter of each kind.
"""

import random
import shutil
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import col, select

from db.engine import open_engine, snapshot, transaction
from db.tables import Event, Rating, Reading, Signature, Study, Task
from db.verify import verify
from study.clock import read_clock
from study.errors import StudyError
from study.reading import assign_readings, open_reading, submit_reading
from study.recording import NewEvent, append_events, finish_task, open_task
from tests.db.databases import fresh_engine
from tests.study.test_reading import filled
from tests.study.world import START, World, make_world
from tests.system.endurance import going, result
from tests.system.endurance import rounds as rounds_of


@pytest.fixture
def filed_world(tmp_path):
    """A world on a file: threads have connections of their own."""
    with fresh_engine(tmp_path / "races.sqlite", anchor=tmp_path / "head") as engine:
        yield make_world(engine)


def at_once(acts):
    """Run all acts at the same moment; their results, errors in words among them."""
    barrier = threading.Barrier(len(acts))

    def run(act):
        barrier.wait()
        try:
            return act()
        except StudyError as error:
            return f"refused: {error}"

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def two_tabs(world, rounds):
    """Two tabs open one task at once: it starts once, and one of them reads."""
    actor = world.people["technologist"]
    tasks = []
    for _ in range(rounds):
        task = world.task()
        tasks.append(task.id)

        def begin(tab, task=task):
            with transaction(world.engine, actor=actor, quick=True) as db_session:
                return open_task(
                    db_session, task_id=task.id, actor=actor, holder=f"tab-{tab}", now=read_clock(), key=f"{task.id}-{tab}"
                ).read_only

        assert sorted(at_once([lambda: begin(1), lambda: begin(2)])) == [False, True]
        with transaction(world.engine, actor=actor) as db_session:
            finish_task(db_session, task_id=task.id, actor=actor, now=read_clock(), key=f"f-{task.id}")
    with snapshot(world.engine) as db_session:
        rows = db_session.execute(select(Event.task_id, Event.kind, Event.actor_id).where(col(Event.task_id).in_(tasks))).all()
    assert Counter((task, kind) for task, kind, _ in rows) == {(task, kind): 1 for task in tasks for kind in ("start", "finish")}
    assert {author for _, _, author in rows} == {actor.account_id}


def batch(prefix, size=3):
    return [NewEvent(kind="input", input="click", count=1, key=f"{prefix}-{part}") for part in range(size)]


def running_tasks(world):
    tasks = {name: world.task(technologist=name) for name in ("technologist", "technologist2")}
    for name, task in tasks.items():
        with transaction(world.engine, actor=world.people[name]) as db_session:
            open_task(db_session, task_id=task.id, actor=world.people[name], holder=name, now=read_clock(), key=f"s-{task.id}")
    return tasks


def send(world, name, task, events):
    with transaction(world.engine, actor=world.people[name], quick=True) as db_session:
        return append_events(db_session, task_id=task.id, events=events, actor=world.people[name], now=read_clock()).new


def end(world, tasks):
    for name, task in tasks.items():
        with transaction(world.engine, actor=world.people[name]) as db_session:
            finish_task(db_session, task_id=task.id, actor=world.people[name], now=read_clock(), key=f"f-{task.id}")


def inputs_are(world, tasks, keys):
    """Exactly these events are there, each by the technologist whose task it is."""
    owner = {task.id: task.technologist_id for task in tasks.values()}
    with snapshot(world.engine) as db_session:
        found = select(Event.task_id, Event.actor_id, Event.key).where(col(Event.task_id).in_(list(owner)), Event.kind == "input")
        rows = db_session.execute(found).all()
    assert sorted(key for _, _, key in rows) == sorted(keys)
    assert all(owner[task_id] == author for task_id, author, _ in rows)


def double_submits(world, rounds):
    """Two technologists each send one batch three times at once: it is kept once, under its author's name."""
    tasks, keys = running_tasks(world), []
    for number in range(rounds):
        sent = {name: batch(f"{task.id}-{number}") for name, task in tasks.items()}
        acts = [lambda name=name, events=events: send(world, name, tasks[name], events) for name, events in sent.items() for _ in range(3)]
        assert sorted(at_once(acts)) == [0] * 4 + [3, 3]
        keys += [event.key for events in sent.values() for event in events]
    inputs_are(world, tasks, keys)
    end(world, tasks)


def lost_replies(world, rounds):
    """The reply to a batch is lost; it is sent again, with what happened since, while the other technologist sends too."""
    tasks, keys, chance = running_tasks(world), [], random.Random(rounds)
    for number in range(rounds):
        lost = {name: batch(f"{task.id}-{number}") for name, task in tasks.items()}
        again = {name: lost[name] + batch(f"{task.id}-{number}-later", 2) for name, task in tasks.items()}
        new = []
        for name in tasks:
            reached = chance.random() < 0.5  # lost on the way back, or on the way there
            if reached:
                assert send(world, name, tasks[name], lost[name]) == 3
            new.append(2 if reached else 5)
        acts = [lambda name=name, events=events: send(world, name, tasks[name], events) for name, events in again.items() for _ in range(2)]
        assert sorted(at_once(acts)) == sorted([0, 0, *new])
        keys += [event.key for events in again.values() for event in events]
    inputs_are(world, tasks, keys)
    end(world, tasks)


def two_readers(world, rounds):
    """Two readers read the pictures of one case at once, and each submits twice: one signed reading each, by its reader."""
    sets = [world.image_set().id for _ in range(rounds)]
    with transaction(world.engine) as db_session:
        assign_readings(db_session, study=db_session.get(Study, world.study_id), actor=world.people["investigator"], now=START.at, seed=1)
    with snapshot(world.engine) as db_session:
        first = select(Reading.image_set_id, Reading.reader_id, Reading.id).where(col(Reading.image_set_id).in_(sets), Reading.round == 1)
        rows = db_session.execute(first)
        by_set: dict[str, dict[str, str]] = {}
        for image_set_id, reader_id, reading_id in rows.all():
            by_set.setdefault(image_set_id, {})[reader_id] = reading_id
    names = {world.people[name].account_id: name for name in ("reader", "reader2")}

    def read(reader_id, reading_id):
        actor = world.people[names[reader_id]]
        with transaction(world.engine, actor=actor) as db_session:
            open_reading(db_session, reading_id=reading_id, actor=actor, now=START)
        with transaction(world.engine, actor=actor) as db_session:
            confirmation = world.confirmation(names[reader_id])
            options = {"answers": filled(), "confirmation": confirmation, "actor": actor, "now": START.after(60)}
            return submit_reading(db_session, reading_id=reading_id, **options).id

    for image_set_id in sets:
        acts = [lambda who=who, what=what: read(who, what) for who, what in by_set[image_set_id].items() for _ in range(2)]
        signatures = at_once(acts)
        assert not [reply for reply in signatures if reply.startswith("refused")]
        assert len(set(signatures)) == 2
    with snapshot(world.engine) as db_session:
        submitted = db_session.exec(select(Reading).where(col(Reading.image_set_id).in_(sets), Reading.state == "submitted")).all()
        author = {reading.id: reading.reader_id for reading in submitted}
        signed = db_session.execute(
            select(Signature.entity_id, Signature.account_id).where(col(Signature.entity_id).in_(list(author)))
        ).all()
        ratings = Counter(db_session.exec(select(Rating.reading_id).where(col(Rating.reading_id).in_(list(author)))).all())
    assert len(submitted) == len(signed) == rounds * 2
    assert all(author[reading_id] == account_id for reading_id, account_id in signed)
    assert set(ratings.values()) == {11}


KINDS = (two_tabs, double_submits, lost_replies, two_readers)
CHUNK = 25  # rounds of each kind in one database


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_of_many_at_once_nothing_is_lost_doubled_or_under_another_name(filed_world, kind):
    kind(filed_world, 3)
    assert verify(filed_world.engine).problems == []


@pytest.fixture
def worlds(tmp_path):
    """A fresh world as often as one asks: made once, copied."""
    with fresh_engine(tmp_path / "made.sqlite", anchor=tmp_path / "made.head") as engine:
        made = make_world(engine)
        if engine.dialect.name == "sqlite":
            engine.dispose()  # the last connection writes the log into the file

        def fresh(number):
            if engine.dialect.name != "sqlite":
                return made
            path, head = tmp_path / f"{number}.sqlite", tmp_path / f"{number}.head"
            shutil.copy(tmp_path / "made.sqlite", path)
            shutil.copy(tmp_path / "made.head", head)
            return World(open_engine(f"sqlite:///{path}", anchor=head), made.study_id, dict(made.people))

        yield fresh


@pytest.mark.slow
@pytest.mark.timeout(14_400)
def test_ten_thousand_races_lose_nothing_double_nothing_and_name_the_right_author(worlds):
    races = rounds_of(0, full=10_000, variable="GILBRETH_RACES", long=True)
    in_chunk = CHUNK * len(KINDS)
    chunks = max(1, races // in_chunk)
    began, done = time.monotonic(), 0
    for number in going(range(1, chunks + 1), what=f"chunks of {in_chunk} races", total=chunks):
        world = worlds(number)
        for kind in KINDS:
            kind(world, CHUNK)
        assert verify(world.engine).problems == []
        world.engine.dispose()
        done += in_chunk
        if number % 10 == 0 or number == chunks:  # told now and then, so that a run that is cut short counts as far as it came
            result("races", long=True, rounds=done, lost=0, extra=0, wrong_author=0, seconds=round(time.monotonic() - began))
            began, done = time.monotonic(), 0


def test_twenty_finishes_of_one_task_at_once_finish_it_once(filed_world):
    world, actor = filed_world, filed_world.people["technologist"]
    task = world.task()
    with transaction(world.engine) as db_session:
        open_task(db_session, task_id=task.id, actor=actor, holder="tab", now=read_clock(), key="s")

    def finish(number):
        with transaction(world.engine) as db_session:
            return finish_task(db_session, task_id=task.id, actor=actor, now=read_clock(), key=f"f{number}").state

    results = at_once([lambda number=number: finish(number) for number in range(20)])
    assert results.count("finished") == 1
    with snapshot(world.engine) as db_session:
        assert db_session.get(Task, task.id).state == "finished"
        assert len(db_session.exec(select(Event).where(Event.kind == "finish")).all()) == 1
