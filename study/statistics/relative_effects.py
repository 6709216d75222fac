"""Relative effects: the chance that an ai value exceeds a manual one, whatever the spreads."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from study.statistics.estimates import SymmetricEstimate, p_two_sided
from study.statistics.means import two_arms
from study.statistics.paired_means import constant_notes
from study.statistics.pairs import Floats
from study.statistics.results import Interval


@dataclass(frozen=True, kw_only=True)
class RelativeEffect(SymmetricEstimate):
    """P(ai > manual) + P(equal) / 2; one half is no effect, `statistic` has the sign of ai − manual."""

    def interval(self, level: float = 0.95) -> Interval:
        """Two-sided t interval, cut at 0 and 1."""
        low, high = super().interval(level)
        return Interval(max(0.0, low), min(1.0, high), level=level) if low <= high else Interval(low, high, level=level)


def brunner_munzel(manual: Any, ai: Any) -> RelativeEffect:
    """Chance that a case done with AI takes longer than one done by hand, with the Brunner-Munzel test that it is one half.

    Parameters
    ----------
    manual, ai : array_like
        Values of each arm, any order; missing values are left out and counted.

    Returns
    -------
    RelativeEffect
        `estimate` = P(ai > manual) + P(equal) / 2; t test and interval with Satterthwaite df, two-sided.

    Raises
    ------
    StatisticsError
        Fewer than 2 values in an arm, infinite values.

    Notes
    -----
    Neither equal spreads nor equal shapes are assumed. If the arms do not overlap the variance estimate is zero: then there is no
    interval, and p is that of the permutation test, 2 / C(n, n_ai).

    References
    ----------
    Brunner & Munzel (2000), doi:10.1002/(SICI)1521-4036(200001)42:1<17::AID-BIMJ17>3.0.CO;2-U;
    Neubert & Brunner (2007), doi:10.1016/j.csda.2006.05.024

    Examples
    --------
    >>> effect = brunner_munzel([1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 1, 1], [3, 3, 4, 3, 1, 2, 3, 1, 1, 5, 4])
    >>> round(effect.estimate, 3), round(effect.statistic, 4), round(effect.df, 2), round(effect.p_value, 5)
    (0.789, 3.1375, 17.68, 0.00579)
    """
    left, right, notes = two_arms(manual, ai)
    notes += constant_notes(left, right)
    n_manual, n_ai = left.size, right.size
    n = n_manual + n_ai
    together = stats.rankdata(np.concatenate([left, right]))
    rank_manual, rank_ai = together[:n_manual], together[n_manual:]
    estimate = (float(rank_ai.mean()) - (n_ai + 1) / 2) / n_manual
    parts = np.array(
        [_placement_variance(rank_manual, left) / n_ai**2 / n_manual, _placement_variance(rank_ai, right) / n_manual**2 / n_ai]
    )
    variance = float(parts.sum())
    if variance <= 1e-15:
        return _without_variance(estimate, n_manual, n_ai, notes)
    df = variance**2 / float((parts**2 / np.array([n_manual - 1, n_ai - 1])).sum())
    statistic = (estimate - 0.5) / math.sqrt(variance)
    return RelativeEffect(
        estimate=estimate,
        method=f"P(ai > manual) + P(equal) / 2; Brunner-Munzel test, t with df = {df:.1f}, two-sided",
        n=n,
        standard_error=math.sqrt(variance),
        statistic=statistic,
        df=df,
        p_value=p_two_sided(statistic, df),
        notes=notes,
    )


def _placement_variance(overall: Floats, values: Floats) -> float:
    placements = overall - stats.rankdata(values)
    return float(placements.var(ddof=1))


def _without_variance(estimate: float, n_manual: int, n_ai: int, notes: tuple[str, ...]) -> RelativeEffect:
    if estimate == 0.5:
        p_value, reason = 1.0, "all values are equal: no variance, p = 1, no interval"
    else:
        p_value, reason = min(1.0, 2 / math.comb(n_manual + n_ai, n_ai)), "the arms do not overlap: no variance, permutation p, no interval"
    return RelativeEffect(
        estimate=estimate,
        method="P(ai > manual) + P(equal) / 2; permutation p, two-sided",
        n=n_manual + n_ai,
        p_value=p_value,
        notes=(*notes, reason),
    )
