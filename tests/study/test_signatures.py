"""Signatures: bound to what was signed and to the record behind it, void when it changes, checked by verify."""

import json
import sqlite3
from contextlib import closing

import pytest
from sqlmodel import select

from db.engine import snapshot, transaction
from db.tables import Rating, Signature, Study
from study.cli import run
from study.home import open_home
from study.signature_check import broken_signatures
from study.studies import lock_study, unblind_study, unlock_study
from tests.study.test_reading import assign, filled, open_next, submit
from tests.study.world import START, make_world


def step(world, act, *, seconds=0.0, **options):
    now = START.after(seconds).at
    with transaction(world.engine) as db_session:
        act(
            db_session, study=db_session.get(Study, world.study_id), confirmation=world.confirmation(at=now),
            actor=world.people["investigator"], now=now, **options,
        )  # fmt: skip


def signatures(world):
    with snapshot(world.engine) as db_session:
        return db_session.exec(select(Signature).order_by(Signature.signed_at)).all()


def broken(world):
    with snapshot(world.engine) as db_session:
        return broken_signatures(db_session)


def test_unlocking_voids_the_signature_under_the_lock_and_says_why(world):
    step(world, lock_study)
    step(world, unlock_study, reason="site B sent late data", seconds=60)
    lock, unlock = signatures(world)
    assert lock.voided_at is not None
    assert lock.void_reason == "unlocked: site B sent late data"
    assert unlock.voided_at is None
    step(world, lock_study, seconds=120)
    assert [signature.voided_at is None for signature in signatures(world)] == [False, True, True]
    assert broken(world) == []


def test_every_signature_of_a_study_that_ran_holds(world):
    world.image_set()
    assign(world)
    submit(world, open_next(world), filled())
    step(world, lock_study, seconds=100)
    step(world, unblind_study, seconds=200)
    assert len(signatures(world)) == 3
    assert broken(world) == []


def test_a_lock_is_signed_over_everything_recorded_until_then(world):
    """The same act on another record gives another hash: a signature cannot be put under other data."""
    other = make_world(_engine(), protocol="head_neck_cta")
    other.case()
    step(world, lock_study)
    step(other, lock_study)
    assert signatures(world)[0].content_sha256 != signatures(other)[0].content_sha256


def _engine():
    from db.engine import open_engine
    from db.migrate import upgrade

    engine = open_engine("sqlite://")
    upgrade(engine)
    return engine


def test_a_rating_that_changed_under_its_signature_is_found(world):
    world.image_set()
    assign(world)
    submit(world, open_next(world), filled())
    with transaction(world.engine) as db_session:
        rating = db_session.exec(select(Rating).where(Rating.region == "basilar")).first()
        rating.quality = 1
    (problem,) = broken(world)
    assert "is not what was signed" in problem


def test_verify_looks_at_signatures_too(tmp_path, capsys, monkeypatch):
    for name in ("GILBRETH_DATABASE_URL", "GILBRETH_PASSWORD", "GILBRETH_KEYS", "GILBRETH_ANCHOR"):
        monkeypatch.delenv(name, raising=False)
    home = str(tmp_path / "home")
    for words in (["init", "head_neck_cta"], ["activate"], ["lock"], ["verify"]):
        assert run(["study", *words, "--home", home]) == 0
    place = open_home(tmp_path / "home")
    place.close()
    with closing(sqlite3.connect(tmp_path / "home" / "gilbreth.sqlite")) as file, file:
        file.execute("UPDATE signature SET printed_name = 'somebody else'")
    capsys.readouterr()
    assert run(["study", "verify", "--home", home, "--json"]) == 1
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert any("somebody else does not hold" in problem for problem in problems)
    assert any("changed behind the audit: printed_name" in problem for problem in problems)


def test_a_place_that_cannot_be_written_is_told_in_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("GILBRETH_DATABASE_URL", raising=False)
    (tmp_path / "file").write_text("in the way")
    assert run(["study", "init", "head_neck_cta", "--home", str(tmp_path / "file" / "home")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("cannot use ")
    assert "internal" not in said


@pytest.mark.parametrize("other", [True, False])
def test_the_own_record_holds_what_was_recorded_in_this_study_only(world, other):
    from study.consent import give_consent, own_record
    from study.protocol import load_protocol, parse_protocol
    from study.recording import open_task
    from study.studies import create_study

    actor = world.people["technologist"]
    task = world.task()
    with transaction(world.engine) as db_session:
        open_task(db_session, task_id=task.id, actor=actor, holder="t", now=START, key="s")
        text = load_protocol("head_neck_cta").text.replace('name = "head_neck_cta"', 'name = "second"')
        second = create_study(db_session, protocol=parse_protocol(text), actor=world.people["investigator"], now=START.at)
        give_consent(db_session, study=second, actor=actor, now=START.at)
        asked = second if other else db_session.get(Study, world.study_id)
        record = own_record(db_session, study=asked, actor=actor)
    assert len(record["events"]) == (0 if other else 1)
