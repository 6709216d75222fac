"""The observer's page: where an observation stands after a reload, and how two observers of one task agree."""

import pytest

from db.engine import transaction
from study.clock import read_clock
from study.errors import Forbidden
from study.observing import note_seen, observer_pairs, stop_watching, watch, watchable
from study.recording import NewEvent, open_task
from tests.study.world import START


@pytest.fixture
def running(world):
    task = world.task(instrument="observer")
    with transaction(world.engine) as db_session:
        open_task(db_session, task_id=task.id, actor=world.people["technologist"], holder="t", now=read_clock(), key="s")
    return world, task


def lap(key, area, phase):
    return NewEvent(kind="lap", key=key, area=area, detail={"phase": phase})


def tap(key):
    return NewEvent(kind="input", input="click", area="observed", count=1, span_seconds=0.0, key=key)


def see(world, sitting, *seen, who="observer"):
    return note_seen(world.engine, actor=world.people[who], observation_id=sitting.observation_id, seen=seen)


def test_a_page_loaded_again_shows_what_still_goes_on(running):
    world, task = running
    sitting = watch(world.engine, actor=world.people["observer"], task_id=task.id)
    see(world, sitting, lap("a", "bone_removal", "begin"), lap("b", "review", "begin"), lap("c", "bone_removal", "end"))
    see(world, sitting, tap("d"), tap("e"), ("f", "e"), NewEvent(kind="interruption", key="g", reason="telephone"))
    again = watch(world.engine, actor=world.people["observer"], task_id=task.id)
    assert (again.observation_id, again.running, again.interrupted, again.taps) == (sitting.observation_id, ("review",), True, 1)


def test_what_is_sent_twice_is_stored_once(running):
    world, task = running
    sitting = watch(world.engine, actor=world.people["observer"], task_id=task.id)
    for _ in range(3):
        see(world, sitting, tap("d"), tap("e"))
    assert watch(world.engine, actor=world.people["observer"], task_id=task.id).taps == 2


def test_nobody_writes_into_an_observation_of_somebody_else(running):
    world, task = running
    sitting = watch(world.engine, actor=world.people["observer"], task_id=task.id)
    with pytest.raises(Forbidden):
        see(world, sitting, tap("x"), who="technologist")


def test_only_running_tasks_can_be_watched_and_ones_own_come_first(running):
    world, task = running
    found = watchable(world.engine, actor=world.people["observer"], study_id=world.study_id)
    assert [(item.task_id, item.watching) for item in found] == [(task.id, False)]
    sitting = watch(world.engine, actor=world.people["observer"], task_id=task.id)
    assert watchable(world.engine, actor=world.people["observer"], study_id=world.study_id)[0].watching
    stop_watching(world.engine, actor=world.people["observer"], observation_id=sitting.observation_id)
    assert not watchable(world.engine, actor=world.people["observer"], study_id=world.study_id)[0].watching


def test_two_observers_who_note_the_same_agree_fully(running):
    from db.audit import Actor
    from db.tables import Study
    from study.accounts import create_account, grant_role
    from study.consent import give_consent

    world, task = running
    with transaction(world.engine) as db_session:
        account = create_account(db_session, name="observer2", now=START.at)
        grant_role(db_session, account=account, role="observer", actor=Actor(), now=START.at)
        world.people["observer2"] = Actor("observer2", "observer", account.id)
        give_consent(db_session, study=db_session.get_one(Study, world.study_id), actor=world.people["observer2"], now=START.at)
    for who in ("observer", "observer2"):
        sitting = watch(world.engine, actor=world.people[who], task_id=task.id)
        see(world, sitting, *(lap(f"{who}{n}", area, "begin") for n, area in enumerate(("open", "review", "send"))), who=who)
    pairs = observer_pairs(world.engine, actor=world.people["investigator"], study_id=world.study_id, window_seconds=60)
    assert len(pairs) == 1
    assert (pairs[0].agreement.kappa, pairs[0].agreement.window_agreement, pairs[0].agreement.matched) == (1.0, 1.0, 3)
