"""Quick writers that wait together share a commit: each is whole by itself, and told only what is durable."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from db.anchor import read_anchor
from db.engine import snapshot, transaction
from db.errors import DatabaseError, DatabaseFull
from db.tables import AuditEntry, Site
from db.verify import verify
from tests.db.databases import fresh_engine


@pytest.fixture
def filed(tmp_path, monkeypatch):
    """However slow this machine is, those who wait are still together."""
    monkeypatch.setattr("db.writers.LONGEST_TOGETHER_SECONDS", 60.0)
    yield from _filed(tmp_path)


def _filed(tmp_path):
    """A database that threads reach by connections of their own, and the number of its commits so far."""
    with fresh_engine(tmp_path / "w.sqlite", anchor=tmp_path / "head") as engine:
        engine.commits = []
        event.listen(engine, "commit", engine.commits.append)
        engine.anchor = tmp_path / "head"
        yield engine


def add(engine, code, *, quick=True, then=None):
    with transaction(engine, quick=quick) as db_session:
        db_session.add(Site.model_validate({"code": code, "name": code}))
        db_session.flush()
        if then:
            then(db_session)


def behind_a_slow_writer(engine, acts):
    """Run acts that queue up, in their order, while another writer is busy; their errors, or None."""
    busy, go = threading.Event(), threading.Event()

    def hold(_db_session):
        busy.set()
        go.wait(20)

    def run(act):
        try:
            act()
        except Exception as error:
            return error
        return None

    with ThreadPoolExecutor(len(acts) + 1) as pool:
        slow = pool.submit(add, engine, "slow", quick=False, then=hold)
        assert busy.wait(20)
        before = len(engine.commits)
        running = []
        for act in acts:
            running.append(pool.submit(run, act))
            while engine.__dict__["gilbreth_writers"].waiting < len(running):
                time.sleep(0.001)
        go.set()
        slow.result()
        outcomes = [item.result() for item in running]
    return outcomes, len(engine.commits) - before - 1


def codes(engine):
    with snapshot(engine) as db_session:
        return set(db_session.exec(select(Site.code)).all())


def fail(_db_session):
    raise ValueError("no")


def test_quick_writers_that_wait_share_one_commit(filed):
    outcomes, commits = behind_a_slow_writer(filed, [lambda n=n: add(filed, f"q{n}") for n in range(12)])
    assert outcomes == [None] * 12
    assert commits < 12
    assert codes(filed) == {"slow", *(f"q{n}" for n in range(12))}
    assert verify(filed).problems == []
    assert read_anchor(filed.anchor) == (13, verify(filed).head)


@pytest.mark.parametrize("bad", [0, 2, 4])
def test_one_that_fails_takes_nothing_of_the_others_with_it(filed, bad):
    acts = [lambda n=n: add(filed, f"q{n}", then=fail if n == bad else None) for n in range(5)]
    outcomes, _ = behind_a_slow_writer(filed, acts)
    assert [type(error) for error in outcomes] == [ValueError if n == bad else type(None) for n in range(5)]
    assert codes(filed) == {"slow", *(f"q{n}" for n in range(5) if n != bad)}
    assert verify(filed).problems == []


def test_a_duplicate_refused_by_the_database_fails_alone(filed):
    outcomes, _ = behind_a_slow_writer(filed, [lambda c=c: add(filed, c) for c in ("a", "a", "b")])
    assert [error is None for error in outcomes] == [True, False, True]
    assert codes(filed) == {"slow", "a", "b"}
    assert verify(filed).problems == []


def test_a_slow_writer_shares_no_commit(filed):
    outcomes, commits = behind_a_slow_writer(filed, [lambda n=n: add(filed, f"s{n}", quick=False) for n in range(4)])
    assert (outcomes, commits) == ([None] * 4, 4)


def test_nobody_is_told_that_it_is_done_before_the_commit(filed):
    seen = []

    def check(number):
        add(filed, f"q{number}")
        seen.append(f"q{number}" in codes(filed))  # by another connection

    behind_a_slow_writer(filed, [lambda n=n: check(n) for n in range(8)])
    assert seen == [True] * 8


def test_when_the_database_gives_up_on_a_shared_commit_all_are_told_and_nothing_is_kept(filed):
    def fill_the_disk(db_session):
        db_session.connection().connection.rollback()  # what SQLite may do by itself
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    acts = [lambda n=n: add(filed, f"q{n}", then=fill_the_disk if n == 2 else None) for n in range(3)]
    outcomes, _ = behind_a_slow_writer(filed, acts)
    assert [type(error) for error in outcomes] == [DatabaseFull] * 3
    assert codes(filed) == {"slow"}
    add(filed, "after")
    assert verify(filed).problems == []


def test_a_commit_that_fails_is_told_to_everybody_in_it(filed, monkeypatch):
    def refuse(_connection):
        raise OperationalError("COMMIT", {}, Exception("connection lost"))

    def break_commit(_db_session):
        event.listen(filed, "commit", refuse)

    try:
        outcomes, _ = behind_a_slow_writer(filed, [lambda: add(filed, "a"), lambda: add(filed, "b", then=break_commit)])
    finally:
        event.remove(filed, "commit", refuse)
    assert all(isinstance(error, DatabaseError) and "send it again" in str(error) for error in outcomes)
    assert codes(filed) == {"slow"}
    add(filed, "after")
    assert verify(filed).ok


def test_the_chain_stays_whole_under_many_writers_of_whom_some_fail(filed):
    def act(number):
        try:
            add(filed, f"m{number}", quick=number % 3 != 0, then=fail if number % 5 == 0 else None)
        except ValueError:
            return False
        return True

    with ThreadPoolExecutor(24) as pool:
        kept = [number for number, done in enumerate(pool.map(act, range(200))) if done]
    assert codes(filed) == {f"m{number}" for number in kept}
    with snapshot(filed) as db_session:
        assert len(db_session.exec(select(AuditEntry)).all()) == len(kept)
    assert verify(filed).problems == []


def test_a_use_case_inside_another_is_refused_instead_of_waiting_for_itself(filed):
    def inner(_db_session):
        add(filed, "inner")

    with pytest.raises(RuntimeError, match="one inside another"):
        add(filed, "outer", then=inner)
    add(filed, "after")
    assert codes(filed) == {"after"}
