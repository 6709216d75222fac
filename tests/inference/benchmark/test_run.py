"""The benchmark runs on a small case and says what it compared."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from inference.benchmark import Timing, run_stages, table


def test_a_stage_is_timed_in_turns_with_its_rival() -> None:
    (timing,) = run_stages(only=["resample"], slices=40, size=64, repeats=2)
    assert timing.rival == "SimpleITK linear"
    assert timing.seconds > 0
    assert timing.ratio == pytest.approx(timing.seconds / (timing.rival_seconds or 1))


def test_the_table_shows_medians_ratio_and_target() -> None:
    row = table([Timing("x", "", 3.0, None, 5, 40.0, "n")])[2]
    assert row == "| x | 3.00 | – | – | – | 40 s | 5 | n |"


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
    assert answer["stages"][0]["stage"] == "components"
