"""Expected numbers: R power.t.test(strict = TRUE) and power.prop.test; McNemar: MESS::power_mcnemar_test (R); or closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.statistics import StatisticsError, sample_size


def test_paired_t_is_rs() -> None:
    """power.t.test(delta = 1, sd = 2, power = .9, type = "paired"): 43.9955; with the paper's 9.28 and 3.64 at .8: 3.4855."""
    found = sample_size.paired_t(difference=1, sd=2, power=0.9)
    assert found.n == 44
    assert found.power >= 0.9
    assert sample_size.paired_t(difference=-9.28, sd=3.64, power=0.8).n == 4
    assert "two-sided" in found.method


def test_two_sample_t_is_rs() -> None:
    """power.t.test(delta = 1, power = .9): 22.02 per group."""
    assert sample_size.two_sample_t(difference=1, sd=1, power=0.9).n == 23


@pytest.mark.parametrize(("p1", "p2", "power", "exact"), [(0.5, 0.75, 0.9, 76.7069301141), (0.92, 0.85, 0.8, 324.867439671)])
def test_two_proportions_are_rs(p1: float, p2: float, power: float, exact: float) -> None:
    found = sample_size.two_proportions(p1=p1, p2=p2, power=power)
    assert found.estimate == pytest.approx(exact, rel=1e-5)
    assert found.n == np.ceil(exact)


@pytest.mark.parametrize(
    ("p_small", "ratio", "power", "exact"), [(0.1, 2, 0.8, 233.094542077), (0.02, 4, 0.9, 287.695663362), (0.05, 9, 0.8, 22.0)]
)
def test_mcnemar_is_that_of_mess(p_small: float, ratio: float, power: float, exact: float) -> None:
    found = sample_size.mcnemar(p_small=p_small, ratio=ratio, power=power)
    assert found.estimate == pytest.approx(exact, abs=0.5 if exact == 22.0 else 1e-5)


def test_non_inferiority_is_rs_one_sided_test_at_half_alpha() -> None:
    """power.t.test(delta = .05, sd = .3, power = .8, type = "paired", alternative = "one.sided", sig.level = .025): 284.486."""
    found = sample_size.paired_noninferiority(margin=0.05, difference=0, sd=0.3, power=0.8)
    assert found.n == 285
    assert "one-sided at 0.025" in found.method


def test_a_true_advantage_needs_fewer_pairs_and_a_true_harm_more() -> None:
    sizes = [sample_size.paired_noninferiority(margin=0.05, difference=d, sd=0.3, power=0.8).n for d in (0.02, 0.0, -0.02)]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize(
    "call",
    [
        lambda: sample_size.paired_t(difference=0, sd=1, power=0.8),
        lambda: sample_size.paired_t(difference=1, sd=0, power=0.8),
        lambda: sample_size.two_sample_t(difference=1, sd=1, power=1.0),
        lambda: sample_size.two_proportions(p1=0.5, p2=0.5, power=0.8),
        lambda: sample_size.two_proportions(p1=92, p2=85, power=0.8),
        lambda: sample_size.mcnemar(p_small=0.4, ratio=2, power=0.8),
        lambda: sample_size.paired_noninferiority(margin=-0.05, difference=0, sd=0.3, power=0.8),
        lambda: sample_size.paired_noninferiority(margin=0.05, difference=-0.06, sd=0.3, power=0.8),
    ],
)
def test_impossible_questions_are_refused(call: object) -> None:
    with pytest.raises(StatisticsError):
        call()  # type: ignore[operator]


@settings(max_examples=30, deadline=None)
@given(effect=st.floats(0.1, 3), power=st.floats(0.5, 0.99))
def test_the_size_is_the_smallest_that_suffices_whatever_the_sign_and_the_unit(effect: float, power: float) -> None:
    found = sample_size.paired_t(difference=effect, sd=1, power=power)
    assert found.power >= power
    assert sample_size.paired_t(difference=-60 * effect, sd=60, power=power).n == found.n


@pytest.mark.slow
def test_the_promised_power_is_delivered() -> None:
    """2,000 simulated studies of the size given: paired t at 80%."""
    from scipy import stats

    n = sample_size.paired_t(difference=0.5, sd=1, power=0.8).n
    draws = np.random.default_rng(7).normal(0.5, 1, size=(2000, n))
    assert (stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.03)
