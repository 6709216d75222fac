"""The benchmark runs on a small case and says what it compared."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from inference.benchmark import Timing, run_stages, table
from inference.benchmark.case import BenchmarkCase
from inference.benchmark.rivals import read_simpleitk
from inference.benchmark.whole import run_whole


def test_a_stage_is_timed_in_turns_with_its_rival() -> None:
    (timing,) = run_stages(only=["resample"], slices=40, size=64, repeats=2)
    assert timing.rival == "SimpleITK linear"
    assert timing.seconds > 0
    assert timing.ratio == pytest.approx(timing.seconds / (timing.rival_seconds or 1))


def test_stages_of_every_kind_run_on_a_small_case_and_say_what_they_found() -> None:
    timings = {
        item.stage: item for item in run_stages(only=["decide", "distance", "registration", "dicom-full"], slices=40, size=64, repeats=1)
    }
    assert len(timings) == 4
    assert "mean error" in timings["rigid registration"].note
    assert timings["rigid registration"].in_seconds
    assert all(item.processor_seconds is not None for item in timings.values())


def test_the_rival_that_reads_gives_its_picture_whole(tmp_path: Path) -> None:
    case = BenchmarkCase(40, 64, tmp_path)
    image = read_simpleitk(case.series)
    assert np.array_equal(sitk.GetArrayFromImage(image), np.maximum(case.volume.array, -1024))  # what a file holds


def test_a_whole_reconstruction_runs_in_a_process_of_its_own_and_tells_its_memory(tmp_path: Path) -> None:
    scan = BenchmarkCase(40, 64, tmp_path).series
    peak_mb = run_whole(scan, tmp_path / "out", method="threshold")
    assert (tmp_path / "out" / "case.json").exists()
    assert peak_mb > 50
    with pytest.raises(RuntimeError, match="unknown method"):
        run_whole(scan, tmp_path / "other", method="guess")


def test_the_table_shows_medians_ratio_and_target() -> None:
    row = table([Timing("x", "", 3.0, None, 5, 40.0, "n")])[2]
    assert row == "| x | 3.00 | – | – | – | 40 s | met | – / – | – | 5 | – | n |"
    assert "| missed, 2.0 times |" in table([Timing("x", "y", 3.0, 10.0, 5, 0.15)])[2]
    assert "| 2 s | missed, 1.5 times |" in table([Timing("x", "y", 3.0, 10.0, 5, 2.0, in_seconds=True)])[2]


def test_an_unknown_stage_is_wrong_usage(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "study.cli", "benchmark", "--only", "magic"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "unknown stage magic" in done.stderr


def test_the_command_prints_json_with_the_machine() -> None:
    command = [
        sys.executable,
        "-m",
        "study.cli",
        "benchmark",
        "--only",
        "components",
        "--slices",
        "40",
        "--size",
        "64",
        "--repeats",
        "1",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    assert answer["shape"] == [40, 64, 64]
    assert answer["stages"][0]["stage"] == "components, counted"
