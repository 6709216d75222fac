"""Expected numbers: irrCAC 1.4 (R, the author's own) on Gwet's cac.raw4raters, 12 subjects, 4 raters, missing ratings.

irrCAC prints a one-sided p; ours is two-sided and so twice as large.
"""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from study.statistics import StatisticsError, agreement

N = np.nan
FOUR_RATERS = np.array(
    [
        [1, 1, N, 1],
        [2, 2, 3, 2],
        [3, 3, 3, 3],
        [3, 3, 3, 3],
        [2, 2, 2, 2],
        [1, 2, 3, 4],
        [4, 4, 4, 4],
        [1, 1, 2, 1],
        [2, 2, 2, 2],
        [N, 5, 5, 5],
        [N, N, 1, 1],
        [N, N, 3, N],
    ]
)


@pytest.mark.parametrize(
    ("weights", "coefficient", "estimate", "error", "low", "one_sided"),
    [
        ("unweighted", "ac1", 0.77544, 0.14295, 0.461, 0.00010436049),
        ("unweighted", "fleiss", 0.76117, 0.15302, 0.424, 0.00020958652),
        ("unweighted", "alpha", 0.74342, 0.14548, 0.423, 0.00016931227),
        ("unweighted", "cohen", 0.76282, 0.14917, 0.435, 0.00016835329),
        ("unweighted", "percent", 0.81818182, 0.12561, 0.542, 2.1726863e-05),
        ("linear", "ac2", 0.85874, 0.11733, 0.600, 7.5301543e-06),
        ("linear", "fleiss", 0.81794, 0.14850, 0.491, 9.2019629e-05),
        ("linear", "alpha", 0.80038, 0.13538, 0.502, 5.0672112e-05),
        ("linear", "cohen", 0.81378, 0.14509, 0.494, 7.9093745e-05),
        ("linear", "percent", 0.93939394, 0.09368, 0.733, 3.5953881e-07),
        ("quadratic", "ac2", 0.91400, 0.10396, 0.685, 1.3172192e-06),
        ("quadratic", "fleiss", 0.86494, 0.14603, 0.544, 4.9880407e-05),
        ("quadratic", "alpha", 0.84911, 0.12905, 0.565, 1.9860995e-05),
        ("quadratic", "cohen", 0.85771, 0.14367, 0.541, 4.6599895e-05),
        ("quadratic", "percent", 0.97537879, 0.09062, 0.776, 1.7631883e-07),
    ],
)
def test_gwets_four_raters_with_missing_ratings(
    weights: str, coefficient: str, estimate: float, error: float, low: float, one_sided: float
) -> None:
    found = agreement(FOUR_RATERS, coefficient=coefficient, weights=weights)
    assert found.estimate == pytest.approx(estimate, abs=6e-6)
    assert found.standard_error == pytest.approx(error, abs=6e-6)
    assert tuple(found.interval()) == pytest.approx((low, 1.0), abs=6e-4)
    assert found.p_value == pytest.approx(2 * one_sided, rel=1e-4)
    assert found.n == 12
    assert "two-sided" in found.method


@pytest.mark.parametrize(
    ("coefficient", "estimate", "error", "low", "high"),
    [("ac1", 0.86871, 0.03738, 0.794, 0.943), ("fleiss", 0.68887, 0.06593, 0.557, 0.82), ("alpha", 0.69545, 0.06582, 0.564, 0.827)],
)
def test_seven_pathologists_of_a_real_study(coefficient: str, estimate: float, error: float, low: float, high: float) -> None:
    """DIDSR/HTT pilot (CC0), experts' yes/no on 72 regions, one of whom saw 13; irrCAC 1.4 in R on the same table."""
    table = Path(__file__).resolve().parents[4] / "shared" / "data" / "reader_event_log" / "htt_pilot_annotations.csv.gz"
    if not table.exists():
        pytest.skip("the HTT pilot table is not here")
    frame = pd.read_csv(table)
    ratings = frame[frame.modalityID == "camic-expert"].pivot_table(index="caseID", columns="readerID", values="VTA", aggfunc="first")
    found = agreement(ratings, coefficient=coefficient)
    assert (found.estimate, found.standard_error) == pytest.approx((estimate, error), abs=6e-6)
    assert tuple(found.interval()) == pytest.approx((low, high), abs=6e-4)


def test_two_raters_with_one_missing_pair_give_irrcacs_kappa() -> None:
    """irrCAC::conger.kappa.raw on raters 3 and 4 of the same table: 0.62187, standard error 0.20207."""
    found = agreement(FOUR_RATERS[:, 2:], coefficient="cohen")
    assert (found.estimate, found.standard_error) == pytest.approx((0.62187, 0.20207), abs=6e-6)


def test_complete_cohen_is_that_of_statsmodels() -> None:
    from statsmodels.stats.inter_rater import cohens_kappa

    ratings = np.random.default_rng(1).integers(0, 4, size=(60, 2))
    table = pd.crosstab(ratings[:, 0], ratings[:, 1]).to_numpy()
    for weights, kind in (("unweighted", None), ("linear", "linear"), ("quadratic", "quadratic")):
        assert agreement(ratings, coefficient="cohen", weights=weights).estimate == pytest.approx(cohens_kappa(table, wt=kind).kappa)


