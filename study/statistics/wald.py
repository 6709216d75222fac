"""An estimate with a standard error: the interval that t or the normal distribution gives it."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from study.statistics.results import Interval, Result


@dataclass(frozen=True, kw_only=True)
class WaldResult(Result):
    """An estimate whose interval is estimate ± quantile x standard error.

    The quantile is Student's t with `df` degrees of freedom, the normal one when `df` is None or infinite. `lowest` and
    `highest` clip the limits to what the quantity can be. Without a usable standard error the limits are NaN: no interval.

    Examples
    --------
    >>> low, high = WaldResult(estimate=1.0, method="by hand", n=9, standard_error=0.5, df=8).interval()
    >>> round(low, 3), round(high, 3)
    (-0.153, 2.153)
    """

    lowest: float = -math.inf
    highest: float = math.inf

    def interval(self, level: float = 0.95) -> Interval:
        """Two-sided confidence interval.

        Parameters
        ----------
        level : float
            Confidence level, between 0 and 1.

        Returns
        -------
        Interval
            NaN limits when the standard error is missing or zero.
        """
        if not usable(self.standard_error):
            return Interval(math.nan, math.nan, level)
        half = quantile(level, self.df) * float(self.standard_error or 0.0)
        low, high = max(self.lowest, self.estimate - half), min(self.highest, self.estimate + half)
        return Interval(float(low), float(high), level)


def usable(standard_error: float | None) -> bool:
    """Whether a standard error is a positive number a test can be built on."""
    return standard_error is not None and math.isfinite(standard_error) and standard_error > 0


def quantile(level: float, df: float | None) -> float:
    """Two-sided quantile of t(df), of the normal distribution where df is None or infinite."""
    if df is None or math.isinf(df):
        return float(stats.norm.ppf((1 + level) / 2))
    return float(stats.t.ppf((1 + level) / 2, df))


def two_sided_p(statistic: float, df: float | None) -> float:
    """Two-sided p value of a t statistic, of a z statistic where df is None or infinite."""
    if df is None or math.isinf(df):
        return float(2 * stats.norm.sf(abs(statistic)))
    return float(2 * stats.t.sf(abs(statistic), df))


def wald_fields(estimate: float, standard_error: float, df: float | None) -> dict[str, float | None]:
    """Standard error, statistic, df and two-sided p, all but the error None when there is no variation to test against."""
    scale = abs(estimate) * 1e-10 + 1e-14
    if not usable(standard_error) or standard_error <= scale or not np.isfinite(estimate):
        return {"standard_error": 0.0 if abs(standard_error) <= scale else None, "statistic": None, "df": None, "p_value": None}
    statistic = estimate / standard_error
    return {"standard_error": float(standard_error), "statistic": float(statistic), "df": df, "p_value": two_sided_p(statistic, df)}
