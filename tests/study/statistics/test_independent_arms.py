"""Independent arms: ranks, relative effects, risk differences and strata, against R and printed tables."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from study.statistics import (
    StatisticsError,
    brunner_munzel,
    mann_whitney,
    mantel_haenszel,
    risk_difference,
    stratified_risk_difference,
)
from study.statistics.rank_sums import rank_sum_distribution

# Hollander & Wolfe (1973), p. 69: permeability of the chorioamnion at term and at 12 to 26 weeks; the example of R's wilcox.test.
TERM = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
EARLY = [1.15, 0.88, 0.90, 0.74, 1.21]
# Brunner & Munzel (2000), table 1: pain scores on the third day after laparoscopic surgery, two treatments.
PAIN_Y = [1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 1, 1]
PAIN_N = [3, 3, 4, 3, 1, 2, 3, 1, 1, 5, 4]
TIED_MANUAL, TIED_AI = [12, 15, 15, 14, 18, 20, 13, 15, 17, 12], [4, 4, 5, 6, 12, 4, 5, 13, 4, 5, 15]
# R's UCBAdmissions: Bickel, Hammel & O'Connell (1975), doi:10.1126/science.187.4175.398; rows male, female; columns admitted, rejected.
BERKELEY = [
    [[512, 313], [89, 19]], [[353, 207], [17, 8]], [[120, 205], [202, 391]],
    [[138, 279], [131, 244]], [[53, 138], [94, 299]], [[22, 351], [24, 317]],
]  # fmt: skip

columns = st.lists(st.integers(0, 12), min_size=2, max_size=25)
strata = st.lists(st.lists(st.integers(0, 30), min_size=4, max_size=4), min_size=1, max_size=4)


def test_rank_sum_reproduces_hollander_and_wolfe():
    # R 4.2.2: wilcox.test(early, term, conf.int = TRUE); the book prints W = 35 for the other arm, P(W >= 35) = 0.1272 one-sided
    result = mann_whitney(TERM, EARLY)
    assert result.statistic == 15
    assert result.p_value == pytest.approx(0.254412254412, abs=1e-11)
    assert result.estimate == pytest.approx(-0.305)
    assert tuple(result.interval()) == pytest.approx((-0.76, 0.15))
    assert result.superiority == pytest.approx(15 / 50)


def test_rank_sum_with_ties_reproduces_r_to_its_root_search():
    # R 4.2.2: wilcox.test(ai, manual, conf.int = TRUE, exact = FALSE)
    result = mann_whitney(TIED_MANUAL, TIED_AI)
    assert result.statistic == 9
    assert result.p_value == pytest.approx(0.00121807273428, rel=1e-9)
    assert result.estimate == pytest.approx(-8.99999128468447, abs=1e-9)
    assert tuple(result.interval()) == pytest.approx((-11.00003897447011, -5.00000022374515), abs=1e-9)
    assert "tied values" in result.notes[-1]


@pytest.mark.parametrize(("first", "second"), [(1, 1), (3, 4), (5, 5)])
def test_rank_sum_distribution_is_the_enumerated_one(first, second):
    counts = np.zeros(first * second + 1)
    for places in itertools.combinations(range(first + second), first):
        counts[sum(places) - first * (first - 1) // 2] += 1
    assert rank_sum_distribution(first, second) == pytest.approx(counts / counts.sum(), rel=1e-12)


def test_largest_exact_rank_sum_agrees_with_scipy():
    rng = np.random.default_rng(2)
    manual, ai = rng.normal(size=49), rng.normal(0.5, 1, size=48)
    assert mann_whitney(manual, ai).p_value == pytest.approx(stats.mannwhitneyu(ai, manual, method="exact").pvalue, rel=1e-9)


def test_brunner_munzel_reproduces_its_paper():
    # R package lawstat, brunner.munzel.test(Y, N): statistic 3.1375, df 17.683, p 0.005786, interval 0.5952169 to 0.9827052, P 0.788961
    result = brunner_munzel(PAIN_Y, PAIN_N)
    assert result.statistic == pytest.approx(3.1375, abs=5e-5)
    assert result.df == pytest.approx(17.683, abs=5e-4)
    assert result.p_value == pytest.approx(0.005786, abs=5e-7)
    assert result.estimate == pytest.approx(0.788961, abs=5e-7)
    assert tuple(result.interval()) == pytest.approx((0.5952169, 0.9827052), abs=5e-8)


def test_arms_that_do_not_overlap_get_a_permutation_p_and_no_interval():
    result = brunner_munzel([14.1, 12.5, 16.8], [4, 5, 6, 5])
    assert result.estimate == 0
    assert result.p_value == pytest.approx(2 / math.comb(7, 4))
    assert math.isnan(result.interval().low)
    assert "do not overlap" in result.notes[-1]
    assert json.loads(json.dumps(result.to_dict()))["standard_error"] is None


def test_identical_values_in_both_arms_are_no_error():
    for function in (mann_whitney, brunner_munzel):
        result = function([4, 4, 4], [4, 4])
        assert result.p_value == 1
        assert "ai is constant at 4: no test or correlation within that arm" in result.notes


@given(columns, columns)
@settings(max_examples=60, deadline=None)
def test_swapping_the_arms_keeps_p_and_reverses_the_rest(manual, ai):
    one, other = brunner_munzel(manual, ai), brunner_munzel(ai, manual)
    assert one.estimate == pytest.approx(1 - other.estimate)
    assert one.p_value == pytest.approx(other.p_value)
    one, other = mann_whitney(manual, ai), mann_whitney(ai, manual)
    assert one.p_value == pytest.approx(other.p_value)
    assert one.superiority == pytest.approx(1 - other.superiority)


@pytest.mark.parametrize(
    ("ai", "manual", "score", "hybrid"),
    [
        # Newcombe (1998), doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I, table II: methods 6 and 10
        ((56, 70), (48, 80), (0.0528, 0.3382), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1700, 0.8406), (0.1705, 0.8090)),
        ((5, 56), (0, 29), (-0.0326, 0.1933), (-0.0381, 0.1926)),
        ((0, 10), (0, 20), (-0.1658, 0.2844), (-0.1611, 0.2775)),
        ((10, 10), (0, 20), (0.7156, 1.0), (0.6791, 1.0)),
        # on paper: the restricted rates are (1 ± d) / 2, so the lower score limit is (1 − c) / (1 + c) with c = z² / 19
        ((10, 10), (0, 10), (0.6636, 1.0), (0.6075, 1.0)),
    ],
)
def test_risk_difference_reproduces_newcombes_table(ai, manual, score, hybrid):
    result = risk_difference(*manual, *ai)
    assert tuple(result.interval()) == pytest.approx(score, abs=5.1e-5)
    assert tuple(result.interval(method="newcombe")) == pytest.approx(hybrid, abs=5.1e-5)


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=150, deadline=None)
def test_swapping_the_arms_reverses_the_risk_difference(n_manual, n_ai, first, second):
    manual, ai = round(first * n_manual), round(second * n_ai)
    one, other = risk_difference(manual, n_manual, ai, n_ai), risk_difference(ai, n_ai, manual, n_manual)
    assert one.estimate == -other.estimate
    assert one.p_value == pytest.approx(other.p_value)
    for method in ("miettinen-nurminen", "newcombe"):
        interval, mirrored = one.interval(method=method), other.interval(method=method)
        assert tuple(interval) == pytest.approx((-mirrored.high, -mirrored.low), abs=1e-6)
        assert -1 <= interval.low <= one.estimate <= interval.high <= 1


def test_all_pass_in_both_arms_has_an_interval_around_zero():
    result = risk_difference(20, 20, 30, 30)
    assert result.p_value == 1
    assert "p = 1" in result.notes[0]
    assert result.interval().low < 0 < result.interval().high


def test_common_odds_ratio_reproduces_r_on_berkeley():
    # R 4.2.2: mantelhaen.test(UCBAdmissions, correct = FALSE): admitted odds male / female 0.9046968 (0.7719074, 1.0603298).
    # Here the first row is the reference, so the ratio is female / male.
    result = mantel_haenszel(BERKELEY)
    assert 1 / result.estimate == pytest.approx(0.904696828259, rel=1e-10)
    low, high = result.interval()
    assert (1 / high, 1 / low) == pytest.approx((0.771907361759, 1.060329764437), rel=1e-7)
    assert (result.statistic, result.p_value, result.df) == pytest.approx((1.524606660443, 0.216923697056, 1), rel=1e-9)
    corrected = mantel_haenszel(BERKELEY, correct=True)
    assert (corrected.statistic, corrected.p_value) == pytest.approx((1.426946228587, 0.232263462817), rel=1e-9)


def test_a_deviation_below_one_half_is_not_corrected_as_in_r():
    # R 4.2.2: mantelhaen.test(array(c(10, 11, 10, 11, 7, 7, 8, 9), c(2, 2, 2)))$statistic, correct = TRUE and FALSE alike
    tables = [[[10, 11], [10, 11]], [[7, 7], [8, 9]]]
    one, other = (mantel_haenszel(tables, correct=correct) for correct in (True, False))
    assert one.statistic == other.statistic == pytest.approx(0.010931905492616, rel=1e-9)


def test_stratified_difference_of_one_stratum_is_the_plain_difference():
    # Known on paper: one stratum weighs everything, and Sato's variance is then the unpooled one with the mean of both forms of p(1 − p)
    result = stratified_risk_difference([[48, 32], [56, 14]])
    assert result.estimate == pytest.approx(0.2)
    assert result.standard_error == pytest.approx(risk_difference(48, 80, 56, 70).standard_error, rel=0.01)


def test_stratified_difference_follows_satos_formula():
    # Recomputed by fractions.Fraction from Sato (1989), eq. for P and Q, as SAS PROC FREQ documents them
    from fractions import Fraction as F

    tables = [[[40, 10], [45, 5]], [[3, 17], [10, 20]]]
    weight = numerator = p = q = F(0)
    for (x2, y2), (x1, y1) in tables:
        n1, n2 = x1 + y1, x2 + y2
        n = n1 + n2
        weight += F(n1 * n2, n)
        numerator += F(x1 * n2 - x2 * n1, n)
        p += F(n1**2 * x2 - n2**2 * x1 + F(n1 * n2 * (n2 - n1), 2), n**2)
        q += F(x1 * (n2 - x2) + x2 * (n1 - x1), 2 * n)
    difference = numerator / weight
    result = stratified_risk_difference(tables)
    assert result.estimate == pytest.approx(float(difference), rel=1e-12)
    assert result.standard_error == pytest.approx(math.sqrt(difference * p + q) / weight, rel=1e-12)


@given(strata)
@settings(max_examples=80, deadline=None)
def test_swapping_the_rows_inverts_the_odds_ratio_and_reverses_the_difference(cells):
    tables = [[row[:2], row[2:]] for row in cells]
    swapped = [table[::-1] for table in tables]
    if not np.sum(tables):
        return
    one, other = mantel_haenszel(tables), mantel_haenszel(swapped)
    assert (one.p_value is None and other.p_value is None) or one.p_value == pytest.approx(other.p_value)
    if 0 < one.estimate < math.inf:
        assert one.estimate == pytest.approx(1 / other.estimate)
    if any(sum(a) and sum(b) for a, b in tables):
        assert stratified_risk_difference(tables).estimate == pytest.approx(-stratified_risk_difference(swapped).estimate)


def test_strata_that_say_nothing_are_counted():
    result = mantel_haenszel([[[5, 0], [6, 0]], [[40, 10], [45, 5]]])
    assert result.notes == ("1 of 2 strata left out: an arm or a verdict is empty there",)
    nothing = mantel_haenszel([[5, 0], [6, 0]])
    assert nothing.p_value is None
    assert nothing.to_dict()["estimate"] is None
    assert math.isinf(mantel_haenszel([[5, 5], [10, 0]]).estimate)


@pytest.mark.parametrize("tables", [[[1, 2, 3]], [[[1, -1], [2, 3]]], [[[1, 0.5], [2, 3]]], [[[0, 0], [0, 0]]], [[[1, 2], [3]]]])
def test_impossible_strata_are_refused(tables):
    for function in (mantel_haenszel, stratified_risk_difference):
        with pytest.raises(StatisticsError):
            function(tables)


def test_empty_arms_and_unknown_methods_are_refused():
    with pytest.raises(StatisticsError):
        mann_whitney([], [1, 2])
    with pytest.raises(StatisticsError):
        brunner_munzel([1], [1, 2])
    with pytest.raises(StatisticsError):
        risk_difference(1, 0, 1, 2)
    with pytest.raises(StatisticsError, match="newcombe"):
        risk_difference(1, 2, 1, 2).interval(method="wald")
