"""The accuracy table can be cut, taken up again, and measured anew for one method alone."""

import sys
from pathlib import Path

import numpy as np
import pytest

from inference import Geometry, Volume
from inference.segmentation.result import Segmentation

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SHAPE = (12, 12, 12)


@pytest.fixture
def accuracy(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import accuracy

    yield accuracy
    for name in ("accuracy", "judges", "measures", "thorax"):
        sys.modules.pop(name, None)


def judge(accuracy):
    truth = np.zeros(SHAPE, bool)
    truth[:, 4:7, 4:7] = True
    none = np.zeros(SHAPE, bool)
    known = {"vessel": truth, "arteries": truth, "bone": np.roll(truth, 5, axis=2), "veins": none, "plaque": none}
    return accuracy.Judge("a group", "a case", Volume(truth.astype(np.int16) * 300, Geometry(SHAPE, (1.0, 1.0, 1.0))), known)


def answers(asked):
    def segment(method, judge, model):
        asked.append(method)
        vessel = judge.truth["vessel"].astype(np.uint8)
        return Segmentation(vessel, np.zeros_like(vessel), np.zeros_like(vessel), np.zeros_like(vessel))

    return segment


def test_a_case_measured_is_not_measured_again_even_by_another_run(accuracy, monkeypatch, tmp_path) -> None:
    asked: list[str] = []
    monkeypatch.setattr(accuracy, "segment", answers(asked))
    signed = {"threshold": "1", "network": "a"}
    for _ in range(2):
        accuracy.run(judge(accuracy), ["threshold", "network"], None, signed, accuracy.Record(tmp_path / "kept.json"))
    assert asked == ["threshold", "network"]
    [row, _] = accuracy.Record(tmp_path / "kept.json").of(signed)
    assert row.figures["Dice"] == 1.0
    assert row.figures["bone called vessel"] == 0.0


def test_new_weights_are_measured_and_the_other_method_keeps_its_figures(accuracy, monkeypatch, tmp_path) -> None:
    asked: list[str] = []
    monkeypatch.setattr(accuracy, "segment", answers(asked))
    record = accuracy.Record(tmp_path / "kept.json")
    accuracy.run(judge(accuracy), ["threshold", "network"], None, {"threshold": "1", "network": "a"}, record)
    new = {"threshold": "1", "network": "b"}
    assert [row.method for row in record.of(new)] == ["threshold"]
    accuracy.run(judge(accuracy), ["threshold", "network"], None, new, record)
    assert asked == ["threshold", "network", "network"]
    assert {row.method: row.version for row in record.of(new)} == new


def test_the_table_shows_mean_and_range_and_an_interval_from_five_cases_on(accuracy) -> None:
    from measures import Row, table

    rows = [Row("heads", str(k), "threshold", "1", {"Dice": 0.1 * k, "seconds": 1.0}) for k in range(5)]
    # mean 0.2, standard deviation 0.1581, t(0.975, 4) = 2.776: half-width 2.776 * 0.1581 / sqrt(5) = 0.196
    assert "| Dice | 0.200 ± 0.196 (0.000 to 0.400) |" in table(rows, ["threshold", "network"])
    assert "| Dice | 0.050 (0.000 to 0.100) |" in table(rows[:2], ["threshold"])


def test_the_document_shows_the_rows_that_are_kept_of_todays_weights_and_rules(accuracy):
    rows = accuracy.Record(BENCHMARKS / "accuracy.json").of(accuracy.versions(None))
    assert {row.method for row in rows} == set(accuracy.ALL)
    document = (BENCHMARKS.parent / "docs" / "accuracy.md").read_text().splitlines()
    missing = [line for line in accuracy.table(rows, accuracy.ALL) if line not in document]
    assert not missing
