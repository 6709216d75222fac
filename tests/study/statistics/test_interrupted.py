"""Expected numbers: R 4 (glm, lm, sandwich::NeweyWest, nlme::gls) on the series made here by integer arithmetic.

In R, with t <- 0:59: noise <- ((t*37) %% 17 - 8)/8; cases <- 100 + (t*13) %% 29; post <- t >= 30; at <- t - 30;
count <- floor(cases * exp(-2 + .004*t - .25*post + .01*at*post + .1*sin(2*pi*at/12) + .08*noise) * 10 + .5);
minutes <- 14 + .03*t - 8*post + .05*at*post + noise + .5*((t*11) %% 7 - 3)/3.
The model's code was also run against the correction of Lopez Bernal et al. 2017 on their Sicily series (quasi-Poisson, offset,
two harmonics: level −0.130377, error 0.029077), which is not shipped because it carries no licence.
"""

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.statistics import StatisticsError, interrupted_series
from study.statistics.interrupted import InterruptedSeries

T = np.arange(60)
AT, POST, NOISE, CASES = T - 30, (T >= 30) * 1, ((T * 37) % 17 - 8) / 8, 100 + (T * 13) % 29
RATE = np.exp(-2 + 0.004 * T - 0.25 * POST + 0.01 * AT * POST + 0.1 * np.sin(2 * np.pi * AT / 12) + 0.08 * NOISE)
SERIES = pd.DataFrame(
    {
        "week": T,
        "count": np.floor(CASES * RATE * 10 + 0.5),
        "cases": CASES,
        "minutes": 14 + 0.03 * T - 8 * POST + 0.05 * AT * POST + NOISE + 0.5 * ((T * 11) % 7 - 3) / 3,
    }
)


def fitted(frame: pd.DataFrame = SERIES, value: str = "minutes", **options: object) -> InterruptedSeries:
    options = {"family": "gaussian"} | options
    return interrupted_series(frame, time="week", value=value, switch=30, **options)  # type: ignore[arg-type]


def check(found: InterruptedSeries, level: tuple[float, float], slope: tuple[float, float], rel: float = 1e-7) -> None:
    assert (found.level_change.estimate, found.level_change.standard_error) == pytest.approx(level, rel=rel)
    assert (found.slope_change.estimate, found.slope_change.standard_error) == pytest.approx(slope, rel=rel)


def test_the_series_is_the_one_r_was_given() -> None:
    assert SERIES["count"].sum() == 9911
    assert SERIES["minutes"].sum() == pytest.approx(672.641666667)


def test_poisson_with_an_offset_is_rs_glm() -> None:
    found = fitted(value="count", offset="cases", family="poisson")
    check(found, (-0.24219627383878, 0.04107284307551), (0.00918684585605, 0.00234008704522))
    assert found.level_change.p_value == pytest.approx(3.70731637751e-09, rel=1e-6)
    assert "two-sided" in found.method


def test_quasi_poisson_with_a_season_is_rs_glm() -> None:
    found = fitted(value="count", offset="cases", family="quasi-poisson", harmonics=1)
    check(found, (-0.26280096517685, 0.02738184160310), (0.00894753409395, 0.00155670734536))
    assert found.dispersion == pytest.approx(0.441427394401)
    assert found.slope_change.p_value == pytest.approx(4.31422633912e-07, rel=1e-6)
    assert found.level_change.ratio == pytest.approx(math.exp(-0.26280096517685))
    low, high = found.level_change.ratio_interval()
    assert low < found.level_change.ratio < high < 1


def test_least_squares_is_rs_lm() -> None:
    found = fitted()
    check(found, (-8.1682919293042, 0.3689084015488), (0.0351594364108, 0.0212930225868))
    assert found.level_change.p_value == pytest.approx(2.24207704260e-29, rel=1e-6)
    assert found.dispersion == pytest.approx(0.509500171229)


def test_newey_west_errors_are_those_of_sandwich() -> None:
    """NeweyWest(lm, lag=3, prewhite=FALSE, adjust=TRUE), and the same on the Poisson model."""
    assert fitted(autocorrelation="newey-west").level_change.standard_error == pytest.approx(0.2707218486043)
    assert fitted(autocorrelation="newey-west").slope_change.standard_error == pytest.approx(0.0183466727277)
    counts = fitted(value="count", offset="cases", family="poisson", autocorrelation="newey-west")
    assert counts.level_change.standard_error == pytest.approx(0.06218702233944)


def test_the_autoregressive_model_is_nlmes_gls() -> None:
    found = fitted(autocorrelation="ar1")
    check(found, (-8.1787557237506, 0.4018975090377), (0.0345135984691, 0.0234517586829), rel=2e-5)
    assert found.autocorrelation == pytest.approx(0.0948021490665, rel=1e-3)


