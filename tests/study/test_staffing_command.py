"""`gilbreth staffing` as a user runs it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.cli import run


def table(path: Path, *, tasks: int = 240) -> Path:
    rng = np.random.default_rng(0)
    at = pd.date_range("2026-03-02 08:00", periods=tasks, freq="2h", tz="UTC")
    arm = np.where(np.arange(tasks) % 2, "ai", "manual")
    seconds = 60 * np.where(arm == "ai", 5, 14) * rng.lognormal(0, 0.2, tasks)
    rows = {"site": "S1", "case": [f"C{n}" for n in range(tasks)], "technologist": [f"T{n % 6}" for n in range(tasks)], "arm": arm,
            "period": 1, "sequence": "", "started_at": at,
             "elapsed_seconds": seconds, "hands_on_seconds": seconds, "ai_wait_seconds": 0, "clicks": 4,
            "instrument": "import", "missing_reason": ""}  # fmt: skip
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        (["--tasks", "nothing.csv"], 4, "rejected [no_such_file]"),
        (["--tasks", "bad.csv"], 4, "rejected [missing_columns]"),
        (["--tasks", "few.csv"], 4, "rejected [few_tasks]"),
        (["--tasks", "good.csv", "--pattern", "nights"], 2, "give --pattern day"),
    ],
)
def test_bad_input_is_refused_in_one_line(tmp_path, monkeypatch, capsys, given, status, words) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    table(tmp_path / "good.csv")
    table(tmp_path / "few.csv", tasks=9)
    assert run(["staffing", *given]) == status
    said = capsys.readouterr().err.strip()
    assert words in said
    assert len(said.splitlines()) == 1


@pytest.mark.slow
def test_the_answer_holds_every_scenario_as_json(tmp_path, capsys) -> None:
    assert run(["staffing", "--tasks", str(table(tmp_path / "good.csv")), "--within", "60", "--level", "0.8", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["scenarios"]) == 24
    assert found["now"]["work"][0] < found["by_hand"]["work"][0]
