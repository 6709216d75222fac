"""Intervals for the difference of two pass rates measured on the same cases."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy import optimize

from study.statistics.estimates import quantile_two_sided
from study.statistics.pass_rates import wilson_limits

Limits = tuple[float, float]


@dataclass(frozen=True)
class PairedCounts:
    """Cases that passed in both arms, only in one, in neither.

    Examples
    --------
    >>> PairedCounts(59, 16, 6, 80).difference
    0.062111801242236024
    """

    both: int
    only_ai: int
    only_manual: int
    neither: int

    @property
    def total(self) -> int:
        """Number of pairs."""
        return self.both + self.only_ai + self.only_manual + self.neither

    @property
    def difference(self) -> float:
        """Pass rate ai − pass rate manual."""
        return (self.only_ai - self.only_manual) / self.total

    @property
    def wald_error(self) -> float:
        """Standard error from the observed discordant shares."""
        return math.sqrt(max(0.0, self.only_ai + self.only_manual - (self.only_ai - self.only_manual) ** 2 / self.total)) / self.total


def tango_limits(counts: PairedCounts, level: float = 0.95) -> Limits:
    """Differences that the score test for paired proportions does not reject.

    References
    ----------
    Tango (1998), doi:10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B

    Examples
    --------
    Without a discordant pair the limits are ± z² / (n + z²):

    >>> [round(limit, 4) for limit in tango_limits(PairedCounts(44, 0, 0, 0))]
    [-0.0803, 0.0803]
    """
    quantile = quantile_two_sided(level)
    estimate = counts.difference
    edge = 1 - 1e-12

    def excess(difference: float, target: float) -> float:
        return _score(counts, difference) - target

    low = -1.0 if estimate <= -edge else float(optimize.brentq(excess, -edge, estimate, args=(quantile,), xtol=1e-12))
    high = 1.0 if estimate >= edge else float(optimize.brentq(excess, estimate, edge, args=(-quantile,), xtol=1e-12))
    return low, high


def _score(counts: PairedCounts, difference: float) -> float:
    """Score statistic of the hypothesis that the pass rates differ by `difference`."""
    n, only_ai, only_manual = counts.total, counts.only_ai, counts.only_manual
    distance = only_ai - only_manual - n * difference
    # Largest-likelihood share of `only_manual` under the hypothesis: the larger root of a quadratic.
    linear = -only_ai - only_manual + (2 * n - only_ai + only_manual) * difference
    constant = -only_manual * difference * (1 - difference)
    share = (math.sqrt(max(0.0, linear**2 - 8 * n * constant)) - linear) / (4 * n)
    variance = n * (2 * share + difference * (1 - difference))
    if distance == 0:
        return 0.0
    return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance)


def newcombe_limits(counts: PairedCounts, level: float = 0.95) -> Limits:
    """Wilson limits of both rates combined by square-and-add, with the continuity-corrected correlation (method 10).

    References
    ----------
    Newcombe (1998), doi:10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C

    Examples
    --------
    >>> [round(limit, 4) for limit in newcombe_limits(PairedCounts(1, 1, 7, 12))]
    [-0.5069, -0.0256]
    """
    n = counts.total
    manual_passed, ai_passed = counts.both + counts.only_manual, counts.both + counts.only_ai
    manual, ai = manual_passed / n, ai_passed / n
    manual_low, manual_high = wilson_limits(manual_passed, n, level)
    ai_low, ai_high = wilson_limits(ai_passed, n, level)
    correlation = _corrected_correlation(counts)
    below = _square_and_add(ai - ai_low, manual_high - manual, correlation)
    above = _square_and_add(ai_high - ai, manual - manual_low, correlation)
    return ai - manual - below, ai - manual + above


def _square_and_add(first: float, second: float, correlation: float) -> float:
    return math.sqrt(max(0.0, first**2 - 2 * correlation * first * second + second**2))


def _corrected_correlation(counts: PairedCounts) -> float:
    margins = (counts.both + counts.only_ai) * (counts.only_manual + counts.neither)
    margins *= (counts.both + counts.only_manual) * (counts.only_ai + counts.neither)
    if margins == 0:
        return 0.0
    product = float(counts.both * counts.neither - counts.only_ai * counts.only_manual)
    corrected = product if product < 0 else max(0.0, product - counts.total / 2)
    return corrected / math.sqrt(margins)


def wald_limits(counts: PairedCounts, level: float = 0.95) -> Limits:
    """Textbook limits; of zero width without discordant pairs, so never the primary ones.

    Examples
    --------
    >>> [round(limit, 4) for limit in wald_limits(PairedCounts(59, 16, 6, 80))]
    [0.0058, 0.1184]
    """
    half = quantile_two_sided(level) * counts.wald_error
    return counts.difference - half, counts.difference + half


def bonett_price_limits(counts: PairedCounts, level: float = 0.95) -> Limits:
    """Adjusted Wald: one added to each discordant count.

    References
    ----------
    Bonett & Price (2012), doi:10.3102/1076998611411915

    Examples
    --------
    >>> [round(limit, 4) for limit in bonett_price_limits(PairedCounts(59, 16, 6, 80))]
    [0.0032, 0.1195]
    """
    n = counts.total + 2
    only_ai, only_manual = (counts.only_ai + 1) / n, (counts.only_manual + 1) / n
    difference = only_ai - only_manual
    half = quantile_two_sided(level) * math.sqrt(max(0.0, only_ai + only_manual - difference**2) / n)
    return difference - half, difference + half


def agresti_min_limits(counts: PairedCounts, level: float = 0.95) -> Limits:
    """Adjusted Wald: one half added to each of the four counts.

    References
    ----------
    Agresti & Min (2005), doi:10.1002/sim.1781

    Examples
    --------
    >>> [round(limit, 4) for limit in agresti_min_limits(PairedCounts(59, 16, 6, 80))]
    [0.0045, 0.1182]
    """
    n = counts.total + 2
    difference = (counts.only_ai - counts.only_manual) / n
    half = (
        quantile_two_sided(level)
        * math.sqrt(max(0.0, counts.only_ai + counts.only_manual + 1 - (counts.only_ai - counts.only_manual) ** 2 / n))
        / n
    )
    return difference - half, difference + half


INTERVALS: dict[str, Callable[[PairedCounts, float], Limits]] = {
    "tango": tango_limits,
    "newcombe": newcombe_limits,
    "wald": wald_limits,
    "bonett-price": bonett_price_limits,
    "agresti-min": agresti_min_limits,
}
