"""Questions about records reach the person who made the record, and nobody else of their kind."""

import pytest

from db.engine import transaction
from db.tables import Event, Study
from study.asked import answer_question, close_question, questions, unanswered
from study.errors import Forbidden, RejectedInput
from study.queries import raise_query
from study.reading import assign_readings, reading_queue
from study.recording import NewEvent, append_events, open_task
from tests.study.test_reading import open_next
from tests.study.world import START


def ask(world, entity, entity_id, *, who="investigator"):
    with transaction(world.engine, actor=world.people[who]) as db_session:
        study = db_session.get_one(Study, world.study_id)
        options = {"entity": entity, "entity_id": entity_id, "question": f"why, {entity}?", "actor": world.people[who], "now": START.at}
        return raise_query(db_session, study=study, **options).id


def seen_by(world, name):
    return questions(world.engine, actor=world.people[name], study_id=world.study_id)


def test_a_technologist_is_asked_about_their_own_task_by_the_number_of_its_case(world):
    task = world.task()
    query = ask(world, "task", task.id)
    (mine,) = seen_by(world, "technologist")
    assert (mine.label, mine.can_answer, mine.can_close) == ("C0001", True, False)
    assert seen_by(world, "technologist2") == []
    assert seen_by(world, "reader") == []
    with pytest.raises(Forbidden, match="somebody else"):
        answer_question(world.engine, actor=world.people["technologist2"], query_id=query, words="me")
    with pytest.raises(RejectedInput, match="without words"):
        answer_question(world.engine, actor=world.people["technologist"], query_id=query, words="  ")
    answer_question(world.engine, actor=world.people["technologist"], query_id=query, words="opened twice")
    (mine,) = seen_by(world, "technologist")
    assert (mine.answer, mine.can_answer) == ("opened twice", False)
    assert unanswered(world.engine, actor=world.people["technologist"], study_id=world.study_id) == 0


def test_a_reader_is_asked_about_their_own_reading_by_its_number_in_their_queue(world):
    world.image_set()
    with transaction(world.engine) as db_session:
        study = db_session.get_one(Study, world.study_id)
        assign_readings(db_session, study=study, actor=world.people["investigator"], now=START.at, seed=1)
        number = reading_queue(db_session, actor=world.people["reader"], study=study, now=START.at).entries[0].number
    view = open_next(world, "reader")
    ask(world, "reading", view.reading_id)
    (mine,) = seen_by(world, "reader")
    assert (mine.about, mine.label) == ("reading", str(number))
    assert seen_by(world, "reader2") == []
    assert view.image_set_id not in str(mine)


def test_an_entry_and_a_picture_reach_the_technologist_behind_them(world):
    image_set, task = world.image_set(), world.task(technologist="technologist2")
    actor = world.people["technologist2"]
    with transaction(world.engine, actor=actor) as db_session:
        open_task(db_session, task_id=task.id, actor=actor, holder="t", now=START, key="s")
        append_events(db_session, task_id=task.id, events=[NewEvent(kind="note", key="n")], actor=actor, now=START)
        event = db_session.query(Event).filter(Event.key == "n").one().id
    ask(world, "event", str(event))
    ask(world, "image_set", image_set.id)
    assert [item.about for item in seen_by(world, "technologist2")] == ["event"]
    assert [item.about for item in seen_by(world, "technologist")] == ["image_set"]


def test_whoever_answered_does_not_close_and_a_closed_question_is_gone(world):
    query = ask(world, "task", world.task().id, who="monitor")
    answer_question(world.engine, actor=world.people["investigator"], query_id=query, words="two screens")
    assert [(item.can_answer, item.can_close) for item in seen_by(world, "investigator")] == [(False, False)]
    assert [item.can_close for item in seen_by(world, "monitor")] == [True]
    with pytest.raises(Forbidden):
        close_question(world.engine, actor=world.people["technologist"], query_id=query)
    close_question(world.engine, actor=world.people["monitor"], query_id=query)
    assert seen_by(world, "investigator") == []


@pytest.mark.parametrize("role", ["observer", "manager", "adjudicator", "allocator", "administrator", "scientist"])
def test_other_roles_see_no_question(world, role):
    ask(world, "task", world.task().id)
    assert seen_by(world, role) == []


@pytest.mark.parametrize(("entity", "key"), [("task", "x"), ("event", "one"), ("event", "7"), ("reading", ""), ("account", "x")])
def test_what_is_not_in_the_study_cannot_be_asked_about(world, entity, key):
    with pytest.raises(RejectedInput, match="no_such"):
        ask(world, entity, key)


def test_after_the_lock_questions_are_shown_and_take_no_answer(world):
    query = ask(world, "task", world.task().id)
    with transaction(world.engine) as db_session:
        study = db_session.get_one(Study, world.study_id)
        study.state = "locked"
        db_session.add(study)
    (mine,) = seen_by(world, "technologist")
    assert not mine.can_answer
    with pytest.raises(Forbidden, match="locked"):
        answer_question(world.engine, actor=world.people["technologist"], query_id=query, words="late")
