"""Tables in and out: faults by row, one audit entry per import, and export → import → export gives the same bytes."""

import csv
import hashlib
import xml.etree.ElementTree as ET

import pandas as pd
import pytest
from sqlmodel import select

from db import frames
from db.engine import snapshot, transaction
from db.tables import AuditEntry, Study, Task
from db.verify import verify
from study.errors import Forbidden, RejectedInput
from study.exports import export_study
from study.exports.csv_safe import defuse, write_csv
from study.importing import FaultyTable, import_readings, import_tasks, read_table
from study.importing.readings import COLUMNS as READING_COLUMNS
from study.importing.readings import REQUIRED as READING_REQUIRED
from study.importing.tasks import COLUMNS, REQUIRED
from tests.db.databases import fresh_engine
from tests.study.world import START, make_world

TASKS = (
    ",".join(COLUMNS)
    + """
S1,A1,T1,manual,1,manual-ai,2027-01-04T08:00:00+00:00,900.5,850.25,0.0,117,agent,
S1,A1,T1,ai,2,manual-ai,2027-01-20T08:00:00+00:00,400.0,290.125,90.0,4,browser,
S1,A2,T2,ai,1,ai-manual,2027-01-05T09:30:00+00:00,300.0,200.0,100.0,0,browser,
S1,A2,T2,manual,2,ai-manual,2027-01-21T09:30:00+00:00,,,,,agent,scan unusable
"""
)
READINGS = """case,reader,arm,round,region,quality,passed,reason
A1,R1,manual,1,basilar,4,true,
A1,R1,manual,1,overall,4,true,
A1,R1,ai,1,basilar,2,false,artefact
A1,R2,ai,1,overall,3,true,
"""


def put(world, tmp_path, text, *, kind="tasks", dry_run=False, mapping=None, name="t.csv"):
    (tmp_path / name).write_text(text)
    columns, required = (COLUMNS, REQUIRED) if kind == "tasks" else (READING_COLUMNS, READING_REQUIRED)
    table = read_table(tmp_path / name, columns=columns, required=required, mapping=mapping)
    with transaction(world.engine) as db_session:
        study = db_session.get(Study, world.study_id)
        take = import_tasks if kind == "tasks" else import_readings
        return take(db_session, study=study, table=table, actor=world.people["investigator"], now=START.at, dry_run=dry_run)


def taken(world):
    with snapshot(world.engine) as db_session:
        return frames.tasks(db_session, study_id=world.study_id)


def test_imported_tasks_come_out_with_the_figures_that_went_in(world, tmp_path):
    put(world, tmp_path, TASKS)
    frame = taken(world).sort_values(["case", "arm"])
    assert frame["elapsed_seconds"].round(3).tolist()[:3] == [400.0, 900.5, 300.0]
    assert frame["hands_on_seconds"].round(3).tolist()[:3] == [290.125, 850.25, 200.0]
    assert frame["ai_wait_seconds"].round(3).tolist()[:3] == [90.0, 0.0, 100.0]
    assert frame["clicks"].tolist()[:3] == [4, 117, 0]
    assert frame["missing_reason"].tolist()[3] == "scan unusable"


def test_a_dry_run_takes_nothing_in(world, tmp_path):
    assert put(world, tmp_path, TASKS, dry_run=True)["rows"] == 4
    assert taken(world).empty


def test_an_import_is_one_audit_entry_and_the_audit_stays_sound(world, tmp_path):
    put(world, tmp_path, TASKS)
    put(world, tmp_path, READINGS, kind="readings", name="r.csv")
    with snapshot(world.engine) as db_session:
        entries = db_session.exec(select(AuditEntry).where(AuditEntry.operation == "insert_batch")).all()
    assert [sorted(entry.new) for entry in entries] == [["event", "study_case", "task"], ["image_set", "rating", "reading"]]
    assert verify(world.engine).problems == []


def test_the_same_file_is_taken_in_once(world, tmp_path):
    put(world, tmp_path, TASKS)
    with pytest.raises(RejectedInput, match="already"):
        put(world, tmp_path, TASKS)


