"""A batch survives dying workers and a dying program, and does again exactly what is missing."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from db.engine import open_engine, sqlite_url, transaction
from db.migrate import upgrade
from db.tables import Job
from study.batch import ledger
from study.batch.case import Options
from study.batch.intake import enter
from study.batch.listing import Entry, read_list
from study.batch.local import run_local
from study.batch.outputs import outputs_sha256
from study.batch.settle import Errand
from study.errors import RejectedInput
from tests.study.batch.signals import heed_interrupts

WORK = """
import json, os, time
from pathlib import Path
from study.batch.outputs import outputs_sha256

def run(request):
    case, folder = request["case"], Path(request["out"]) / request["case"]
    folder.parent.joinpath("log.txt").open("a").write(case + "\\n")
    if case.startswith("bad"):
        return {"ok": False, "code": "not_ct", "reason": "not a CT", "final": True}
    if case.startswith("poison"):
        os._exit(9)
    if case.startswith("once") and not (folder.parent / (case + ".seen")).exists():
        (folder.parent / (case + ".seen")).touch()
        os._exit(9)
    if case.startswith("slow"):
        time.sleep(float(os.environ.get("SLOW_SECONDS", "0.3")))
    if case.startswith("halt"):
        return {"ok": False, "code": "MissingPart", "reason": "no such model", "final": False, "halt": 3}
    folder.mkdir(exist_ok=True)
    (folder / "mask.txt").write_text(case * 3)
    (folder / "case.json").write_text(json.dumps({"outputs": ["mask.txt"]}))
    return {"ok": True, "sha256": outputs_sha256(folder), "seconds": 0.1, "verdict": "accept"}
