"""Tasks and events: what is recorded, what is refused, and the times that come out."""

import pytest
from sqlmodel import select

from db import frames
from db.engine import snapshot, transaction
from db.tables import Case, Deviation, Event, Task
from study.errors import Forbidden, RejectedInput
from study.recording import (
    NewEvent,
    abort_task,
    append_events,
    finish_task,
    hand_over_task,
    issue_token,
    open_task,
    plan_task,
    sweep_lost_tasks,
    token_holder,
    undo_task,
    worklist,
)
from tests.study.world import START, make_world


def do(world, task, *events, at=0.0, actor="technologist", **options):
    with transaction(world.engine) as db_session:
        return append_events(db_session, task_id=task.id, events=events, actor=world.people[actor], now=START.after(at), **options)


def begin(world, task, *, at=0.0, holder="tab-1", key=None, actor="technologist"):
    with transaction(world.engine) as db_session:
        key = key or f"start-{task.id}"
        return open_task(db_session, task_id=task.id, actor=world.people[actor], holder=holder, now=START.after(at), key=key)


def end(world, task, *, at):
    with transaction(world.engine) as db_session:
        return finish_task(db_session, task_id=task.id, actor=world.people["technologist"], now=START.after(at), key=f"finish-{task.id}")


def row(world, task):
    with snapshot(world.engine) as db_session:
        details = frames.task_details(db_session, study_id=world.study_id)
    return details.set_index("task").loc[task.id]


def test_a_task_from_start_to_finish_has_the_times_that_its_events_say(world):
    task = world.task(arm="ai")
    begin(world, task)
    do(world, task, NewEvent(kind="ai_wait", key="a"), at=10)
    do(world, task, NewEvent(kind="ai_ready", key="b"), at=40)
    do(world, task, NewEvent(kind="pause", key="c", reason="telephone"), at=50)
    do(world, task, NewEvent(kind="resume", key="d"), at=150)
    do(world, task, NewEvent(kind="input", input="click", count=4, area="viewer", key="e"), at=160)
    end(world, task, at=200)
    times = row(world, task)
    assert times["elapsed_seconds"] == pytest.approx(200)
    assert times["pause_seconds"] == pytest.approx(100)
    assert times["ai_wait_seconds"] == pytest.approx(30)
    assert times["hands_on_seconds"] == pytest.approx(200 - 100 - 30)
    assert times["clicks"] == 4


def test_the_frame_has_exactly_the_columns_of_tasks_csv(world):
    end_of = world.task()
    begin(world, end_of)
    end(world, end_of, at=60)
    with snapshot(world.engine) as db_session:
        frame = frames.tasks(db_session, study_id=world.study_id)
    assert list(frame.columns) == [
        "site", "case", "technologist", "arm", "period", "sequence", "started_at", "elapsed_seconds", "hands_on_seconds",
        "ai_wait_seconds", "clicks", "instrument", "missing_reason",
    ]  # fmt: skip
    assert frame.loc[0, ["site", "case", "technologist", "arm"]].tolist() == ["S1", "C0001", "P002", "manual"]


def test_a_gap_longer_than_the_idle_rule_is_cut_and_a_shorter_one_is_not(world):
    task = world.task()
    begin(world, task)
    do(world, task, NewEvent(kind="input", input="click", count=1, key="a"), at=50)
    do(world, task, NewEvent(kind="input", input="click", count=1, key="b"), at=150)
    end(world, task, at=170)
    times = row(world, task)
    assert times["active_30_seconds"] == pytest.approx(20)
    assert times["active_60_seconds"] == pytest.approx(50 + 20)
    assert times["active_120_seconds"] == pytest.approx(170)


def test_an_event_sent_twice_is_recorded_once(world):
    task = world.task()
    begin(world, task)
    click = NewEvent(kind="input", input="click", count=3, key="same")
    assert do(world, task, click, at=5).new == 1
    again = do(world, task, click, at=9)
    assert (again.new, again.repeated) == (0, 1)
    end(world, task, at=20)
    end(world, task, at=30)
    assert row(world, task)[["clicks", "elapsed_seconds"]].tolist() == [3, pytest.approx(20)]


def test_a_key_cannot_be_used_for_another_task(world):
    first, second = world.task(), world.task()
    begin(world, first)
    do(world, first, NewEvent(kind="pause", key="same", reason="break"), at=1)
    begin(world, second, at=2)
    with pytest.raises(RejectedInput, match="key_in_use"):
        do(world, second, NewEvent(kind="pause", key="same", reason="break"), at=3)


def test_events_kept_back_by_a_cut_network_fall_where_they_happened(world):
    task = world.task()
    begin(world, task)
    do(world, task, NewEvent(kind="input", input="click", count=1, key="a", client="page", client_offset_seconds=10.0), at=10.02)
    late = [
        NewEvent(kind="pause", key="b", reason="break", client="page", client_offset_seconds=100.0),
        NewEvent(kind="resume", key="c", client="page", client_offset_seconds=160.0),
        NewEvent(kind="input", input="click", count=2, key="d", client="page", client_offset_seconds=200.0),
    ]
    do(world, task, *late, at=700)
    do(world, task, NewEvent(kind="finish", key="f", client="page", client_offset_seconds=720.0), at=730)
    times = row(world, task)
    assert times["pause_seconds"] == pytest.approx(60)
    assert times["elapsed_seconds"] == pytest.approx(720.02)
    assert times["clicks"] == 3


