"""Hodges-Lehmann location shift of paired differences, with the signed-rank test and its interval."""

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from scipy import stats

from study.statistics.brent_root import brent_root
from study.statistics.estimates import quantile_two_sided
from study.statistics.pairs import Floats, finite_values
from study.statistics.results import Interval, Result, StatisticsError
from study.statistics.signed_rank_distribution import signed_rank_distribution, untied_quantile
from study.statistics.walsh_averages import WalshAverages

EXACT_UP_TO = 500  # pairs; the exact distribution then takes a few tenths of a second


@dataclass(frozen=True, kw_only=True)
class LocationShift(Result):
    """Location shift of differences; `statistic` is the sum of the ranks of the positive ones (R's V)."""

    _differences: Floats = field(repr=False, compare=False)
    _exact: bool = field(repr=False)
    _continuity: bool = field(repr=False)

    def interval(self, level: float = 0.95) -> Interval:
        """Shifts that the two-sided signed-rank test at 1 − level does not reject; of too few pairs, their whole range."""
        quantile_two_sided(level)  # refuses an impossible level
        low, high = _exact_limits(self._differences, level) if self._exact else _normal_limits(self._differences, level, self._continuity)
        return Interval(low, high, level=level)


def hodges_lehmann(differences: Any, *, method: Literal["exact", "normal"] = "exact", continuity: bool = False) -> LocationShift:
    """Location shift of paired differences (pseudo-median), its signed-rank p value and interval.

    Parameters
    ----------
    differences : array_like
        ai − manual, one per pair; missing ones are left out and counted.
    method : {"exact", "normal"}, keyword-only
        exact: the permutation distribution of the signs (midranks for ties), the median and the order statistics of the
        Walsh averages. normal: the approximation and root search of R's `wilcox.test(exact = FALSE, conf.int = TRUE)`.
    continuity : bool, keyword-only
        With `normal`: R's `correct`; 0.5 is taken off the statistic for p and interval, never for the estimate.

    Returns
    -------
    LocationShift
        `statistic` is V, the rank sum of positive differences; `n` counts the differences that are not zero; two-sided p.

    Raises
    ------
    StatisticsError
        No differences, infinite values, an unknown method.

    Notes
    -----
    Zeros are dropped before ranking and before estimating, as R does, and the notes count them. Under ties the exact p value is that of the
    tied ranks; the exact interval uses the order statistics for untied ranks, whose coverage is then at least the level.
    Beyond 500 pairs p is the normal approximation, and the limits are order statistics at its quantiles. With `normal`, the
    estimate is a root found to 1e-4, as in R, so it is not exactly antisymmetric when the arms are swapped; `exact` is.

    References
    ----------
    Hodges & Lehmann (1963), doi:10.1214/aoms/1177704172; Wilcoxon (1945), doi:10.2307/3001968;
    Hollander, Wolfe & Chicken (2014), chapter 3.

    Examples
    --------
    >>> shift = hodges_lehmann([-9.1, -7.4, -12.0, -8.8, -10.3, -9.9, 0.4, -11.2])
    >>> shift.estimate, tuple(shift.interval()), round(shift.p_value, 4)
    (-9.425, (-11.15, -4.35), 0.0156)
    """
    if method not in ("exact", "normal"):
        raise StatisticsError("method 'exact' or 'normal'", repr(method), "choose one of these")
    given = finite_values(differences, name="differences", missing_allowed=True)
    present = given[~np.isnan(given)]
    kept = present[present != 0]
    notes = _notes(given, present, kept)
    if present.size == 0:
        raise StatisticsError("at least 1 difference", "none", "add pairs measured in both arms")
    if kept.size == 0:
        notes += ("all differences are zero: nothing to rank, p = 1",)
        return LocationShift(
            estimate=0.0, method=_describe(method, 0, continuity), n=0, statistic=0.0, p_value=1.0, notes=notes,
            _differences=kept, _exact=method == "exact", _continuity=continuity,
        )  # fmt: skip
    ranks = stats.rankdata(np.abs(kept))
    exact = method == "exact"
    if exact and kept.size <= EXACT_UP_TO:
        p_value = _exact_p(kept, ranks)
    else:
        p_value = _normal_p(_z(kept, continuity=continuity))
    if exact and kept.size > EXACT_UP_TO:
        notes += (f"more than {EXACT_UP_TO} pairs: p and the ranks of the limits by the normal approximation",)
    return LocationShift(
        estimate=WalshAverages(kept).median() if exact else _normal_estimate(kept),
        method=_describe(method, kept.size, continuity),
        n=int(kept.size),
        statistic=float(ranks[kept > 0].sum()),
        p_value=p_value,
        notes=notes,
        _differences=kept,
        _exact=exact,
        _continuity=continuity,
    )


