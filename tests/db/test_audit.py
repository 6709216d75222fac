"""The audit sees every change below the services, and verification sees every change behind the audit."""

import json
import random
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime

import pytest
from sqlalchemy import text, update
from sqlmodel import select

from db.anchor import read_anchor
from db.audit import Actor, record
from db.batches import insert_batch
from db.engine import open_engine, snapshot, transaction
from db.errors import StudyLocked, UnauditedChange
from db.migrate import upgrade
from db.tables import AuditEntry, Case, Deviation, ImportBatch, Site, Study
from db.verify import verify
from tests.system.endurance import going, result, rounds

NOW = datetime(2027, 1, 4, 8, tzinfo=UTC)
ANNA = Actor("anna", "investigator")


@pytest.fixture
def study(engine):
    with transaction(engine, actor=ANNA) as db_session:
        study = Study.model_validate({"name": "s", "title": "A study", "state": "active", "created_at": NOW})
        db_session.add(study)
    return study


def deviation(study, text_):
    return Deviation.model_validate({"study_id": study.id, "kind": "note", "description": text_, "recorded_at": NOW, "recorded_by": "anna"})


def entries(engine):
    with snapshot(engine) as db_session:
        return db_session.exec(select(AuditEntry).order_by(AuditEntry.id)).all()


def test_an_insert_says_who_in_which_role_what_and_why(engine, study):
    with transaction(engine, actor=ANNA, reason="because") as db_session:
        db_session.add(deviation(study, "one"))
    last = entries(engine)[-1]
    assert (last.account, last.role, last.operation, last.entity, last.reason) == ("anna", "investigator", "insert", "deviation", "because")
    assert last.new["description"] == "one"


def test_a_change_keeps_the_old_value_and_the_new(engine, study):
    with transaction(engine, actor=ANNA) as db_session:
        found = db_session.get(Study, study.id)
        found.title = "Another title"
    last = entries(engine)[-1]
    assert (last.operation, last.old, last.new) == ("update", {"title": "A study"}, {"title": "Another title"})


def test_a_deletion_keeps_what_was_deleted(engine):
    with transaction(engine) as db_session:
        db_session.add(Site.model_validate({"code": "X", "name": "gone"}))
    with transaction(engine, actor=ANNA) as db_session:
        db_session.delete(db_session.exec(select(Site)).one())
    assert (entries(engine)[-1].operation, entries(engine)[-1].old["name"]) == ("delete", "gone")


def test_nothing_is_audited_that_was_rolled_back(engine, study):
    before = len(entries(engine))

    def fail_half_way():
        with transaction(engine) as db_session:
            db_session.add(deviation(study, "never"))
            db_session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert len(entries(engine)) == before
    assert verify(engine).ok


def test_a_bulk_change_that_would_pass_the_audit_by_is_refused(engine, study):
    with pytest.raises(UnauditedChange, match="bulk change of study"), transaction(engine) as db_session:
        db_session.execute(update(Study).values(title="all the same"))


def test_a_password_never_reaches_the_audit(engine):
    from study.accounts import create_account

    with transaction(engine) as db_session:
        create_account(db_session, name="bob", now=NOW, password="a long enough secret")
    assert "argon2" not in json.dumps([entry.new for entry in entries(engine)])


def test_an_act_that_changes_no_row_is_linked_into_the_chain(engine, study):
    with transaction(engine, actor=ANNA) as db_session:
        record(db_session, operation="view_outcomes", entity="study", entity_id=study.id)
    assert entries(engine)[-1].operation == "view_outcomes"
    assert verify(engine).ok


@pytest.mark.parametrize("state", ["locked", "unblinded", "archived"])
def test_a_closed_study_takes_no_row_whichever_way_it_comes(engine, study, state):
    with transaction(engine) as db_session:
        db_session.get(Study, study.id).state = state
    with pytest.raises(StudyLocked) as refused, transaction(engine) as db_session:
        db_session.add(deviation(study, "late"))
    assert refused.value.exit_status == 5


