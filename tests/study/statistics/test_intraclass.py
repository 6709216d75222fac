"""Shrout and Fleiss 1979, table 2 (6 subjects, 4 judges); table 4 prints .17, .29, .71, .44, .62, .91.

Intervals: psych::ICC (R) on the same table, as printed in its documentation. Further digits recomputed from the mean squares
of table 3 (11.24, 32.49, 1.02, 6.26).
"""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.statistics import StatisticsError, icc

SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


@pytest.mark.parametrize(
    ("form", "estimate", "f", "p", "low", "high"),
    [
        ("1", 0.17, 1.79, 0.165, -0.133, 0.72),
        ("2", 0.29, 11.03, 0.000135, 0.019, 0.76),
        ("3", 0.71, 11.03, 0.000135, 0.342, 0.95),
        ("1k", 0.44, 1.79, 0.165, -0.884, 0.91),
        ("2k", 0.62, 11.03, 0.000135, 0.071, 0.93),
        ("3k", 0.91, 11.03, 0.000135, 0.676, 0.99),
    ],
)
def test_the_published_six_forms(form: str, estimate: float, f: float, p: float, low: float, high: float) -> None:
    found = icc(SHROUT_FLEISS, form=form)
    assert found.estimate == pytest.approx(estimate, abs=0.005)
    assert found.statistic == pytest.approx(f, abs=0.005)
    assert found.p_value == pytest.approx(p, abs=0.0005)
    limits = found.interval()
    assert limits.low == pytest.approx(low, abs=0.0006)
    assert limits.high == pytest.approx(high, abs=0.005)


def test_the_published_mean_squares() -> None:
    squares = icc(SHROUT_FLEISS).mean_squares
    assert {name: round(value, 2) for name, value in squares.items()} == {"subjects": 11.24, "raters": 32.49, "error": 1.02, "within": 6.26}


def test_a_subject_with_a_missing_rating_is_left_out_with_a_note() -> None:
    found = icc([*SHROUT_FLEISS, [5, np.nan, 5, 5]])
    assert found.estimate == icc(SHROUT_FLEISS).estimate
    assert any("1 of 7 subjects" in note for note in found.notes)


def test_constant_scores_have_no_correlation_and_no_interval() -> None:
    found = icc(np.full((5, 3), 4.0))
    assert math.isnan(found.estimate)
    assert math.isnan(found.interval().low)
    json.dumps(found.to_dict(), allow_nan=False)


def test_perfect_agreement_is_one() -> None:
    assert icc([[1, 1], [2, 2], [5, 5]], form="2").estimate == pytest.approx(1.0)


def test_unusable_ratings_are_refused() -> None:
    with pytest.raises(StatisticsError, match="form among"):
        icc(SHROUT_FLEISS, form="4")
    with pytest.raises(StatisticsError, match="2 raters"):
        icc([[1], [2], [3]])


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), form=st.sampled_from(["1", "2", "3", "1k", "2k", "3k"]))
def test_order_and_scale_change_nothing_and_the_interval_holds_the_estimate(seed: int, form: str) -> None:
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(8, 3)) + rng.normal(size=(8, 1))
    first = icc(table, form=form)
    again = icc(10 + 3 * table[rng.permutation(8)][:, rng.permutation(3)], form=form)
    assert again.estimate == pytest.approx(first.estimate)
    if form[0] != "2":
        assert first.estimate in first.interval(0.99)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10_000), form=st.sampled_from(["1", "2", "3", "1k", "2k", "3k"]))
def test_limits_are_in_order_even_for_noise(seed: int, form: str) -> None:
    low, high = icc(np.random.default_rng(seed).integers(0, 3, size=(4, 3)), form=form).interval()
    assert math.isnan(low) or low <= high <= 1 + 1e-12


@pytest.mark.slow
def test_the_one_way_interval_covers_at_its_level() -> None:
    """Exact under normality: true ICC 0.5, 2,000 simulated studies of 20 subjects and 3 raters."""
    rng = np.random.default_rng(9)
    inside = sum(0.5 in icc(rng.normal(size=(20, 3)) + rng.normal(size=(20, 1)), form="1").interval() for _ in range(2000))
    assert abs(inside / 2000 - 0.95) < 0.015
