"""Expected numbers: R lm with unit and time dummies and sandwich::vcovCL(type = "HC1"), or by hand."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.statistics import StatisticsError, difference_in_differences
from study.statistics.comparison_sites import DifferenceInDifferences


def cases(units: int = 8, treated: int = 4) -> pd.DataFrame:
    """Sites with 1 to 3 cases a week, deterministic noise; sites below `treated` switch at week 10 and save 3 minutes."""
    rows = []
    for site in range(units):
        for week in range(20):
            for k in range(1 + (site * week) % 3):
                noise = ((site * 31 + week * 17 + k * 7) % 23 - 11) / 7
                rows.append((site, week, int(site < treated), 10 + site + 0.2 * week - 3 * (site < treated) * (week >= 10) + noise))
    return pd.DataFrame(rows, columns=["site", "week", "switched", "minutes"])


def found_in(frame: pd.DataFrame) -> DifferenceInDifferences:
    return difference_in_differences(frame, value="minutes", unit="site", time="week", treated="switched", switch=10)


def test_many_sites_give_the_two_way_fixed_effects_of_r() -> None:
    """R: m <- lm(minutes ~ switched:post + factor(site) + factor(week)); vcovCL(m, cluster = site, type = "HC1")."""
    found = found_in(cases())
    assert (found.estimate, found.standard_error) == pytest.approx((-3.0513135000213, 0.13744827328409), rel=1e-8)
    assert found.df == 7
    assert "two-sided" in found.method


def test_two_sites_give_the_classical_difference_of_differences() -> None:
    rows = [
        ("a", 0, 1, 10),
        ("a", 1, 1, 12),
        ("a", 2, 1, 5),
        ("a", 3, 1, 7),
        ("b", 0, 0, 9),
        ("b", 1, 0, 10),
        ("b", 2, 0, 8),
        ("b", 3, 0, 9),
    ]
    frame = pd.DataFrame(rows, columns=["site", "week", "switched", "minutes"])
    found = difference_in_differences(frame, value="minutes", unit="site", time="week", treated="switched", switch=2)
    assert found.estimate == pytest.approx((6 - 11) - (8.5 - 9.5))
    assert (found.treated_change, found.comparison_change) == pytest.approx((-5.0, -1.0))
    assert found.df == 2
    assert any("not between units" in note for note in found.notes)


def test_with_few_sites_every_week_counts_once_however_many_cases_it_had() -> None:
    found = found_in(cases(2, 1))
    assert found.estimate == pytest.approx(found.treated_change - found.comparison_change)
    weekly = cases(2, 1).groupby(["site", "week", "switched"], as_index=False)["minutes"].mean()
    assert found_in(weekly).estimate == pytest.approx(found.estimate)


def test_a_parallel_past_shows_no_trend() -> None:
    rows = [(site, week, int(site == "a"), 10.0 + week + 5 * (site == "a")) for site in "ab" for week in range(20)]
    found = found_in(pd.DataFrame(rows, columns=["site", "week", "switched", "minutes"]))
    assert found.pre_trend.estimate == pytest.approx(0, abs=1e-12)
    assert found.estimate == pytest.approx(0, abs=1e-12)
    assert found.p_value is None
    assert any("no test" in note for note in found.notes)
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_diverging_past_shows_in_the_trend() -> None:
    rows = [(site, week, int(site == "a"), week * (2 if site == "a" else 1) + (week % 3) * 0.1) for site in "ab" for week in range(20)]
    found = found_in(pd.DataFrame(rows, columns=["site", "week", "switched", "minutes"]))
    assert found.pre_trend.estimate == pytest.approx(1.0)


def test_a_single_treated_site_among_many_is_pointed_out() -> None:
    assert any("single unit" in note for note in found_in(cases(8, treated=1)).notes)


def test_unusable_comparisons_are_refused() -> None:
    frame = cases(4, 2)
    with pytest.raises(StatisticsError, match="both present"):
        found_in(frame[frame.switched == 1])
    with pytest.raises(StatisticsError, match="treated before"):
        found_in(frame[(frame.switched == 0) | (frame.week >= 10)])
    with pytest.raises(StatisticsError, match="ever switches"):
        found_in(frame.assign(switched=(frame.switched * (frame.week >= 10)).astype(int)))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), units=st.sampled_from([2, 8]))
def test_swapping_the_sides_reverses_the_sign_and_keeps_p(seed: int, units: int) -> None:
    frame = cases(units, units // 2)
    frame["minutes"] += np.random.default_rng(seed).normal(size=len(frame))
    first = found_in(frame)
    assert found_in(frame.sample(frac=1, random_state=seed)).estimate == pytest.approx(first.estimate)
    swapped = found_in(frame.assign(switched=1 - frame.switched))
    assert swapped.estimate == pytest.approx(-first.estimate)
    assert swapped.p_value == pytest.approx(first.p_value)
    assert math.isfinite(first.interval().low)
