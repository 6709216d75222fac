"""Paired passes: the same case rated pass or fail in both arms."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from scipy import stats

from study.statistics.estimates import p_two_sided, quantile_two_sided
from study.statistics.paired_pass_intervals import INTERVALS, PairedCounts, tango_limits
from study.statistics.pass_rates import whole_count
from study.statistics.results import Interval, Result, StatisticsError

NO_DISCORDANCE = "no pair differs between the arms: p = 1"


@dataclass(frozen=True, kw_only=True)
class PairedPassDifference(Result):
    """Difference of pass rates ai − manual on the same cases; `odds_ratio` is only_ai / only_manual."""

    manual_rate: float
    ai_rate: float
    odds_ratio: float
    _counts: PairedCounts = field(repr=False)

    def interval(
        self, level: float = 0.95, method: Literal["tango", "newcombe", "wald", "bonett-price", "agresti-min"] = "tango"
    ) -> Interval:
        """Two-sided interval of the difference, by default Tango's score interval."""
        if method not in INTERVALS:
            raise StatisticsError(f"one of the methods {', '.join(INTERVALS)}", repr(method), "choose one of these")
        quantile_two_sided(level)  # refuses an impossible level
        low, high = INTERVALS[method](self._counts, level)
        return Interval(max(-1.0, low), min(1.0, high), level=level)

    def non_inferior(self, margin: float, level: float = 0.95) -> bool:
        """Whether the lower two-sided Tango limit lies above −margin, margin > 0 (0.05 is five points).

        Examples
        --------
        >>> paired_pass_difference([[130, 6], [4, 12]]).non_inferior(0.05)
        True
        """
        if not 0 < margin < 1:
            raise StatisticsError(
                "a margin between 0 and 1", f"{margin}", "five percentage points are margin=0.05; the sign is not written"
            )
        return tango_limits(self._counts, level)[0] > -margin


def paired_pass_difference(table: Any) -> PairedPassDifference:
    """Difference of two paired pass rates, ai − manual.

    Parameters
    ----------
    table : 2 × 2 array_like of counts
        `[[both, only_ai], [only_manual, neither]]`: cases that passed in both arms, only in one, in neither.

    Returns
    -------
    PairedPassDifference
        `estimate` = (only_ai − only_manual) / n; `statistic` is the score z, `p_value` its two-sided p;
        `.interval(level, method="tango" | "newcombe" | "wald" | "bonett-price" | "agresti-min")`;
        `.non_inferior(margin, level)`.

    Raises
    ------
    StatisticsError
        Not a 2 × 2 table of counts, or empty.

    Notes
    -----
    The score test at zero difference is McNemar's without correction; `mcnemar` has the exact and mid-P ones. Tango's interval
    stays sensible without discordant pairs: then it is ± z² / (n + z²).

    References
    ----------
    Tango (1998), doi:10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B;
    Newcombe (1998), doi:10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C;
    Bonett & Price (2012), doi:10.3102/1076998611411915; Agresti & Min (2005), doi:10.1002/sim.1781;
    Fagerland, Lydersen & Laake (2014), doi:10.1002/sim.6148

    Examples
    --------
    >>> change = paired_pass_difference([[59, 16], [6, 80]])
    >>> [round(x, 3) for x in (change.estimate, *change.interval())]
    [0.062, 0.005, 0.124]
    """
    counts = paired_counts(table)
    discordant = counts.only_ai + counts.only_manual
    z = (counts.only_ai - counts.only_manual) / math.sqrt(discordant) if discordant else 0.0
    return PairedPassDifference(
        estimate=counts.difference,
        method="difference of paired pass rates, ai − manual; score test, Tango interval, two-sided",
        n=counts.total,
        standard_error=counts.wald_error,
        statistic=z,
        p_value=p_two_sided(z),
        notes=() if discordant else (NO_DISCORDANCE,),
        manual_rate=(counts.both + counts.only_manual) / counts.total,
        ai_rate=(counts.both + counts.only_ai) / counts.total,
        odds_ratio=_odds_ratio(counts),
        _counts=counts,
    )


