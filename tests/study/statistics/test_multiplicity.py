"""Expected numbers: R p.adjust(method = "holm")."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from study.statistics import StatisticsError, holm


def test_rs_adjusted_values_in_the_order_given() -> None:
    """p.adjust(c(.01, .04, .03, .005, .2), "holm"): 0.040 0.090 0.090 0.025 0.200."""
    found = holm([0.01, 0.04, 0.03, 0.005, 0.2])
    assert found.adjusted == pytest.approx((0.04, 0.09, 0.09, 0.025, 0.2))
    assert found.rejected(0.05) == (True, False, False, True, False)


def test_one_test_is_not_adjusted() -> None:
    assert holm([0.03]).adjusted == (0.03,)


@pytest.mark.parametrize("bad", [[], [0.5, float("nan")], [1.2], [-0.1]])
def test_what_is_not_a_p_value_is_refused(bad: list[float]) -> None:
    with pytest.raises(StatisticsError):
        holm(bad)


def test_holm_is_that_of_statsmodels() -> None:
    for size in (2, 5, 11):
        values = np.random.default_rng(size).random(size) ** 3
        assert holm(values).adjusted == pytest.approx(multipletests(values, method="holm")[1].tolist())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.randoms())
def test_the_order_of_the_tests_changes_nothing(values: list[float], random: Random) -> None:
    places = list(range(len(values)))
    random.shuffle(places)
    assert holm([values[k] for k in places]).adjusted == tuple(holm(values).adjusted[k] for k in places)
