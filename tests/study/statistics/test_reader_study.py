"""Van Dyke et al. 1993 (5 readers, 114 cases, 2 arms), the data every MRMC program is checked on.

Expected numbers: MRMCaov 0.3.0 (R) run on the same table, all factor and covariance choices; the unbiased ones are also
printed in the README of the MRMCaov MATLAB toolbox. Power: RJafroc's own test file (dataset02 is the same study) and
Hillis, Obuchowski and Berbaum 2011.
"""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.statistics import StatisticsError, crossed_mean, mrmc, mrmc_cases_needed, mrmc_power
from study.statistics.reader_study import ReaderStudyResult

VAN_DYKE = Path(__file__).resolve().parents[4] / "shared" / "data" / "reader_ratings" / "vandyke_mrmc.csv"
HTT = VAN_DYKE.parents[1] / "reader_event_log" / "htt_pilot_annotations.csv.gz"
COLUMNS = {"reader": "reader", "case": "case", "arm": "treatment", "score": "rating"}


@pytest.fixture(scope="module")
def van_dyke() -> pd.DataFrame:
    if not VAN_DYKE.exists():
        pytest.skip("the Van Dyke table is not here")
    return pd.read_csv(VAN_DYKE)


def auc(frame: pd.DataFrame, **options: str) -> ReaderStudyResult:
    return mrmc(frame, **COLUMNS, truth="truth", figure="auc", **options)


def readings(scores: np.ndarray, arms: tuple[str, str] = ("manual", "ai")) -> pd.DataFrame:
    """Scores (arm, reader, case) as a long table."""
    arm, reader, case = (index.ravel() for index in np.indices(scores.shape))
    table = pd.DataFrame({"reader": reader, "case": case, "arm": np.array(arms)[arm], "score": scores.ravel()})
    return table[np.isfinite(table["score"])].assign(reader=lambda rows: "r" + rows["reader"].astype(str))


NAMES = {"reader": "reader", "case": "case", "arm": "arm", "score": "score"}


def test_the_two_mean_areas_are_the_published_ones(van_dyke: pd.DataFrame) -> None:
    found = auc(van_dyke)
    assert found.figures[1] == pytest.approx(0.8970370370, abs=5e-11)
    assert found.figures[2] == pytest.approx(0.9408373591, abs=5e-11)
    assert (found.reference, found.other, found.n) == (2, 1, 114)
    assert found.by_reader[5]["difference"] == pytest.approx(-0.10016103060, abs=5e-11)


@pytest.mark.parametrize(
    ("factors", "covariance", "error", "df", "p", "low", "high"),
    [
        ("random-both", "jackknife", 0.02074861838, 15.25967459, 0.05166568582, -0.0879594985666, 0.0003588544442),
        ("random-both", "delong", 0.02068250479, 15.06610794, 0.05123303082, -0.0878671960201, 0.0002665518977),
        ("random-both", "unbiased", 0.02067153881, 15.03418081, 0.05116180235, -0.0878519409003, 0.0002512967779),
        ("random-cases", "jackknife", 0.01871748261, math.inf, 0.01927984307, -0.080485913855, -0.007114730267),
        ("random-cases", "delong", 0.01859925812, math.inf, 0.01852520044, -0.080254198112, -0.007346446011),
        ("random-cases", "unbiased", 0.0185528703, math.inf, 0.01823369162, -0.080163279664, -0.007437364458),
        ("random-readers", "jackknife", 0.01484628737, 4.0, 0.04195875249, -0.08502022396, -0.00258042016),
    ],
)
def test_every_choice_of_factors_and_covariance_gives_the_reference_answer(
    van_dyke: pd.DataFrame, factors: str, covariance: str, error: float, df: float, p: float, low: float, high: float
) -> None:
    found = auc(van_dyke, factors=factors, covariance=covariance)
    assert found.estimate == pytest.approx(-0.04380032206, abs=5e-12)
    assert (found.standard_error, found.df, found.p_value) == pytest.approx((error, df, p), rel=1e-8)
    assert tuple(found.interval()) == pytest.approx((low, high), abs=1e-11)
    assert "two-sided" in found.method


