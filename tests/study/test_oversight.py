"""Queries, deviations, machine runs, consent and retention, and an audit that tells blinded people no arm."""

import json
from dataclasses import asdict

import pytest
from sqlmodel import col, select

from db import frames
from db.engine import snapshot, transaction
from db.tables import Account, Case, Consent, Event, Study, Task
from db.verify import verify
from study.audit_views import audit_lines
from study.consent import forget_expired, give_consent, own_record, require_consent, withdraw_consent
from study.errors import Forbidden, RejectedInput
from study.exports import export_study
from study.outcomes import read_outcomes
from study.queries import answer_query, close_query, open_queries, raise_query, record_deviation
from study.reading import assign_readings
from study.recording import NewEvent, append_events, finish_task, open_task
from study.runs import record_run
from study.status import status_lines, study_status
from study.studies import archive_study
from tests.study.test_reading import filled, open_next, submit
from tests.study.world import START


def study_in(db_session, world):
    return db_session.get(Study, world.study_id)


def test_a_query_is_asked_answered_and_closed_by_different_people(world):
    people, task = world.people, world.task()
    with transaction(world.engine) as db_session:
        study = study_in(db_session, world)
        query = raise_query(
            db_session, study=study, entity="task", entity_id=task.id, question="why 2 s?", actor=people["monitor"], now=START.at
        )
        answer_query(db_session, query_id=query.id, answer="opened twice", actor=people["investigator"], now=START.at)
        with pytest.raises(Forbidden, match="somebody else"):
            close_query(db_session, query_id=query.id, actor=people["investigator"], now=START.at)
        assert [item.state for item in open_queries(db_session, study=study)] == ["answered"]
        close_query(db_session, query_id=query.id, actor=people["monitor"], now=START.at)
        assert open_queries(db_session, study=study) == []


def test_a_query_or_deviation_without_words_is_refused(world):
    task = world.task()
    with transaction(world.engine) as db_session:
        study, actor = study_in(db_session, world), world.people["investigator"]
        with pytest.raises(RejectedInput):
            raise_query(db_session, study=study, entity="task", entity_id=task.id, question=" ", actor=actor, now=START.at)
        with pytest.raises(RejectedInput):
            record_deviation(db_session, study=study, kind="other", description="", actor=actor, now=START.at)


def test_a_run_keeps_model_stages_and_verdict_and_adds_up_machine_seconds(world):
    outcome = {
        "model": {"name": "m", "version": "1", "sha256": "a" * 64}, "device": "cpu",
        "stages": [{"name": "a", "seconds": 1.5}, {"name": "b", "seconds": 2}],
        "qc": {"verdict": "review", "findings": ["gap"]},
    }  # fmt: skip
    case = world.case()
    with transaction(world.engine) as db_session:
        run = record_run(db_session, case=db_session.get(Case, case.id), outcome=outcome, actor=world.people["scientist"], now=START.at)
    assert (run.seconds, run.verdict, run.state) == (3.5, "review", "done")


@pytest.mark.parametrize("outcome", [{}, {"stages": [{"seconds": "x"}]}, {"stages": [{"seconds": 1}], "qc": {"verdict": "splendid"}}])
def test_an_outcome_that_is_none_is_refused(world, outcome):
    case = world.case()
    with transaction(world.engine) as db_session, pytest.raises(RejectedInput, match="bad_outcome"):
        record_run(db_session, case=db_session.get(Case, case.id), outcome=outcome, actor=world.people["scientist"], now=START.at)


def lines_for(world, role):
    with transaction(world.engine, actor=world.people[role]) as db_session:
        lines = audit_lines(db_session, study=study_in(db_session, world), actor=world.people[role], limit=1000)
    return json.dumps([asdict(line) for line in lines], default=str)


def test_the_audit_tells_blinded_people_no_arm_and_the_monitor_everything(world):
    task, actor = world.task(arm="ai"), world.people["technologist"]
    with transaction(world.engine, actor=actor) as db_session:
        open_task(db_session, task_id=task.id, actor=actor, holder="t", now=START, key="s")
        append_events(db_session, task_id=task.id, events=[NewEvent(kind="ai_wait", key="w")], actor=actor, now=START)
    blinded, full = lines_for(world, "investigator"), lines_for(world, "monitor")
    for word in ('"ai"', "ai_wait", '"manual"', task.id):
        assert word not in blinded
    assert '"ai"' in full
    assert "technologist" in blinded


