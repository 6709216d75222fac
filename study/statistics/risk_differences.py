"""Risk difference: pass rates of two independent arms."""

import math
from dataclasses import dataclass, field
from typing import Literal

from scipy import optimize

from study.statistics.estimates import p_two_sided, quantile_two_sided
from study.statistics.pass_rates import pass_rate, wilson_limits
from study.statistics.results import Interval, Result, StatisticsError


@dataclass(frozen=True)
class ArmCounts:
    """Passed and total of both arms.

    Examples
    --------
    >>> ArmCounts(48, 80, 56, 70).difference
    0.20000000000000007
    """

    manual_passed: int
    manual_total: int
    ai_passed: int
    ai_total: int

    @property
    def difference(self) -> float:
        """Pass rate ai − pass rate manual."""
        return self.ai_passed / self.ai_total - self.manual_passed / self.manual_total


@dataclass(frozen=True, kw_only=True)
class RiskDifference(Result):
    """Difference of independent pass rates ai − manual."""

    manual_rate: float
    ai_rate: float
    _counts: ArmCounts = field(repr=False)

    def interval(self, level: float = 0.95, method: Literal["miettinen-nurminen", "newcombe"] = "miettinen-nurminen") -> Interval:
        """Two-sided interval of the difference: score (Miettinen-Nurminen) or hybrid score (Newcombe's method 10)."""
        if method == "miettinen-nurminen":
            low, high = _score_limits(self._counts, level)
        elif method == "newcombe":
            low, high = _hybrid_limits(self._counts, level)
        else:
            raise StatisticsError("method 'miettinen-nurminen' or 'newcombe'", repr(method), "choose one of these")
        return Interval(low, high, level=level)


def risk_difference(manual_passed: int, manual_total: int, ai_passed: int, ai_total: int) -> RiskDifference:
    """Difference of the pass rates of two independent arms, ai − manual.

    Parameters
    ----------
    manual_passed, manual_total, ai_passed, ai_total : int
        Counts of each arm.

    Returns
    -------
    RiskDifference
        `statistic` is the score z of no difference and `p_value` its two-sided p, both with the factor N / (N − 1) of the interval.

    Raises
    ------
    StatisticsError
        Negative, fractional or impossible counts, an empty arm.

    References
    ----------
    Miettinen & Nurminen (1985), doi:10.1002/sim.4780040211;
    Newcombe (1998), doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I

    Examples
    --------
    Newcombe's example (a), 56 of 70 against 48 of 80:

    >>> change = risk_difference(48, 80, 56, 70)
    >>> [round(x, 4) for x in change.interval()], [round(x, 4) for x in change.interval(method="newcombe")]
    ([0.0528, 0.3382], [0.0524, 0.3339])
    """
    manual, ai = pass_rate(manual_passed, manual_total), pass_rate(ai_passed, ai_total)
    counts = ArmCounts(manual.passed, manual.n, ai.passed, ai.n)
    z = _score(counts, 0.0)
    same = manual.estimate == ai.estimate and manual.estimate in (0.0, 1.0)
    return RiskDifference(
        estimate=counts.difference,
        method="difference of independent pass rates, ai − manual; score test, Miettinen-Nurminen interval, two-sided",
        n=counts.manual_total + counts.ai_total,
        standard_error=math.sqrt((manual.standard_error or 0.0) ** 2 + (ai.standard_error or 0.0) ** 2),
        statistic=z,
        p_value=p_two_sided(z),
        notes=("every case has the same verdict: p = 1",) if same else (),
        manual_rate=manual.estimate,
        ai_rate=ai.estimate,
        _counts=counts,
    )


def _score(counts: ArmCounts, difference: float) -> float:
    """Score statistic of the hypothesis that the pass rates differ by `difference`."""
    n_manual, n_ai = counts.manual_total, counts.ai_total
    distance = counts.difference - difference
    manual = _restricted_rate(counts, difference)
    ai = min(1.0, max(0.0, manual + difference))
    n = n_manual + n_ai
    variance = (manual * (1 - manual) / n_manual + ai * (1 - ai) / n_ai) * n / (n - 1)
    if abs(distance) < 1e-15:
        return 0.0
    return distance / math.sqrt(variance) if variance > 1e-300 else math.copysign(math.inf, distance)


def _restricted_rate(counts: ArmCounts, difference: float) -> float:
    """Most likely manual rate if ai − manual were `difference`: the root of a cubic, in closed form (appendix of the paper)."""
    n_manual, n_ai = counts.manual_total, counts.ai_total
    n, passed = n_manual + n_ai, counts.manual_passed + counts.ai_passed
    cubic = float(n)
    square = (n_ai + 2 * n_manual) * difference - n - passed
    linear = (n_manual * difference - n - 2 * counts.manual_passed) * difference + passed
    constant = counts.manual_passed * difference * (1 - difference)
    q = square**3 / (3 * cubic) ** 3 - square * linear / (6 * cubic**2) + constant / (2 * cubic)
    p = math.copysign(math.sqrt(max(0.0, square**2 / (3 * cubic) ** 2 - linear / (3 * cubic))), q)
    angle = (math.pi + math.acos(min(1.0, max(-1.0, q / p**3 if p else 0.0)))) / 3
    rate = 2 * p * math.cos(angle) - square / (3 * cubic)
    return min(1.0, max(0.0, rate))


def _score_limits(counts: ArmCounts, level: float) -> tuple[float, float]:
    quantile = quantile_two_sided(level)
    estimate, edge = counts.difference, 1 - 1e-12

    def excess(difference: float, target: float) -> float:
        return min(1e9, max(-1e9, _score(counts, difference))) - target

    low = -1.0 if excess(-edge, quantile) <= 0 or estimate <= -edge else float(optimize.brentq(excess, -edge, estimate, args=(quantile,)))
    high = 1.0 if excess(edge, -quantile) >= 0 or estimate >= edge else float(optimize.brentq(excess, estimate, edge, args=(-quantile,)))
    return low, high


def _hybrid_limits(counts: ArmCounts, level: float) -> tuple[float, float]:
    manual, ai = counts.manual_passed / counts.manual_total, counts.ai_passed / counts.ai_total
    manual_low, manual_high = wilson_limits(counts.manual_passed, counts.manual_total, level)
    ai_low, ai_high = wilson_limits(counts.ai_passed, counts.ai_total, level)
    difference = counts.difference
    return difference - math.hypot(ai - ai_low, manual_high - manual), difference + math.hypot(ai_high - ai, manual - manual_low)