def test_locking_and_writing_cannot_be_one_act(engine, study):
    with transaction(engine) as db_session:
        db_session.get(Study, study.id).state = "locked"

    def smuggle():
        with transaction(engine) as db_session:
            db_session.get(Study, study.id).state = "active"
            db_session.add(deviation(study, "smuggled"))

    with pytest.raises(StudyLocked):
        smuggle()


def batch_of(engine, study, count=20):
    with transaction(engine, actor=ANNA) as db_session:
        site = Site.model_validate({"code": "S", "name": "s"})
        batch = ImportBatch.model_validate(
            {
                "study_id": study.id, "kind": "cases", "file_name": "f", "file_sha256": "0" * 64, "row_count": count, "imported_at": NOW,
                "imported_by": "anna",
            }
        )  # fmt: skip
        db_session.add(site)
        db_session.add(batch)
        db_session.flush()
        rows = [
            {"study_id": study.id, "site_id": site.id, "number": f"C{i}", "pseudonym": f"x{i}", "enrolled_at": NOW} for i in range(count)
        ]
        insert_batch(db_session, batch=batch, rows={Case: rows})
    return batch


def test_a_bulk_import_is_one_entry_with_the_hash_of_its_rows(engine, study):
    before = len(entries(engine))
    batch_of(engine, study)
    added = [entry.operation for entry in entries(engine)[before:]]
    assert added == ["insert", "insert", "insert_batch"]
    assert entries(engine)[-1].new["study_case"]["rows"] == 20
    assert verify(engine).ok


def test_a_row_of_an_import_may_change_by_the_book(engine, study):
    batch_of(engine, study)
    with transaction(engine, actor=ANNA) as db_session:
        db_session.exec(select(Case).where(Case.number == "C3")).one().state = "eligible"
    assert verify(engine).ok


@pytest.mark.parametrize(
    "statement",
    ["UPDATE study_case SET pseudonym = 'y' WHERE number = 'C3'", "DELETE FROM study_case WHERE number = 'C3'"],
)
def test_a_row_of_an_import_changed_behind_the_audit_is_found(engine, study, statement):
    batch_of(engine, study)
    with engine.begin() as connection:
        connection.execute(text(statement))
    assert "not those that were taken in" in verify(engine).problems[0]


def test_the_anchor_follows_the_head(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path}/a.sqlite", anchor=tmp_path / "head")
    upgrade(engine)
    with transaction(engine) as db_session:
        db_session.add(Site.model_validate({"code": "S", "name": "s"}))
    assert read_anchor(tmp_path / "head") == (1, verify(engine).head)


def test_a_head_written_down_on_paper_is_still_a_link_of_the_chain(engine, study):
    noted = verify(engine).head
    with transaction(engine) as db_session:
        db_session.add(deviation(study, "later"))
    assert verify(engine, expected_head=noted).ok
    assert not verify(engine, expected_head="f" * 64).ok


def tampered_home(tmp_path):
    """A file with a lived-in database: inserts, updates, deletes, an import."""
    engine = open_engine(f"sqlite:///{tmp_path}/a.sqlite", anchor=tmp_path / "head")
    upgrade(engine)
    with transaction(engine, actor=ANNA) as db_session:
        study = Study.model_validate({"name": "s", "title": "A study", "state": "active", "created_at": NOW})
        db_session.add(study)
    batch_of(engine, study, 5)
    for number in range(12):
        with transaction(engine, actor=ANNA) as db_session:
            db_session.add(deviation(study, f"note {number}"))
    with transaction(engine, actor=ANNA) as db_session:
        db_session.get(Study, study.id).title = "B study"
    with transaction(engine, actor=ANNA) as db_session:
        db_session.delete(db_session.exec(select(Deviation).limit(1)).one())
    assert verify(engine).ok
    engine.dispose()


