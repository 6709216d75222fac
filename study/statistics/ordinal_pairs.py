"""Ordinal pairs: the same case graded in both arms."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from scipy import stats

from study.statistics.estimates import SymmetricEstimate
from study.statistics.results import StatisticsError


@dataclass(frozen=True, kw_only=True)
class GradeShift(SymmetricEstimate):
    """Mean grade shift ai − manual; `statistic` is chi-squared on `df`, the interval of the shift is normal."""

    normal_interval: ClassVar[bool] = True


def marginal_homogeneity(table: Any, *, method: Literal["stuart-maxwell", "bhapkar"] = "stuart-maxwell") -> GradeShift:
    """Whether grades are distributed alike in both arms, the same cases graded in both.

    Parameters
    ----------
    table : square array_like of counts
        Rows: grade in the manual arm; columns: grade in the ai arm; both in the same order.
    method : {"stuart-maxwell", "bhapkar"}, keyword-only
        Variance under the hypothesis, or without it (larger statistic, same large-sample test).

    Returns
    -------
    GradeShift
        `estimate` is the mean shift ai − manual in grades, with its normal interval; `statistic` is chi-squared on `df`; p counts
        departures in any direction.

    Raises
    ------
    StatisticsError
        Not a square table of counts, empty, fewer than two grades.

    Notes
    -----
    Grades on which the arms never disagree take no degree of freedom. Without disagreement the statistic is 0 and p = 1.

    References
    ----------
    Stuart (1955), doi:10.1093/biomet/42.3-4.412; Maxwell (1970), doi:10.1192/bjp.116.535.651; Bhapkar (1966),
    doi:10.1080/01621459.1966.10502021

    Examples
    --------
    Unaided vision of 7,477 women, right eye against left (Stuart 1955):

    >>> vision = [[1520, 266, 124, 66], [234, 1512, 432, 78], [117, 362, 1772, 205], [36, 82, 179, 492]]
    >>> round(marginal_homogeneity(vision).statistic, 2), round(marginal_homogeneity(vision, method="bhapkar").statistic, 2)
    (11.96, 11.98)
    """
    counts = _checked(table)
    if method not in ("stuart-maxwell", "bhapkar"):
        raise StatisticsError("method 'stuart-maxwell' or 'bhapkar'", repr(method), "choose one of these")
    n = int(counts.sum())
    grades = np.arange(counts.shape[0], dtype=np.float64)
    shift = np.subtract.outer(grades, grades).T  # ai (columns) − manual (rows)
    mean = float((counts * shift).sum()) / n
    variance = float((counts * (shift - mean) ** 2).sum()) / n / n
    statistic, df, p_value, notes = _test(counts, method)
    return GradeShift(
        estimate=mean,
        method=f"mean grade shift ai − manual; {method.title()} test, chi-squared on {df} df",
        n=n,
        standard_error=math.sqrt(variance),
        statistic=statistic,
        df=df,
        p_value=p_value,
        notes=notes,
    )


def _test(counts: np.ndarray, method: str) -> tuple[float, int, float, tuple[str, ...]]:
    """Chi-squared of the marginal differences; grades without disagreement drop out of the rank by themselves."""
    margins = counts.sum(axis=1) - counts.sum(axis=0)
    variance = np.diag(counts.sum(axis=1) + counts.sum(axis=0)) - counts - counts.T
    df = int(np.linalg.matrix_rank(variance))
    if not margins.any():
        return 0.0, max(1, df), 1.0, ("the margins are equal: statistic 0, p = 1",)
    statistic, n = float(margins @ np.linalg.pinv(variance) @ margins), float(counts.sum())
    notes: tuple[str, ...] = ()
    if method == "bhapkar" and statistic < n * (1 - 1e-12):
        statistic /= 1 - statistic / n
    elif method == "bhapkar":
        notes = ("every pair differs in the same direction: Bhapkar's variance is zero, the Stuart-Maxwell statistic is given",)
    return statistic, df, float(stats.chi2.sf(statistic, df)), notes


def _checked(table: Any) -> np.ndarray:
    try:
        counts = np.asarray(table, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise StatisticsError("a square table of counts", "something else", "cross-tabulate manual (rows) by ai (columns)") from error
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.shape[0] < 2:
        raise StatisticsError(
            "a square table of at least 2 grades", f"shape {counts.shape}", "cross-tabulate manual (rows) by ai (columns)"
        )
    if not np.isfinite(counts).all() or (counts < 0).any() or (counts != np.rint(counts)).any() or not counts.sum():
        raise StatisticsError("whole counts of at least 0, not all 0", "other numbers", "check the counts")
    return counts
