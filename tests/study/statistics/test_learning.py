"""Expected numbers: R lm(log(minutes) ~ log(case) + factor(person)) with sandwich::vcovCL, or curves drawn without noise."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.statistics import StatisticsError, learning_curve
from study.statistics.learning import LearningCurve


def tasks(people: int, cases: int = 39) -> pd.DataFrame:
    rows = []
    for person in range(people):
        for case in range(1, cases + 1):
            noise = ((person * 29 + case * 17) % 31 - 15) / 60
            rows.append((f"p{person}", case, math.exp(3 - 0.2 * math.log(case) + noise + person / 10)))
    return pd.DataFrame(rows, columns=["who", "case", "minutes"])


def found_in(frame: pd.DataFrame) -> LearningCurve:
    return learning_curve(frame, value="minutes", order="case", by="who")


def test_seven_people_give_rs_clustered_slope() -> None:
    found = found_in(tasks(7))
    assert (found.estimate, found.standard_error) == pytest.approx((-0.19974563277713, 0.0030641162540283), rel=1e-8)
    assert found.df == 6


def test_three_people_give_rs_ordinary_slope_and_are_named_as_few() -> None:
    found = found_in(tasks(3))
    assert (found.estimate, found.standard_error) == pytest.approx((-0.197395774274769, 0.016034341322943), rel=1e-8)
    assert any("these people only" in note for note in found.notes)
    assert found.per_doubling == pytest.approx(2**found.estimate)


def test_a_plateau_is_found_where_it_was_put() -> None:
    rows = [(who, case, 20 * min(case, 25) ** -0.25 * (1 + 0.02 * ((case * 7) % 5 - 2))) for who in "abc" for case in range(1, 101)]
    found = found_in(pd.DataFrame(rows, columns=["who", "case", "minutes"]))
    assert found.plateau_case == pytest.approx(25, abs=4)
    assert found.slope_to_plateau == pytest.approx(-0.25, abs=0.01)
    assert found.plateau_value == pytest.approx(20 * 25**-0.25, rel=0.02)


def test_a_straight_power_law_has_no_plateau() -> None:
    found = found_in(tasks(4))
    assert found.plateau_case is None
    assert found.slope_to_plateau == found.estimate


def test_dates_are_numbered_within_a_person() -> None:
    frame = tasks(3)
    dated = frame.assign(case=pd.Timestamp("2026-01-01") + pd.to_timedelta(frame["case"], unit="D"))
    assert found_in(dated).estimate == pytest.approx(found_in(frame).estimate)


def test_constant_minutes_have_no_slope_to_test() -> None:
    found = found_in(tasks(3).assign(minutes=5.0))
    assert found.estimate == pytest.approx(0)
    assert found.p_value is None


def test_unusable_tasks_are_refused() -> None:
    with pytest.raises(StatisticsError, match="above 0"):
        found_in(tasks(2).assign(minutes=0.0))
    with pytest.raises(StatisticsError, match="different case numbers"):
        found_in(tasks(5, cases=1))


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), people=st.sampled_from([2, 7]))
def test_row_order_and_the_unit_of_time_change_nothing(seed: int, people: int) -> None:
    frame = tasks(people, 12)
    frame["minutes"] *= np.exp(np.random.default_rng(seed).normal(size=len(frame)) / 5)
    first = found_in(frame)
    again = found_in(frame.assign(minutes=60 * frame.minutes).sample(frac=1, random_state=seed))
    assert (again.estimate, again.standard_error) == pytest.approx((first.estimate, first.standard_error))


@pytest.mark.parametrize("seed", range(5))
def test_the_plateau_is_the_one_that_trying_every_case_number_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = pd.concat([pd.DataFrame({"who": who, "case": range(1, length + 1)}) for who, length in zip("abc", (40, 70, 25), strict=True)])
    rows["minutes"] = 20 * np.minimum(rows["case"], 15) ** -0.3 * np.exp(0.05 * rng.standard_normal(len(rows)))
    y = np.log(rows["minutes"]) - np.log(rows["minutes"]).groupby(rows["who"]).transform("mean")
    errors = {}
    for end in range(2, 70):
        bent = np.log(np.minimum(rows["case"], end))
        bent -= bent.groupby(rows["who"]).transform("mean")
        errors[end] = float(((y - (bent @ y) / (bent @ bent) * bent) ** 2).sum())
    found = learning_curve(rows, value="minutes", order="case", by="who")
    assert found.plateau_case == min(errors, key=lambda end: errors[end])
