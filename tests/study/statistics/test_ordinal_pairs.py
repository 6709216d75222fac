"""Marginal homogeneity of paired grades."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import SquareTable

from study.statistics import StatisticsError, marginal_homogeneity, mcnemar

# Stuart (1955), doi:10.1093/biomet/42.3-4.412: unaided distance vision of 7,477 women, right eye (rows) by left eye, best to worst.
VISION = [[1520, 266, 124, 66], [234, 1512, 432, 78], [117, 362, 1772, 205], [36, 82, 179, 492]]


def test_vision_data_give_the_published_statistics():
    # Stuart prints 11.96 on 3 df; Bhapkar (1966) 11.98
    stuart, bhapkar = marginal_homogeneity(VISION), marginal_homogeneity(VISION, method="bhapkar")
    assert (round(stuart.statistic, 2), stuart.df) == (11.96, 3)
    assert (round(bhapkar.statistic, 2), bhapkar.df) == (11.98, 3)
    assert stuart.n == 7477


@pytest.mark.parametrize(("method", "theirs"), [("stuart-maxwell", "stuart_maxwell"), ("bhapkar", "bhapkar")])
def test_statsmodels_agrees_where_every_grade_is_in_dispute(method, theirs):
    expected = SquareTable(np.array(VISION), shift_zeros=False).homogeneity(method=theirs)
    result = marginal_homogeneity(VISION, method=method)
    assert (result.statistic, result.p_value) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)


def test_two_grades_are_mcnemars_test():
    result = marginal_homogeneity([[59, 6], [16, 80]])
    expected = mcnemar([[59, 6], [16, 80]], method="asymptotic")
    assert (result.statistic, result.df, result.p_value) == pytest.approx((expected.statistic, 1, expected.p_value))


@pytest.mark.parametrize("undisputed", [0, 4])
def test_a_grade_without_dispute_takes_no_degree_of_freedom(undisputed):
    result = marginal_homogeneity([[5, 1, 0], [2, 3, 0], [0, 0, undisputed]])
    assert (result.statistic, result.df) == pytest.approx((1 / 3, 1))


def test_estimate_is_the_mean_shift_from_manual_to_ai():
    result = marginal_homogeneity([[0, 10], [0, 10]])  # ten cases one grade higher with ai
    assert result.estimate == 0.5
    assert result.interval().low > 0


def test_no_dispute_is_p_one_and_all_disputes_one_way_is_no_error():
    assert marginal_homogeneity([[5, 0], [0, 3]]).p_value == 1
    result = marginal_homogeneity([[0, 10], [0, 0]], method="bhapkar")
    assert result.statistic == pytest.approx(10)
    assert "Stuart-Maxwell statistic is given" in result.notes[0]


@given(st.lists(st.integers(0, 20), min_size=9, max_size=9).filter(sum))
@settings(max_examples=60, deadline=None)
def test_swapping_the_arms_reverses_the_shift_and_keeps_p(cells):
    table = np.array(cells).reshape(3, 3)
    one, other = marginal_homogeneity(table), marginal_homogeneity(table.T)
    assert one.estimate == pytest.approx(-other.estimate)
    assert one.p_value == pytest.approx(other.p_value)


@pytest.mark.parametrize("table", [[[1, 2]], [[5]], [[1, -1], [0, 2]], [[0, 0], [0, 0]], "text"])
def test_impossible_tables_are_refused(table):
    with pytest.raises(StatisticsError):
        marginal_homogeneity(table)
    with pytest.raises(StatisticsError, match="bhapkar"):
        marginal_homogeneity(VISION, method="bowker")
