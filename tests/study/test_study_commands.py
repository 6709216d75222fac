"""The study from the command line: every verb, its exit status, one JSON object, and refusals in one line."""

import io
import json
import re
import shutil
import sqlite3
import zipfile
from contextlib import closing

import pytest

from study.cli import run
from tests.study.test_exchange import READINGS, TASKS


@pytest.fixture(scope="module")
def templates(tmp_path_factory):
    """Homes that are made once and copied for each test: an empty one, an active study, a finished one."""
    folder = tmp_path_factory.mktemp("homes")
    (folder / "t.csv").write_text(TASKS)
    (folder / "r.csv").write_text(READINGS)
    steps = {
        "active": [["init", "head_neck_cta"], ["activate"]],
        "finished": [["import", folder / "t.csv"], ["import", folder / "r.csv"]],
    }
    current = folder / "none"
    current.mkdir()
    for name, commands in steps.items():
        shutil.copytree(current, folder / name)
        current = folder / name
        for words in commands:
            assert run(["study", *(str(word) for word in words), "--home", str(current)]) == 0
    return folder


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("GILBRETH_HOME", str(tmp_path / "home"))
    for name in ("GILBRETH_DATABASE_URL", "GILBRETH_PASSWORD", "GILBRETH_KEYS", "GILBRETH_ANCHOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def call(home, capsys):
    def command(*words, expect=0):
        status = run([str(word) for word in words])
        out, err = capsys.readouterr()
        assert status == expect, (words, out, err)
        assert "Traceback" not in err
        return json.loads(out) if "--json" in words and out else out + err

    return command


@pytest.fixture
def active(templates, home, call):
    shutil.copytree(templates / "active", home)
    return call


@pytest.fixture
def finished(templates, home, call):
    shutil.copytree(templates / "finished", home)
    return call


def test_a_study_goes_from_draft_to_archived_and_each_step_says_so(finished, tmp_path):
    assert finished("study", "status", "--json")["tasks"] == {"finished": 3, "interrupted": 1}
    for verb, state in (("lock", "locked"), ("unblind", "unblinded"), ("archive", "archived")):
        assert finished("study", verb, "--json")["state"] == state
    finished("study", "export", "--out", tmp_path / "x")
    assert (tmp_path / "x/tasks.csv").read_text().count("\n") == 5
    assert finished("study", "verify", "--json")["ok"] is True


def test_a_faulty_protocol_is_explained_line_by_line_with_exit_4(call, tmp_path):
    from study.protocol import load_protocol

    (tmp_path / "p.toml").write_text(load_protocol("parallel").text.replace("cases = 400", "cases = -1"))
    said = call("study", "validate", tmp_path / "p.toml", expect=4)
    assert re.search(r"line \d+, study.cases: is -1; give a number above 0", said)
    assert call("study", "validate", tmp_path / "p.toml", "--json", expect=4)["faults"][0]["key"] == "study.cases"


def test_every_key_of_a_protocol_is_explained(call):
    assert "endpoints[].margin" in call("study", "validate", "--keys")


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["study", "init", "missing.toml"], 4), (["study", "status"], 4), (["study", "activate"], 4), (["study", "lock"], 4),
        (["study", "verify"], 4), (["study", "restore", "missing.zip"], 4), (["study", "validate"], 2), (["study", "nonsense"], 2),
        (["users", "role", "nobody", "reader"], 4), (["users", "add", "x", "--role", "king"], 4),
    ],
)  # fmt: skip
def test_a_command_that_cannot_be_done_says_so_in_one_line(call, words, status):
    call(*words, expect=status)


@pytest.mark.parametrize("verb", ["unblind", "unlock", "archive"])
def test_a_step_out_of_order_is_forbidden(active, verb):
    active("study", verb, expect=5)


def test_a_locked_study_takes_no_import_and_can_be_unlocked_only_with_a_reason(finished, tmp_path):
    finished("study", "lock")
    (tmp_path / "more.csv").write_text(TASKS.replace(",A", ",B"))
    finished("study", "import", tmp_path / "more.csv", expect=5)
    finished("study", "unlock", expect=4)
    finished("study", "unlock", "--reason", "late data")
    finished("study", "import", tmp_path / "more.csv")