FAULTS = [
    ("117", "117.5", "row 2, clicks: is '117.5'; give a whole number"),
    ("900.5", "abc", "row 2, elapsed_seconds: is 'abc'"),
    ("900.5", "-1", "row 2, elapsed_seconds: is '-1'"),
    ("850.25", "901", "row 2, hands_on_seconds: with AI wait exceeds"),
    ("2027-01-04T08:00:00+00:00", "2027-01-04T08:00:00", "without a zone"),
    ("2027-01-04T08:00:00+00:00", "yesterday", "give a time such as"),
    ("T1,ai", "T1,robot", "row 3, arm: is 'robot'; use manual, ai"),
    ("S1,A2,T2,ai", "S1,,T2,ai", "row 4, case: is empty"),
    ("scan unusable", "", "row 5, elapsed_seconds: is empty"),
    ("T1,ai", "T1,manual", "repeats row 2"),
    ("900.5,", "900.5,,", "row 2, (row): has 14 cells, the header has 13"),
    ("900.5,", "", "row 2, (row): has 12 cells, the header has 13"),
]


@pytest.mark.parametrize(("before", "after", "message"), FAULTS)
def test_a_faulty_row_is_named_and_nothing_is_taken_in(world, tmp_path, before, after, message):
    with pytest.raises(RejectedInput) as caught:
        put(world, tmp_path, TASKS.replace(before, after, 1))
    assert message in str(caught.value)
    assert taken(world).empty


def test_a_row_that_is_there_already_is_named_by_its_place_in_the_file(world, tmp_path):
    put(world, tmp_path, TASKS)
    with pytest.raises(FaultyTable) as caught:
        put(world, tmp_path, TASKS.replace("900.5", "abc", 1))
    assert [fault.row for fault in caught.value.faults] == [2, 3, 4, 5]
    assert [fault.column for fault in caught.value.faults] == ["elapsed_seconds", "case", "case", "case"]


def test_other_column_names_can_be_mapped(world, tmp_path):
    put(world, tmp_path, TASKS.replace("technologist,", "operator,", 1), mapping={"technologist": "operator"})
    assert set(taken(world)["technologist"]) == {"T1", "T2"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "missing_columns"),
        ("a,b\n1,2\n", "missing_columns"),
        (TASKS.splitlines()[0] + "\n", "empty_table"),
        ('site\n"x', "missing_columns"),
        (TASKS.replace(",", ";"), "not_csv"),
        (TASKS.replace("sequence", "site", 1), "repeated_columns"),
    ],
)
def test_a_file_that_is_no_such_table_is_rejected(world, tmp_path, content, code):
    with pytest.raises(RejectedInput) as caught:
        put(world, tmp_path, content)
    assert caught.value.code == code


def test_readings_of_an_unknown_task_are_refused_by_row(world, tmp_path):
    put(world, tmp_path, TASKS)
    with pytest.raises(RejectedInput, match="row 2, case: A9 has no task in arm manual; import its tasks first"):
        put(world, tmp_path, READINGS.replace("A1,R1,manual,1,basilar", "A9,R1,manual,1,basilar"), kind="readings", name="r.csv")


@pytest.fixture
def unblinded(world, tmp_path):
    put(world, tmp_path, TASKS)
    put(world, tmp_path, READINGS, kind="readings", name="r.csv")
    with transaction(world.engine) as db_session:
        db_session.get(Study, world.study_id).state = "unblinded"
    return world


def export(world, folder, formats, role="investigator"):
    return export_study(world.engine, study_id=world.study_id, folder=folder, formats=formats, actor=world.people[role], now=START.at)


def test_export_import_export_gives_the_same_bytes(unblinded, tmp_path):
    first = export(unblinded, tmp_path / "one", ["tidy"])
    with fresh_engine() as other:
        again = make_world(other)
        put(again, tmp_path, (tmp_path / "one/tasks.csv").read_text())
        put(again, tmp_path, (tmp_path / "one/readings.csv").read_text(), kind="readings", name="r.csv")
        with transaction(other) as db_session:
            db_session.get(Study, again.study_id).state = "unblinded"
        second = export(again, tmp_path / "two", ["tidy"])
    assert first.files == second.files


@pytest.mark.parametrize("role", ["reader", "technologist", "manager", "administrator", "allocator"])
def test_only_investigator_and_monitor_export_data(unblinded, tmp_path, role):
    with pytest.raises(Forbidden):
        export(unblinded, tmp_path, ["tidy"], role)