def test_complete_fleiss_is_that_of_statsmodels() -> None:
    from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

    ratings = np.random.default_rng(2).integers(0, 3, size=(40, 5))
    assert agreement(ratings, coefficient="fleiss").estimate == pytest.approx(fleiss_kappa(aggregate_raters(ratings)[0]))


def test_at_a_high_pass_rate_kappa_collapses_while_ac1_does_not() -> None:
    """The paradox of Feinstein and Cicchetti on paper: 92 both pass, 4 and 4 disagree, 0 both fail.

    Observed 0.92; chance by kappa 0.96² + 0.04² = 0.9232, so kappa = −0.0417; by AC1 2(0.96)(0.04) = 0.0768, so 0.9133.
    """
    ratings = [[1, 1]] * 92 + [[1, 0]] * 4 + [[0, 1]] * 4
    assert agreement(ratings, coefficient="cohen").estimate == pytest.approx((0.92 - 0.9232) / (1 - 0.9232))
    assert agreement(ratings, coefficient="ac1").estimate == pytest.approx((0.92 - 0.0768) / (1 - 0.0768))


def test_words_are_rated_in_the_order_given() -> None:
    words = pd.DataFrame({"a": ["poor", "fair", "good"] * 5, "b": ["poor", "good", "good"] * 5})
    numbers = words.replace({"poor": 0, "fair": 1, "good": 2}).astype(int)
    by_name = agreement(words, coefficient="ac2", weights="linear", categories=["poor", "fair", "good"])
    assert by_name.estimate == pytest.approx(agreement(numbers, coefficient="ac2", weights="linear").estimate)


def test_all_pass_is_reported_without_a_test() -> None:
    everything = np.ones((20, 3))
    ac1 = agreement(everything, coefficient="ac1", categories=[0, 1])
    assert (ac1.estimate, ac1.p_value) == (1.0, None)
    kappa = agreement(everything, coefficient="fleiss", categories=[0, 1])
    assert math.isnan(kappa.estimate)
    assert any("single category" in note for note in kappa.notes)
    json.dumps(kappa.to_dict(), allow_nan=False)


def test_subjects_nobody_rated_are_left_out_with_a_note() -> None:
    found = agreement(np.vstack([FOUR_RATERS, [N, N, N, N]]))
    assert (found.n, round(found.estimate, 5)) == (12, 0.77544)
    assert any("without any rating" in note for note in found.notes)


def test_unusable_ratings_are_refused() -> None:
    with pytest.raises(StatisticsError, match="2 raters"):
        agreement([[1], [2]])
    with pytest.raises(StatisticsError, match="rated twice"):
        agreement([[1, N], [N, 2]])
    with pytest.raises(StatisticsError, match="among"):
        agreement([[1, 2], [2, 3]], categories=[1, 2])
    with pytest.raises(StatisticsError, match="coefficient among"):
        agreement([[1, 2], [2, 2]], coefficient="kappa")


@pytest.mark.parametrize(("scale", "word"), [("landis-koch", "moderate"), ("altman", "moderate")])
def test_benchmarks_follow_the_cumulative_membership(scale: str, word: str) -> None:
    """irrCAC's own test case: coefficient 0.67 with standard error 0.15 reaches 0.96356 at 'moderate', 0.67511 at the next."""
    found = agreement(FOUR_RATERS)
    object.__setattr__(found, "estimate", 0.67)
    object.__setattr__(found, "standard_error", 0.15)
    assert found.benchmark(scale) == word
    assert found.benchmark(scale, certainty=0.67) in ("substantial", "good")


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), coefficient=st.sampled_from(["ac1", "cohen", "fleiss", "alpha"]))
def test_the_order_of_subjects_and_raters_changes_nothing(seed: int, coefficient: str) -> None:
    rng = np.random.default_rng(seed)
    ratings = rng.integers(1, 4, size=(15, 3)).astype(float)
    ratings[rng.random(ratings.shape) < 0.1] = np.nan
    first = agreement(ratings, coefficient=coefficient)
    again = agreement(ratings[rng.permutation(15)][:, rng.permutation(3)], coefficient=coefficient)
    assert again.estimate == pytest.approx(first.estimate, nan_ok=True)
    assert (again.standard_error or 0) == pytest.approx(first.standard_error or 0)


@pytest.mark.slow
def test_the_interval_of_ac1_covers_at_its_level() -> None:
    """Two raters who err 10% of the time on a 70% prevalent state: true AC1 from the probabilities, 2,000 simulated studies."""
    rng = np.random.default_rng(4)
    agree, share = 0.9**2 + 0.1**2, 0.7 * 0.9 + 0.3 * 0.1
    true = (agree - 2 * share * (1 - share)) / (1 - 2 * share * (1 - share))
    inside = 0
    for _ in range(2000):
        state = rng.random(60) < 0.7
        ratings = state[:, None] ^ (rng.random((60, 2)) < 0.1)
        inside += true in agreement(ratings.astype(int), categories=[0, 1]).interval()
    assert abs(inside / 2000 - 0.95) < 3 * stats.binom.std(2000, 0.95) / 2000 + 0.005