@pytest.mark.parametrize("role", ["reader", "technologist", "observer", "manager", "adjudicator", "allocator"])
def test_those_without_the_right_see_no_audit(world, role):
    with pytest.raises(Forbidden):
        lines_for(world, role)


def test_a_person_sees_their_own_record_and_nobody_elses(world):
    mine, actor = world.task(), world.people["technologist"]
    world.task()  # drawn, not opened yet: the record would tell its arm
    other = world.task(technologist="technologist2")
    for task, person in ((mine, "technologist"), (other, "technologist2")):
        with transaction(world.engine, actor=world.people[person]) as db_session:
            open_task(db_session, task_id=task.id, actor=world.people[person], holder="t", now=START, key=f"s-{task.id}")
    with transaction(world.engine, actor=actor) as db_session:
        record = own_record(db_session, study=study_in(db_session, world), actor=actor)
    assert [task["id"] for task in record["tasks"]] == [mine.id]


def test_after_withdrawal_nobody_is_timed(world):
    actor = world.people["technologist"]
    with transaction(world.engine, actor=actor) as db_session:
        withdraw_consent(db_session, study=study_in(db_session, world), actor=actor, now=START.at, erase_data=True)
        with pytest.raises(Forbidden, match="agree first"):
            require_consent(db_session, account_id=actor.account_id, study_id=world.study_id)


def finished_task(world, technologist):
    """A task of one person, done in a minute with three clicks."""
    task, actor = world.task(technologist=technologist), world.people[technologist]
    with transaction(world.engine, actor=actor) as db_session:
        open_task(db_session, task_id=task.id, actor=actor, holder="t", now=START, key=f"s-{task.id}")
        click = NewEvent(kind="input", input="click", count=3, key=f"c-{task.id}")
        append_events(db_session, task_id=task.id, events=[click], actor=actor, now=START.after(30))
        finish_task(db_session, task_id=task.id, actor=actor, now=START.after(60), key=f"f-{task.id}")
    return task


def read_by(world, names):
    """One image set, rated by these readers."""
    world.image_set()
    with transaction(world.engine) as db_session:
        assign_readings(db_session, study=study_in(db_session, world), actor=world.people["investigator"], now=START.at, seed=1)
    for name in names:
        submit(world, open_next(world, name), filled(), reader=name)


def withdraw(world, name, *, erase_data):
    actor = world.people[name]
    with transaction(world.engine, actor=actor) as db_session:
        withdraw_consent(db_session, study=study_in(db_session, world), actor=actor, now=START.after(7200).at, erase_data=erase_data)


def shown(world):
    """Codes of the people in the frames of tasks, readings and reading times, and the study's events."""
    with snapshot(world.engine) as db_session:
        return (
            sorted(frames.tasks(db_session, study_id=world.study_id).query("missing_reason.isna()")["technologist"]),
            sorted(set(frames.readings(db_session, study_id=world.study_id)["reader"])),
            len(frames.reading_times(db_session, study_id=world.study_id)),
            len(frames.events(db_session, study_id=world.study_id)),
        )


def test_a_withdrawn_persons_data_leave_every_frame_and_the_audit_stays_intact(world):
    for name in ("technologist", "technologist2"):
        finished_task(world, name)
    read_by(world, ["reader", "reader2"])
    both = shown(world)
    withdraw(world, "technologist", erase_data=True)
    withdraw(world, "reader", erase_data=True)
    assert both == (["P002", "P011"], ["P003", "P012"], 2, 6)
    assert shown(world) == (["P011"], ["P012"], 1, 3)
    with snapshot(world.engine) as db_session:
        assert frames.withheld(db_session, study_id=world.study_id) == {"tasks": 1, "readings": 1}
        assert len(db_session.exec(select(Event).where(col(Event.task_id).is_not(None))).all()) == 6  # the record is append-only
        told = status_lines(study_status(db_session, study=study_in(db_session, world)))
        assert "somebody withdrew: 1 tasks, 1 readings" in " ".join(told)
    assert verify(world.engine).problems == []


