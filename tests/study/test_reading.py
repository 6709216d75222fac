"""Readings: a blinded queue with washouts, drafts, signed submissions, amendments, adjudication."""

from datetime import timedelta

import pytest
from sqlmodel import select

from db import frames
from db.engine import snapshot, transaction
from db.tables import ImageSet, Rating, Reading, Signature, Study
from study.errors import Forbidden, RejectedInput
from study.protocol import load_protocol
from study.reading import (
    Answer,
    Answers,
    StaleDraft,
    amend_rating,
    assign_readings,
    calibration_feedback,
    disagreements,
    open_adjudication,
    open_reading,
    reading_queue,
    report_problem,
    save_draft,
    side_by_side,
    submit_reading,
)
from study.reading.ratings import signed_content
from study.signatures import holds
from tests.study.world import START

REGIONS = [region.name for region in load_protocol("head_neck_cta").regions]


def filled(*, quality=4, passed=True, **regions):
    answers = {name: Answer(quality, passed, () if passed else ("artefact",)) for name in [*REGIONS, "overall"]}
    return Answers({**answers, **regions}, confidence=4, guess="unsure")


def assign(world, seed=1):
    with transaction(world.engine) as db_session:
        study = db_session.get(Study, world.study_id)
        return assign_readings(db_session, study=study, actor=world.people["investigator"], now=START.at, seed=seed)


def queue(world, reader="reader", days=0.0):
    with snapshot(world.engine) as db_session:
        study = db_session.get(Study, world.study_id)
        return reading_queue(db_session, actor=world.people[reader], study=study, now=START.after(days * 86400).at)


def open_next(world, reader="reader", days=0.0):
    entry = queue(world, reader, days).entries[0]
    with transaction(world.engine) as db_session:
        return open_reading(db_session, reading_id=entry.reading_id, actor=world.people[reader], now=START.after(days * 86400))


def submit(world, view, answers, reader="reader", days=0.0, **options):
    now = START.after(days * 86400 + 30)
    with transaction(world.engine) as db_session:
        return submit_reading(
            db_session, reading_id=view.reading_id, answers=answers, confirmation=world.confirmation(reader, now.at),
            actor=world.people[reader], now=now, **options,
        )  # fmt: skip


@pytest.fixture
def both_arms(world):
    """Two cases, each in both arms."""
    for _ in range(2):
        case = world.case()
        for arm in ("manual", "ai"):
            world.image_set(arm=arm, case=case)
    assign(world)
    return world


def test_every_image_set_goes_to_two_readers_and_a_second_assignment_adds_nothing(both_arms):
    with snapshot(both_arms.engine) as db_session:
        readings = db_session.exec(select(Reading)).all()
    assert len(readings) == 4 * 2
    assert assign(both_arms, seed=99) == 0


def test_a_set_that_differs_from_the_protocol_is_kept_from_readers(world):
    odd = world.image_set()
    with transaction(world.engine) as db_session:
        db_session.get(ImageSet, odd.id).problem = "35 pictures, the protocol wants 36"
    assert assign(world) == 0


def test_the_second_arm_of_a_case_waits_for_the_washout(both_arms):
    assert len(queue(both_arms).entries) == 2
    for _ in range(2):
        submit(both_arms, open_next(both_arms), filled())
    waiting = queue(both_arms, days=27)
    assert (len(waiting.entries), waiting.done, waiting.waiting) == (0, 2, 2)
    assert waiting.next_at == START.after(30).at + timedelta(days=28)
    assert len(queue(both_arms, days=29).entries) == 2


def test_a_reading_out_of_the_queue_cannot_be_opened(both_arms):
    submit(both_arms, open_next(both_arms), filled())
    with snapshot(both_arms.engine) as db_session:
        case_of = {row.id: row for row in db_session.exec(select(Reading)).all()}
    listed = {entry.reading_id for entry in queue(both_arms).entries}
    reader = both_arms.people["reader"].account_id
    hidden = next(r for r in case_of.values() if r.reader_id == reader and r.state == "assigned" and r.id not in listed)
    with transaction(both_arms.engine) as db_session, pytest.raises(Forbidden, match="not in your queue"):
        open_reading(db_session, reading_id=hidden.id, actor=both_arms.people["reader"], now=START.after(60))