def test_clicks_that_arrive_after_the_finish_still_count(world):
    task = world.task()
    begin(world, task)
    end(world, task, at=60)
    assert do(world, task, NewEvent(kind="input", input="click", count=7, key="late"), at=600).state == "finished"
    assert row(world, task)["clicks"] == 7


def test_only_the_tasks_own_instrument_counts_clicks(world):
    task = world.task(instrument="agent")
    begin(world, task)
    do(world, task, NewEvent(kind="input", input="click", count=5, key="a"), at=5)
    do(world, task, NewEvent(kind="input", input="click", count=9, key="b"), at=6, source="agent")
    end(world, task, at=60)
    assert row(world, task)["clicks"] == 9


def test_a_task_that_its_instrument_never_saw_has_no_click_count(world):
    task = world.task(instrument="agent")
    begin(world, task)
    end(world, task, at=60)
    assert row(world, task).isna()["clicks"]


@pytest.mark.parametrize("step", [3600.0, -3600.0, 86400.0, -86400.0])
def test_a_step_of_the_wall_clock_changes_no_duration_and_is_flagged(world, step):
    task = world.task()
    begin(world, task)
    with transaction(world.engine) as db_session:
        stepped = START.after(60, wall_step_seconds=step)
        finish_task(db_session, task_id=task.id, actor=world.people["technologist"], now=stepped, key="f")
    assert row(world, task)["elapsed_seconds"] == pytest.approx(60)
    with snapshot(world.engine) as db_session:
        flagged = db_session.exec(select(Event).where(Event.kind == "finish")).one()
    assert flagged.clock_step_seconds == pytest.approx(step)


def test_a_pause_needs_a_reason(world):
    task = world.task()
    begin(world, task)
    with pytest.raises(RejectedInput, match="no_reason"):
        do(world, task, NewEvent(kind="pause", key="p"), at=1)


@pytest.mark.parametrize("kind", ["resume", "start", "return"])
def test_an_event_that_the_state_does_not_allow_is_refused(world, kind):
    task = world.task()
    begin(world, task)
    with pytest.raises(Forbidden, match="cannot take the event"):
        do(world, task, NewEvent(kind=kind, key="x"), at=1)


def test_a_batch_with_one_bad_event_leaves_nothing(world):
    task = world.task()
    begin(world, task)
    with pytest.raises(RejectedInput, match="bad_event"):
        do(world, task, NewEvent(kind="lap", key="good"), NewEvent(kind="input", input="tickle", count=1, key="bad"), at=1)
    with snapshot(world.engine) as db_session:
        assert [event.kind for event in db_session.exec(select(Event)).all()] == ["start"]


def test_somebody_elses_task_cannot_be_opened_or_written(world):
    task = world.task()
    with pytest.raises(Forbidden, match="somebody else"):
        begin(world, task, actor="technologist2")
    begin(world, task)
    with pytest.raises(Forbidden, match="somebody else"):
        do(world, task, NewEvent(kind="lap", key="x"), actor="technologist2")


def test_a_second_tab_reads_until_the_first_is_silent(world):
    task = world.task()
    assert begin(world, task).read_only is False
    assert begin(world, task, at=10, holder="tab-2").read_only is True
    with pytest.raises(Forbidden, match="another tab"):
        do(world, task, NewEvent(kind="lap", key="x"), at=11, holder="tab-2")
    assert begin(world, task, at=90, holder="tab-2").read_only is False


def test_a_reload_keeps_the_task_open_and_starts_it_once(world):
    task = world.task()
    begin(world, task)
    assert begin(world, task, at=5, key="another").state == "open"
    with snapshot(world.engine) as db_session:
        assert len(db_session.exec(select(Event).where(Event.kind == "start")).all()) == 1


def test_two_tasks_of_one_technologist_cannot_run_at_once(world):
    first, second = world.task(), world.task()
    begin(world, first)
    with pytest.raises(Forbidden, match="another task of yours is running"):
        begin(world, second, at=1)


def test_a_paused_task_is_not_resumed_while_another_one_runs(world):
    first, second = world.task(), world.task()
    begin(world, first)
    do(world, first, NewEvent(kind="pause", key="p", reason="emergency case"), at=5)
    begin(world, second, at=10)
    with pytest.raises(Forbidden, match="another task of yours is running"):
        do(world, first, NewEvent(kind="resume", key="r"), at=20)
    end(world, second, at=30)
    assert do(world, first, NewEvent(kind="resume", key="r"), at=40).state == "open"