def test_data_are_not_exported_before_unblinding(finished, tmp_path):
    finished("study", "export", "--out", tmp_path / "x", expect=5)
    assert not (tmp_path / "x/tasks.csv").exists()


def test_a_dry_run_of_a_faulty_table_names_the_row(active, tmp_path):
    (tmp_path / "t.csv").write_text(TASKS.replace("117", "many"))
    assert "row 2, clicks" in active("study", "import", tmp_path / "t.csv", "--dry-run", expect=4)


def test_every_fault_of_a_table_stands_on_a_line_of_its_own_and_in_the_object(active, tmp_path):
    header, *rows = TASKS.splitlines()
    many = [rows[0].replace("A1", f"A{number}").replace("117", "many") for number in range(20)]
    (tmp_path / "t.csv").write_text("\n".join([header, *many]) + "\n")
    shown = active("study", "import", tmp_path / "t.csv", expect=4).splitlines()
    assert [line.split(",")[0] for line in shown[:20]] == [f"row {number}" for number in range(2, 22)]
    assert shown[20].startswith("rejected [faulty_table]: 20 faults")
    told = active("study", "import", tmp_path / "t.csv", "--json", expect=4)
    assert told["faults"][19] == {"row": 21, "column": "clicks", "found": "is 'many'", "remedy": "give a whole number from 0 up"}


def test_a_changed_row_is_found_by_verify_with_exit_1(finished, home):
    import sqlite3

    with sqlite3.connect(home / "gilbreth.sqlite") as raw:
        raw.execute("UPDATE event SET monotonic_seconds = monotonic_seconds / 2 WHERE kind = 'finish'")
    assert finished("study", "verify", "--json", expect=1)["ok"] is False


def test_a_backup_restores_to_a_home_that_verifies_and_holds_no_key(finished, home, tmp_path):
    done = finished("study", "backup", tmp_path / "b.zip", "--json")
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        assert not [name for name in archive.namelist() if "key" in name]
    restored = finished("study", "restore", tmp_path / "b.zip", "--home", tmp_path / "other", "--json")
    assert restored["audit_head"] == done["audit_head"]
    assert finished("study", "verify", "--home", tmp_path / "other", "--json")["ok"] is True
    finished("study", "restore", tmp_path / "b.zip", "--home", tmp_path / "other", expect=4)


def test_a_damaged_backup_is_refused(finished, tmp_path):
    finished("study", "backup", tmp_path / "b.zip")
    content = bytearray((tmp_path / "b.zip").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "bad.zip").write_bytes(content)
    finished("study", "restore", tmp_path / "bad.zip", "--home", tmp_path / "other", expect=4)
    assert not (tmp_path / "other/gilbreth.sqlite").exists()


def test_accounts_are_added_listed_and_disabled(call, monkeypatch):
    made = call("users", "add", "anna", "--role", "reader", "--json")
    assert len(made["password"]) >= 12
    monkeypatch.setattr("sys.stdin", io.StringIO("a password of my own\n"))
    assert "password" not in call("users", "add", "bert", "--role", "technologist", "--password-stdin", "--json")
    call("users", "role", "anna", "technologist", expect=5)
    call("users", "disable", "bert")
    listed = {row["name"]: row for row in call("users", "list", "--json")["accounts"]}
    assert (listed["bert"]["disabled"], listed["anna"]["roles"]) == (True, ["reader"])
    assert call("users", "reset-password", "anna", "--json")["password"] != made["password"]


def test_acting_as_somebody_needs_their_password(active, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("a password of my own\n"))
    active("users", "add", "ines", "--role", "investigator", "--password-stdin")
    active("study", "lock", "--as", "ines", expect=5)
    monkeypatch.setenv("GILBRETH_PASSWORD", "wrong wrong wrong")
    active("study", "lock", "--as", "ines", expect=5)
    monkeypatch.setenv("GILBRETH_PASSWORD", "a password of my own")
    active("study", "lock", "--as", "ines")


def test_with_the_local_account_disabled_nobody_acts_without_a_password(active):
    active("users", "disable", "local-investigator")
    active("study", "lock", expect=5)


