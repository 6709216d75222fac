"""Sample sizes by formula; `.n` is pairs, or cases per group, and every size gives at least the power asked for."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy import stats

from study.statistics.results import Result, StatisticsError

LARGEST = 10_000_000


@dataclass(frozen=True, kw_only=True)
class SampleSize(Result):
    """A sample size; `estimate` is the size before rounding up where a formula gives it, `power` what `n` gives.

    Parameters
    ----------
    power : float
    alpha : float
        Two-sided unless `method` says otherwise.
    """

    power: float
    alpha: float


def paired_t(*, difference: float, sd: float, power: float, alpha: float = 0.05) -> SampleSize:
    """Pairs for a two-sided paired t test, by the noncentral t distribution.

    Parameters
    ----------
    difference : float
        Mean difference to be found.
    sd : float
        Standard deviation of the differences.
    power, alpha : float

    Returns
    -------
    SampleSize
        `n` pairs.

    Raises
    ------
    StatisticsError
        No difference, sd not above 0, power or alpha outside 0 to 1.

    References
    ----------
    Chow, Shao and Wang 2008, Sample Size Calculations in Clinical Research.

    Examples
    --------
    >>> paired_t(difference=1, sd=2, power=0.9).n
    44
    """
    _check(difference, sd, power, alpha)
    effect = abs(difference) / sd
    return _smallest(lambda n: _t_power(effect * math.sqrt(n), n - 1, alpha), power, alpha, "paired t test, noncentral t, two-sided")


def two_sample_t(*, difference: float, sd: float, power: float, alpha: float = 0.05) -> SampleSize:
    """Cases per group for a two-sided t test of two groups of equal size and sd.

    Parameters
    ----------
    difference : float
        Difference in means to be found.
    sd : float
        Standard deviation within a group.
    power, alpha : float

    Returns
    -------
    SampleSize
        `n` per group.

    Raises
    ------
    StatisticsError
        As `paired_t`.

    References
    ----------
    Chow, Shao and Wang 2008, Sample Size Calculations in Clinical Research.

    Examples
    --------
    >>> two_sample_t(difference=1, sd=1, power=0.9).n
    23
    """
    _check(difference, sd, power, alpha)
    effect = abs(difference) / sd
    method = "two-sample t test, n per group, noncentral t, two-sided"
    return _smallest(lambda n: _t_power(effect * math.sqrt(n / 2), 2 * n - 2, alpha), power, alpha, method)


def two_proportions(*, p1: float, p2: float, power: float, alpha: float = 0.05) -> SampleSize:
    """Cases per group for a two-sided test of two proportions (normal approximation, pooled under no difference).

    Parameters
    ----------
    p1, p2 : float
        Pass rates.
    power, alpha : float

    Returns
    -------
    SampleSize
        `n` per group.

    Raises
    ------
    StatisticsError
        Equal rates, or one outside 0 to 1.

    References
    ----------
    Fleiss, Levin and Paik 2003, Statistical Methods for Rates and Proportions, chapter 4, doi:10.1002/0471445428.

    Examples
    --------
    >>> two_proportions(p1=0.5, p2=0.75, power=0.9).n
    77
    """
    _check(p2 - p1, 1.0, power, alpha)
    if not (0 <= p1 <= 1 and 0 <= p2 <= 1):
        raise StatisticsError("proportions between 0 and 1", f"{p1} and {p2}", "give shares, not per cent")
    mean, gap = (p1 + p2) / 2, abs(p1 - p2)
    null, alternative = math.sqrt(2 * mean * (1 - mean)), math.sqrt(p1 * (1 - p1) + p2 * (1 - p2))
    return _normal(gap, null, alternative, power, alpha, "two proportions, n per group, normal approximation, two-sided")


def mcnemar(*, p_small: float, ratio: float, power: float, alpha: float = 0.05) -> SampleSize:
    """Pairs for a two-sided McNemar test (Connett's formula).

    Parameters
    ----------
    p_small : float
        Share of pairs in the smaller discordant cell.
    ratio : float
        Larger discordant cell / smaller one, above 1.
    power, alpha : float

    Returns
    -------
    SampleSize
        `n` pairs.

    Raises
    ------
    StatisticsError
        Discordant shares that are not probabilities, or a ratio not above 1.

    References
    ----------
    Connett, Smith and McHugh 1987, doi:10.1002/sim.4780060107.

    Examples
    --------
    >>> mcnemar(p_small=0.1, ratio=2, power=0.8).n
    234
    """
    if not (p_small > 0 and ratio > 1 and p_small * (1 + ratio) <= 1):
        raise StatisticsError("p_small above 0, ratio above 1, together at most 1", f"{p_small} and {ratio}", "take them from a pilot")
    discordant, gap = p_small * (1 + ratio), p_small * (ratio - 1)
    _check(gap, 1.0, power, alpha)
    null, alternative = math.sqrt(discordant), math.sqrt(max(discordant - gap**2, 0.0))
    return _normal(gap, null, alternative, power, alpha, "McNemar test, n pairs, normal approximation, two-sided")


def paired_noninferiority(*, margin: float, difference: float, sd: float, power: float, alpha: float = 0.05) -> SampleSize:
    """Pairs to show that ai is not worse than manual by the margin: lower limit of the two-sided 1 − alpha interval above −margin.

    Parameters
    ----------
    margin : float
        Above 0; larger values of the outcome are better.
    difference : float
        True ai − manual expected, above −margin (0 is usual).
    sd : float
        Standard deviation of the differences; for a pass rate √(discordant share − difference²).
    power : float
    alpha : float
        Two-sided: the test is one-sided at alpha / 2.

    Returns
    -------
    SampleSize
        `n` pairs, by the noncentral t distribution.

    Raises
    ------
    StatisticsError
        Margin not above 0, difference not above −margin.

    References
    ----------
    Chow, Shao and Wang 2008, Sample Size Calculations in Clinical Research.

    Examples
    --------
    >>> paired_noninferiority(margin=0.05, difference=0, sd=0.3, power=0.8).n
    285
    """
    if not margin > 0 or not difference > -margin:
        raise StatisticsError(
            "a margin above 0 and a difference above −margin", f"{margin} and {difference}", "state the margin as positive"
        )
    _check(margin + difference, sd, power, alpha)
    effect = (margin + difference) / sd
    method = f"paired non-inferiority t test, noncentral t, one-sided at {alpha / 2:g} (two-sided {1 - alpha:.0%} interval)"
    return _smallest(lambda n: _one_sided_power(effect * math.sqrt(n), n - 1, alpha / 2), power, alpha, method)


def _check(difference: float, sd: float, power: float, alpha: float) -> None:
    if difference == 0 or not sd > 0 or not math.isfinite(difference):
        raise StatisticsError("a difference other than 0 and an sd above 0", f"{difference} and {sd}", "take them from a pilot")
    if not (0 < power < 1 and 0 < alpha < 1) or power <= alpha:
        raise StatisticsError("power and alpha between 0 and 1, power the larger", f"{power} and {alpha}", "0.8 and 0.05 are usual")


def _t_power(noncentrality: float, df: float, alpha: float) -> float:
    critical = stats.t.isf(alpha / 2, df)
    return float(stats.nct.sf(critical, df, noncentrality) + stats.nct.cdf(-critical, df, noncentrality))


def _one_sided_power(noncentrality: float, df: float, alpha: float) -> float:
    return float(stats.nct.sf(stats.t.isf(alpha, df), df, noncentrality))


def _smallest(achieved: Callable[[int], float], power: float, alpha: float, method: str) -> SampleSize:
    """Smallest n (at least 2) whose power suffices; power rises with n."""
    low, high = 1, 2
    while achieved(high) < power:
        low, high = high, high * 2
        if high > LARGEST:
            raise StatisticsError("an effect that ten million cases can show", "a smaller one", "reconsider the effect or the sd")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if achieved(middle) >= power else (middle, high)
    return SampleSize(estimate=float(high), n=high, method=method, power=achieved(high), alpha=alpha)


def _normal(gap: float, null: float, alternative: float, power: float, alpha: float, method: str) -> SampleSize:
    """n = [(z(1 − alpha/2) null + z(power) alternative) / gap]², rounded up."""
    z = float(stats.norm.isf(alpha / 2))
    exact = ((z * null + float(stats.norm.ppf(power)) * alternative) / gap) ** 2
    n = math.ceil(exact - 1e-9)
    spread = gap * math.sqrt(n) - z * null
    reached = float(stats.norm.cdf(spread / alternative)) if alternative > 0 else float(spread >= 0)
    return SampleSize(estimate=exact, n=n, method=method, power=reached, alpha=alpha)
