"""A case that is taken out is worked on, read and given out no more; and a few acts that only their own people may do."""

import pytest
from sqlmodel import select

from db import frames
from db.audit import Actor
from db.engine import snapshot, transaction
from db.tables import Case, Reading, Study
from study.accounts import create_account, grant_role
from study.enrolment import withdraw_case
from study.errors import Forbidden
from study.exports import export_study
from study.queries import answer_query, close_query, raise_query
from study.reading import open_reading
from study.recording import NewEvent, append_events, hand_over_task, open_task, worklist
from study.studies import lock_study
from tests.study.test_reading import assign, filled, open_next, queue, submit
from tests.study.world import START


def take_out(world, case):
    with transaction(world.engine) as db_session:
        withdraw_case(db_session, case=db_session.get(Case, case.id), actor=world.people["investigator"], now=START.at)


def tasks_of(world):
    with snapshot(world.engine) as db_session:
        return worklist(db_session, actor=world.people["technologist"], study_id=world.study_id, now=START.at)


def test_a_case_that_was_taken_out_leaves_the_worklist_and_is_not_begun(world):
    case = world.case()
    task = world.task(case=case)
    assert [entry.task_id for entry in tasks_of(world)] == [task.id]
    take_out(world, case)
    assert tasks_of(world) == []
    with transaction(world.engine) as db_session, pytest.raises(Forbidden, match="taken out of the study"):
        open_task(db_session, task_id=task.id, actor=world.people["technologist"], holder="t", now=START, key="s")


def test_a_task_that_runs_when_its_case_is_taken_out_can_still_be_given_up(world):
    case = world.case()
    task = world.task(case=case)
    with transaction(world.engine) as db_session:
        open_task(db_session, task_id=task.id, actor=world.people["technologist"], holder="t", now=START, key="s")
    take_out(world, case)
    assert [entry.state for entry in tasks_of(world)] == ["open"]


def test_pictures_of_a_case_that_was_taken_out_are_neither_given_out_nor_read(world):
    before, after = world.case(), world.case()
    world.image_set(case=before)
    world.image_set(case=after)
    assign(world)
    assert (len(queue(world).entries), queue(world).total) == (2, 2)
    take_out(world, before)
    left = queue(world)
    assert (len(left.entries), left.total) == (1, 1)
    with snapshot(world.engine) as db_session:
        rows = db_session.exec(select(Reading).where(Reading.reader_id == world.people["reader"].account_id)).all()
    (hidden,) = [row for row in rows if row.id != left.entries[0].reading_id]
    with transaction(world.engine) as db_session, pytest.raises(Forbidden, match="not in your queue"):
        open_reading(db_session, reading_id=hidden.id, actor=world.people["reader"], now=START)
    take_out(world, after)
    world.image_set(case=after, arm="ai")
    assert assign(world) == 0


def test_what_was_read_before_a_case_was_taken_out_stays(world):
    case = world.case()
    world.image_set(case=case)
    assign(world)
    submit(world, open_next(world), filled())
    take_out(world, case)
    assert queue(world).done == 1
    with snapshot(world.engine) as db_session:
        assert not frames.readings(db_session, study_id=world.study_id).empty


def test_a_task_given_up_in_the_browser_keeps_its_reason(world):
    task, actor = world.task(), world.people["technologist"]
    with transaction(world.engine) as db_session:
        open_task(db_session, task_id=task.id, actor=actor, holder="t", now=START, key="s")
        given_up = NewEvent(kind="abort", key="a", reason="scan unusable")
        append_events(db_session, task_id=task.id, events=[given_up], actor=actor, now=START.after(5), holder="t")
    with snapshot(world.engine) as db_session:
        assert frames.tasks(db_session, study_id=world.study_id)["missing_reason"].tolist() == ["scan unusable"]


def test_nobody_hands_over_what_was_planned_for_somebody_else(world):
    task = world.task(technologist="technologist2")
    with transaction(world.engine) as db_session:
        account = create_account(db_session, name="third", now=START.at)
        grant_role(db_session, account=account, role="technologist", actor=Actor(), now=START.at)
    with transaction(world.engine) as db_session, pytest.raises(Forbidden, match="only they can hand it over"):
        hand_over_task(
            db_session, task_id=task.id, to_account_id=account.id, actor=world.people["technologist"], now=START, key="h"
        )  # fmt: skip


def test_a_study_with_open_queries_is_not_locked(world):
    people, task = world.people, world.task()

    def lock():
        with transaction(world.engine) as db_session:
            study = db_session.get(Study, world.study_id)
            lock_study(db_session, study=study, confirmation=world.confirmation(), actor=people["investigator"], now=START.at)

    with transaction(world.engine) as db_session:
        study = db_session.get(Study, world.study_id)
        query = raise_query(
            db_session, study=study, entity="task", entity_id=task.id, question="why?", actor=people["monitor"], now=START.at
        )
    with pytest.raises(Forbidden, match="1 data queries are not closed"):
        lock()
    with transaction(world.engine) as db_session:
        answer_query(db_session, query_id=query.id, answer="so", actor=people["investigator"], now=START.at)
        close_query(db_session, query_id=query.id, actor=people["monitor"], now=START.at)
    lock()


def test_the_inspection_copy_is_the_monitors_alone_while_arms_are_hidden(world, tmp_path):
    def export(role):
        options = {"study_id": world.study_id, "folder": tmp_path / role, "formats": ["inspection"], "now": START.at}
        return export_study(world.engine, **options, actor=world.people[role])

    with pytest.raises(Forbidden, match=r"export\.inspection is not possible while the study is active"):
        export("administrator")
    assert export("monitor").files
    assert not (tmp_path / "administrator").exists()