def test_an_allocation_is_drawn_once_after_enrolment(active, tmp_path, monkeypatch):
    from study.scan_intake import Intake

    monkeypatch.setattr("study.scan_intake.take_in", lambda path, **_: Intake(True, (), "ab" * 32))
    active("users", "add", "tom", "--role", "technologist")
    (tmp_path / "scan").write_text("x")
    enrolled = active("study", "enrol", tmp_path / "scan", "--stratum", "priority=elective", "--json")
    assert enrolled["cases"][0]["state"] == "eligible"
    first = active("study", "allocate", "C00001", "--json")
    again = active("study", "allocate", "C00001", "--json")
    assert (first["new"], again["new"], first["sequence"]) == (True, False, again["sequence"])
    assert len(first["tasks"]) == 2
    assert active("study", "enrol", tmp_path / "scan", "--json")["cases"][0]["new"] is False


def test_in_a_roll_out_allocate_plans_what_the_day_says_and_a_site_can_join(call, tmp_path, monkeypatch):
    from study.protocol import load_protocol
    from study.scan_intake import Intake

    monkeypatch.setattr("study.scan_intake.take_in", lambda path, **_: Intake(True, (), path.name * 8))
    (tmp_path / "later.toml").write_text(load_protocol("before_after").text.replace("go_live = 2027-03-01", "go_live = 2199-03-01"))
    call("study", "init", tmp_path / "later.toml", "--site", "A")
    assert "while the study is draft" in call("study", "allocate", "C00001", expect=5)
    call("study", "activate")
    (tmp_path / "scan").write_text("x")
    call("study", "enrol", tmp_path / "scan", "--site", "C", expect=4)
    assert call("study", "add-site", "C", "--json") == {"study": "roll_out_cta", "site": "C", "sealed_lines": 0}
    call("study", "enrol", tmp_path / "scan", "--site", "C")
    assert "gilbreth users add NAME --role technologist" in call("study", "allocate", "C00001")
    call("users", "add", "tom", "--role", "technologist")
    call("users", "add", "rita", "--role", "reader")
    call("study", "allocate", "C00001", "--technologist", "rita", expect=4)
    planned = call("study", "allocate", "C00001", "--technologist", "tom", "--json")
    assert (planned["arms"], planned["drawn"], len(planned["tasks"])) == (["manual"], False, 1)
    assert call("study", "allocate", "C00001", "--json")["tasks"] == planned["tasks"]


def test_a_scan_that_is_no_scan_is_kept_as_an_excluded_case(active, tmp_path):
    pytest.importorskip("SimpleITK")
    (tmp_path / "note.txt").write_text("not a scan")
    enrolled = active("study", "enrol", tmp_path / "note.txt", "--json", expect=1)["cases"][0]
    assert enrolled["state"] == "excluded"
    assert enrolled["reasons"]


def test_an_amendment_needs_a_reason_and_keeps_the_design(active, tmp_path):
    from study.protocol import load_protocol

    text = load_protocol("head_neck_cta").text
    (tmp_path / "v2.toml").write_text(text.replace("cases = 152", "cases = 200"))
    active("study", "amend", tmp_path / "v2.toml", expect=4)
    assert active("study", "amend", tmp_path / "v2.toml", "--reason", "slower accrual", "--json")["protocol_version"] == 2
    (tmp_path / "v3.toml").write_text(text.replace("washout_days = 14", "washout_days = 7"))
    active("study", "amend", tmp_path / "v3.toml", "--reason", "haste", expect=4)


@pytest.fixture
def staffed(active, monkeypatch):
    """An active study with people who have one known password."""
    monkeypatch.setenv("GILBRETH_PASSWORD", "a password of my own")
    for name, role in (("tom", "technologist"), ("rita", "reader"), ("mona", "monitor"), ("alma", "allocator")):
        monkeypatch.setattr("sys.stdin", io.StringIO("a password of my own\n"))
        active("users", "add", name, "--role", role, "--password-stdin")
    return active


def test_people_agree_see_their_record_and_withdraw_on_the_command_line(staffed, tmp_path):
    assert staffed("study", "consent", "--as", "tom", "--json")["agreed"] is False
    assert staffed("study", "consent", "--as", "tom", "--agree", "--json")["agreed"] is True
    staffed("study", "record", "--as", "tom", "--out", tmp_path / "mine.json")
    assert json.loads((tmp_path / "mine.json").read_text())["account"]["name"] == "tom"
    assert staffed("study", "withdraw", "--as", "tom", "--erase", "--json") == {"account": "tom", "withdrawn": True, "erased": True}
    staffed("study", "withdraw", "--as", "tom", "--keep", expect=5)
    staffed("study", "consent", "--as", "mona", "--agree", expect=5)


