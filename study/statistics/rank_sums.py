"""Rank sums: the Mann-Whitney test of two independent arms, with the Hodges-Lehmann shift and its interval."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import stats

from study.statistics.brent_root import brent_root
from study.statistics.estimates import quantile_two_sided
from study.statistics.means import two_arms
from study.statistics.paired_means import constant_notes
from study.statistics.pairs import Floats
from study.statistics.results import Interval, Result

_EXACT_BELOW = 50  # values per arm, as in R


@dataclass(frozen=True, kw_only=True)
class RankShift(Result):
    """Location shift ai − manual; `statistic` counts the pairs in which ai is larger, `superiority` is their share (ties half)."""

    superiority: float
    _manual: Floats = field(repr=False, compare=False)
    _ai: Floats = field(repr=False, compare=False)
    _exact: bool = field(repr=False)

    def interval(self, level: float = 0.95) -> Interval:
        """Shifts that the two-sided rank-sum test at 1 − level does not reject."""
        quantile = quantile_two_sided(level)
        limits = _exact_limits(self._manual, self._ai, level) if self._exact else _normal_limits(self._manual, self._ai, quantile)
        return Interval(*limits, level=level)


def mann_whitney(manual: Any, ai: Any) -> RankShift:
    """Location shift of two independent arms (Mann-Whitney, Wilcoxon rank-sum test), as R's `wilcox.test(ai, manual, conf.int = TRUE)`.

    Parameters
    ----------
    manual, ai : array_like
        Values of each arm, any order; missing values are left out and counted.

    Returns
    -------
    RankShift
        `estimate` is the median of all differences ai − manual; `statistic` is R's W; `superiority` = P(ai > manual) + P(equal) / 2.

    Raises
    ------
    StatisticsError
        An empty arm, infinite values.

    Notes
    -----
    Exact below 50 values per arm without ties; otherwise the normal approximation with tie and continuity correction, where estimate
    and limits are roots found to 1e-4, as in R. A pure shift is assumed; where spreads differ `brunner_munzel` is the safer test.

    References
    ----------
    Mann & Whitney (1947), doi:10.1214/aoms/1177730491; Hodges & Lehmann (1963), doi:10.1214/aoms/1177704172

    Examples
    --------
    >>> shift = mann_whitney([0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46], [1.15, 0.88, 0.90, 0.74, 1.21])
    >>> shift.statistic, round(shift.p_value, 4), round(shift.estimate, 3), [round(x, 2) for x in shift.interval()]
    (15.0, 0.2544, -0.305, [-0.76, 0.15])
    """
    left, right, notes = two_arms(manual, ai, at_least=1)
    n_manual, n_ai = left.size, right.size
    notes += constant_notes(left, right)
    ranks = stats.rankdata(np.concatenate([right, left]))
    statistic = float(ranks[:n_ai].sum()) - n_ai * (n_ai + 1) / 2
    tied = np.unique(ranks).size < ranks.size
    exact = not tied and n_manual < _EXACT_BELOW and n_ai < _EXACT_BELOW
    if tied:
        notes += ("tied values share their mean rank; normal approximation",)
    estimate = float(np.median(np.subtract.outer(right, left))) if exact else _normal_estimate(left, right)
    kind = "exact" if exact else "normal approximation with continuity correction"
    return RankShift(
        estimate=estimate,
        method=f"Hodges-Lehmann shift ai − manual; Mann-Whitney test, {kind}, two-sided",
        n=n_manual + n_ai,
        statistic=statistic,
        p_value=_exact_p(statistic, n_manual, n_ai) if exact else _normal_p(left, right),
        notes=notes,
        superiority=statistic / (n_manual * n_ai),
        _manual=left,
        _ai=right,
        _exact=exact,
    )


def rank_sum_distribution(first: int, second: int) -> Floats:
    """Probability of each value 0..first × second of the Mann-Whitney statistic without ties.

    Examples
    --------
    >>> (rank_sum_distribution(2, 2) * 6).round(9).tolist()
    [1.0, 1.0, 2.0, 1.0, 1.0]
    """
    # The counts are the coefficients of the product over i of (1 − x^(second + i)) / (1 − x^i), symmetric; the lower half suffices, where
    # the small counts of the tail are whole numbers computed from smaller ones only.
    size = first * second + 1
    half = (size + 1) // 2
    counts = np.zeros(half)
    counts[0] = 1.0
    for i in range(1, first + 1):
        step = second + i
        counts[step:] -= counts[: max(0, half - step)].copy()
        for start in range(min(i, half)):
            counts[start::i] = np.cumsum(counts[start::i])
    whole = np.concatenate([counts, counts[: size - half][::-1]])
    return whole / whole.sum()


def _exact_p(statistic: float, n_manual: int, n_ai: int) -> float:
    cumulative = np.cumsum(rank_sum_distribution(n_manual, n_ai))
    smaller = min(int(statistic), n_manual * n_ai - int(statistic))
    return float(min(1.0, 2 * cumulative[smaller]))


def _exact_limits(manual: Floats, ai: Floats, level: float) -> tuple[float, float]:
    differences = np.sort(np.subtract.outer(ai, manual), axis=None)
    cumulative = np.cumsum(rank_sum_distribution(manual.size, ai.size))
    rank = max(1, int(np.searchsorted(cumulative, (1 - level) / 2 * (1 - 1e-12))))
    return float(differences[rank - 1]), float(differences[differences.size - rank])


def _z(manual: Floats, ai: Floats, *, shift: float = 0.0, continuity: bool) -> float:
    """Standardised rank sum of ai − shift among all, tie-corrected."""
    n_manual, n_ai = manual.size, ai.size
    n = n_manual + n_ai
    ranks = stats.rankdata(np.concatenate([ai - shift, manual]))
    counts = np.unique(ranks, return_counts=True)[1].astype(np.float64)
    centred = float(ranks[:n_ai].sum()) - n_ai * (n_ai + 1) / 2 - n_manual * n_ai / 2
    ties = float((counts**3 - counts).sum()) / (n * (n - 1)) if n > 1 else 0.0
    variance = n_manual * n_ai / 12 * (n + 1 - ties)
    if variance <= 0:
        return 0.0
    correction = math.copysign(0.5, centred) if continuity and centred != 0 else 0.0
    return (centred - correction) / math.sqrt(variance)


def _normal_p(manual: Floats, ai: Floats) -> float:
    return float(min(1.0, 2 * stats.norm.sf(abs(_z(manual, ai, continuity=True)))))


def _normal_estimate(manual: Floats, ai: Floats) -> float:
    return _root(manual, ai, 0.0, continuity=False)


def _normal_limits(manual: Floats, ai: Floats, quantile: float) -> tuple[float, float]:
    return _root(manual, ai, quantile, continuity=True), _root(manual, ai, -quantile, continuity=True)


def _root(manual: Floats, ai: Floats, target: float, *, continuity: bool) -> float:
    low, high = float(ai.min() - manual.max()), float(ai.max() - manual.min())

    def excess(shift: float) -> float:
        return _z(manual, ai, shift=shift, continuity=continuity) - target

    if low == high or excess(low) <= 0:
        return low
    return high if excess(high) >= 0 else brent_root(excess, low, high)
