"""Paired pass rates: published intervals, degenerate tables and the symmetry of the arms."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from study.statistics import StatisticsError, mcnemar, paired_pass_difference, pass_rate

# Fagerland, Lydersen & Laake (2014, 2017): [[both, first only], [second only, neither]], so "ai" is their first measurement.
BENTUR_2009 = [[1, 1], [7, 12]]  # airway hyper-responsiveness before and after stem cell transplantation
CAVO_2012 = [[59, 6], [16, 80]]  # complete response before and after consolidation therapy
METHODS = ("tango", "newcombe", "wald", "bonett-price", "agresti-min")

tables = st.lists(st.integers(0, 60), min_size=4, max_size=4).filter(sum)


@pytest.mark.parametrize(
    ("table", "method", "interval"),
    [
        # R package contingencytables (the authors' own code), same tables
        (BENTUR_2009, "tango", (-0.517232, -0.026003)),
        (BENTUR_2009, "newcombe", (-0.506920, -0.025559)),
        (BENTUR_2009, "wald", (-0.519709, -0.051720)),
        (BENTUR_2009, "bonett-price", (-0.508359, -0.013380)),
        (BENTUR_2009, "agresti-min", (-0.493226, -0.028513)),
        (CAVO_2012, "tango", (-0.124023, -0.005433)),
        (CAVO_2012, "newcombe", (-0.118621, -0.004625)),
        (CAVO_2012, "wald", (-0.118400, -0.005824)),
        (CAVO_2012, "bonett-price", (-0.119499, -0.003201)),
        (CAVO_2012, "agresti-min", (-0.118242, -0.004457)),
    ],
)
def test_intervals_reproduce_the_published_ones(table, method, interval):
    assert tuple(paired_pass_difference(table).interval(method=method)) == pytest.approx(interval, abs=6e-7)


@pytest.mark.parametrize(("table", "mid_p", "exact"), [(BENTUR_2009, 0.0390625, 0.0703125), (CAVO_2012, 0.03468966, 0.05247879)])
def test_mcnemar_reproduces_the_published_p(table, mid_p, exact):
    # R package contingencytables: McNemar_midP_test_paired_2x2, McNemar_exact_cond_test_paired_2x2
    assert mcnemar(table).p_value == pytest.approx(mid_p, abs=1e-8)
    assert mcnemar(table, method="exact").p_value == pytest.approx(exact, abs=1e-8)


def test_chi_squared_forms_reproduce_r_on_agrestis_approval_ratings():
    # R 4.2.2: mcnemar.test(matrix(c(794, 86, 150, 570), 2)), and correct = FALSE; Agresti (1990), p. 350
    table = [[794, 150], [86, 570]]
    corrected, plain = mcnemar(table, method="continuity"), mcnemar(table, method="asymptotic")
    assert (corrected.statistic, plain.statistic) == pytest.approx((16.8178, 17.3559), abs=5e-5)
    assert (corrected.p_value, plain.p_value) == pytest.approx((4.11456e-05, 3.09926e-05), rel=1e-4)


def test_asymptotic_mcnemar_is_the_score_test_of_the_difference():
    assert mcnemar(CAVO_2012, method="asymptotic").p_value == pytest.approx(paired_pass_difference(CAVO_2012).p_value)


@pytest.mark.parametrize("n", [10, 44, 152])
def test_all_pass_in_both_arms_still_has_an_honest_interval(n):
    # Tango (1998) without discordant pairs: ± z² / (n + z²)
    squared = stats.norm.ppf(0.975) ** 2
    result = paired_pass_difference([[n, 0], [0, 0]])
    assert tuple(result.interval()) == pytest.approx((-squared / (n + squared), squared / (n + squared)), abs=1e-9)
    assert result.p_value == 1
    assert "no pair differs" in result.notes[0]
    for method in METHODS:
        low, high = result.interval(method=method)
        assert -1 <= low <= 0 <= high <= 1


@pytest.mark.parametrize("method", METHODS)
def test_every_case_discordant_the_same_way_stays_within_one(method):
    low, high = paired_pass_difference([[0, 20], [0, 0]]).interval(method=method)
    assert 0.5 < low <= high <= 1


def test_one_pair_gives_numbers_not_an_error():
    low, high = paired_pass_difference([[0, 1], [0, 0]]).interval()
    assert -1 <= low < 1
    assert high == 1


@given(tables, st.sampled_from(METHODS), st.sampled_from((0.8, 0.95, 0.99)))
@settings(max_examples=150, deadline=None)
def test_swapping_the_arms_reverses_the_difference_and_keeps_p(cells, method, level):
    both, only_ai, only_manual, neither = cells
    one = paired_pass_difference([[both, only_ai], [only_manual, neither]])
    other = paired_pass_difference([[both, only_manual], [only_ai, neither]])
    assert one.estimate == -other.estimate
    assert one.p_value == pytest.approx(other.p_value)
    interval, mirrored = one.interval(level, method=method), other.interval(level, method=method)
    assert tuple(interval) == pytest.approx((-mirrored.high, -mirrored.low), abs=1e-7)
    assert interval.low - 1e-9 <= one.estimate <= interval.high + 1e-9 or method in ("bonett-price", "agresti-min")
    for test in ("mid-p", "exact", "asymptotic", "continuity"):
        p_one = mcnemar([[both, only_ai], [only_manual, neither]], method=test).p_value
        assert p_one == pytest.approx(mcnemar([[both, only_manual], [only_ai, neither]], method=test).p_value)
        assert 0 <= p_one <= 1


@given(tables)
@settings(max_examples=60, deadline=None)
def test_the_tango_interval_excludes_zero_exactly_when_the_score_test_rejects(cells):
    result = paired_pass_difference([cells[:2], cells[2:]])
    assert (0 in result.interval()) == (result.p_value > 0.05) or abs(result.p_value - 0.05) < 1e-9


def test_non_inferiority_reads_the_lower_tango_limit():
    result = paired_pass_difference([[130, 6], [4, 12]])
    low = result.interval().low
    assert result.non_inferior(-low + 1e-6)
    assert not result.non_inferior(-low - 1e-6)
    with pytest.raises(StatisticsError, match="the sign is not written"):
        result.non_inferior(-0.05)


def test_the_papers_140_of_152_gets_its_interval():
    # R 4.2.2: prop.test(140, 152, correct = FALSE)$conf.int; binom.test(140, 152)$conf.int
    rate = pass_rate(140, 152)
    assert tuple(rate.interval()) == pytest.approx((0.867083383465, 0.954264164027), abs=1e-9)
    assert tuple(rate.interval(method="clopper-pearson")) == pytest.approx((0.866155867640, 0.958541794724), abs=1e-9)


def test_newcombes_81_of_263():
    # Newcombe (1998), doi:10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E, table I: methods 3 and 5
    rate = pass_rate(81, 263)
    assert tuple(round(x, 4) for x in rate.interval()) == (0.2553, 0.3662)
    assert tuple(round(x, 4) for x in rate.interval(method="clopper-pearson")) == (0.2527, 0.3676)


@pytest.mark.parametrize("method", ["wilson", "clopper-pearson"])
def test_no_and_every_pass_keep_a_limit_at_the_edge(method):
    assert pass_rate(0, 20).interval(method=method).low == 0
    assert pass_rate(20, 20).interval(method=method).high == 1
    assert pass_rate(20, 20).interval(method=method).low == pytest.approx(1 - pass_rate(0, 20).interval(method=method).high)


@pytest.mark.parametrize(("passed", "total"), [(3, 2), (-1, 5), (0, 0), (1.5, 3), (math.nan, 3), (math.inf, 3), ("x", 3)])
def test_impossible_counts_are_refused(passed, total):
    with pytest.raises(StatisticsError):
        pass_rate(passed, total)


@pytest.mark.parametrize("table", [[[1, 2, 3]], [[0, 0], [0, 0]], [[1, -1], [0, 2]], [[1, 0.5], [0, 2]], "text"])
def test_impossible_tables_are_refused(table):
    for function in (paired_pass_difference, mcnemar):
        with pytest.raises(StatisticsError):
            function(table)


def test_unknown_methods_are_refused_with_the_known_ones():
    with pytest.raises(StatisticsError, match="tango"):
        paired_pass_difference(CAVO_2012).interval(method="exact")
    with pytest.raises(StatisticsError, match="mid-p"):
        mcnemar(CAVO_2012, method="fisher")
    with pytest.raises(StatisticsError, match="wilson"):
        pass_rate(1, 2).interval(method="wald")


def test_results_are_json_ready_even_without_an_odds_ratio():
    for table in (CAVO_2012, [[5, 0], [0, 5]], [[5, 3], [0, 5]]):
        assert "_counts" not in json.dumps(paired_pass_difference(table).to_dict())
    assert json.loads(json.dumps(mcnemar([[5, 3], [0, 5]]).to_dict()))["odds_ratio"] is None
    assert mcnemar(CAVO_2012).odds_ratio == pytest.approx(6 / 16)
