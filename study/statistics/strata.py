"""Strata: pass rates of two arms compared within sites and pooled over them."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import StratifiedTable

from study.statistics.estimates import RatioEstimate, SymmetricEstimate, p_two_sided
from study.statistics.pairs import Floats
from study.statistics.results import StatisticsError


@dataclass(frozen=True, kw_only=True)
class CommonOddsRatio(RatioEstimate):
    """Common odds ratio ai / manual; `statistic` is chi-squared on `df` = 1, the interval is normal on the log scale."""

    normal_interval: ClassVar[bool] = True


def mantel_haenszel(tables: Any, *, correct: bool = False) -> CommonOddsRatio:
    """Common odds ratio over strata, odds of passing with ai / odds of passing manually.

    Parameters
    ----------
    tables : array_like (strata, 2, 2)
        One table per stratum: rows manual, ai; columns passed, failed. A single 2 × 2 table is one stratum.
    correct : bool, keyword-only
        Continuity correction of the Cochran-Mantel-Haenszel test, as R's `mantelhaen.test(correct = TRUE)`.

    Returns
    -------
    CommonOddsRatio
        `standard_error` is that of the log odds ratio (Robins, Breslow & Greenland); `statistic` is chi-squared on 1 df; two-sided p.

    Raises
    ------
    StatisticsError
        Not 2 × 2 tables of counts, no stratum with both arms.

    Notes
    -----
    Strata with an empty row or column say nothing and are left out, counted in the notes.

    References
    ----------
    Mantel & Haenszel (1959), doi:10.1093/jnci/22.4.719; Robins, Breslow & Greenland (1986), doi:10.2307/2531052

    Examples
    --------
    >>> odds = mantel_haenszel([[[40, 10], [45, 5]], [[30, 20], [38, 12]]])
    >>> round(odds.estimate, 3), [round(x, 3) for x in odds.interval()], round(odds.p_value, 4)
    (2.161, [1.084, 4.308], 0.0277)
    """
    counts, notes = _informative(_checked(tables))
    if not counts.shape[0]:
        notes += ("no stratum has both arms and both verdicts: no odds ratio and no test",)
        return CommonOddsRatio(estimate=math.nan, method="Mantel-Haenszel common odds ratio, ai / manual; no test", n=0, notes=notes)
    # Rows are turned so that the ratio is ai / manual.
    turned = StratifiedTable([table[::-1] for table in counts])
    statistic = _cochran_mantel_haenszel(counts, correct=correct)
    estimate = float(turned.oddsratio_pooled) if _denominator(counts) else math.inf
    known = 0 < estimate < math.inf
    if not known:
        notes += ("a verdict never occurs in one arm: the odds ratio has no interval",)
    corrected = "with" if correct else "without"
    return CommonOddsRatio(
        estimate=estimate,
        method=f"Mantel-Haenszel common odds ratio, ai / manual; Cochran-Mantel-Haenszel test {corrected} continuity correction, two-sided",
        n=int(counts.sum()),
        standard_error=float(turned.logodds_pooled_se) if known else None,
        statistic=statistic,
        df=1,
        p_value=float(stats.chi2.sf(statistic, 1)),
        notes=notes,
    )


def stratified_risk_difference(tables: Any) -> SymmetricEstimate:
    """Common difference of pass rates over strata, ai − manual, with Mantel-Haenszel weights.

    Parameters
    ----------
    tables : array_like (strata, 2, 2)
        One table per stratum: rows manual, ai; columns passed, failed.

    Returns
    -------
    SymmetricEstimate
        Sato's standard error, right for few large and for many small strata; normal test and interval, two-sided.

    Raises
    ------
    StatisticsError
        Not 2 × 2 tables of counts, no stratum with both arms.

    References
    ----------
    Greenland & Robins (1985), doi:10.2307/2530643; Sato (1989), doi:10.2307/2531726

    Examples
    --------
    >>> change = stratified_risk_difference([[[40, 10], [45, 5]], [[30, 20], [38, 12]]])
    >>> round(change.estimate, 3), [round(x, 3) for x in change.interval()]
    (0.13, [0.016, 0.244])
    """
    counts = _checked(tables)
    both = (counts.sum(axis=2) > 0).all(axis=1)
    notes: tuple[str, ...] = () if both.all() else (f"{int((~both).sum())} of {both.size} strata left out: an arm is empty",)
    counts = counts[both]
    if not counts.shape[0]:
        raise StatisticsError("at least one stratum with both arms", "none", "compare without strata")
    passed_manual, passed_ai = counts[:, 0, 0], counts[:, 1, 0]
    n_manual, n_ai = counts[:, 0].sum(axis=1), counts[:, 1].sum(axis=1)
    n = n_manual + n_ai
    weight = float((n_manual * n_ai / n).sum())
    difference = float(((passed_ai * n_manual - passed_manual * n_ai) / n).sum()) / weight
    p = (n_ai**2 * passed_manual - n_manual**2 * passed_ai + n_manual * n_ai * (n_manual - n_ai) / 2) / n**2
    q = (passed_ai * (n_manual - passed_manual) + passed_manual * (n_ai - passed_ai)) / (2 * n)
    error = math.sqrt(max(0.0, difference * float(p.sum()) + float(q.sum()))) / weight
    if error == 0:
        notes += ("every case has the same verdict: no test",)
    statistic = difference / error if error else None
    return SymmetricEstimate(
        estimate=difference,
        method="stratified difference of pass rates, ai − manual; Mantel-Haenszel weights, Sato's standard error, two-sided",
        n=int(counts.sum()),
        standard_error=error if error else None,
        statistic=statistic,
        p_value=None if statistic is None else p_two_sided(statistic),
        notes=notes,
    )


def _checked(tables: Any) -> Floats:
    try:
        counts = np.asarray(tables, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise StatisticsError(
            "2 × 2 tables of counts", "tables of other shapes", "give rows manual, ai and columns passed, failed"
        ) from error
    counts = counts[None] if counts.ndim == 2 else counts
    if counts.ndim != 3 or counts.shape[1:] != (2, 2):
        raise StatisticsError("tables of shape (strata, 2, 2)", f"shape {counts.shape}", "give rows manual, ai and columns passed, failed")
    if not np.isfinite(counts).all() or (counts < 0).any() or (counts != np.rint(counts)).any():
        raise StatisticsError("whole counts of at least 0", "other numbers", "check the counts")
    if not counts.sum():
        raise StatisticsError("at least one case", "empty tables", "add cases")
    return counts


def _informative(counts: Floats) -> tuple[Floats, tuple[str, ...]]:
    kept = (counts.sum(axis=1) > 0).all(axis=1) & (counts.sum(axis=2) > 0).all(axis=1)
    if kept.all():
        return counts, ()
    return counts[kept], (f"{int((~kept).sum())} of {kept.size} strata left out: an arm or a verdict is empty there",)


def _cochran_mantel_haenszel(counts: Floats, *, correct: bool) -> float:
    """Chi-squared of the passes with ai against those expected within strata; as in R, a deviation below 1/2 is not corrected."""
    n_manual, n_ai, passed = counts[:, 0].sum(axis=1), counts[:, 1].sum(axis=1), counts[:, :, 0].sum(axis=1)
    n = n_manual + n_ai
    deviation = abs(float((counts[:, 1, 0] - n_ai * passed / n).sum()))
    variance = float((n_manual * n_ai * passed * (n - passed) / (n**2 * (n - 1))).sum())
    correction = 0.5 if correct and deviation >= 0.5 else 0.0
    return (deviation - correction) ** 2 / variance


def _denominator(counts: Floats) -> float:
    return float((counts[:, 1, 1] * counts[:, 0, 0] / counts.sum(axis=(1, 2))).sum())