def tamper(connection, chance):
    """One random act of raw SQL against the audit or the tables; returns what it did, or None when it changed nothing."""
    kind = chance.choice(["edit", "delete", "swap", "insert", "truncate", "rehash", "row", "row_delete", "row_insert"])
    last = connection.execute("SELECT max(id) FROM audit_entry").fetchone()[0]
    one = chance.randint(1, last)
    column = chance.choice(["account", "role", "operation", "entity", "entity_id", "reason", "at", "new", "sha256", "previous_sha256"])
    if kind == "edit":
        forged = {"new": ['{"x": 1}', "no JSON", "[]", "null"], "at": ["2020-01-01 00:00:00.000000", "yesterday"]}
        value = chance.choice(forged.get(column, [f"forged{chance.random()}"]))
        connection.execute(f"UPDATE audit_entry SET {column} = ? WHERE id = ?", (value, one))
    elif kind == "delete":
        connection.execute("DELETE FROM audit_entry WHERE id = ?", (one,))
    elif kind == "swap":
        other = one % last + 1
        connection.execute("UPDATE audit_entry SET id = -1 WHERE id = ?", (one,))
        connection.execute("UPDATE audit_entry SET id = ? WHERE id = ?", (one, other))
        connection.execute("UPDATE audit_entry SET id = ? WHERE id = -1", (other,))
    elif kind == "insert":
        names = [row[1] for row in connection.execute("PRAGMA table_info(audit_entry)")]
        row = dict(zip(names, connection.execute("SELECT * FROM audit_entry WHERE id = ?", (one,)).fetchone(), strict=True))
        row |= {"id": last + 1, "sha256": f"{chance.random()}".ljust(64, "0")}
        marks = ",".join("?" * len(row))
        connection.execute(
            f"INSERT INTO audit_entry ({','.join(chr(34) + n + chr(34) for n in row)}) VALUES ({marks})", tuple(row.values())
        )
    elif kind == "truncate":
        connection.execute("DELETE FROM audit_entry WHERE id > ?", (chance.randint(0, last - 1),))
    elif kind == "rehash":  # a forger who knows the algorithm rebuilds the chain from the change on
        _rebuild(connection, one)
    elif kind == "row":
        connection.execute(
            "UPDATE deviation SET description = ? WHERE rowid = (SELECT min(rowid) FROM deviation)", (f"f{chance.random()}",)
        )
    elif kind == "row_delete":
        connection.execute("DELETE FROM deviation WHERE rowid = (SELECT max(rowid) FROM deviation)")
    else:
        connection.execute(
            "INSERT INTO site (id, code, name, time_zone) VALUES (?, ?, 'forged', 'UTC')", (str(chance.random()), str(chance.random()))
        )
    return kind


def _rebuild(connection, start):
    from db.audit import digest

    names = [row[1] for row in connection.execute("PRAGMA table_info(audit_entry)")]
    previous = None
    for values in connection.execute("SELECT * FROM audit_entry WHERE id >= ? ORDER BY id", (start,)).fetchall():
        row = dict(zip(names, values, strict=True))
        if previous is None:
            row["reason"] = "forged"
        else:
            row["previous_sha256"] = previous
        content = row | {"at": datetime.fromisoformat(row["at"]).replace(tzinfo=UTC)}
        content |= {name: json.loads(row[name]) if row[name] else None for name in ("old", "new")}
        row["sha256"] = previous = digest(content)
        connection.execute(
            "UPDATE audit_entry SET reason = ?, previous_sha256 = ?, sha256 = ? WHERE id = ?",
            (row["reason"], row["previous_sha256"], row["sha256"], row["id"]),
        )


@pytest.mark.parametrize(
    "long", [pytest.param(False, id="quick"), pytest.param(True, id="long", marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
)
def test_tamperings_by_raw_sql_are_all_found(tmp_path, long):
    count = rounds(60, full=1000, variable="GILBRETH_TAMPERINGS", long=long)
    tampered_home(tmp_path)
    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        sound = connection.serialize()
    memory = open_engine("sqlite://", anchor=tmp_path / "head")
    raw = memory.raw_connection().driver_connection
    chance, missed, began = random.Random(count), [], time.monotonic()
    raw.deserialize(sound)
    assert verify(memory).ok
    for number in going(range(count), what="tamperings", total=count):
        raw.deserialize(sound)
        raw.execute("PRAGMA foreign_keys = OFF")
        kind = tamper(raw, chance)
        if verify(memory).ok:
            missed.append((number, kind))
    found, seconds = count - len(missed), round(time.monotonic() - began)
    result("tamperings", long=long, rounds=count, found=found, missed=len(missed), seconds=seconds)
    assert missed == []