def test_before_unblinding_only_the_monitor_exports(world, tmp_path):
    put(world, tmp_path, TASKS)
    with pytest.raises(Forbidden):
        export(world, tmp_path, ["tidy"])
    assert "tasks.csv" in export(world, tmp_path, ["tidy"], "monitor").files


def test_an_export_is_audited_with_the_hashes_of_its_files(unblinded, tmp_path):
    done = export(unblinded, tmp_path, ["tidy", "parquet", "redcap", "odm"])
    with snapshot(unblinded.engine) as db_session:
        entry = db_session.exec(select(AuditEntry).where(AuditEntry.operation == "export")).one()
    assert entry.new == {"files": done.files}
    for name, sha256 in done.files.items():
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == sha256


def test_the_dictionary_explains_every_column(unblinded, tmp_path):
    export(unblinded, tmp_path, ["tidy"])
    about = pd.read_csv(tmp_path / "dictionary.csv")
    for table in ("tasks", "readings"):
        assert set(pd.read_csv(tmp_path / f"{table}.csv").columns) <= set(about.loc[about["table"] == table, "column"])


def test_redcap_data_use_only_fields_of_the_dictionary(unblinded, tmp_path):
    export(unblinded, tmp_path, ["redcap"])
    fields = set(pd.read_csv(tmp_path / "redcap_dictionary.csv")["Variable / Field Name"])
    records = pd.read_csv(tmp_path / "redcap_data.csv", dtype=str)
    assert set(records.columns) - fields == {"redcap_repeat_instrument", "redcap_repeat_instance"}
    assert (
        records.loc[records["redcap_repeat_instrument"] == "task", "task_clicks"].dropna().tolist() == ["4", "117", "0"]
        or len(records) == 2 + 4 + 4
    )


def test_odm_names_only_items_that_its_metadata_define(unblinded, tmp_path):
    export(unblinded, tmp_path, ["odm"])
    root = ET.parse(tmp_path / "odm.xml").getroot()
    space = {"o": "http://www.cdisc.org/ns/odm/v1.3"}
    defined = {item.get("OID") for item in root.findall(".//o:ItemDef", space)}
    used = [item.get("ItemOID") for item in root.findall(".//o:ItemData", space)]
    assert set(used) <= defined
    assert len(root.findall(".//o:SubjectData", space)) == 2
    values = [item.get("Value") for item in root.findall(".//o:ItemData[@ItemOID='I.task.clicks']", space)]
    assert sorted(values) == ["0", "117", "4"]


def test_the_inspection_copy_holds_every_row_and_the_audit(unblinded, tmp_path):
    export(unblinded, tmp_path, ["inspection"], "monitor")
    folder = tmp_path / "inspection"
    with (folder / "tables/task.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 4
    with (folder / "audit.csv").open() as file:
        assert [int(row["number"]) for row in csv.DictReader(file)][:3] == [1, 2, 3]
    assert "chain intact" in (folder / "README.txt").read_text()
    assert not (folder / "tables/login_session.csv").exists()


FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\tx", "\rx", '=HYPERLINK("http://x")']


@pytest.mark.parametrize("text", FORMULAS)
def test_text_that_looks_like_a_formula_is_defused(text, tmp_path):
    write_csv(pd.DataFrame({"a": [text]}), tmp_path / "f.csv")
    with (tmp_path / "f.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["a"].startswith("'")


def test_a_name_that_looks_like_a_formula_comes_back_as_it_was(world, tmp_path):
    put(world, tmp_path, TASKS.replace("A1", "=1+1").replace("A2", "'quoted"))
    write_csv(taken(world), tmp_path / "out.csv")
    assert "'=1+1" in (tmp_path / "out.csv").read_text()
    table = read_table(tmp_path / "out.csv", columns=COLUMNS, required=REQUIRED)
    assert {row["case"] for row in table.rows} >= {"=1+1", "'quoted"}


def test_a_negative_number_stays_a_number():
    assert (defuse(-3.2), defuse("-3.2")) == (-3.2, "-3.2")


def test_a_task_imported_from_elsewhere_never_counts_as_open(world, tmp_path):
    put(world, tmp_path, TASKS)
    with snapshot(world.engine) as db_session:
        assert set(db_session.exec(select(Task.state)).all()) == {"finished", "interrupted"}