def test_the_components_are_the_reference_ones(van_dyke: pd.DataFrame) -> None:
    parts = auc(van_dyke).components
    expected = (0.0015349993451, 0.0002004025236, 0.0008022882656, 0.0003466137094, 0.0003440748289, 0.0002390283709)
    assert (parts.var_r, parts.var_tr, parts.var_error, parts.cov1, parts.cov2, parts.cov3) == pytest.approx(expected, rel=1e-9)
    assert parts["cov1"] == parts.cov1
    assert (parts.readers, parts.cases) == (5, 114)
    assert dict(parts)["cov3"] == parts.cov3


@pytest.mark.parametrize(
    ("factors", "cases", "power"),
    [("random-both", 165, 0.80541995), ("random-cases", 131, 0.80091813), ("random-readers", 53, 0.80496663)],
)
def test_power_is_that_of_rjafroc(van_dyke: pd.DataFrame, factors: str, cases: int, power: float) -> None:
    pilot = auc(van_dyke).components
    planned = mrmc_power(pilot, effect=-0.043800322, readers=10, cases=cases, factors=factors)
    assert planned.power == pytest.approx(power, abs=2e-8)
    assert mrmc_power(dataclasses.asdict(pilot), effect=0.043800322, readers=10, cases=cases, factors=factors).power == planned.power


def test_the_cases_needed_are_the_fewest_that_reach_the_power(van_dyke: pd.DataFrame) -> None:
    pilot = auc(van_dyke).components
    needed = mrmc_cases_needed(pilot, effect=0.0438, readers=10)
    assert needed.n == needed.cases == needed.estimate
    assert mrmc_power(pilot, effect=0.0438, readers=10, cases=needed.n - 1).power < 0.8 <= needed.power


def test_an_effect_no_number_of_cases_can_show_is_refused(van_dyke: pd.DataFrame) -> None:
    with pytest.raises(StatisticsError, match="add readers"):
        mrmc_cases_needed(auc(van_dyke).components, effect=0.005, readers=4)


# iMRMC 2.1.2, uStat11.jointD in R on the same table; the last row without the readings whose (7 reader + 3 case + 5 arm) is a
# multiple of 11, so that neither readers nor arms saw the same cases.
@pytest.mark.parametrize(
    ("cut", "thinned", "estimate", "variance"),
    [
        (None, False, -0.163157894737, 0.0112269261883),
        (3, False, -0.0473684210526, 0.000551483506157),
        (3, True, -0.0452049902917, 0.000598579768802),
    ],
)
def test_the_u_statistic_variance_is_that_of_imrmc(
    van_dyke: pd.DataFrame, cut: int | None, thinned: bool, estimate: float, variance: float
) -> None:
    frame = van_dyke.copy()
    if cut:
        frame["rating"] = (frame["rating"] >= cut).astype(int)
    if thinned:
        frame = frame[(frame.reader * 7 + frame.case * 3 + frame.treatment * 5) % 11 != 0]
    found = crossed_mean(frame, **COLUMNS)
    assert (found.estimate, found.variance) == pytest.approx((estimate, variance), rel=1e-11)


def test_a_real_study_in_which_few_read_the_same_cases_gives_imrmcs_variance() -> None:
    """DIDSR/HTT pilot (CC0), digital against microscope-like platform: 26 pathologists, 594 regions, 82% of the cells empty.

    iMRMC::uStat11.jointD in R: difference 0.47218401229, variance 13.20971523119.
    """
    if not HTT.exists():
        pytest.skip("the HTT pilot table is not here")
    frame = pd.read_csv(HTT)
    frame = frame[frame.modalityID.isin(["camic", "pathp"])]
    found = crossed_mean(frame, reader="readerID", case="caseID", arm="modalityID", score="score")
    assert (found.estimate, found.variance) == pytest.approx((0.47218401229, 13.20971523119), rel=1e-10)
    assert (found.readers, found.cases) == (26, 594)
    assert any("missing" in note for note in found.notes)


def test_a_crossed_table_gives_the_classical_two_way_variance() -> None:
    """(MS readers + MS cases − MS interaction) / (r c) of the differences, recomputed here from the definition."""
    scores = np.random.default_rng(3).normal(size=(2, 4, 15))
    d = scores[1] - scores[0]
    rows, columns = d.mean(axis=1), d.mean(axis=0)
    ms_r, ms_c = 15 * rows.var(ddof=1), 4 * columns.var(ddof=1)
    rest = d - rows[:, None] - columns + d.mean()
    ms_rc = (rest**2).sum() / (3 * 14)
    found = crossed_mean(readings(scores), **NAMES)
    assert found.variance == pytest.approx((ms_r + ms_c - ms_rc) / 60)
    assert found.df == pytest.approx((ms_r + ms_c - ms_rc) ** 2 / (ms_r**2 / 3 + ms_c**2 / 14 + ms_rc**2 / 42))


