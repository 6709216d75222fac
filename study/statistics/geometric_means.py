"""Geometric means: the ratio ai / manual of positive measurements, analysed on the log scale."""

import math
from typing import Any

import numpy as np

from study.statistics.estimates import RatioEstimate, SymmetricEstimate
from study.statistics.means import welch
from study.statistics.paired_means import mean_difference
from study.statistics.pairs import Floats, complete_pairs, finite_values
from study.statistics.results import StatisticsError


def geometric_mean_ratio(manual: Any, ai: Any, *, paired: bool = True) -> RatioEstimate:
    """Ratio of geometric means, ai / manual: 0.35 says the AI arm takes 35 % of the manual time.

    Parameters
    ----------
    manual, ai : array_like
        Positive values. [minutes, seconds, counts above zero]
    paired : bool, keyword-only
        True: same cases in the same order, paired t on the logs. False: independent arms, Welch on the logs.

    Returns
    -------
    RatioEstimate
        `standard_error` is that of the log ratio; the interval is built on the log scale; `p_value` is two-sided.

    Raises
    ------
    StatisticsError
        A value that is zero or negative, unequal lengths when paired, fewer than 2 values.

    References
    ----------
    Bland & Altman (1996), doi:10.1136/bmj.312.7039.1153

    Examples
    --------
    >>> ratio = geometric_mean_ratio([10.0, 20.0, 40.0], [5.0, 8.0, 20.0])
    >>> round(ratio.estimate, 3), round(ratio.interval().high, 3)
    (0.464, 0.639)
    """
    if paired:
        pairs = complete_pairs(manual, ai)
        logs = _logarithms(pairs.ai, "ai") - _logarithms(pairs.manual, "manual")
        difference = mean_difference(logs, method="ratio of geometric means, ai / manual; paired t-test on logs", notes=pairs.notes)
    else:
        left, right = (finite_values(arm, name=name, missing_allowed=True) for arm, name in ((manual, "manual"), (ai, "ai")))
        difference = welch(_logarithms(left, "manual"), _logarithms(right, "ai"))
    return _exponentiated(difference, paired=paired)


def _exponentiated(difference: SymmetricEstimate, *, paired: bool) -> RatioEstimate:
    unpaired = f"ratio of geometric means, ai / manual; Welch t-test on logs, two-sided, df = {difference.df:.1f}"
    return RatioEstimate(
        estimate=math.exp(difference.estimate),
        method=difference.method if paired else unpaired,
        n=difference.n,
        standard_error=difference.standard_error,
        statistic=difference.statistic,
        df=difference.df,
        p_value=difference.p_value,
        notes=difference.notes,
    )


def _logarithms(values: Floats, name: str) -> Floats:
    count = int((values <= 0).sum())
    if count:
        raise StatisticsError(
            f"positive values in {name}", f"{count} zero or negative", "correct them, or use paired_difference or hodges_lehmann"
        )
    return np.log(values)
