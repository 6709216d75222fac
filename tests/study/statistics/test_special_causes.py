"""NHS England's Making Data Count rules; the vectors are those of the test suite of NHSRplotthedots 0.2.2 (MIT)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.statistics import StatisticsError, individuals_chart, special_cause

NEAR, FAR = 2.5, 0.5  # in sigma: in the outer third, and well inside


def codes(values: list[float]) -> tuple[str, ...]:
    return special_cause(values, centre=0, lower=-3, upper=3)


def zigzag(signs: list[int]) -> list[float]:
    """Values on the given sides of the centre, rising and falling in turn so that no trend arises."""
    return [sign * (0.5 + 0.2 * (k % 2)) for k, sign in enumerate(signs)]


def test_points_beyond_the_limits() -> None:
    assert codes([0.1, 3.1, -0.1, -3.1, 0.1]) == ("", "above_limit", "", "below_limit", "")


def test_a_point_on_the_limit_is_not_beyond_it() -> None:
    assert codes([0.1, 3.0, -0.1]) == ("", "", "")


def test_six_points_on_one_side_are_common_and_seven_are_not() -> None:
    assert codes(zigzag([1] * 6)) == ("",) * 6
    assert codes(zigzag([1] * 6 + [-1])) == ("",) * 7
    assert codes(zigzag([1] * 8 + [-1])) == ("high_run",) * 8 + ("",)
    assert codes(zigzag([-1] * 8 + [1])) == ("low_run",) * 8 + ("",)


def test_a_point_on_the_centre_breaks_a_run() -> None:
    assert codes([*zigzag([1] * 4), 0.0, *zigzag([1] * 4)]) == ("",) * 9


def test_seven_points_that_only_rise_are_a_trend() -> None:
    inside = [-1.0, -0.7, -0.3, 0.1, 0.4, 0.8, 1.1]
    assert codes(inside[:6]) == ("",) * 6
    assert codes(inside) == ("increasing",) * 7
    assert codes([0.5, *inside, 0.2]) == ("", *("increasing",) * 7, "")
    assert codes(inside[::-1]) == ("decreasing",) * 7
    assert codes([-1.0, -0.7, -0.3, -0.3, 0.4, 0.8, 1.1]) == ("",) * 7


def test_two_of_three_near_a_limit_on_one_side() -> None:
    assert codes([NEAR, FAR, NEAR]) == ("near_upper", "", "near_upper")
    assert codes([FAR, NEAR, NEAR]) == ("", "near_upper", "near_upper")
    assert codes([-NEAR, -FAR, -NEAR]) == ("near_lower", "", "near_lower")
    assert codes([NEAR, -FAR, NEAR]) == ("", "", "")
    assert codes([NEAR, -NEAR, FAR]) == ("", "", "")
    assert codes([NEAR, FAR, 0.7, NEAR]) == ("", "", "", "")


def test_a_trend_is_named_before_a_run() -> None:
    assert codes([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]) == ("increasing",) * 7


def test_limits_may_differ_from_point_to_point() -> None:
    assert special_cause([0.5, 0.5], 0.4, [0.1, 0.1], [0.6, 0.45]) == ("", "above_limit")


def test_gaps_carry_no_code_and_break_nothing() -> None:
    values = zigzag([1] * 7)
    assert codes([*values[:3], np.nan, *values[3:]]) == ("high_run",) * 3 + ("",) + ("high_run",) * 4


def test_a_chart_explains_itself() -> None:
    chart = individuals_chart([14, 15, 13, 14, 16, 15, 14, 13, 15, 14, 15, 14, 5], baseline=12)
    found = special_cause(chart.values, chart.centre, chart.lower, chart.upper)
    assert found[-1] == "below_limit"
    assert not any(found[:-1])


def test_limits_of_another_length_are_refused() -> None:
    with pytest.raises(StatisticsError, match="one limit"):
        special_cause([1, 2, 3], 2, [1, 1], 3)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-4, 4), max_size=25))
def test_turning_the_chart_upside_down_turns_the_codes(values: list[float]) -> None:
    mirror = {"above_limit": "below_limit", "increasing": "decreasing", "near_upper": "near_lower", "high_run": "low_run", "": ""}
    mirror |= {low: high for high, low in mirror.items()}
    assert codes([-value for value in values]) == tuple(mirror[code] for code in codes(values))
    assert len(codes(values)) == len(values)
