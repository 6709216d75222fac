"""Validity is shown by simulation; widths by the formula of the t test's Bayes factor, inverted numerically."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from study.statistics import StatisticsError, confidence_sequence


def ever_missed(draws: np.ndarray, true: float, **options: float) -> float:
    missed = 0
    for row in draws:
        found = confidence_sequence(row, **options)
        missed += bool(((np.array(found.lower) > true) | (np.array(found.upper) < true)).any())
    return missed / len(draws)


def test_looking_after_every_case_errs_less_than_five_times_in_a_hundred() -> None:
    """1,000 normal studies of 300 differences, every prefix looked at; Monte-Carlo error 0.007."""
    draws = np.random.default_rng(1).normal(-9, 3.6, size=(1000, 300))
    assert ever_missed(draws, -9.0) <= 0.05 + 0.007


def test_an_ordinary_interval_watched_as_often_would_err_far_more() -> None:
    draws = np.random.default_rng(1).normal(-9, 3.6, size=(100, 300))
    n = np.arange(2, 301)
    means = draws.cumsum(axis=1)[:, 1:] / n
    sds = np.array([[row[:k].std(ddof=1) for k in n] for row in draws])
    assert (np.abs(means + 9) > stats.t.ppf(0.975, n - 1) * sds / np.sqrt(n)).any(axis=1).mean() > 0.3


def test_minutes_as_skewed_as_measured_ones_keep_the_level() -> None:
    """Log-normal minutes with the paper's means and SDs (14.22, 3.64 and 4.94, 0.36): still within 5 in 100."""
    rng = np.random.default_rng(2)
    sd = [math.sqrt(math.log1p((s / m) ** 2)) for m, s in ((14.22, 3.64), (4.94, 0.36))]
    mu = [math.log(m) - s * s / 2 for m, s in zip((14.22, 4.94), sd, strict=True)]
    draws = rng.lognormal(mu[1], sd[1], size=(1000, 200)) - rng.lognormal(mu[0], sd[0], size=(1000, 200))
    assert ever_missed(draws, 4.94 - 14.22) <= 0.05 + 0.01


def test_the_limits_are_where_the_bayes_factor_reaches_twenty() -> None:
    """Bayes factor by integration over the effect (noncentral t / central t), solved for the mean: independent of the formula."""
    values = np.array([-9.1, -8.7, -9.6, -9.9, -8.8, -9.2, -10.1, -9.4])
    n, mean, sd = values.size, values.mean(), values.std(ddof=1)

    def factor(mu: float) -> float:
        t = (mean - mu) / (sd / math.sqrt(n))
        over = integrate.quad(lambda d: stats.nct.pdf(t, n - 1, d * math.sqrt(n)) * stats.norm.pdf(d), -8, 8, limit=200)[0]
        return over / stats.t.pdf(t, n - 1)

    upper = optimize.brentq(lambda mu: factor(mu) - 20, mean + 0.01, mean + 3)
    found = confidence_sequence(values)
    assert found.interval().high == pytest.approx(upper, rel=1e-5)
    assert found.upper[-1] == found.interval().high
    assert found.interval().low == pytest.approx(2 * mean - upper, rel=1e-5)


def test_the_p_value_is_the_best_evidence_so_far() -> None:
    strong = confidence_sequence([-9.1, -8.7, -9.6, -9.9, -8.8])
    later = confidence_sequence([-9.1, -8.7, -9.6, -9.9, -8.8, 30.0, 40.0])
    assert strong.p_value is not None
    assert strong.p_value < 0.05
    assert later.p_value == pytest.approx(strong.p_value)


def test_nothing_is_excluded_after_one_case() -> None:
    found = confidence_sequence([-9.0])
    assert (found.interval().low, found.interval().high) == (-math.inf, math.inf)
    assert found.p_value is None
    json.dumps(found.to_dict(), allow_nan=False)


def test_differences_that_never_vary_are_not_judged() -> None:
    found = confidence_sequence([-5.0] * 10)
    assert found.p_value is None
    assert any("do not vary" in note for note in found.notes)


def test_missing_differences_are_left_out_with_a_note() -> None:
    found = confidence_sequence([-9.0, np.nan, -8.0, -10.0])
    assert found.n == 3
    assert any("1 of 4" in note for note in found.notes)


def test_strong_skewness_is_pointed_out() -> None:
    values = np.random.default_rng(5).lognormal(0, 1.2, size=80)
    assert any("skewed" in note for note in confidence_sequence(values).notes)


@pytest.mark.parametrize(("values", "options"), [([], {}), ([np.nan], {}), ([1.0], {"level": 1.0}), ([1.0], {"mixture": 0.0})])
def test_unusable_input_is_refused(values: list[float], options: dict[str, float]) -> None:
    with pytest.raises(StatisticsError):
        confidence_sequence(values, **options)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_swapping_the_arms_turns_the_sequence_round_and_keeps_p(seed: int) -> None:
    values = np.random.default_rng(seed).normal(-1, 2, size=20)
    first, swapped = confidence_sequence(values), confidence_sequence(-values)
    assert swapped.lower[-1] == pytest.approx(-first.upper[-1])
    assert swapped.p_value == pytest.approx(first.p_value)
    narrow, wide = first.interval(0.8), first.interval(0.99)
    assert wide.low < narrow.low < first.estimate < narrow.high < wide.high