def test_a_task_left_alone_becomes_interrupted_and_has_no_time(world):
    task = world.task()
    begin(world, task)
    with transaction(world.engine) as db_session:
        assert sweep_lost_tasks(db_session, now=START.after(20 * 60)) == []
        assert sweep_lost_tasks(db_session, now=START.after(40 * 60)) == [task.id]
    times = row(world, task)
    assert times["missing_reason"] == "interrupted"
    assert times[["elapsed_seconds", "clicks"]].isna().all()


def test_an_interrupted_task_can_be_taken_up_again_without_the_silent_time(world):
    task = world.task()
    begin(world, task)
    with transaction(world.engine) as db_session:
        sweep_lost_tasks(db_session, now=START.after(3600))
    do(world, task, NewEvent(kind="resume", key="r"), at=4000)
    end(world, task, at=4100)
    times = row(world, task)
    assert (times["elapsed_seconds"], times["hands_on_seconds"]) == (pytest.approx(4100), pytest.approx(100))


def test_a_wrong_case_is_undone_with_a_reason_and_comes_back(world):
    task = world.task()
    begin(world, task)
    with transaction(world.engine) as db_session:
        fresh = undo_task(db_session, task_id=task.id, reason="wrong case", actor=world.people["technologist"], now=START.after(5), key="u")
    assert (fresh.state, fresh.case_id, fresh.arm) == ("planned", task.case_id, task.arm)
    with snapshot(world.engine) as db_session:
        assert db_session.get(Task, task.id).state == "undone"
        assert frames.tasks(db_session, study_id=world.study_id)["missing_reason"].tolist() == ["planned"]


def test_a_task_that_was_undone_comes_back_in_its_old_place_before_its_second_period(world):
    cases = [world.case(), world.case()]
    firsts = [world.task(case=case, period=1) for case in cases]
    for case in cases:
        world.task(case=case, arm="ai", period=2)
    begin(world, firsts[0])
    actor = world.people["technologist"]
    with transaction(world.engine) as db_session:
        fresh = undo_task(db_session, task_id=firsts[0].id, reason="wrong case", actor=actor, now=START.after(5), key="u")
    with snapshot(world.engine) as db_session:
        listed = worklist(db_session, actor=actor, study_id=world.study_id, now=START.after(6).at)
    assert [entry.task_id for entry in listed] == [fresh.id, firsts[1].id]


def test_an_aborted_task_keeps_its_reason_as_missing_reason(world):
    task = world.task()
    begin(world, task)
    with transaction(world.engine) as db_session:
        abort_task(db_session, task_id=task.id, reason="software failed", actor=world.people["technologist"], now=START.after(9), key="a")
    assert row(world, task)["missing_reason"] == "software failed"


def test_a_hand_over_moves_the_task_and_is_a_deviation(world):
    task = world.task()
    begin(world, task)
    with transaction(world.engine) as db_session:
        receiver = world.people["technologist2"].account_id
        hand_over_task(db_session, task_id=task.id, to_account_id=receiver, actor=world.people["technologist"], now=START.after(9), key="h")
    do(world, task, NewEvent(kind="finish", key="f"), at=50, actor="technologist2")
    assert row(world, task)["technologist"] == "P011"
    with snapshot(world.engine) as db_session:
        assert db_session.exec(select(Deviation.kind)).all() == ["hand_over"]


def test_nobody_is_timed_without_consent(engine):
    world = make_world(engine, consented=False)
    with pytest.raises(Forbidden, match="consent"):
        begin(world, world.task())


def test_the_worklist_shows_no_arm_before_a_task_is_opened_and_no_second_period_before_its_washout(world):
    case = world.case()
    first = world.task(case=case, arm="ai")
    with transaction(world.engine) as db_session:
        plan_task(
            db_session, case=db_session.get(Case, case.id), technologist_id=world.people["technologist"].account_id, arm="manual", period=2,
            sequence="ai-manual", instrument="browser", now=START.at, available_from=START.after(86400 * 14).at,
        )  # fmt: skip

    def listed(at):
        with snapshot(world.engine) as db_session:
            return worklist(db_session, actor=world.people["technologist"], study_id=world.study_id, now=START.after(at).at)

    assert [(entry.task_id, entry.arm) for entry in listed(0)] == [(first.id, None)]
    begin(world, first)
    assert [(entry.state, entry.arm) for entry in listed(1)] == [("open", "ai")]
    end(world, first, at=600)
    assert len(listed(86400 * 13)) == 1
    assert [entry.state for entry in listed(86400 * 15)] == ["planned", "finished"]


def test_an_agents_token_is_for_one_task_and_expires(world):
    task = world.task()
    with transaction(world.engine) as db_session:
        token = issue_token(db_session, task_id=task.id, actor=world.people["technologist"], now=START)
    with snapshot(world.engine) as db_session:
        found, actor = token_holder(db_session, token=token, now=START.after(60))
        assert (found.id, actor.account_id) == (task.id, world.people["technologist"].account_id)
        with pytest.raises(Forbidden, match="expired"):
            token_holder(db_session, token=token, now=START.after(13 * 3600))
