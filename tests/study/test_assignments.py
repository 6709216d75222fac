"""Readings given out while a study runs: day by day, with readers who come and go, in orders of their own."""

from collections import Counter, defaultdict
from dataclasses import replace

import pytest
from sqlmodel import select

from db.audit import Actor
from db.engine import snapshot, transaction
from db.tables import Account, ImageSet, Reading, Study, Task
from study.accounts import create_account, grant_role, revoke_role
from study.protocol import load_protocol, parse_protocol
from study.reading import assign_readings
from study.studies import amend_study
from tests.study.world import START


def assign(world, seed=1):
    with transaction(world.engine) as db_session:
        study = db_session.get(Study, world.study_id)
        return assign_readings(db_session, study=study, actor=world.people["investigator"], now=START.at, seed=seed)


def readings(world, *, purpose="primary", state=None):
    with snapshot(world.engine) as db_session:
        rows = db_session.exec(select(Reading).where(Reading.purpose == purpose)).all()
    return [row for row in rows if (row.state == state if state else row.state != "void")]


def set_role(world, name, *, held):
    with transaction(world.engine) as db_session:
        account = db_session.exec(select(Account).where(Account.name == name)).one()
        change = grant_role if held else revoke_role
        options = {} if held else {"now": START.at}
        change(db_session, account=account, role="reader", actor=Actor(), **({"now": START.at} | options))


@pytest.fixture
def three(world):
    """The small study with a third reader."""
    with transaction(world.engine) as db_session:
        account = create_account(db_session, name="reader3", now=START.at)
        grant_role(db_session, account=account, role="reader", actor=Actor(), now=START.at)
        world.people["reader3"] = replace(Actor(), account="reader3", role="reader", account_id=account.id)
    return world


@pytest.fixture
def day_by_day(three):
    """A case a day for twenty days, its second arm four days later, readings given out every evening."""
    cases = []
    for day in range(24):
        if day < 20:
            cases.append(three.case())
            three.image_set(arm="manual", case=cases[-1])
        if day >= 4:
            three.image_set(arm="ai", case=cases[day - 4])
        assign(three)
    return three


def test_sets_that_are_settled_day_by_day_get_as_many_readers_as_the_protocol_says_and_no_more(day_by_day):
    per_set = Counter(row.image_set_id for row in readings(day_by_day))
    assert len(per_set) == 40
    assert set(per_set.values()) == {2}
    assert assign(day_by_day, seed=5) == 0


def test_the_arm_that_is_settled_later_goes_to_the_readers_of_the_first(day_by_day):
    with snapshot(day_by_day.engine) as db_session:
        rows = db_session.execute(
            select(Task.case_id, Task.arm, Reading.reader_id)
            .join(ImageSet, ImageSet.task_id == Task.id)
            .join(Reading, Reading.image_set_id == ImageSet.id)
            .where(Reading.purpose == "primary")
        ).all()
    who = defaultdict(set)
    for case_id, arm, reader_id in rows:
        who[case_id, arm].add(reader_id)
    assert all(who[case_id, "manual"] == who[case_id, "ai"] for case_id, _ in who)


def test_repeats_are_the_protocols_share_of_each_readers_first_readings_however_often_readings_are_given_out(day_by_day):
    first = Counter(row.reader_id for row in readings(day_by_day))
    again = Counter(row.reader_id for row in readings(day_by_day, purpose="repeat"))
    assert load_protocol("head_neck_cta").reading.repeat_share == 0.1
    assert again == {reader: round(0.1 * number) for reader, number in first.items()}


def test_the_work_is_spread_evenly_over_the_readers(day_by_day):
    loads = Counter(row.reader_id for row in readings(day_by_day)).values()
    assert max(loads) - min(loads) <= 4  # two sets of one case at a time


def test_a_new_reading_never_comes_before_one_that_a_reader_has_already(three):
    three.image_set(case=three.case())
    assign(three)
    before = {row.id: row for row in readings(three)}
    three.image_set(case=three.case())
    assign(three)
    for row in readings(three):
        if row.id not in before:
            assert row.position > max((old.position for old in before.values() if old.reader_id == row.reader_id), default=0)


def test_what_a_reader_who_left_has_not_begun_goes_to_others_and_comes_back_with_them(three):
    for _ in range(6):
        three.image_set(case=three.case())
    assign(three)
    gone = three.people["reader"].account_id
    submitted = next(row for row in readings(three) if row.reader_id == gone)
    with transaction(three.engine) as db_session:
        db_session.get(Reading, submitted.id).state = "submitted"
    set_role(three, "reader", held=False)
    assign(three)
    left = [row for row in readings(three) if row.reader_id == gone]
    assert [row.id for row in left] == [submitted.id]
    assert set(Counter(row.image_set_id for row in readings(three)).values()) == {2}
    set_role(three, "reader", held=True)
    set_role(three, "reader2", held=False)
    assign(three)
    assert set(Counter(row.image_set_id for row in readings(three)).values()) == {2}


@pytest.mark.parametrize("sets", [6, 7, 14])
def test_in_a_latin_square_no_two_readers_have_the_same_order(three, sets):
    text = load_protocol("head_neck_cta").text.replace('order = "random"', 'order = "latin_square"')
    text = text.replace("readers_per_image_set = 2", "readers_per_image_set = 3").replace("repeat_share = 0.1", "repeat_share = 0.0")
    text = text.replace("readers = 2", "readers = 3")
    with transaction(three.engine) as db_session:
        amend_study(
            db_session, study=db_session.get(Study, three.study_id), protocol=parse_protocol(text), reason="a third reader",
            actor=three.people["investigator"], now=START.at,
        )  # fmt: skip
    for _ in range(sets):
        three.image_set(case=three.case())
    assign(three)
    orders = defaultdict(list)
    for row in sorted(readings(three), key=lambda row: row.position):
        orders[row.reader_id].append(row.image_set_id)
    assert len({tuple(order) for order in orders.values()}) == 3
    places = [{order.index(image_set) for order in orders.values()} for image_set in orders[three.people["reader"].account_id]]
    assert all(len(place) == 3 for place in places)  # no picture comes at the same place for two readers
