"""Pass rate: the share rated usable, always with its denominator."""

import math
from dataclasses import dataclass
from typing import Literal

from scipy import stats

from study.statistics.estimates import quantile_two_sided
from study.statistics.results import Interval, Result, StatisticsError


@dataclass(frozen=True, kw_only=True)
class PassRate(Result):
    """Share passed; `n` is the denominator, `passed` the numerator."""

    passed: int

    def interval(self, level: float = 0.95, method: Literal["wilson", "clopper-pearson"] = "wilson") -> Interval:
        """Two-sided interval of the share: Wilson's score, or Clopper and Pearson's exact one."""
        if method == "wilson":
            low, high = wilson_limits(self.passed, self.n, level)
        elif method == "clopper-pearson":
            low, high = _clopper_pearson_limits(self.passed, self.n, level)
        else:
            raise StatisticsError("method 'wilson' or 'clopper-pearson'", repr(method), "choose one of these")
        return Interval(low, high, level=level)


def pass_rate(passed: int, total: int) -> PassRate:
    """Share of cases rated usable.

    Parameters
    ----------
    passed, total : int
        Numerator and denominator, 0 ≤ passed ≤ total, total > 0.

    Returns
    -------
    PassRate
        `.interval(level, method="wilson" | "clopper-pearson")`.

    Raises
    ------
    StatisticsError
        Negative, fractional or impossible counts.

    References
    ----------
    Wilson (1927), doi:10.1080/01621459.1927.10502953; Clopper & Pearson (1934), doi:10.1093/biomet/26.4.404

    Examples
    --------
    The paper's 140 of 152, with the interval that it does not give:

    >>> rate = pass_rate(140, 152)
    >>> [round(x, 3) for x in (rate.estimate, *rate.interval(), *rate.interval(method="clopper-pearson"))]
    [0.921, 0.867, 0.954, 0.866, 0.959]
    """
    passed, total = whole_count(passed, "passed"), whole_count(total, "total")
    if total == 0 or passed > total:
        raise StatisticsError("0 ≤ passed ≤ total with total > 0", f"{passed} of {total}", "check the counts")
    rate = passed / total
    return PassRate(
        estimate=rate,
        method="pass rate; Wilson interval, two-sided",
        n=total,
        standard_error=(rate * (1 - rate) / total) ** 0.5,
        passed=passed,
    )


def whole_count(value: float, name: str) -> int:
    """A count as int; refuses negative, fractional and missing ones.

    Examples
    --------
    >>> whole_count(12.0, "passed")
    12
    """
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise StatisticsError(f"a count for {name}", repr(value), "give a whole number") from error
    if not (math.isfinite(number) and number >= 0 and number == int(number)):
        raise StatisticsError(f"a whole number of at least 0 for {name}", f"{value}", "check the counts")
    return int(number)


def wilson_limits(passed: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score limits of passed / total.

    Examples
    --------
    >>> [round(limit, 4) for limit in wilson_limits(81, 263)]
    [0.2553, 0.3662]
    """
    squared = quantile_two_sided(level) ** 2
    rate = passed / total
    centre = (2 * passed + squared) / (2 * (total + squared))
    half = (squared * (squared + 4 * passed * (1 - rate))) ** 0.5 / (2 * (total + squared))
    # At 0 of n and n of n one limit is exact by algebra; rounding must not push it off.
    return (0.0 if passed == 0 else centre - half), (1.0 if passed == total else centre + half)


def _clopper_pearson_limits(passed: int, total: int, level: float) -> tuple[float, float]:
    quantile_two_sided(level)  # refuses an impossible level
    tail = (1 - level) / 2
    low = 0.0 if passed == 0 else float(stats.beta.ppf(tail, passed, total - passed + 1))
    high = 1.0 if passed == total else float(stats.beta.isf(tail, passed + 1, total - passed))
    return low, high
