"""Hodges-Lehmann: R to every digit, ties and zeros by enumeration, and the symmetry of the arms."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from study.statistics import StatisticsError, hodges_lehmann
from study.statistics.signed_rank_distribution import signed_rank_distribution, untied_quantile
from study.statistics.walsh_averages import WalshAverages

# Hollander & Wolfe (1973), p. 29: depression scale factor before and after a tranquilliser; the example of R's wilcox.test.
BEFORE = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
AFTER = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
TIED_WITH_ZEROS = [-3, -2, -2, 0, 1, -5, -4, 0, 2, -1, -6, -3, -2, 1, 0, -7]


def park_miller(n: int) -> np.ndarray:
    """The minimal standard generator, which R and Python compute alike."""
    state, values = 7, []
    for _ in range(n):
        state = 16807 * state % 2147483647
        values.append(state / 2147483647)
    return np.array(values)


def test_hollander_and_wolfe_depression_data():
    # R 4.2.2: wilcox.test(x - y, conf.int = TRUE); p is printed in the book as 0.0390 for two sides
    result = hodges_lehmann(BEFORE - AFTER)
    assert result.statistic == 40
    assert result.p_value == 0.0390625
    assert result.estimate == pytest.approx(0.46)
    assert tuple(result.interval()) == pytest.approx((0.01, 0.786))


def test_240_pairs_are_exact():
    # R 4.2.2: s <- 7; u <- numeric(240); for (i in 1:240) { s <- (16807 * s) %% 2147483647; u[i] <- s / 2147483647 }
    #          wilcox.test(round(8 * (u - 0.55), 6), exact = TRUE, conf.int = TRUE)
    result = hodges_lehmann(np.round(8 * (park_miller(240) - 0.55), 6))
    assert result.statistic == 12529
    assert result.p_value == pytest.approx(0.0729287193282234, rel=1e-12)
    assert result.estimate == pytest.approx(-0.29558325, abs=1e-12)
    assert tuple(result.interval()) == pytest.approx((-0.598533, 0.0247225), abs=1e-12)


@pytest.mark.parametrize(
    ("continuity", "p_value", "interval"),
    [
        (True, 0.0126890550483965, (-4.0000499793547437, -0.5000120116231025)),
        (False, 0.0114883402492113, (-4.0000604266943025, -0.5000045678683817)),
    ],
)
def test_normal_method_reproduces_r_with_ties_and_zeros(continuity, p_value, interval):
    # R 4.2.2: wilcox.test(z, exact = FALSE, correct = continuity, conf.int = TRUE); the roots depend on R's search path
    result = hodges_lehmann(TIED_WITH_ZEROS, method="normal", continuity=continuity)
    assert result.statistic == 9.5
    assert result.p_value == pytest.approx(p_value, rel=1e-10)
    assert result.estimate == pytest.approx(-2.4999401455391070, abs=1e-10)
    assert tuple(result.interval()) == pytest.approx(interval, abs=1e-10)


def test_exact_p_under_ties_equals_enumeration_of_all_signs():
    kept = np.array([value for value in TIED_WITH_ZEROS if value != 0], dtype=float)
    ranks = stats.rankdata(np.abs(kept))
    sums = [float(ranks[np.array(signs, dtype=bool)].sum()) for signs in itertools.product((0, 1), repeat=kept.size)]
    centre = ranks.sum() / 2
    extreme = np.mean(np.abs(np.array(sums) - centre) >= abs(9.5 - centre) - 1e-9)
    result = hodges_lehmann(TIED_WITH_ZEROS)
    assert result.p_value == pytest.approx(float(extreme), rel=1e-12)
    assert result.n == 13
    assert any(note.startswith("3 of 16 differences are zero") for note in result.notes)
    assert any("tied" in note for note in result.notes)


def test_exact_interval_holds_the_shifts_that_the_test_does_not_reject():
    differences = np.array([-9.1, -7.4, -12.0, -8.8, -10.3, -9.9, 0.4, -11.2, -6.05, -8.15])
    low, high = hodges_lehmann(differences).interval()
    for shift in np.linspace(-12.5, 0.5, 261) + 0.0007:
        assert (hodges_lehmann(differences - shift).p_value > 0.05) == (low < shift < high)


@given(st.lists(st.integers(-12, 12), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_swapping_the_arms_reverses_the_shift_and_keeps_p(differences):
    one, other = hodges_lehmann(differences), hodges_lehmann([-d for d in differences])
    assert one.estimate == -other.estimate
    assert one.p_value == pytest.approx(other.p_value, rel=1e-12)
    assert tuple(one.interval()) == tuple(-x for x in reversed(tuple(other.interval())))


def test_the_exact_null_distribution_is_scipys():
    mine = np.cumsum(signed_rank_distribution(np.arange(1, 21)))
    differences = np.arange(1.0, 21.0) * np.where(np.arange(20) % 3 == 0, -1, 1)
    expected = stats.wilcoxon(differences, method="exact", alternative="less").pvalue
    assert mine[int(differences[differences > 0].sum())] == pytest.approx(expected, rel=1e-12)


def test_quantiles_are_rs():
    # R 4.2.2: qsignrank(0.025, c(5, 6, 9, 25, 100, 240))
    assert [untied_quantile(0.025, n=n) for n in (5, 6, 9, 25, 100, 240)] == [0, 1, 6, 90, 1956, 12351]


def test_counting_finds_the_same_order_statistics_as_listing(monkeypatch):
    differences = np.round(np.random.default_rng(3).normal(-9, 4, 60), 1)
    listed = WalshAverages(differences)
    monkeypatch.setattr("study.statistics.walsh_averages._LISTED_UP_TO", 1)
    counted = WalshAverages(differences)
    for rank in (1, 2, 17, 900, 915, 916, 1829, 1830):
        assert counted.order_statistic(rank) == pytest.approx(listed.order_statistic(rank), abs=1e-12)


def test_eighteen_thousand_pairs_are_answered_and_the_approximation_is_named():
    result = hodges_lehmann(np.random.default_rng(1).normal(-9.28, 3.6, 18_259))
    assert result.estimate == pytest.approx(-9.28, abs=0.1)
    assert result.estimate in result.interval()
    assert "normal approximation" in result.method


def test_only_zero_differences_leave_nothing_to_rank():
    result = hodges_lehmann([0, 0, 0])
    assert (result.estimate, result.p_value, tuple(result.interval())) == (0.0, 1.0, (0.0, 0.0))
    assert "nothing to rank" in result.notes[-1]


def test_missing_differences_are_counted():
    result = hodges_lehmann([1.0, float("nan"), 2.0])
    assert result.notes[0] == "1 of 3 pairs left out: a side is missing"


@pytest.mark.parametrize(("differences", "method"), [([], "exact"), ([1.0, 2.0], "approximate"), ([float("inf"), 1.0], "exact")])
def test_impossible_input_is_refused(differences, method):
    with pytest.raises(StatisticsError):
        hodges_lehmann(differences, method=method)