def _describe(method: str, n: int, continuity: bool) -> str:
    if method == "exact" and n <= EXACT_UP_TO:
        kind = "exact distribution"
    else:
        kind = "normal approximation" + (" with continuity correction" if continuity else "")
    return f"Hodges-Lehmann shift of ai − manual; Wilcoxon signed-rank test, {kind}, two-sided"


def _notes(given: Floats, present: Floats, kept: Floats) -> tuple[str, ...]:
    notes = []
    if given.size > present.size:
        notes.append(f"{given.size - present.size} of {given.size} pairs left out: a side is missing")
    if present.size > kept.size:
        notes.append(f"{present.size - kept.size} of {present.size} differences are zero and were dropped before ranking (Wilcoxon)")
    tied = kept.size - np.unique(np.abs(kept)).size
    if tied:
        notes.append("tied absolute differences share their mean rank")
    return tuple(notes)


def _exact_p(kept: Floats, ranks: Floats) -> float:
    doubled = np.rint(2 * ranks).astype(np.int64)
    probabilities = signed_rank_distribution(doubled)
    positive = int(doubled[kept > 0].sum())
    smaller = min(positive, int(doubled.sum()) - positive)  # the distribution is symmetric
    return float(min(1.0, 2 * probabilities[: smaller + 1].sum()))


def _exact_limits(kept: Floats, level: float) -> tuple[float, float]:
    n, tail = kept.size, (1 - level) / 2
    if n == 0:
        return 0.0, 0.0
    averages = WalshAverages(kept)
    if n <= EXACT_UP_TO:
        rank = max(1, untied_quantile(tail, n=n))
    else:
        spread = math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
        rank = max(1, math.floor(averages.count / 2 + stats.norm.ppf(tail) * spread))
    return averages.order_statistic(rank), averages.order_statistic(averages.count - rank + 1)


def _z(differences: Floats, *, shift: float = 0.0, continuity: bool = False) -> float:
    """Standardised signed-rank statistic of differences − shift, zeros dropped, tie-corrected."""
    moved = differences - shift
    moved = moved[moved != 0]
    n = moved.size
    ranks = stats.rankdata(np.abs(moved))
    counts = np.unique(ranks, return_counts=True)[1].astype(np.float64)
    centred = float(ranks[moved > 0].sum()) - n * (n + 1) / 4
    variance = n * (n + 1) * (2 * n + 1) / 24 - float((counts**3 - counts).sum()) / 48
    if variance <= 0:
        return math.nan
    correction = math.copysign(0.5, centred) if continuity and centred != 0 else 0.0
    return (centred - correction) / math.sqrt(variance)


def _normal_p(z: float) -> float:
    return float(min(1.0, 2 * stats.norm.sf(abs(z))))


def _normal_estimate(kept: Floats) -> float:
    low, high = float(kept.min()), float(kept.max())
    if not math.isfinite(_z(kept, shift=low)) or not math.isfinite(_z(kept, shift=high)):
        return float(np.median(kept))
    return brent_root(lambda shift: _z(kept, shift=shift), low, high)


def _normal_limits(kept: Floats, level: float, continuity: bool) -> tuple[float, float]:
    """Shifts at which the standardised statistic crosses the two quantiles; a level out of reach is lowered as in R."""
    if kept.size == 0:
        return 0.0, 0.0
    low, high = float(kept.min()), float(kept.max())
    at_low, at_high = (_z(kept, shift=end, continuity=continuity) for end in (low, high))
    alpha = 1 - level
    while alpha < 1 and (at_low < stats.norm.isf(alpha / 2) or at_high > stats.norm.ppf(alpha / 2)):
        alpha *= 2
    if not (math.isfinite(at_low) and math.isfinite(at_high)) or alpha >= 1:
        return float(np.median(kept)), float(np.median(kept))
    quantile = float(stats.norm.isf(alpha / 2))
    lower = brent_root(lambda shift: _z(kept, shift=shift, continuity=continuity) - quantile, low, high)
    upper = brent_root(lambda shift: _z(kept, shift=shift, continuity=continuity) + quantile, low, high)
    return lower, upper
