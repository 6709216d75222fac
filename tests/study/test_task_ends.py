"""A finish needs its pictures, a wrong case comes back, and a hand-over costs nobody time."""

import pytest

from db import department, frames
from db.engine import snapshot, transaction
from db.tables import ImageSet, Rating, Reading, Task
from study import task_ends
from study.correcting import corrections_in_force, note_correction, note_wait, refusal_of
from study.recording import NewEvent, append_events, open_task
from study.task_ends import ImagesMissing, colleagues, hand_over_my_task, require_images, undo_my_task
from tests.study.world import START, make_world


@pytest.fixture
def world(engine):
    return make_world(engine)


def begin(world, task, *, name="technologist", at=0.0):
    with transaction(world.engine) as db_session:
        return open_task(db_session, task_id=task.id, actor=world.people[name], holder=name, now=START.after(at), key=f"s-{task.id}")


def at(monkeypatch, second):
    monkeypatch.setattr(task_ends, "read_clock", lambda: START.after(second))
    monkeypatch.setattr("study.correcting.read_clock", lambda: START.after(second))


def test_a_finish_is_refused_until_the_readers_have_pictures(world):
    task = world.task()
    begin(world, task)
    with snapshot(world.engine) as db_session, pytest.raises(ImagesMissing, match="hand them in"):
        require_images(db_session, task_id=task.id)
    row = {"study_id": world.study_id, "task_id": task.id, "path": "p", "sha256": "0" * 64, "frames": 72, "created_at": START.at}
    with transaction(world.engine) as db_session:
        db_session.add(ImageSet.model_validate(row))
    with snapshot(world.engine) as db_session:
        require_images(db_session, task_id=task.id)


def test_a_wrong_case_comes_back_to_the_same_worklist(world, monkeypatch):
    task = world.task()
    begin(world, task)
    at(monkeypatch, 20)
    fresh = undo_my_task(world.engine, actor=world.people["technologist"], task_id=task.id, reason="opened the wrong case")
    assert (fresh.state, fresh.technologist_id) == ("planned", world.people["technologist"].account_id)


def test_the_clock_rests_between_two_shifts(world, monkeypatch):
    task = world.task()
    begin(world, task)
    at(monkeypatch, 100)
    receiver = world.people["technologist2"]
    hand_over_my_task(world.engine, actor=world.people["technologist"], task_id=task.id, to_account_id=receiver.account_id)
    with snapshot(world.engine) as db_session:
        assert db_session.get_one(Task, task.id).state == "paused"
    begin(world, task, name="technologist2", at=3700)
    with transaction(world.engine) as db_session:
        for kind, second in (("resume", 3700), ("finish", 3750)):
            event = NewEvent(kind=kind, key=kind)
            append_events(db_session, task_id=task.id, events=[event], actor=receiver, now=START.after(second))
    with snapshot(world.engine) as db_session:
        row = frames.task_details(db_session, study_id=world.study_id).iloc[0]
    assert (row["hands_on_seconds"], row["pause_seconds"]) == (150.0, 3600.0)


def test_colleagues_are_the_other_technologists(world):
    with snapshot(world.engine) as db_session:
        found = colleagues(db_session, actor=world.people["technologist"], study_id=world.study_id)
    assert world.people["technologist2"].account_id in {item.account_id for item in found}
    assert world.people["technologist"].account_id not in {item.account_id for item in found}


def test_waiting_for_the_machine_is_noted_once_and_is_not_hands_on_time(world, monkeypatch):
    task = world.task(arm="ai")
    begin(world, task)
    actor = world.people["technologist"]
    for second, waits in ((10, True), (20, True), (70, False), (80, False)):
        at(monkeypatch, second)
        note_wait(world.engine, actor=actor, task_id=task.id, waits=waits)
    with transaction(world.engine) as db_session:
        append_events(db_session, task_id=task.id, events=[NewEvent(kind="finish", key="f")], actor=actor, now=START.after(100))
    with snapshot(world.engine) as db_session:
        row = frames.task_details(db_session, study_id=world.study_id).iloc[0]
    assert (row["elapsed_seconds"], row["ai_wait_seconds"], row["hands_on_seconds"]) == (100.0, 60.0, 40.0)


def test_a_refused_reconstruction_keeps_its_reason_and_its_arm(world, monkeypatch):
    task = world.task(arm="ai")
    begin(world, task)
    at(monkeypatch, 30)
    assert refusal_of(world.engine, task_id=task.id) is None
    refused = {"event": "refused", "reason": "left carotid cut off"}
    note_correction(world.engine, actor=world.people["technologist"], task_id=task.id, event=refused)
    assert refusal_of(world.engine, task_id=task.id) == "left carotid cut off"
    with snapshot(world.engine) as db_session:
        assert db_session.get_one(Task, task.id).arm == "ai"


def test_what_was_refused_fails_in_the_ai_arm_however_good_the_pictures_made_by_hand_are(world, monkeypatch):
    case = world.case()
    sets = {arm: world.image_set(arm=arm, case=case) for arm in ("ai", "manual")}
    monkeypatch.setattr("study.correcting.read_clock", lambda: START.after(30))
    with transaction(world.engine) as db_session:
        db_session.get_one(Task, sets["ai"].task_id).state = "open"
    refused = {"event": "refused", "reason": "left carotid cut off"}
    note_correction(world.engine, actor=world.people["technologist"], task_id=sets["ai"].task_id, event=refused)
    with transaction(world.engine) as db_session:
        for image_set in sets.values():
            reading = Reading.model_validate(
                {
                    "study_id": world.study_id, "image_set_id": image_set.id, "reader_id": world.people["reader"].account_id,
                    "state": "submitted", "assigned_at": START.at, "submitted_at": START.at,
                }
            )  # fmt: skip
            db_session.add(reading)
            db_session.flush()
            for region in ("overall", "basilar"):
                row = {"reading_id": reading.id, "region": region, "quality": 5, "passed": True, "rated_at": START.at}
                db_session.add(Rating.model_validate(row))
    with snapshot(world.engine) as db_session:
        found = frames.readings(db_session, study_id=world.study_id).set_index(["arm", "region"])
        verdicts = department.verdicts(db_session, study_id=world.study_id)
    assert found["passed"].astype(bool).to_dict() == {
        ("ai", "overall"): False, ("ai", "basilar"): True, ("manual", "overall"): True, ("manual", "basilar"): True,
    }  # fmt: skip
    assert found["reason"].to_dict()[("ai", "overall")] == "ai_refused"
    assert verdicts.to_dict() == {sets["ai"].task_id: 0.0, sets["manual"].task_id: 1.0}


def test_only_what_changes_the_pictures_counts_as_a_correction(world, monkeypatch):
    task = world.task(arm="ai")
    begin(world, task)
    at(monkeypatch, 30)
    for event in ("correction", "correction_undone", "confirmed"):
        note_correction(world.engine, actor=world.people["technologist"], task_id=task.id, event={"event": event})
    with snapshot(world.engine) as db_session:
        log = frames.events(db_session, study_id=world.study_id)
    assert log["kind"].tolist() == ["start", "correction", "note", "note"]


def test_a_record_without_corrections_has_none_in_force(tmp_path):
    (tmp_path / "case.json").write_text("{}")
    assert corrections_in_force(tmp_path) == []