def test_with_fixed_readers_the_mean_difference_is_a_paired_z_over_cases() -> None:
    """Averaging a case's scores over fixed readers leaves one difference per case: SE = sd / sqrt(n) exactly."""
    scores = np.random.default_rng(5).normal(size=(2, 3, 40))
    per_case = (scores[1] - scores[0]).mean(axis=0)
    found = mrmc(readings(scores), **NAMES, factors="random-cases")
    assert found.standard_error == pytest.approx(per_case.std(ddof=1) / np.sqrt(40))


def test_with_fixed_cases_the_mean_difference_is_a_paired_t_over_readers() -> None:
    scores = np.random.default_rng(6).normal(size=(2, 6, 30))
    per_reader = (scores[1] - scores[0]).mean(axis=1)
    found = mrmc(readings(scores), **NAMES, factors="random-readers")
    assert found.standard_error == pytest.approx(per_reader.std(ddof=1) / np.sqrt(6))
    assert found.df == pytest.approx(5)


@pytest.mark.parametrize("covariance", ["jackknife", "delong", "unbiased"])
def test_a_pass_proportion_has_the_same_covariance_by_every_method(covariance: str) -> None:
    scores = np.random.default_rng(7).integers(0, 2, size=(2, 4, 25)).astype(float)
    matrix = np.cov(scores.reshape(8, 25)) / 25
    assert mrmc(readings(scores), **NAMES, covariance=covariance).components.var_error == pytest.approx(np.trace(matrix) / 8)


def test_manual_is_the_reference_and_the_difference_is_ai_minus_manual() -> None:
    scores = np.zeros((2, 3, 10))
    scores[1, :, :8] = 1
    found = mrmc(readings(scores), **NAMES)
    assert (found.reference, found.estimate) == ("manual", pytest.approx(0.8))


def test_two_readers_are_reported_as_these_readers_only() -> None:
    scores = np.random.default_rng(8).normal(size=(2, 2, 30))
    assert any("these readers only" in note for note in mrmc(readings(scores), **NAMES).notes)
    assert any("these readers only" in note for note in mrmc(readings(scores), **NAMES, factors="random-cases").notes)
    assert any("these readers only" in note for note in crossed_mean(readings(scores), **NAMES).notes)


def test_one_reader_cannot_be_random_but_can_be_fixed() -> None:
    scores = np.random.default_rng(9).normal(size=(2, 1, 30))
    with pytest.raises(StatisticsError, match="random-cases"):
        mrmc(readings(scores), **NAMES)
    d = scores[1, 0] - scores[0, 0]
    found = mrmc(readings(scores), **NAMES, factors="random-cases")
    assert found.standard_error == pytest.approx(d.std(ddof=1) / np.sqrt(30))
    json.dumps(found.to_dict(), allow_nan=False)


def test_when_everything_passes_no_test_is_made_and_it_says_so() -> None:
    for function in (mrmc, crossed_mean):
        found = function(readings(np.ones((2, 4, 20))), **NAMES)
        assert (found.estimate, found.p_value, found.df) == (0.0, None, None)
        assert all(math.isnan(limit) for limit in found.interval())
        assert any("no test" in note for note in found.notes)
        json.dumps(found.to_dict(), allow_nan=False)


def test_a_case_seen_in_one_arm_only_is_left_out_with_a_note() -> None:
    scores = np.random.default_rng(10).normal(size=(2, 3, 20))
    complete = mrmc(readings(scores[:, :, 1:]), **NAMES)
    scores[1, :, 0] = np.nan
    found = mrmc(readings(scores), **NAMES)
    assert (found.estimate, found.n) == (complete.estimate, 19)
    assert any("1 of 20 cases seen in one arm only" in note for note in found.notes)


def test_missing_scores_leave_the_case_out_with_a_note() -> None:
    table = readings(np.random.default_rng(11).normal(size=(2, 3, 20)))
    table.loc[(table.case == 4) & (table.reader == "r1") & (table.arm == "ai"), "score"] = np.nan
    found = mrmc(table, **NAMES)
    assert found.n == 19
    assert any("not scored by every reader" in note for note in found.notes)


