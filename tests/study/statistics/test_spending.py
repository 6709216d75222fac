"""Lan-DeMets two-sided 0.05 boundaries as published (Reboussin et al. 2000, program ld98; reprinted in most textbooks)."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from study.statistics import StatisticsError, spending_boundaries


@pytest.mark.parametrize(
    ("kind", "looks", "published"),
    [
        ("obrien-fleming", 2, (2.963, 1.969)),
        ("obrien-fleming", 3, (3.710, 2.511, 1.993)),
        ("obrien-fleming", 4, (4.333, 2.963, 2.359, 2.014)),
        ("obrien-fleming", 5, (4.877, 3.357, 2.680, 2.290, 2.031)),
        ("pocock", 2, (2.157, 2.201)),
        ("pocock", 3, (2.279, 2.295, 2.296)),
        ("pocock", 4, (2.368, 2.368, 2.358, 2.350)),
        ("pocock", 5, (2.438, 2.427, 2.410, 2.397, 2.386)),
    ],
)
def test_the_published_boundaries(kind: str, looks: int, published: tuple[float, ...]) -> None:
    found = spending_boundaries(np.arange(1, looks + 1) / looks, kind=kind)
    assert found.boundaries == pytest.approx(published, abs=0.0006)
    assert found.spent[-1] == pytest.approx(0.05)
    assert tuple(found) == found.boundaries
    assert "two-sided" in found.method
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_single_look_is_the_ordinary_test() -> None:
    assert spending_boundaries([1.0]).boundaries[0] == pytest.approx(stats.norm.isf(0.025))


def test_uneven_looks_spend_exactly_alpha() -> None:
    """1,000,000 simulated score paths at looks 0.3, 0.45 and 1: share ever crossing, Monte-Carlo error 0.0002."""
    shares = np.array([0.3, 0.45, 1.0])
    for kind in ("obrien-fleming", "pocock"):
        boundaries = np.array(spending_boundaries(shares, kind=kind).boundaries)
        steps = np.random.default_rng(1).normal(size=(1_000_000, 3)) * np.sqrt(np.diff(shares, prepend=0))
        crossed = (np.abs(steps.cumsum(axis=1)) / np.sqrt(shares) > boundaries).any(axis=1)
        assert crossed.mean() == pytest.approx(0.05, abs=0.001)


def test_alpha_left_over_is_pointed_out() -> None:
    found = spending_boundaries([0.25, 0.5])
    assert found.spent[-1] < 0.05
    assert any("still to be spent" in note for note in found.notes)


@pytest.mark.parametrize("bad", [[], [0.5, 0.5], [0.0, 1.0], [0.5, 1.5], [0.8, 0.4], [float("nan")]])
def test_shares_that_do_not_rise_to_one_are_refused(bad: list[float]) -> None:
    with pytest.raises(StatisticsError, match="shares of information"):
        spending_boundaries(bad)


def test_unknown_kinds_and_levels_are_refused() -> None:
    with pytest.raises(StatisticsError, match="protocol"):
        spending_boundaries([1.0], kind="haybittle")
    with pytest.raises(StatisticsError, match="alpha"):
        spending_boundaries([1.0], alpha=0)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0.05, 0.95), min_size=1, max_size=4, unique=True), st.floats(0.01, 0.2))
def test_boundaries_never_undercut_the_single_test(shares: list[float], alpha: float) -> None:
    found = spending_boundaries(sorted({round(share, 2) for share in shares} | {1.0}), alpha=alpha)
    assert min(found.boundaries) >= stats.norm.isf(alpha / 2) - 1e-6
    assert all(np.diff(found.spent) > 0)
    assert found.nominal_p[-1] <= found.spent[-1] + 1e-9
