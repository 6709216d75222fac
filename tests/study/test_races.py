"""Many at once: two readers, two tabs, double submits, lost replies; nothing lost, nothing doubled, nobody else's name."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import select

from db.engine import snapshot, transaction
from db.tables import Event, Rating, Reading, Signature, Study, Task
from db.verify import verify
from study.clock import read_clock
from study.errors import StudyError
from study.reading import assign_readings, open_reading, reading_queue, submit_reading
from study.recording import NewEvent, append_events, finish_task, open_task
from tests.db.databases import fresh_engine
from tests.study.test_reading import filled
from tests.study.world import START, make_world


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


@pytest.mark.parametrize("rounds", [4, pytest.param(400, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_two_tabs_that_open_one_task_start_it_once_and_one_of_them_reads(filed_world, rounds):
    world, actor = filed_world, filed_world.people["technologist"]
    for number in range(rounds):
        task = world.task()

        def begin(tab, task=task):
            with transaction(world.engine, actor=actor) as db_session:
                return open_task(
                    db_session, task_id=task.id, actor=actor, holder=f"tab-{tab}", now=read_clock(), key=f"{task.id}-{tab}"
                ).read_only

        assert sorted(at_once([lambda: begin(1), lambda: begin(2)])) == [False, True], number
        with transaction(world.engine) as db_session:
            finish_task(db_session, task_id=task.id, actor=actor, now=read_clock(), key=f"f-{task.id}")
    with snapshot(world.engine) as db_session:
        starts = Counter(db_session.exec(select(Event.task_id).where(Event.kind == "start")).all())
    assert set(starts.values()) == {1}
    assert len(starts) == rounds


@pytest.mark.parametrize("rounds", [4, pytest.param(400, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_a_batch_sent_five_times_at_once_is_kept_once_and_by_its_author(filed_world, rounds):
    world = filed_world
    tasks = {name: world.task(technologist=name) for name in ("technologist", "technologist2")}
    for name, task in tasks.items():
        with transaction(world.engine) as db_session:
            open_task(db_session, task_id=task.id, actor=world.people[name], holder=name, now=read_clock(), key=f"s-{name}")

    def send(name, number):
        with transaction(world.engine, actor=world.people[name]) as db_session:
            events = [NewEvent(kind="input", input="click", count=1, key=f"{name}-{number}-{part}") for part in range(3)]
            return append_events(db_session, task_id=tasks[name].id, events=events, actor=world.people[name], now=read_clock()).new

    for number in range(rounds):
        acts = [lambda name=name, number=number: send(name, number) for name in tasks for _ in range(5)]
        assert sorted(at_once(acts)) == [0] * 8 + [3, 3]
    with snapshot(world.engine) as db_session:
        rows = db_session.execute(select(Event.task_id, Event.actor_id, Event.key).where(Event.kind == "input")).all()
    assert len(rows) == len({key for _, _, key in rows}) == rounds * 3 * 2
    owner = {task.id: task.technologist_id for task in tasks.values()}
    assert all(owner[task_id] == actor_id for task_id, actor_id, _ in rows)
    assert verify(world.engine).ok


@pytest.mark.parametrize("rounds", [3, pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_two_readers_and_double_submits_of_one_image_set_leave_one_reading_each(filed_world, rounds):
    world = filed_world
    for _ in range(rounds):
        world.image_set()
    with transaction(world.engine) as db_session:
        assign_readings(db_session, study=db_session.get(Study, world.study_id), actor=world.people["investigator"], now=START.at, seed=1)

    def read(reader, reading_id):
        actor = world.people[reader]
        with transaction(world.engine, actor=actor) as db_session:
            open_reading(db_session, reading_id=reading_id, actor=actor, now=START)
        with transaction(world.engine, actor=actor) as db_session:
            return submit_reading(
                db_session,
                reading_id=reading_id,
                answers=filled(),
                confirmation=world.confirmation(reader),
                actor=actor,
                now=START.after(60),
            ).id

    for _ in range(rounds):
        with snapshot(world.engine) as db_session:
            study = db_session.get(Study, world.study_id)
            queues = {
                name: reading_queue(db_session, actor=world.people[name], study=study, now=START.at) for name in ("reader", "reader2")
            }
        first = {name: queue.entries[0].reading_id for name, queue in queues.items()}
        acts = [lambda name=name, key=key: read(name, key) for name, key in first.items() for _ in range(3)]
        assert len(set(at_once(acts))) == 2
    with snapshot(world.engine) as db_session:
        submitted = db_session.exec(select(Reading).where(Reading.state == "submitted")).all()
        assert len(submitted) == rounds * 2
        assert len(db_session.exec(select(Signature)).all()) == rounds * 2
        assert Counter(db_session.exec(select(Rating.reading_id)).all()).most_common(1)[0][1] == 11


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