def test_readers_with_different_cases_are_sent_to_another_method() -> None:
    rows = [(f"r{r}", 10 * r + c, arm, c) for r in range(3) for c in range(10) for arm in ("manual", "ai")]
    with pytest.raises(StatisticsError, match="crossed_mean"):
        mrmc(pd.DataFrame(rows, columns=list(NAMES)), **NAMES)


def test_words_in_the_score_column_are_refused_by_name() -> None:
    table = readings(np.zeros((2, 2, 5))).assign(score="good")
    with pytest.raises(StatisticsError, match="numbers in column 'score'"):
        mrmc(table, **NAMES)


def test_a_reading_given_twice_and_a_third_arm_are_refused() -> None:
    table = readings(np.zeros((2, 2, 5)))
    with pytest.raises(StatisticsError, match="one reading per reader, case and arm"):
        mrmc(pd.concat([table, table.head(1)]), **NAMES)
    with pytest.raises(StatisticsError, match="two arms"):
        mrmc(pd.concat([table, table.assign(arm="third")]), **NAMES)
    with pytest.raises(StatisticsError, match="truth column"):
        mrmc(table, **NAMES, figure="auc")


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), factors=st.sampled_from(["random-both", "random-cases", "random-readers"]))
def test_swapping_the_arms_reverses_the_sign_and_keeps_p_whatever_the_row_order(seed: int, factors: str) -> None:
    scores = np.random.default_rng(seed).integers(1, 6, size=(2, 3, 12)).astype(float)
    table = readings(scores)
    shuffled = table.sample(frac=1, random_state=seed)
    first, again = (mrmc(frame, **NAMES, factors=factors) for frame in (table, shuffled))
    assert dataclasses.asdict(first) == dataclasses.asdict(again)
    swapped = mrmc(readings(scores[::-1]), **NAMES, factors=factors)
    assert swapped.estimate == pytest.approx(-first.estimate, abs=1e-12)
    assert swapped.p_value == (None if first.p_value is None else pytest.approx(first.p_value))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_u_statistic_keeps_p_when_arms_are_swapped(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(2, 3, 8))
    scores[rng.random(scores.shape) < 0.1] = np.nan
    first, swapped = (crossed_mean(readings(part), **NAMES) for part in (scores, scores[::-1]))
    assert swapped.estimate == pytest.approx(-first.estimate, abs=1e-12)
    assert swapped.variance == pytest.approx(first.variance)


@pytest.mark.slow
def test_hillis_intervals_cover_at_their_level_when_readers_and_cases_are_random() -> None:
    """2,000 simulated studies of 5 readers and 60 cases without a difference: 95% within Monte-Carlo error and Hillis's slack."""
    rng = np.random.default_rng(20)
    inside = 0
    for _ in range(2000):
        shape = rng.normal(size=60) + 0.3 * rng.normal(size=(2, 60))[:, None, :] + 0.3 * rng.normal(size=(1, 5, 60))
        scores = shape + 0.5 * rng.normal(size=(2, 5, 60)) + 0.05 * rng.normal(size=(2, 5, 1)) + 0.2 * rng.normal(size=(1, 5, 1))
        inside += 0 in mrmc(readings(scores), **NAMES).interval()
    assert 0.94 <= inside / 2000 <= 0.975


@pytest.mark.slow
def test_a_pass_rate_of_92_in_100_is_covered_by_five_random_readers() -> None:
    """2,000 simulated studies of 5 readers and 152 cases on a probit scale: measured 0.944; fixed readers cover 0.918 here,
    because the simulated readers are random."""
    rng, inside = np.random.default_rng(3), 0
    sd = {"reader": 0.2, "case": 0.9, "both": 0.4, "arm": 0.4}
    for _ in range(2000):
        latent = rng.normal(size=(2, 5, 152)) + sd["reader"] * rng.normal(size=(1, 5, 1)) + sd["case"] * rng.normal(size=(1, 1, 152))
        latent += sd["both"] * rng.normal(size=(1, 5, 152)) + sd["arm"] * rng.normal(size=(2, 1, 152)) + 0.1 * rng.normal(size=(2, 5, 1))
        inside += 0 in mrmc(readings((latent + 2.06 > 0).astype(float)), **NAMES).interval()
    assert 0.925 <= inside / 2000 <= 0.965
