"""A reader changes a signed answer: with a reason and the password, only their own, only while the study runs."""

import pytest
from sqlmodel import select

from db.base import utc_now
from db.engine import snapshot, transaction
from db.tables import Account, Rating, Signature, Study
from study.accounts import set_password
from study.amending import amend, signed_readings
from study.errors import Forbidden, RejectedInput
from study.reading import Answer, assign_readings
from tests.study.test_reading import filled, open_next, submit
from tests.study.world import PASSWORD, START

WORSE = Answer(1, False, ("artefact",))


@pytest.fixture
def read(world):
    """A world in which the reader has signed one reading and knows a password."""
    world.image_set()
    with transaction(world.engine) as db_session:
        study = db_session.get_one(Study, world.study_id)
        assign_readings(db_session, study=study, actor=world.people["investigator"], now=START.at, seed=1)
        for name in ("reader", "reader2"):
            set_password(db_session, account=db_session.get_one(Account, world.people[name].account_id), password=PASSWORD, now=utc_now())
    submit(world, open_next(world), filled())
    return world


def signed(world, name="reader"):
    return signed_readings(world.engine, actor=world.people[name], study_id=world.study_id)


def change(world, *, name="reader", why="wrong key", password=PASSWORD, answer=WORSE):
    reading_id = signed(world)[0].reading_id
    options = {"region": "basilar", "answer": answer, "why": why, "password": password}
    amend(world.engine, actor=world.people[name], reading_id=reading_id, **options)


def test_the_new_answer_holds_the_first_stays_and_the_reading_is_signed_again(read):
    assert signed(read)[0].answers.regions["basilar"] == Answer(4, True)
    change(read)
    assert signed(read)[0].answers.regions["basilar"] == WORSE
    with snapshot(read.engine) as db_session:
        rows = db_session.exec(select(Rating).where(Rating.region == "basilar").order_by(Rating.amendment)).all()
        signatures = db_session.exec(select(Signature).order_by(Signature.signed_at)).all()
    assert [(row.quality, row.amend_reason) for row in rows] == [(4, None), (1, "wrong key")]
    assert sorted(item.void_reason or "holds" for item in signatures) == ["amended: wrong key", "holds"]


def test_without_a_reason_with_a_wrong_password_or_anothers_reading_nothing_changes(read):
    with pytest.raises(RejectedInput, match="reason"):
        change(read, why=" ")
    with pytest.raises(Forbidden, match="password is wrong"):
        change(read, password="not the right one")
    with pytest.raises(Forbidden, match="somebody else"):
        change(read, name="reader2")
    with pytest.raises(RejectedInput):
        change(read, answer=Answer(9, True))
    assert signed(read)[0].answers.regions["basilar"] == Answer(4, True)
    assert signed(read, "reader2") == []


def test_a_locked_study_offers_nothing_to_change_and_takes_no_change(read):
    reading_id = signed(read)[0].reading_id
    with transaction(read.engine) as db_session:
        study = db_session.get_one(Study, read.study_id)
        study.state = "locked"
        db_session.add(study)
    assert signed(read) == []
    with pytest.raises(Forbidden, match="locked"):
        amend(
            read.engine, actor=read.people["reader"], reading_id=reading_id, region="basilar", answer=WORSE, why="late", password=PASSWORD
        )
