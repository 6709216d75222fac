"""Published charts: Montgomery, Introduction to Statistical Quality Control (6th-7th edition)."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.statistics import StatisticsError, cusum, individuals_chart, p_chart

# Example 6.5, viscosity of aircraft primer paint, 15 batches: mean 33.52, mean moving range 0.48, limits 32.24 and 34.80.
VISCOSITY = [33.75, 33.05, 34.00, 33.81, 33.46, 34.02, 33.68, 33.27, 33.49, 33.20, 33.62, 33.00, 33.54, 33.12, 33.84]
# Example 7.1, nonconforming orange-juice cans, 30 samples of 50: p 0.2313, limits 0.0524 and 0.4102.
CANS = [12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22, 8, 10, 5, 13, 11, 20, 18, 24, 15, 9, 12, 7, 13, 9, 6]
# Table 9.1: 20 values on target 10, then 10 one sd higher; table 9.2 lists C+ (5.28 at period 29, first above 5) and C-.
SHIFTED = [9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.20, 10.34, 9.03, 11.47, 10.51, 9.40, 10.08]
SHIFTED += [9.37, 10.62, 10.31, 8.52, 10.84, 10.90, 9.33, 12.29, 11.50, 10.60, 11.08, 10.38, 11.62, 11.31, 10.52]


def test_the_published_individuals_chart() -> None:
    chart = individuals_chart(VISCOSITY)
    assert chart.centre == chart.estimate == pytest.approx(33.52, abs=0.005)
    assert (chart.lower, chart.upper) == pytest.approx((32.24, 34.80), abs=0.01)


def test_limits_are_two_point_sixty_six_mean_moving_ranges_from_the_mean() -> None:
    """By hand: mean 3.6, moving ranges 2, 1, 2, 1, so 1.5 on average."""
    chart = individuals_chart([2, 4, 3, 5, 4])
    assert (chart.lower, chart.upper) == pytest.approx((3.6 - 2.66 * 1.5, 3.6 + 2.66 * 1.5))
    assert chart.n == 5


def test_a_baseline_fixes_the_limits() -> None:
    after = [*VISCOSITY, 40, 41, 42]
    plain = individuals_chart(VISCOSITY)
    mask = [True] * 15 + [False] * 3
    for baseline in (15, slice(0, 15), mask):
        chart = individuals_chart(after, baseline=baseline)
        assert (chart.centre, chart.lower, chart.upper) == (plain.centre, plain.lower, plain.upper)
        assert len(chart.values) == 18


def test_no_moving_range_crosses_a_gap() -> None:
    chart = individuals_chart([1, 2, np.nan, 10, 11])
    assert chart.upper - chart.centre == pytest.approx(2.66)
    json.dumps(chart.to_dict(), allow_nan=False)


def test_the_published_p_chart() -> None:
    chart = p_chart(CANS, [50] * 30)
    assert chart.centre == pytest.approx(0.2313, abs=0.00005)
    assert (chart.lower[0], chart.upper[0]) == pytest.approx((0.0524, 0.4102), abs=0.0001)
    assert [k + 1 for k, value in enumerate(chart.values) if value > chart.upper[k]] == [15, 23]


def test_limits_follow_the_size_of_each_week_and_stay_within_zero_and_one() -> None:
    chart = p_chart([9, 92, 10], [10, 100, 10])
    assert chart.upper[0] == 1.0
    assert chart.lower[1] > chart.lower[0]


def test_laneys_sigma_is_the_mean_moving_range_of_the_scores() -> None:
    """By hand from Laney 2002: z = (p − centre) / sigma, sigma z = mean |difference of z| / 1.128."""
    events, totals = np.array([900, 950, 870, 930, 910]), np.array([1000, 1010, 990, 1000, 1005])
    plain, wide = p_chart(events, totals), p_chart(events, totals, laney=True)
    sigma = np.sqrt(plain.centre * (1 - plain.centre) / totals)
    inflation = np.abs(np.diff((events / totals - plain.centre) / sigma)).mean() / 1.128
    assert inflation > 2
    assert wide.upper[2] == pytest.approx(min(1.0, plain.centre + 3 * inflation * sigma[2]))
    assert "Laney" in wide.method


def test_all_pass_has_limits_on_the_centre_and_says_so() -> None:
    chart = p_chart([20] * 15, [20] * 15)
    assert (chart.centre, chart.lower[0], chart.upper[0]) == (1.0, 1.0, 1.0)
    assert any("no variation" in note for note in chart.notes)


def test_laneys_chart_of_all_passes_is_the_plain_one() -> None:
    assert p_chart([20] * 15, [20] * 15, laney=True).upper == p_chart([20] * 15, [20] * 15).upper


def test_a_week_without_cases_is_a_gap() -> None:
    chart = p_chart([5, 0, 6], [10, 0, 10])
    assert p_chart([5, np.nan, 6], [10, 10, 10]).centre == chart.centre
    assert np.isnan(chart.values[1])
    assert chart.centre == pytest.approx(0.55)
    json.dumps(chart.to_dict(), allow_nan=False)


def test_the_published_cusum_signals_at_period_29() -> None:
    chart = cusum(SHIFTED, target=10, sd=1)
    assert chart.signals == (28,)
    assert chart.high[28] == pytest.approx(5.28, abs=0.005)
    assert chart.high[27] == pytest.approx(4.47, abs=0.005)
    assert chart.low[:3] == pytest.approx((-0.05, -1.56, -1.77))
    assert chart.high[29] == pytest.approx(0.02, abs=0.005)


def test_a_cusum_looks_both_ways() -> None:
    assert cusum([20 - value for value in SHIFTED], target=10, sd=1).signals == (28,)


def test_unusable_series_are_refused() -> None:
    with pytest.raises(StatisticsError, match="2 adjacent"):
        individuals_chart([1.0])
    with pytest.raises(StatisticsError, match="totals"):
        p_chart([5, 6], [5, 5])
    with pytest.raises(StatisticsError, match="do not vary"):
        cusum([1.0, 1.0, 1.0])
    with pytest.raises(StatisticsError, match="mark the baseline"):
        individuals_chart([1.0, 2.0], baseline=[1, 2, 3])  # type: ignore[list-item]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=3, max_size=30), st.floats(0.1, 10))
def test_a_chart_moves_and_stretches_with_its_values(values: list[float], scale: float) -> None:
    first, again = individuals_chart(values), individuals_chart([5 + scale * value for value in values])
    assert again.upper == pytest.approx(5 + scale * first.upper, rel=1e-6, abs=1e-6)
    assert first.lower <= first.centre <= first.upper
