"""Paired differences, ratios and what is refused."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.statistics import StatisticsError, geometric_mean_ratio, paired_difference, paired_values, welch

# R's built-in `sleep`: Student's (1908) own data.
FIRST_DRUG = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SECOND_DRUG = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
MINUTES = [14.1, 12.5, 16.8, 13.2, 15.5, 12.9]
AI_MINUTES = [5.1, 4.8, 5.3, 4.7, 5.0, 5.2]

arms = st.lists(st.tuples(st.floats(1, 60), st.floats(1, 60)), min_size=3, max_size=30)


def test_paired_difference_reproduces_student_1908():
    # R 4.2.2: with(sleep, t.test(extra[group == 2], extra[group == 1], paired = TRUE))
    result = paired_difference(FIRST_DRUG, SECOND_DRUG)
    assert result.estimate == pytest.approx(1.58)
    assert result.statistic == pytest.approx(4.06212768338203656)
    assert result.df == 9
    assert result.p_value == pytest.approx(0.00283289019738427)
    assert tuple(result.interval()) == pytest.approx((0.70011423672301754, 2.45988576327698238))


def test_welch_reproduces_r_on_the_sleep_data():
    # R 4.2.2: with(sleep, t.test(extra[group == 2], extra[group == 1]))
    result = welch(FIRST_DRUG, SECOND_DRUG)
    assert result.statistic == pytest.approx(1.8608134674868531)
    assert result.df == pytest.approx(17.7764735161784984)
    assert result.p_value == pytest.approx(0.0793941401873582)
    assert tuple(result.interval()) == pytest.approx((-0.2054832307117102, 3.3654832307117104))


def test_geometric_mean_ratio_reproduces_r_on_the_logs():
    # R 4.2.2: exp(t.test(log(ai), log(manual), paired = TRUE)$estimate), and $conf.int
    result = geometric_mean_ratio(MINUTES, AI_MINUTES)
    assert result.estimate == pytest.approx(0.355798508872328)
    assert tuple(result.interval()) == pytest.approx((0.321818160168570, 0.393366797105116))
    assert result.p_value == pytest.approx(1.44010348372511e-06)


def test_unpaired_geometric_mean_ratio_reproduces_welch_on_the_logs():
    # R 4.2.2: t.test(log(ai), log(manual)), exponentiated
    result = geometric_mean_ratio(MINUTES, AI_MINUTES, paired=False)
    assert tuple(result.interval()) == pytest.approx((0.315085589528423, 0.401772036306828))
    assert result.p_value == pytest.approx(3.41859550549572e-07)
    assert result.df == pytest.approx(6.58201678396325)
    assert "ratio of geometric means" in result.method


@given(arms)
@settings(max_examples=50, deadline=None)
def test_swapping_the_arms_reverses_signs_and_keeps_p(values):
    manual, ai = (np.array(column) for column in zip(*values, strict=True))
    for function in (paired_difference, welch):
        one, other = function(manual, ai), function(ai, manual)
        assert one.estimate == pytest.approx(-other.estimate, abs=1e-12)
        assert (one.p_value is None and other.p_value is None) or one.p_value == pytest.approx(other.p_value)
        assert tuple(one.interval()) == pytest.approx(tuple(-x for x in reversed(tuple(other.interval()))), nan_ok=True, abs=1e-12)
    one, other = geometric_mean_ratio(manual, ai), geometric_mean_ratio(ai, manual)
    assert one.estimate == pytest.approx(1 / other.estimate)


def test_constant_arm_still_allows_the_paired_test_and_is_named():
    clicks = [90, 120, 131, 108]
    result = paired_difference(clicks, [4, 4, 4, 4])
    assert result.p_value is not None
    assert "ai is constant at 4: no test or correlation within that arm" in result.notes


def test_equal_differences_give_no_test_but_the_common_difference():
    result = paired_difference([3, 4, 5], [2, 3, 4])
    assert result.p_value is None
    assert result.statistic is None
    assert tuple(result.interval()) == (-1.0, -1.0)
    assert "no test is possible" in result.notes[-1]


def test_pairs_missing_a_side_are_counted_not_hidden():
    result = paired_difference([14, 13, math.nan, 12, 15], [5, math.nan, 5, 6, 4])
    assert result.n == 3
    assert result.notes[:2] == ("1 of 5 pairs left out: no manual value", "1 of 5 pairs left out: no ai value")


def test_unequal_lengths_are_refused_with_a_remedy():
    with pytest.raises(StatisticsError, match="3 manual and 2 ai values; give both values of each case"):
        paired_difference([1, 2, 3], [1, 2])


@pytest.mark.parametrize("bad", [["a", "b", "c"], [1.0, math.inf, 2.0], [[1.0, 2.0], [3.0, 4.0]], [math.nan, math.nan, 1.0]])
def test_values_that_cannot_be_paired_are_refused(bad):
    with pytest.raises(StatisticsError):
        paired_difference([1.0, 2.0, 3.0], bad)


def test_zero_minutes_have_no_logarithm():
    with pytest.raises(StatisticsError, match="1 zero or negative"):
        geometric_mean_ratio([10, 12], [0, 5])


def test_columns_keyed_by_case_are_matched_by_key_and_the_rest_counted():
    manual = pd.Series([14.0, 12.0, 13.0], index=pd.Index([1, 2, 3], name="case"))
    ai = pd.Series([6.0, 5.0, 4.0], index=pd.Index([3, 2, 7], name="case"))
    result = paired_difference(manual, ai)
    assert result.estimate == pytest.approx((-7 - 7) / 2)
    assert result.notes == (
        "1 of 4 pairs left out: no manual value",
        "1 of 4 pairs left out: no ai value",
        "all differences are equal: no test is possible, the interval is the common difference",
    )


def test_columns_without_a_common_case_are_refused_as_unpaired():
    manual = pd.Series([14.0, 12.0], index=pd.Index([1, 2], name="case"))
    ai = pd.Series([6.0, 5.0], index=pd.Index([3, 4], name="case"))
    with pytest.raises(StatisticsError, match="no case in common; these are unpaired data"):
        paired_difference(manual, ai)


def test_a_case_number_used_for_two_images_is_not_a_pair():
    tidy = pd.DataFrame(
        {"case": [1, 1, 2, 2], "arm": ["manual", "ai"] * 2, "exam": ["a", "a", "b", "c"], "minutes": [14.0, 5.0, 12.0, 6.0]}
    )
    with pytest.raises(StatisticsError, match=r"the same exam in both arms.*case 2.*these are not pairs"):
        paired_values(tidy, value="minutes", case="case", same=["exam"])


def test_two_rows_of_a_case_in_one_arm_are_refused():
    tidy = pd.DataFrame({"case": [1, 1, 1], "arm": ["manual", "ai", "ai"], "minutes": [14.0, 5.0, 6.0]})
    with pytest.raises(StatisticsError, match="1 repeated"):
        paired_values(tidy, value="minutes", case="case")


def test_sd_ratio_above_two_is_named():
    assert any(note.startswith("SD ratio") for note in welch([10, 20, 30], [5, 6, 5]).notes)


def test_two_constant_arms_give_a_difference_and_no_test():
    result = welch([5, 5, 5], [4, 4])
    assert result.estimate == -1
    assert result.p_value is None
    assert math.isnan(result.interval().low)


def test_results_are_json_ready():
    for result in (paired_difference(MINUTES, AI_MINUTES), welch([5, 5], [4, 4]), geometric_mean_ratio(MINUTES, AI_MINUTES)):
        assert json.loads(json.dumps(result.to_dict()))["estimate"] == result.estimate


@pytest.mark.parametrize("level", [0, 1, 95])
def test_an_impossible_level_is_refused(level):
    with pytest.raises(StatisticsError, match="level"):
        paired_difference(MINUTES, AI_MINUTES).interval(level)