def mcnemar(table: Any, *, method: Literal["mid-p", "exact", "asymptotic", "continuity"] = "mid-p") -> PairedPassDifference:
    """Whether pass rates differ between arms rated on the same cases.

    Parameters
    ----------
    table : 2 × 2 array_like of counts
        `[[both, only_ai], [only_manual, neither]]`.
    method : {"mid-p", "exact", "asymptotic", "continuity"}, keyword-only
        mid-p: exact conditional with half the probability of the observed table. exact: binomial on the discordant pairs.
        asymptotic: chi-squared on 1 df. continuity: with Edwards' correction, as R's `mcnemar.test`.

    Returns
    -------
    PairedPassDifference
        As `paired_pass_difference`, with this test's `statistic` (chi-squared; None for the exact ones) and two-sided `p_value`.

    Raises
    ------
    StatisticsError
        Not a 2 × 2 table of counts, or empty; an unknown method.

    References
    ----------
    McNemar (1947), doi:10.1007/BF02295996; Fagerland, Lydersen & Laake (2013), doi:10.1186/1471-2288-13-91

    Examples
    --------
    >>> round(mcnemar([[1, 7], [1, 12]]).p_value, 4), round(mcnemar([[1, 7], [1, 12]], method="exact").p_value, 4)
    (0.0391, 0.0703)
    """
    counts = paired_counts(table)
    if method not in _TESTS:
        raise StatisticsError(f"one of the methods {', '.join(_TESTS)}", repr(method), "choose one of these")
    difference = paired_pass_difference(table)
    statistic, p_value = _TESTS[method](counts.only_ai, counts.only_manual)
    named = "McNemar test, " + {"mid-p": "mid-P", "continuity": "chi-squared with continuity correction"}.get(method, method)
    return PairedPassDifference(
        estimate=difference.estimate,
        method=f"difference of paired pass rates, ai − manual; {named}, two-sided",
        n=difference.n,
        standard_error=difference.standard_error,
        statistic=statistic,
        df=1 if statistic is not None else None,
        p_value=p_value,
        notes=difference.notes,
        manual_rate=difference.manual_rate,
        ai_rate=difference.ai_rate,
        odds_ratio=difference.odds_ratio,
        _counts=counts,
    )


def paired_counts(table: Any) -> PairedCounts:
    """The four counts of a paired pass table, checked.

    Examples
    --------
    >>> paired_counts([[130, 6], [4, 12]]).only_ai
    6
    """
    cells = np.asarray(table, dtype=object)
    if cells.shape != (2, 2):
        raise StatisticsError(
            "a 2 × 2 table [[both, only_ai], [only_manual, neither]]", f"shape {cells.shape}", "count the cases by both verdicts"
        )
    counts = PairedCounts(*(whole_count(cell, "each cell") for cell in cells.ravel()))
    if counts.total == 0:
        raise StatisticsError("at least 1 pair", "an empty table", "add cases rated in both arms")
    return counts


def _odds_ratio(counts: PairedCounts) -> float:
    if counts.only_manual:
        return counts.only_ai / counts.only_manual
    return math.inf if counts.only_ai else math.nan


def _exact(only_ai: int, only_manual: int) -> tuple[None, float]:
    return None, float(min(1.0, 2 * stats.binom.cdf(min(only_ai, only_manual), only_ai + only_manual, 0.5)))


def _mid_p(only_ai: int, only_manual: int) -> tuple[None, float]:
    discordant = only_ai + only_manual
    if discordant == 0:
        return None, 1.0
    observed = float(stats.binom.pmf(only_ai, discordant, 0.5))
    # Equal counts are the single most probable outcome: half of it is taken off once, not once per tail.
    if only_ai == only_manual:
        return None, 1 - observed / 2
    return None, float(2 * stats.binom.cdf(min(only_ai, only_manual), discordant, 0.5)) - observed


def _chi_squared(only_ai: int, only_manual: int, correction: float = 0.0) -> tuple[float, float]:
    if only_ai == only_manual:
        return 0.0, 1.0
    statistic = max(0.0, abs(only_ai - only_manual) - correction) ** 2 / (only_ai + only_manual)
    return statistic, float(stats.chi2.sf(statistic, 1))


def _corrected(only_ai: int, only_manual: int) -> tuple[float, float]:
    return _chi_squared(only_ai, only_manual, correction=1.0)


_Test = Callable[[int, int], tuple[float | None, float]]
_TESTS: dict[str, _Test] = {"mid-p": _mid_p, "exact": _exact, "asymptotic": _chi_squared, "continuity": _corrected}