def test_a_control_series_takes_its_own_change_away() -> None:
    """lm(y ~ at + post + sl + ours + ours:at + ours:post + ours:sl) in R: ours:post −8.18379, sl:ours 0.04784."""
    other = pd.DataFrame({"week": T, "minutes": 13 + 0.03 * T + ((T * 23) % 19 - 9) / 9, "elsewhere": 1})
    both = pd.concat([SERIES.assign(elsewhere=0), other])
    check(fitted(both, control="elsewhere"), (-8.18379063156595, 0.4918595025973), (0.04784019280682, 0.0283896367076))


def test_fewer_than_eight_points_on_a_side_are_described_not_tested() -> None:
    found = fitted(SERIES[SERIES.week >= 23])
    assert found.descriptive
    assert found.p_value is None
    assert found.level_change.p_value is None
    assert math.isnan(found.interval().low)
    assert any("descriptive" in note for note in found.notes)
    assert math.isfinite(found.level_change.estimate)
    json.dumps(found.to_dict(), allow_nan=False)
    assert not fitted(SERIES[SERIES.week >= 22]).descriptive


def test_a_transition_is_left_out_and_named() -> None:
    found = fitted(transition=4)
    assert found.n == 56
    assert found.estimate == fitted(transition=(30, 33)).estimate
    assert found.estimate == pytest.approx(fitted(SERIES[(T < 30) | (T >= 34)]).estimate)
    assert any("transition" in note for note in found.notes)


def test_dates_count_in_their_own_steps() -> None:
    weekly = SERIES.assign(week=pd.Timestamp("2025-01-06", tz="UTC") + pd.to_timedelta(7 * T, unit="D"))
    switch = pd.Timestamp("2025-01-06", tz="UTC") + pd.Timedelta(weeks=30)
    found = interrupted_series(weekly, time="week", value="minutes", switch=switch, family="gaussian")
    assert found.slope_change.estimate == pytest.approx(fitted().slope_change.estimate)
    monthly = SERIES.assign(week=pd.date_range("2020-01-01", periods=60, freq="MS"))
    found = interrupted_series(monthly, time="week", value="minutes", switch="2022-07-01", family="gaussian")
    assert found.slope_change.estimate == pytest.approx(fitted().slope_change.estimate)


def test_overdispersed_poisson_is_pointed_out() -> None:
    lumpy = SERIES.assign(count=SERIES["count"] + 60 * (T % 5 == 0))
    assert any("quasi-poisson" in note for note in fitted(lumpy, "count", family="poisson").notes)


def test_a_perfect_line_has_no_test() -> None:
    found = fitted(SERIES.assign(minutes=14.0))
    assert found.p_value is None
    assert any("no test" in note for note in found.notes)


def test_missing_values_are_left_out_with_a_note() -> None:
    gaps = SERIES.assign(minutes=SERIES["minutes"].where(T != 10))
    assert fitted(gaps).n == 59
    assert any("1 of 60" in note for note in fitted(gaps).notes)


@pytest.mark.parametrize(
    ("frame", "options", "words"),
    [
        (SERIES, {"family": "binomial"}, "family among"),
        (SERIES, {"autocorrelation": "ar1", "family": "poisson"}, "newey-west"),
        (SERIES, {"offset": "cases"}, "divide the value"),
        (SERIES, {"offset": "absent", "family": "poisson"}, "columns"),
        (pd.concat([SERIES, SERIES.head(1)]), {}, "given twice|times given twice"),
        (SERIES[SERIES.week < 30], {}, "before and after"),
        (SERIES[SERIES.week.between(27, 33)], {"harmonics": 3}, "fewer harmonics"),
        (SERIES.assign(minutes=0.0), {"family": "poisson"}, "events before and after"),
        (SERIES.assign(minutes=3.0 * (T < 30)), {"family": "poisson"}, "events before and after"),
        (SERIES.assign(minutes="long"), {}, "numbers in column"),
    ],
)
def test_unusable_series_are_refused(frame: pd.DataFrame, options: dict[str, object], words: str) -> None:
    with pytest.raises(StatisticsError, match=words):
        fitted(frame, **options)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), autocorrelation=st.sampled_from([None, "newey-west", "ar1"]))
def test_the_order_of_the_rows_changes_nothing_and_signs_follow_the_values(seed: int, autocorrelation: str | None) -> None:
    noisy = SERIES.assign(minutes=np.random.default_rng(seed).normal(size=60) + SERIES["minutes"])
    first = fitted(noisy, autocorrelation=autocorrelation)
    assert dataclasses.asdict(fitted(noisy.sample(frac=1, random_state=seed), autocorrelation=autocorrelation)) == dataclasses.asdict(first)
    turned = fitted(noisy.assign(minutes=-noisy["minutes"]), autocorrelation=autocorrelation)
    assert turned.estimate == pytest.approx(-first.estimate)
    assert turned.p_value == pytest.approx(first.p_value)


@pytest.mark.slow
def test_the_level_change_is_covered_at_its_level() -> None:
    rng = np.random.default_rng(12)
    inside = sum(-8 in fitted(SERIES.assign(minutes=14 - 8 * POST + rng.normal(size=60))).interval() for _ in range(2000))
    assert abs(inside / 2000 - 0.95) < 0.015