def test_nothing_a_reader_gets_names_an_arm_a_task_or_a_person(both_arms):
    shown = repr(queue(both_arms)) + repr(open_next(both_arms))
    with snapshot(both_arms.engine) as db_session:
        from db.tables import Task

        secret = [task.id for task in db_session.exec(select(Task)).all()]
    for word in ("manual", "'ai'", "arm", "technologist", *secret):
        assert word not in shown


def test_a_draft_is_kept_and_a_stale_tab_cannot_overwrite_it(both_arms):
    view = open_next(both_arms)
    actor = both_arms.people["reader"]
    with transaction(both_arms.engine) as db_session:
        revision = save_draft(db_session, reading_id=view.reading_id, draft={"remark": "one"}, revision=0, actor=actor)
        assert revision == 1
        with pytest.raises(StaleDraft):
            save_draft(db_session, reading_id=view.reading_id, draft={"remark": "two"}, revision=0, actor=actor)
    assert open_next(both_arms).draft["remark"] == "one"


def test_somebody_elses_reading_cannot_be_read_or_written(both_arms):
    view = open_next(both_arms)
    with transaction(both_arms.engine) as db_session, pytest.raises(Forbidden, match="somebody else's"):
        save_draft(db_session, reading_id=view.reading_id, draft={}, revision=0, actor=both_arms.people["reader2"])


def test_an_incomplete_form_is_refused_and_says_what_lacks(both_arms):
    answers = filled(basilar=Answer(3, False))
    with pytest.raises(RejectedInput, match="basilar: reason"):
        submit(both_arms, open_next(both_arms), answers)


def test_a_submitted_reading_is_signed_and_a_retry_gets_the_same_signature(both_arms):
    view = open_next(both_arms)
    first, second = submit(both_arms, view, filled()), submit(both_arms, view, filled())
    assert first.id == second.id
    with pytest.raises(Forbidden, match="other answers"):
        submit(both_arms, view, filled(quality=2))
    with snapshot(both_arms.engine) as db_session:
        reading = db_session.get(Reading, view.reading_id)
        signature = db_session.get(Signature, first.id)
        assert holds(signature, content=signed_content(db_session, reading=reading))
        assert not holds(signature, content={"something": "else"})


def test_nobody_signs_for_somebody_else(both_arms):
    view = open_next(both_arms)
    with transaction(both_arms.engine) as db_session, pytest.raises(Forbidden, match="your own password"):
        submit_reading(
            db_session, reading_id=view.reading_id, answers=filled(), confirmation=both_arms.confirmation("reader2"),
            actor=both_arms.people["reader"], now=START,
        )  # fmt: skip


def test_an_old_confirmation_does_not_sign(both_arms):
    view = open_next(both_arms)
    with transaction(both_arms.engine) as db_session, pytest.raises(Forbidden, match="too old"):
        submit_reading(
            db_session, reading_id=view.reading_id, answers=filled(), confirmation=both_arms.confirmation("reader", START.at),
            actor=both_arms.people["reader"], now=START.after(121),
        )  # fmt: skip


def test_an_amendment_keeps_the_first_value_and_voids_the_old_signature(both_arms):
    view = open_next(both_arms)
    old = submit(both_arms, view, filled())
    with transaction(both_arms.engine) as db_session:
        amend_rating(
            db_session, reading_id=view.reading_id, region="basilar", answer=Answer(1, False, ("artefact",)), why="wrong key",
            confirmation=both_arms.confirmation("reader"), actor=both_arms.people["reader"], now=START,
        )  # fmt: skip
    with snapshot(both_arms.engine) as db_session:
        values = db_session.exec(select(Rating.quality).where(Rating.region == "basilar").order_by(Rating.amendment)).all()
        assert values == [4, 1]
        assert db_session.get(Signature, old.id).void_reason == "amended: wrong key"
        frame = frames.readings(db_session, study_id=both_arms.study_id)
    assert list(frame.columns) == ["case", "reader", "arm", "round", "region", "quality", "passed", "reason"]
    assert frame.loc[frame["region"] == "basilar", "quality"].tolist() == [1]
    assert len(frame) == len(REGIONS) + 1