"""


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    made = open_engine(sqlite_url(tmp_path / "ledger.sqlite"))
    upgrade(made)
    return made


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "batch_work.py").write_text(textwrap.dedent(WORK))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{Path(__file__).resolve().parents[3]}")
    return "batch_work:run"


def go(engine: Engine, out: Path, cases: list[str], work: str, *, workers: int = 2) -> list[str]:
    out.mkdir(exist_ok=True)
    enter(engine, out=out, entries=[Entry(case, Path(case)) for case in cases])
    (out / "log.txt").write_text("")
    run_local(engine, Errand(out, frozenset(cases), Options(), workers, told=lambda settled: None, function=work))
    return sorted((out / "log.txt").read_text().split())


def test_every_case_is_done_once_and_a_second_run_does_nothing(engine: Engine, tmp_path: Path, work: str) -> None:
    out, cases = tmp_path / "out", [f"c{number:02d}" for number in range(12)]
    assert go(engine, out, cases, work) == cases
    assert ledger.tally(engine, out=out) == {"done": 12}
    assert go(engine, out, cases, work) == []


def test_a_deleted_output_and_a_deleted_row_are_exactly_what_is_done_again(engine: Engine, tmp_path: Path, work: str) -> None:
    out, cases = tmp_path / "out", [f"c{number:02d}" for number in range(8)]
    go(engine, out, cases, work)
    (out / "c03" / "mask.txt").unlink()
    with transaction(engine) as db_session:
        db_session.delete(db_session.exec(select(Job).where(Job.name == "c05")).one())
    assert go(engine, out, cases, work) == ["c03", "c05"]


def test_a_changed_output_is_noticed(engine: Engine, tmp_path: Path, work: str) -> None:
    out, cases = tmp_path / "out", ["c1", "c2"]
    go(engine, out, cases, work)
    (out / "c2" / "mask.txt").write_text("something else")
    assert go(engine, out, cases, work) == ["c2"]


def test_a_lost_worker_costs_one_attempt_and_a_poisoned_case_is_set_aside(engine: Engine, tmp_path: Path, work: str) -> None:
    out, cases = tmp_path / "out", ["a", "once1", "poison1", "z"]
    log = go(engine, out, cases, work)
    assert log == ["a", "once1", "once1", "poison1", "poison1", "poison1", "z"]
    assert ledger.tally(engine, out=out) == {"done": 3, "poisoned": 1}
    assert ledger.failures(engine, out=out)[0][:2] == ("poison1", "worker_lost")


def test_a_rejected_scan_fails_at_once_with_its_reason(engine: Engine, tmp_path: Path, work: str) -> None:
    out = tmp_path / "out"
    assert go(engine, out, ["bad1", "c1"], work) == ["bad1", "c1"]
    assert ledger.failures(engine, out=out) == [("bad1", "not_ct", "not a CT")]


def test_a_hanging_case_loses_its_worker_and_not_the_batch(
    engine: Engine, tmp_path: Path, work: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLOW_SECONDS", "30")
    out = tmp_path / "out"
    out.mkdir()
    enter(engine, out=out, entries=[Entry("slow1", Path("s")), Entry("c1", Path("c"))])
    names = frozenset({"slow1", "c1"})
    run_local(engine, Errand(out, names, Options(), 1, told=lambda settled: None, function=work, longest_seconds=1.5))
    assert ledger.tally(engine, out=out) == {"done": 1, "poisoned": 1}
    assert ledger.failures(engine, out=out)[0][:2] == ("slow1", "too_slow")


PROGRAM = """
import sys
from pathlib import Path
from db.engine import open_engine, sqlite_url
from study.batch.case import Options
from study.batch.intake import enter
from study.batch.listing import Entry
from study.batch.local import run_local
from study.batch.settle import Errand
out, cases = Path(sys.argv[2]), [f"slow{n:02d}" for n in range(10)]
engine = open_engine(sqlite_url(Path(sys.argv[1])))
enter(engine, out=out, entries=[Entry(case, Path(case)) for case in cases])
run_local(engine, Errand(out, frozenset(cases), Options(), 2, told=print, function="batch_work:run"))
"""
SLOW_LEDGER = """
import time
from study.batch import ledger
hand_back = ledger.hand_back
ledger.hand_back = lambda engine, *, out, case: (time.sleep(1 if case == "slow00" else 0), hand_back(engine, out=out, case=case))
"""


def test_the_program_killed_again_and_again_ends_with_every_case_done_once(engine: Engine, tmp_path: Path, work: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "ledger.sqlite"), str(out)]
    for pause in (1.6, 2.0, 2.4):
        program = subprocess.Popen(command, env=os.environ.copy(), stdout=subprocess.DEVNULL, start_new_session=True)
        time.sleep(pause)
        os.killpg(program.pid, signal.SIGKILL)
        program.wait()
    subprocess.run(command, env=os.environ.copy(), check=True, stdout=subprocess.DEVNULL, timeout=120)
    assert ledger.tally(engine, out=out) == {"done": 10}
    assert all(outputs_sha256(out / f"slow{n:02d}") for n in range(10))


def test_ctrl_c_ends_the_workers_and_lets_go_of_the_cases_in_hand(
    engine: Engine, tmp_path: Path, work: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    monkeypatch.setenv("SLOW_SECONDS", "60")
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-c", SLOW_LEDGER + PROGRAM, str(tmp_path / "ledger.sqlite"), str(out)]
    program = subprocess.Popen(command, env=os.environ.copy(), preexec_fn=heed_interrupts)
    until = time.monotonic() + 120
    while not (out / "log.txt").exists() or len((out / "log.txt").read_text().split()) < 2:
        assert time.monotonic() < until
        time.sleep(0.1)
    workers = psutil.Process(program.pid).children()
    program.send_signal(signal.SIGINT)
    assert program.wait(timeout=60) != 0
    assert len(workers) == 2
    assert not psutil.wait_procs(workers, timeout=30)[1]
    assert ledger.tally(engine, out=out) == {"waiting": 10}


def test_a_fault_that_is_no_cases_own_ends_the_batch_and_blames_none(engine: Engine, tmp_path: Path, work: str) -> None:
    from study.batch.halt import Halted

    with pytest.raises(Halted, match="no such model") as fault:
        go(engine, tmp_path / "out", ["halt1", "halt2", "halt3"], work)
    assert fault.value.exit_status == 3
    assert ledger.tally(engine, out=tmp_path / "out") == {"waiting": 3}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_list"),
        ("case,path\n", "empty_list"),
        ("name,file\na,b\n", "wrong_columns"),
        ("case,path\n../a,x\n", "unusable_name"),
        ("case,path\na,\n", "no_path"),
        ("case,path\na,x\nA,y\n", "repeated_case"),
    ],
)
def test_a_faulty_list_is_refused_with_its_reason(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text)
    with pytest.raises(RejectedInput) as fault:
        read_list(path)
    assert fault.value.code == code


def test_the_command_reports_failures_as_json_and_exit_status_1(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("case,path\nnothing,missing.nii.gz\n")
    command = [
        sys.executable,
        "-m",
        "study.cli",
        "batch",
        str(tmp_path / "list.csv"),
        "--out",
        str(tmp_path / "out"),
        "--home",
        str(tmp_path / "home"),
    ]
    done = subprocess.run(
        [*command, "--method", "threshold", "--json"], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3]
    )
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert answer["done"] == 0
    assert answer["failed"][0]["case"] == "nothing"


def test_the_limits_of_a_protocol_reach_the_verdict_of_every_case(tmp_path: Path) -> None:
    import numpy as np

    from inference.geometry import Geometry
    from inference.phantom.save import save_nifti
    from inference.volume import Volume
    from study.batch.case import run_case
    from study.commands.batch import _plain_limits

    limits = _plain_limits("head_neck_cta")
    assert limits is not None
    assert limits["settings"]["most_veins"] == pytest.approx(0.15)  # [qc] max_vein_share of that protocol
    _, y, x = np.indices((40, 48, 48))
    array = np.where((y - 24) ** 2 + (x - 24) ** 2 < 20**2, 45, -1000) + np.where((y - 24) ** 2 + (x - 24) ** 2 < 5**2, 335, 0)
    volume = Volume((array + np.random.default_rng(1).normal(0, 10, array.shape)).astype(np.int16), Geometry(array.shape, (1.0, 1.0, 1.0)))
    save_nifti(volume.array, volume, tmp_path / "scan.nii.gz")
    options = Options(method="threshold", recipe="masks", limits={"settings": limits["settings"] | {"least_vessel_ml": 1e4}, "limits": {}})
    request = {"case": "one", "path": str(tmp_path / "scan.nii.gz"), "out": str(tmp_path), "options": options.as_dict()}
    assert run_case(request)["verdict"] == "reject"
    record = json.loads((tmp_path / "one" / "case.json").read_text())
    assert "no_vessel" in [finding["code"] for finding in record["qc"]["findings"]]
