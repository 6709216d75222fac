"""The ledger: who gets which case, what is entered twice, what is left after somebody goes. `test_postgresql.py` runs it there too."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from db.engine import transaction
from db.errors import DatabaseUnreachable
from db.tables import Job
from study.batch import ledger, patience
from study.batch.intake import enter
from study.batch.listing import Entry

OUT = Path("/nowhere/out")


def fill(engine, count: int, **words) -> int:
    return enter(engine, out=OUT, entries=[Entry(f"c{number:03d}", Path(f"/scans/{number}")) for number in range(count)], **words)


def taken(engine, **words) -> str | None:
    claimed = ledger.claim(engine, out=OUT, worker="1", **words)
    return claimed.case if claimed else None


def test_eight_threads_take_every_case_once(engine) -> None:
    fill(engine, 40)
    got: list[str] = []

    def work() -> None:
        while (case := taken(engine)) is not None:
            got.append(case)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [f"c{number:03d}" for number in range(40)]


def test_only_cases_on_the_list_are_taken_and_counted_however_many_others_come_first(engine) -> None:
    fill(engine, ledger.PAGE * 2 + 5)
    last = {f"c{ledger.PAGE * 2 + 4:03d}"}
    assert taken(engine, among=last) == next(iter(last))
    assert taken(engine, among=last) is None
    assert ledger.tally(engine, out=OUT, among=last) == {"running": 1}
    assert ledger.tally(engine, out=OUT) == {"running": 1, "waiting": ledger.PAGE * 2 + 4}


def test_a_case_whose_lease_ran_out_is_taken_by_another_and_one_under_lease_is_not(engine) -> None:
    fill(engine, 1)
    assert taken(engine, lease=timedelta(seconds=-1)) == "c000"
    assert taken(engine) == "c000"
    assert taken(engine) is None


def test_a_claim_that_was_kept_but_not_answered_gives_the_same_case_when_it_is_asked_again(engine) -> None:
    fill(engine, 3)
    words = (engine, ledger.batch_name(OUT), "host/1/1/aaaa", None, ledger.LEASE)
    assert ledger._claim(*words) == ledger._claim(*words)
    assert ledger.tally(engine, out=OUT) == {"running": 1, "waiting": 2}  # not two cases in one hand


def test_what_is_entered_twice_changes_nothing(engine) -> None:
    fill(engine, 2)
    first, second = taken(engine), taken(engine)
    for _ in range(2):
        ledger.finish(engine, out=OUT, case=str(first), output_sha256="a" * 64, seconds=1.0, verdict="accept")
        ledger.hand_back(engine, out=OUT, case=str(second))
    assert ledger.tally(engine, out=OUT) == {"done": 1, "waiting": 1}
    again = ledger.claim(engine, out=OUT, worker="1")
    assert again is not None
    assert again.attempt == 1


def test_a_lost_attempt_rests_longer_each_time_and_the_third_sets_the_case_aside(engine) -> None:
    fill(engine, 1)
    rests = []
    for _ in range(3):
        with transaction(engine) as db_session:
            db_session.exec(select(Job)).one().leased_until = None
        assert taken(engine) == "c000"
        ledger.fail(engine, out=OUT, case="c000", code="worker_lost", reason="SIGKILL", final=False)
        with transaction(engine) as db_session:
            job = db_session.exec(select(Job)).one()
            rests.append((job.leased_until - job.finished_at).total_seconds() if job.leased_until else None)
    assert rests[0] == pytest.approx(0.5, abs=0.2)
    assert rests[1] == pytest.approx(2.0, abs=0.2)
    assert rests[2] is None
    assert ledger.failures(engine, out=OUT) == [("c000", "worker_lost", "SIGKILL")]


def test_a_row_that_is_taken_away_while_its_case_is_worked_on_stops_nobody(engine) -> None:
    fill(engine, 1)
    assert taken(engine) == "c000"
    with transaction(engine) as db_session:
        db_session.delete(db_session.exec(select(Job)).one())
    ledger.finish(engine, out=OUT, case="c000", output_sha256="a" * 64, seconds=1.0)
    assert ledger.tally(engine, out=OUT) == {}
    assert fill(engine, 1) == 1  # nobody vouches for it


def test_another_scan_under_the_same_name_is_done_again(engine, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "case.json").write_text('{"outputs": []}')
    enter(engine, out=tmp_path, entries=[Entry("a", Path("/s/1"))])
    ledger.claim(engine, out=tmp_path, worker="1")
    from study.batch.outputs import outputs_sha256

    ledger.finish(engine, out=tmp_path, case="a", output_sha256=outputs_sha256(tmp_path / "a") or "", seconds=1.0)
    assert enter(engine, out=tmp_path, entries=[Entry("a", Path("/s/1"))]) == 0
    assert enter(engine, out=tmp_path, entries=[Entry("a", Path("/s/1"))], asked=lambda record: False) == 1
    assert enter(engine, out=tmp_path, entries=[Entry("a", Path("/s/1"), Path("/s/native"))]) == 1


def test_a_database_that_stays_away_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LONGEST_SECONDS", 0.2)
    monkeypatch.setattr(patience, "FIRST_REST_SECONDS", 0.05)

    @patience.patient
    def asked() -> None:
        raise OperationalError("SELECT", {}, Exception("connection refused"))

    with pytest.raises(DatabaseUnreachable, match="run the same command again"):
        asked()


def test_a_wrong_statement_is_not_asked_again() -> None:
    from sqlalchemy.exc import ProgrammingError

    calls = []

    @patience.patient
    def asked() -> None:
        calls.append(1)
        raise ProgrammingError("SELEKT", {}, Exception("syntax"))

    with pytest.raises(ProgrammingError):
        asked()
    assert len(calls) == 1