def test_queries_are_asked_answered_and_closed_by_different_people_on_the_command_line(staffed, tmp_path, home):
    (tmp_path / "t.csv").write_text(TASKS)
    staffed("study", "import", tmp_path / "t.csv")
    with closing(sqlite3.connect(home / "gilbreth.sqlite")) as raw:
        (task,) = raw.execute("SELECT id FROM task").fetchone()
    asked = staffed("study", "ask", "why 2 s?", "--about", f"task:{task}", "--json")["queries"][0]
    staffed("study", "ask", "why?", expect=2)
    assert "no_such_record" in staffed("study", "ask", "why?", "--about", "task:4f0c", expect=4)
    assert "somebody else's record" in staffed("study", "answer", asked["id"], "no idea", "--as", "tom", "--role", "technologist", expect=5)
    staffed("study", "answer", asked["id"], "opened twice")
    staffed("study", "ask", "--close", asked["id"], expect=5)
    assert staffed("study", "ask", "--close", asked["id"], "--as", "mona", "--role", "monitor", "--json")["queries"] == []


def test_the_database_goes_back_to_an_older_revision_and_forward_again(finished):
    from db.migrate import newest

    assert finished("study", "upgrade", "--to", "0001", "--json") == {"before": newest(), "after": "0001"}
    assert finished("study", "upgrade", "--json") == {"before": "0001", "after": newest()}
    assert finished("study", "verify", "--json")["ok"] is True
    assert "no_such_revision" in finished("study", "upgrade", "--to", "12", expect=4)


def test_a_deviation_is_recorded_and_counted(staffed):
    staffed("study", "deviation", "read at home", "--kind", "place")
    assert staffed("study", "status", "--json")["deviations"] == 1
    staffed("study", "deviation", expect=4)


def test_the_audit_on_the_command_line_shows_the_monitor_all_and_others_no_arm(finished, monkeypatch):
    monkeypatch.setenv("GILBRETH_PASSWORD", "a password of my own")
    monkeypatch.setattr("sys.stdin", io.StringIO("a password of my own\n"))
    finished("users", "add", "mona", "--role", "monitor", "--password-stdin")
    blinded = finished("study", "audit", "--limit", "5000", "--json")["entries"]
    assert not [entry for entry in blinded if entry["entity"] in ("task", "event", "allocation") and entry["new"]]
    told = finished("study", "audit", "--limit", "5000", "--as", "mona", "--role", "monitor", "--json")["entries"]
    assert len(told) > len(blinded)  # the looks themselves are entries
    finished("study", "audit", "--role", "reader", expect=5)


def test_the_sealed_list_is_the_allocators_alone_and_a_look_at_it_is_audited(staffed):
    assert {line["line"] for line in staffed("study", "sealed-list", "--as", "alma", "--json")["lines"]} == {"0", "1"}
    for name in ("tom", "rita", "mona"):
        staffed("study", "sealed-list", "--as", name, expect=5)
    assert "view_allocation_list" in staffed("study", "audit")


def test_a_training_case_is_planned_without_a_draw_and_a_case_is_taken_out_with_a_reason(staffed, tmp_path, monkeypatch):
    from study.scan_intake import Intake

    monkeypatch.setattr("study.scan_intake.take_in", lambda path, **_: Intake(True, (), path.name * 8))
    for name in ("one", "two"):
        (tmp_path / name).write_text("x")
    staffed("study", "enrol", tmp_path / "one", "--training")
    staffed("study", "enrol", tmp_path / "two", "--stratum", "priority=elective")
    assert len(staffed("study", "allocate", "C00001", "--json")["tasks"]) == 2
    staffed("study", "withdraw-case", "C00002", expect=4)
    staffed("study", "withdraw-case", "C00002", "--reason", "patient objected")
    log = staffed("study", "screening", "--out", tmp_path / "log.csv", "--json")["log"]
    assert [(row["case"], row["training"], row["state"]) for row in log] == [("C00001", True, "eligible"), ("C00002", False, "withdrawn")]
    assert (tmp_path / "log.csv").read_text().count("\n") == 3
