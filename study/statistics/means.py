"""Means of two independent arms: Welch's t-test, which never pools the variances."""

import math
from typing import Any

import numpy as np

from study.statistics.estimates import SymmetricEstimate, p_two_sided
from study.statistics.paired_means import constant_notes
from study.statistics.pairs import Floats, finite_values
from study.statistics.results import StatisticsError


def welch(manual: Any, ai: Any) -> SymmetricEstimate:
    """Difference of means ai − manual of two independent arms, unequal variances.

    Parameters
    ----------
    manual, ai : array_like
        Values of each arm, any order; missing values are left out and counted in the notes.

    Returns
    -------
    SymmetricEstimate
        `df` by Welch and Satterthwaite; `p_value` is two-sided; `n` counts both arms.

    Raises
    ------
    StatisticsError
        Fewer than 2 values in an arm, infinite values.

    Notes
    -----
    The pooled-variance test is not offered: it is wrong when the SDs differ, and the note says when their ratio exceeds 2.
    A constant arm adds nothing to the standard error, so the test is then the one-sample t-test of the other arm.

    References
    ----------
    Welch (1947), doi:10.1093/biomet/34.1-2.28

    Examples
    --------
    >>> change = welch([14.0, 12.0, 16.0, 15.0], [5.0, 5.5, 4.5, 5.0])
    >>> change.estimate, round(change.df, 2), round(change.p_value, 4)
    (-9.25, 3.34, 0.0011)
    """
    left, right, notes = two_arms(manual, ai)
    n = left.size + right.size
    parts = np.array([left.var(ddof=1) / left.size, right.var(ddof=1) / right.size])
    difference, variance = float(right.mean() - left.mean()), float(parts.sum())
    notes += constant_notes(left, right) + spread_notes(left, right)
    if variance <= (1e-12 * max(1e-300, float(np.abs(left).max()), float(np.abs(right).max()))) ** 2:
        notes += ("both arms are constant: no test and no interval are possible",)
        return SymmetricEstimate(
            estimate=difference, method="difference of means, ai − manual; no test (both arms constant)", n=n, notes=notes
        )
    df = variance**2 / float((parts**2 / np.array([left.size - 1, right.size - 1])).sum())
    error = math.sqrt(variance)
    statistic = difference / error
    return SymmetricEstimate(
        estimate=difference,
        method=f"difference of means, ai − manual; Welch t-test, two-sided, df = {df:.1f}",
        n=n,
        standard_error=error,
        statistic=statistic,
        df=df,
        p_value=p_two_sided(statistic, df),
        notes=notes,
    )


def two_arms(manual: Any, ai: Any, *, at_least: int = 2) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Both arms without their missing values, and notes that count these.

    Examples
    --------
    >>> two_arms([1.0, float("nan"), 2.0], [3.0, 4.0])[2]
    ('1 missing manual value left out',)
    """
    kept, notes = [], []
    for name, values in (("manual", manual), ("ai", ai)):
        array = finite_values(values, name=name, missing_allowed=True)
        present = array[~np.isnan(array)]
        missing = array.size - present.size
        if missing:
            notes.append(f"{missing} missing {name} value{'s' if missing > 1 else ''} left out")
        if present.size < at_least:
            raise StatisticsError(f"at least {at_least} {name} values", f"{present.size}", "add cases to that arm")
        kept.append(present)
    return kept[0], kept[1], tuple(notes)


def spread_notes(manual: Floats, ai: Floats) -> tuple[str, ...]:
    """Warn that a pooled variance would be wrong when one SD is more than twice the other.

    Examples
    --------
    >>> spread_notes(np.array([10.0, 20.0]), np.array([4.0, 5.0]))
    ('SD ratio 10.0 (above 2): variances are not pooled',)
    """
    small, large = sorted((float(manual.std(ddof=1)), float(ai.std(ddof=1))))
    if small == 0 or large / small <= 2:
        return ()
    return (f"SD ratio {large / small:.1f} (above 2): variances are not pooled",)
