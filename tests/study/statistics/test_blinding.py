"""CRISP trial, table 7 of Bang, Ni and Davis 2004; digits from R package BI 1.2.0 on the same counts."""

import json

import pandas as pd
import pytest

from study.statistics import StatisticsError, blinding_index

CRISP = [[82, 25, 170], [29, 27, 83]]


def test_the_crisp_trial_gives_the_published_indices() -> None:
    found = blinding_index(CRISP)
    first, second = found.by_arm["manual"], found.by_arm["ai"]
    assert (first.estimate, first.standard_error) == pytest.approx((0.205776173, 0.035237090), abs=1e-9)
    assert tuple(first.interval()) == pytest.approx((0.13671275, 0.274839602), abs=1e-8)
    assert (second.estimate, second.standard_error) == pytest.approx((-0.014388489, 0.053822962), abs=1e-9)
    assert tuple(second.interval()) == pytest.approx((-0.11987956, 0.091102579), abs=1e-8)


def test_investigators_of_houweling_2014() -> None:
    """R package BI documentation: guesses 48, 22 / 4, 30 / 330, 319 (treatment, placebo, don't know)."""
    found = blinding_index([[48, 4, 330], [22, 30, 319]])
    assert found.by_arm["manual"].estimate == pytest.approx((48 - 4) / 382)
    assert found.by_arm["ai"].estimate == pytest.approx((30 - 22) / 371)


def test_one_row_per_guess_counts_the_same() -> None:
    rows = [("manual", "manual")] * 82 + [("manual", "ai")] * 25 + [("manual", None)] * 170
    rows += [("ai", "manual")] * 29 + [("ai", "ai")] * 27 + [("ai", "don't know")] * 83
    assert blinding_index(pd.DataFrame(rows, columns=["arm", "guess"])) == blinding_index(CRISP)


def test_full_unblinding_is_one_and_has_no_test() -> None:
    found = blinding_index([[30, 0, 0], [0, 30, 0]])
    assert found.estimate == 1.0
    assert found.p_value is None
    json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.parametrize("table", [[[1, 2, 3]], [[1, -2, 3], [1, 2, 3]], [[0, 0, 0], [1, 2, 3]], [[0.5, 1, 1], [1, 1, 1]]])
def test_unusable_tables_are_refused(table: list[list[float]]) -> None:
    with pytest.raises(StatisticsError):
        blinding_index(table)
