"""Observers: their tallies, slips, and what counts when two watch the same task."""

import pytest

from db import frames
from db.engine import snapshot, transaction
from db.tables import Task
from study.errors import Forbidden
from study.recording import NewEvent, append_events, end_observation, finish_task, open_task, start_observation, undo_slip
from tests.study.world import START


@pytest.fixture
def watched(world):
    """A running task whose clicks an observer counts, and the observation."""
    task = world.task(instrument="observer")
    with transaction(world.engine) as db_session:
        open_task(db_session, task_id=task.id, actor=world.people["technologist"], holder="t", now=START, key="s")
        observation = start_observation(db_session, task_id=task.id, actor=world.people["observer"], now=START)
    return world, task, observation


def tally(watched, count, *, key, at=1.0):
    world, task, observation = watched
    with transaction(world.engine) as db_session:
        event = NewEvent(kind="input", input="click", count=count, key=key)
        append_events(
            db_session, task_id=task.id, events=[event], actor=world.people["observer"], now=START.after(at), source="observer",
            observation_id=observation.id,
        )  # fmt: skip


def clicks(watched):
    world, task, _ = watched
    with transaction(world.engine) as db_session:
        finish_task(db_session, task_id=task.id, actor=world.people["technologist"], now=START.after(60), key="f")
    with snapshot(world.engine) as db_session:
        return frames.tasks(db_session, study_id=world.study_id)["clicks"].tolist()


def test_an_observers_tally_counts_when_the_task_names_the_observer_as_instrument(watched):
    tally(watched, 3, key="a")
    tally(watched, 2, key="b")
    assert clicks(watched) == [5]


def test_a_slip_undone_within_ten_seconds_does_not_count_and_stays_in_the_log(watched):
    world, _, observation = watched
    tally(watched, 3, key="a")
    tally(watched, 9, key="slip")
    with transaction(world.engine) as db_session:
        options = {"observation_id": observation.id, "undone_key": "slip", "actor": world.people["observer"]}
        undo_slip(db_session, **options, now=START.after(9), key="u")
        with pytest.raises(Forbidden, match="ten seconds"):
            undo_slip(db_session, **options, now=START.after(30), key="u2")
    assert clicks(watched) == [3]


def test_an_observers_events_do_not_move_the_task(watched):
    world, task, observation = watched
    with transaction(world.engine) as db_session:
        pause = NewEvent(kind="interruption", key="i", reason="telephone")
        append_events(
            db_session, task_id=task.id, events=[pause], actor=world.people["observer"], now=START.after(5), source="observer",
            observation_id=observation.id,
        )  # fmt: skip
        assert db_session.get(Task, task.id).state == "open"


def test_an_observation_is_its_observers_own_and_ends_once(watched):
    world, _, observation = watched
    with transaction(world.engine) as db_session:
        with pytest.raises(Forbidden):
            end_observation(db_session, observation_id=observation.id, actor=world.people["technologist"], now=START)
        first = end_observation(db_session, observation_id=observation.id, actor=world.people["observer"], now=START.after(50)).ended_at
        again = end_observation(db_session, observation_id=observation.id, actor=world.people["observer"], now=START.after(90)).ended_at
    assert first == again
