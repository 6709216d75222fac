"""`gilbreth batch` as a user meets it: wrong lists, wrong options, folders that cannot be written to, Ctrl-C, other options later."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from inference.save import save_nifti
from study.cli import run
from tests.inference.scenes import scene
from tests.study.batch.signals import heed_interrupts

KNOWN = scene()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GILBRETH_DATABASE_URL", raising=False)
    for name in ("one", "two"):
        save_nifti(KNOWN.volume.array + np.int16(name == "two"), KNOWN.volume, tmp_path / f"{name}.nii.gz")
    (tmp_path / "list.csv").write_text("case,path\none,one.nii.gz\ntwo,two.nii.gz\n")
    return tmp_path


def batch(*words: str) -> int:
    return run(["batch", "list.csv", "--out", "out", "--home", "home", "--method", "threshold", "--recipe", "masks", *words])


def made_at(folder: Path) -> dict[str, int]:
    return {path.parent.name: path.stat().st_mtime_ns for path in (folder / "out").glob("*/case.json")}


def test_a_changed_output_is_made_again_as_it_was_and_not_taken_for_good(folder: Path, capsys) -> None:
    assert batch() == 0
    before, mask = made_at(folder), folder / "out" / "two" / "masks" / "vessel.nii.gz"
    whole = mask.read_bytes()
    mask.write_bytes(whole[:-20])
    assert batch() == 0
    assert mask.read_bytes() == whole
    assert made_at(folder)["one"] == before["one"]
    assert "2 of 2 cases done, 1 of them before" in capsys.readouterr().out


def test_other_options_than_before_are_done_and_not_called_done(folder: Path) -> None:
    assert batch() == 0
    assert batch("--protocol", "head_neck_cta") == 0
    records = [json.loads(path.read_text()) for path in (folder / "out").glob("*/case.json")]
    assert all(record["request"]["limits_sha256"] for record in records)
    before = made_at(folder)
    assert batch("--protocol", "head_neck_cta") == 0
    assert made_at(folder) == before


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--method", "nonsense"], 2, "unknown method"),
        (["--recipe", "nonsense"], 2, "unknown recipe"),
        (["--engine", "nonsense"], 2, "unknown engine"),
        (["--device", "nonsense"], 2, "unknown device"),
        (["--method", "subtraction"], 4, "rejected [no_unenhanced]: 2 cases have no unenhanced scan: one, two"),
        (["--out", "one.nii.gz"], 4, "rejected [no_place]"),
        (["--out", "/proc/out"], 4, "rejected [no_place]"),
    ],
)
def test_what_would_fail_every_case_is_refused_before_any(folder: Path, capsys, words: list[str], status: int, said: str) -> None:
    assert batch(*words) == status
    told = capsys.readouterr()
    assert said in told.err
    assert "Traceback" not in told.err
    assert not (folder / "home").exists() or not made_at(folder)


def test_a_missing_model_ends_the_batch_with_its_own_status_and_blames_no_case(folder: Path, capsys) -> None:
    assert batch("--method", "network", "--model", "nonsense") == 3
    told = capsys.readouterr()
    assert "stopped: no model 'nonsense'" in told.err
    assert batch() == 0  # nothing stands in the way of the right command


def test_a_database_that_does_not_answer_is_told_in_a_line(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("GILBRETH_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert batch() == 3
    assert "the database does not answer" in capsys.readouterr().err


def test_missing_broken_and_good_scans_come_to_one_line_each(folder: Path, capsys) -> None:
    (folder / "broken.nii.gz").write_text("no image")
    (folder / "list.csv").write_text("case,path\ngood,one.nii.gz\nmissing,none.nii.gz\nbroken,broken.nii.gz\n")
    assert batch("--json") == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["done"] == 1
    assert {item["case"]: item["code"] for item in answer["failed"]} == {"missing": "not_found", "broken": "damaged"}
    assert batch() == 1  # again: what failed is tried afresh, what is done stays
    assert "1 of 3 cases done, 1 of them before" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(("end", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_an_interrupted_batch_leaves_no_worker_behind_and_goes_on_at_once(folder: Path, tmp_path: Path, end: int, status: int) -> None:
    import psutil

    rows = [f"c{number},one.nii.gz" for number in range(60)]
    (folder / "list.csv").write_text("\n".join(["case,path", *rows]) + "\n")
    words = "-m study.cli batch list.csv --out out --home home --method threshold --recipe masks --workers 2"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    program = subprocess.Popen(
        [sys.executable, *words.split()], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts
    )
    until = time.monotonic() + 120
    while not made_at(folder) and time.monotonic() < until:
        time.sleep(0.1)
    workers = psutil.Process(program.pid).children()
    program.send_signal(end)
    _, told = program.communicate(timeout=60)
    assert program.returncode == status
    assert "Traceback" not in told
    gone, left = psutil.wait_procs(workers, timeout=20)
    assert len(gone) >= 2
    assert not left
    done = set(made_at(folder))
    assert 0 < len(done) < 60
    (folder / "list.csv").write_text("\n".join(["case,path", *rows[:8]]) + "\n")
    assert batch() == 0
