"""Estimates whose interval is estimate ± quantile × standard error, on the scale of the estimate or of its logarithm."""

import math
from dataclasses import dataclass
from typing import ClassVar

from scipy import stats

from study.statistics.results import Interval, Result, StatisticsError

TWO_SIDED = "two-sided"


def quantile_two_sided(level: float, df: float | None = None) -> float:
    """Quantile that leaves (1 − level) / 2 in each tail of the normal, or of t with `df` degrees of freedom.

    Examples
    --------
    >>> round(quantile_two_sided(0.95), 3), round(quantile_two_sided(0.95, df=9), 3)
    (1.96, 2.262)
    """
    if not 0 < level < 1:
        raise StatisticsError("a level strictly between 0 and 1", f"{level}", "give, for example, level=0.95")
    upper = 0.5 + level / 2
    return float(stats.norm.ppf(upper) if df is None or math.isinf(df) else stats.t.ppf(upper, df))


def p_two_sided(statistic: float, df: float | None = None) -> float:
    """Two-sided p of a z statistic, or of a t statistic with `df` degrees of freedom.

    Examples
    --------
    >>> round(p_two_sided(1.96), 3), round(p_two_sided(-2.262, df=9), 3)
    (0.05, 0.05)
    """
    tail = stats.norm.sf(abs(statistic)) if df is None or math.isinf(df) else stats.t.sf(abs(statistic), df)
    return float(min(1.0, 2 * tail))


@dataclass(frozen=True, kw_only=True)
class SymmetricEstimate(Result):
    """A difference with a symmetric interval: t with `df` degrees of freedom, normal without."""

    normal_interval: ClassVar[bool] = False  # True where df belong to a chi-squared test

    def interval(self, level: float = 0.95) -> Interval:
        """Estimate ± quantile × standard error, two-sided; NaN limits where there is no standard error."""
        quantile = quantile_two_sided(level, None if self.normal_interval else self.df)
        half = math.nan if self.standard_error is None else quantile * self.standard_error
        return Interval(self.estimate - half, self.estimate + half, level=level)


@dataclass(frozen=True, kw_only=True)
class RatioEstimate(Result):
    """A ratio ai / manual; `standard_error` is that of its natural logarithm, and the interval is built there."""

    normal_interval: ClassVar[bool] = False  # True where df belong to a chi-squared test

    @property
    def log_estimate(self) -> float:
        """Natural logarithm of the ratio."""
        return math.log(self.estimate)

    def interval(self, level: float = 0.95) -> Interval:
        """exp(log ratio ± quantile × standard error of the log), two-sided; NaN limits where there is no standard error."""
        quantile = quantile_two_sided(level, None if self.normal_interval else self.df)
        if self.standard_error is None:
            return Interval(math.nan, math.nan, level=level)
        factor = math.exp(quantile * self.standard_error)
        return Interval(self.estimate / factor, self.estimate * factor, level=level)
