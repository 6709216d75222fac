"""Known changes: who may mark one, what is kept, and how exports name it."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlmodel import col, select

from benchmarks.department import fill
from db.audit import Actor
from db.engine import snapshot, transaction
from db.tables import Account, AuditEntry, KnownChange, Study
from study.errors import Forbidden, RejectedInput
from study.home import Home, open_home
from study.known_changes import changes_in_words, known_changes, mark_change, unmark_change
from study.studies import protocol_of

NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
DAY = date(2026, 3, 2)


@pytest.fixture
def place(tmp_path) -> Any:
    home = open_home(tmp_path / "home")
    yield home, fill(home, tasks=40, weeks=12, sites=2, seed=1, password="a-password-for-tests-only")
    home.close()


def who(home: Home, role: str) -> Actor:
    with snapshot(home.engine) as db_session:
        account = db_session.exec(select(Account).where(Account.name == role)).one()
        return Actor(account.name, role, account.id)


def mark(home: Home, study: str, *, actor: Actor, **values: Any) -> KnownChange:
    with transaction(home.engine, actor=actor) as db_session:
        given = {"study": db_session.get_one(Study, study), "protocol": protocol_of(db_session, study_id=study), "actor": actor, "now": NOW}
        return mark_change(db_session, **{"day": DAY, "name": "new scanner", **given, **values})


def test_a_mark_outlives_the_session_with_who_made_it_and_in_which_role(place) -> None:
    home, study = place
    mark(home, study, actor=who(home, "manager"), name="  new   scanner ")
    found = known_changes(home.engine, study_id=study)
    assert [(item.day, item.name, item.marked_by, item.marked_as) for item in found] == [
        ("2026-03-02", "new scanner", "manager", "manager")
    ]
    said = changes_in_words(found, go_live=date(2026, 1, 5))
    assert said == "limits start afresh at: 2026-01-05 go-live (protocol); 2026-03-02 new scanner (marked by manager as manager)"


def test_the_same_mark_twice_is_one_mark(place) -> None:
    home, study = place
    assert mark(home, study, actor=who(home, "manager")).id == mark(home, study, actor=who(home, "investigator")).id
    assert len(known_changes(home.engine, study_id=study)) == 1


def test_the_audit_keeps_a_mark_that_was_taken_away(place) -> None:
    home, study = place
    manager = who(home, "manager")
    made = mark(home, study, actor=manager)
    with transaction(home.engine, actor=manager) as db_session:
        study_row, protocol = db_session.get_one(Study, study), protocol_of(db_session, study_id=study)
        unmark_change(db_session, study=study_row, protocol=protocol, actor=manager, change_id=made.id)
    assert known_changes(home.engine, study_id=study) == ()
    with snapshot(home.engine) as db_session:
        entries = db_session.exec(select(AuditEntry).where(col(AuditEntry.entity) == "known_change").order_by(col(AuditEntry.id))).all()
        assert [(entry.operation, entry.account, entry.role) for entry in entries] == [
            ("insert", "manager", "manager"), ("delete", "manager", "manager"),
        ]  # fmt: skip
        assert entries[0].new["name"] == entries[1].old["name"] == "new scanner"


@pytest.mark.parametrize(
    ("values", "words"), [({"name": " "}, "no_name"), ({"name": "x" * 81}, "no_name"), ({"day": date(2027, 1, 1)}, "day_to_come")]
)
def test_a_mark_without_a_name_or_of_a_day_to_come_is_refused(place, values, words) -> None:
    home, study = place
    with pytest.raises(RejectedInput) as refused:
        mark(home, study, actor=who(home, "manager"), **values)
    assert refused.value.code == words


def test_who_does_not_manage_may_not_mark(place) -> None:
    home, study = place
    with pytest.raises(Forbidden):
        mark(home, study, actor=Actor("reader", "reader", None))
