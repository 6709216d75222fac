"""Paired means: the mean of ai − manual, with Student's t."""

import math
from typing import Any

import numpy as np

from study.statistics.estimates import SymmetricEstimate, p_two_sided
from study.statistics.pairs import Floats, complete_pairs


def paired_difference(manual: Any, ai: Any) -> SymmetricEstimate:
    """Mean difference ai − manual of paired values, with a paired t-test and interval.

    Parameters
    ----------
    manual, ai : array_like
        One value per case and arm, in the same order; missing values as NaN. Series whose index has a name are matched
        by that key. [any unit; the difference has the same]

    Returns
    -------
    SymmetricEstimate
        `estimate` is the mean of ai − manual; `df` = pairs − 1; `p_value` is two-sided.

    Raises
    ------
    StatisticsError
        Different lengths, no case in common, fewer than 2 complete pairs, infinite values.

    Notes
    -----
    If every difference is the same number there is no t statistic; the interval is that number and the note says so. An arm
    that is constant (4 clicks in every AI case) is no obstacle: the differences still vary.

    References
    ----------
    Student (1908), doi:10.1093/biomet/6.1.1

    Examples
    --------
    >>> change = paired_difference([14.0, 12.0, 16.0, 15.0], [5.0, 5.0, 6.0, 4.0])
    >>> change.estimate, round(change.interval().low, 2), round(change.p_value, 4)
    (-9.25, -11.97, 0.0017)
    """
    pairs = complete_pairs(manual, ai)
    return mean_difference(
        pairs.differences, method="mean paired difference, ai − manual; t-test", notes=pairs.notes + constant_notes(pairs.manual, pairs.ai)
    )


def mean_difference(differences: Floats, *, method: str, notes: tuple[str, ...] = ()) -> SymmetricEstimate:
    """Mean of differences with its t-test against zero, two-sided."""
    n = differences.size
    mean, spread = float(differences.mean()), float(differences.std(ddof=1))
    error = spread / math.sqrt(n)
    described = f"{method}, two-sided, df = {n - 1}"
    # A spread at rounding level is no spread: dividing by it would invent a huge t.
    if spread <= 1e-12 * max(1e-300, float(np.abs(differences).max())):
        notes = (*notes, "all differences are equal: no test is possible, the interval is the common difference")
        return SymmetricEstimate(estimate=mean, method=described, n=n, standard_error=0.0, df=n - 1, notes=notes)
    statistic = mean / error
    return SymmetricEstimate(
        estimate=mean,
        method=described,
        n=n,
        standard_error=error,
        statistic=statistic,
        df=n - 1,
        p_value=p_two_sided(statistic, n - 1),
        notes=notes,
    )


def constant_notes(manual: Floats, ai: Floats) -> tuple[str, ...]:
    """Say which arm does not vary, since no test or correlation within it is possible.

    Examples
    --------
    >>> constant_notes(np.array([90.0, 120.0]), np.array([4.0, 4.0]))
    ('ai is constant at 4: no test or correlation within that arm',)
    """
    return tuple(
        f"{name} is constant at {arm[0]:g}: no test or correlation within that arm"
        for name, arm in (("manual", manual), ("ai", ai))
        if arm.size > 1 and np.ptp(arm) == 0
    )