def test_a_display_problem_is_kept_with_the_reading(both_arms):
    view = open_next(both_arms)
    with transaction(both_arms.engine) as db_session:
        report_problem(db_session, reading_id=view.reading_id, problem="upside down", actor=both_arms.people["reader"])
    with snapshot(both_arms.engine) as db_session:
        assert db_session.get(Reading, view.reading_id).problem == "upside down"


def test_calibration_comes_before_everything_else(world):
    world.image_set()
    practice = world.image_set()
    with transaction(world.engine) as db_session:
        db_session.get(ImageSet, practice.id).calibration = True
    assign(world)
    assert [entry.calibration for entry in queue(world).entries] == [True]
    submit(world, open_next(world), filled())
    assert [entry.calibration for entry in queue(world).entries] == [False]


def test_readings_that_differ_go_to_an_adjudicator_who_sees_both_and_neither_name(world):
    image_set = world.image_set()
    assign(world)
    submit(world, open_next(world, "reader"), filled(), "reader")
    submit(world, open_next(world, "reader2"), filled(basilar=Answer(2, False, ("interruption",))), "reader2")
    adjudicator = world.people["adjudicator"]
    with transaction(world.engine) as db_session:
        study = db_session.get(Study, world.study_id)
        (found,) = disagreements(db_session, study=study, actor=adjudicator)
        assert (found.image_set_id, found.regions, found.settled) == (image_set.id, ("basilar",), False)
        reading_id = open_adjudication(db_session, image_set_id=image_set.id, actor=adjudicator, now=START)
        view = side_by_side(db_session, reading_id=reading_id, actor=adjudicator)
        assert {view.first["basilar"].passed, view.second["basilar"].passed} == {True, False}
        assert "reader" not in repr(view).replace("reading_id", "")
        submit_reading(
            db_session, reading_id=reading_id, answers=filled(), confirmation=world.confirmation("adjudicator"), actor=adjudicator,
            now=START, operation="reading.adjudicate",
        )  # fmt: skip
        assert disagreements(db_session, study=study, actor=adjudicator)[0].settled
    with snapshot(world.engine) as db_session:
        assert frames.readings(db_session, study_id=world.study_id)["reader"].nunique() == 2


def test_readers_cannot_list_disagreements(world):
    with snapshot(world.engine) as db_session, pytest.raises(Forbidden):
        disagreements(db_session, study=db_session.get(Study, world.study_id), actor=world.people["reader"])


def test_after_calibration_a_reader_learns_where_the_others_stood_and_only_then(world):
    practice = world.image_set()
    with transaction(world.engine) as db_session:
        db_session.get(ImageSet, practice.id).calibration = True
    assign(world)
    mine, theirs = open_next(world, "reader"), open_next(world, "reader2")
    submit(world, theirs, filled(quality=2), "reader2")
    with snapshot(world.engine) as db_session, pytest.raises(Forbidden, match="submitted calibration"):
        calibration_feedback(db_session, reading_id=mine.reading_id, actor=world.people["reader"])
    submit(world, mine, filled(quality=5), "reader")
    with snapshot(world.engine) as db_session:
        feedback = calibration_feedback(db_session, reading_id=mine.reading_id, actor=world.people["reader"])
    assert {(item.own.quality, item.others, item.others_passed, item.others_quality) for item in feedback} == {(5, 1, 1, 2.0)}


def test_a_reading_is_timed_from_opening_to_submission(both_arms):
    view = open_next(both_arms)
    submit(both_arms, view, filled())
    with snapshot(both_arms.engine) as db_session:
        times = frames.reading_times(db_session, study_id=both_arms.study_id)
    assert times["elapsed_seconds"].tolist() == [pytest.approx(30)]


def test_a_repeat_comes_after_the_first_reading_of_the_same_pictures(world):
    for _ in range(40):
        world.image_set()
    assign(world)
    with snapshot(world.engine) as db_session:
        rows = db_session.exec(select(Reading)).all()
    places = {(row.reader_id, row.image_set_id, row.purpose): row.position for row in rows}
    repeats = [key for key in places if key[2] == "repeat"]
    assert len(repeats) == 8
    assert all(places[reader, image_set, "primary"] < places[reader, image_set, "repeat"] for reader, image_set, _ in repeats)