def test_who_withdraws_and_lets_the_data_stay_stays_in_the_frames(world):
    finished_task(world, "technologist")
    withdraw(world, "technologist", erase_data=False)
    assert shown(world)[0] == ["P002"]


def test_a_withdrawn_persons_data_leave_exports_and_the_comparison(world, tmp_path):
    for name in ("technologist", "technologist2"):
        finished_task(world, name)
    withdraw(world, "technologist", erase_data=True)
    with transaction(world.engine) as db_session:
        study_in(db_session, world).state = "unblinded"
    actor = world.people["investigator"]
    formats = ["tidy", "parquet", "redcap", "odm"]
    export_study(world.engine, study_id=world.study_id, folder=tmp_path, formats=formats, actor=actor, now=START.at)
    for path in tmp_path.iterdir():
        assert b"P002" not in path.read_bytes(), path
    assert "P011" in (tmp_path / "tasks.csv").read_text()
    assert set(read_outcomes(world.engine, study_id=world.study_id).tasks["technologist"]) == {"P011"}


def test_what_is_recorded_after_a_new_consent_counts_again_and_what_was_before_does_not(world):
    finished_task(world, "technologist")
    withdraw(world, "technologist", erase_data=True)
    actor = world.people["technologist"]
    with transaction(world.engine, actor=actor) as db_session:
        give_consent(db_session, study=study_in(db_session, world), actor=actor, now=START.after(9000).at)
    again = world.task()
    with transaction(world.engine) as db_session:
        db_session.get(Task, again.id).created_at = START.after(9000).at
    assert shown(world)[0] == []
    with transaction(world.engine, actor=actor) as db_session:
        open_task(db_session, task_id=again.id, actor=actor, holder="t", now=START.after(9001), key="again")
        finish_task(db_session, task_id=again.id, actor=actor, now=START.after(9100), key="again-f")
    assert shown(world)[0] == ["P002"]


def test_the_own_record_holds_ratings_and_events_after_a_withdrawal_too(world):
    read_by(world, ["reader"])
    withdraw(world, "reader", erase_data=True)
    actor = world.people["reader"]
    with transaction(world.engine, actor=actor) as db_session:
        mine = own_record(db_session, study=study_in(db_session, world), actor=actor)
    assert (len(mine["ratings"]), len(mine["readings"]), len(mine["consents"])) == (11, 1, 1)
    assert [event["kind"] for event in mine["events"]] == ["start", "finish"]
    for word in ('"ai"', "primary", "repeat", "round", "image_set"):  # nor which readings are repeats
        assert word not in json.dumps(mine)
    assert "manual" not in json.dumps(mine)


def test_consent_can_be_withdrawn_from_a_locked_study_but_not_given(world):
    actor = world.people["technologist"]
    with transaction(world.engine) as db_session:
        study_in(db_session, world).state = "locked"
    with transaction(world.engine, actor=actor) as db_session:
        study = study_in(db_session, world)
        withdraw_consent(db_session, study=study, actor=actor, now=START.at, erase_data=False)
        with pytest.raises(Forbidden):
            give_consent(db_session, study=study, actor=actor, now=START.at)


def test_when_the_retention_date_is_reached_names_give_way_to_codes(world):
    with transaction(world.engine) as db_session:
        study_in(db_session, world).state = "unblinded"
    with transaction(world.engine) as db_session:
        archive_study(db_session, study=study_in(db_session, world), actor=world.people["investigator"], now=START.at)
    with snapshot(world.engine) as db_session:
        dates = {consent.retain_until.date().isoformat() for consent in db_session.exec(select(Consent)).all()}
    assert dates == {"2029-01-04"}  # 24 months after 2027-01-04
    with transaction(world.engine) as db_session:
        assert forget_expired(db_session, now=START.after(86400 * 700).at) == []
        assert len(forget_expired(db_session, now=START.after(86400 * 740).at)) == 5
    with snapshot(world.engine) as db_session:
        account = db_session.get(Account, world.people["reader"].account_id)
        assert account.display_name == account.code
