"""Intraclass correlation: how alike raters' measurements of the same subject are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from study.statistics.results import Interval, Result, StatisticsError

WORDS = {
    "1": "each subject rated by other raters, single rating, absolute agreement",
    "2": "raters a random sample, single rating, absolute agreement",
    "3": "these raters only, single rating, consistency",
    "1k": "each subject rated by other raters, mean of the raters, absolute agreement",
    "2k": "raters a random sample, mean of the raters, absolute agreement",
    "3k": "these raters only, mean of the raters, consistency",
}


@dataclass(frozen=True, kw_only=True)
class IntraclassResult(Result):
    """An intraclass correlation; `statistic` is F, `df` its numerator's.

    Parameters
    ----------
    form : str
    raters : int
    df_error : float
        Denominator degrees of freedom of F.
    mean_squares : dict
        `subjects`, `raters`, `error`, `within`.
    """

    form: str
    raters: int
    df_error: float
    mean_squares: dict[str, float]

    def interval(self, level: float = 0.95) -> Interval:
        """Two-sided interval from the F distribution (Shrout and Fleiss; for forms 2 and 2k their approximation).

        Parameters
        ----------
        level : float

        Returns
        -------
        Interval
            NaN limits when the ratings do not vary.
        """
        if self.statistic is None or not math.isfinite(self.statistic):
            return Interval(math.nan, math.nan, level)
        low, high = self._single_limits((1 + level) / 2)
        if self.form.endswith("k"):
            low, high = (_of_mean(limit, self.raters) for limit in (low, high))
        return Interval(float(low), float(high), level)

    def _single_limits(self, tail: float) -> tuple[float, float]:
        subjects, k = self.n, self.raters
        if self.form.startswith("2"):
            return self._random_rater_limits(tail)
        f, df1, df2 = float(self.statistic or 0), subjects - 1, self.df_error
        low, high = f / stats.f.ppf(tail, df1, df2), f * stats.f.ppf(tail, df2, df1)
        return (low - 1) / (low + k - 1), (high - 1) / (high + k - 1)

    def _random_rater_limits(self, tail: float) -> tuple[float, float]:
        n, k = np.float64(self.n), np.float64(self.raters)
        subjects, raters, error = (np.float64(self.mean_squares[name]) for name in ("subjects", "raters", "error"))
        with np.errstate(divide="ignore", invalid="ignore"):
            single = (subjects - error) / (subjects + (k - 1) * error + k * (raters - error) / n)
            between = raters / error
            weight = n * (1 + (k - 1) * single) - k * single
            df = (k - 1) * (n - 1) * (k * single * between + weight) ** 2 / ((n - 1) * k**2 * single**2 * between**2 + weight**2)
            upper, lower = stats.f.ppf(tail, n - 1, df), stats.f.ppf(tail, df, n - 1)
            rest = k * raters + (k * n - k - n) * error
            low = n * (subjects - upper * error) / (upper * rest + n * subjects)
            high = n * (lower * subjects - error) / (rest + n * lower * subjects)
        return float(min(low, high)), float(max(low, high))


def icc(ratings: Sequence[Sequence[Any]] | npt.NDArray[Any] | pd.DataFrame, *, form: str = "2") -> IntraclassResult:
    """Intraclass correlation of subjects rated by the same number of raters.

    Parameters
    ----------
    ratings : array_like or DataFrame, shape (subjects, raters)
        Numbers; a subject with a missing rating is left out, with a note.
    form : {"1", "2", "3", "1k", "2k", "3k"}
        Shrout and Fleiss's six: 1 one-way, 2 random raters, 3 fixed raters; k for the mean of the raters.

    Returns
    -------
    IntraclassResult
        p of F against 0 correlation is one-sided by nature (F test).

    Raises
    ------
    StatisticsError
        Unknown form, fewer than two subjects or raters.

    References
    ----------
    Shrout and Fleiss 1979, doi:10.1037/0033-2909.86.2.420; McGraw and Wong 1996, doi:10.1037/1082-989X.1.1.30.

    Examples
    --------
    >>> table = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    >>> found = icc(table, form="2")
    >>> round(found.estimate, 2), found.n
    (0.29, 6)
    """
    if form not in WORDS:
        raise StatisticsError(f"a form among {tuple(WORDS)}", repr(form), "choose one of Shrout and Fleiss's six")
    table = np.asarray(pd.DataFrame(ratings).to_numpy(dtype=float))
    complete = table[np.isfinite(table).all(axis=1)]
    subjects, raters = complete.shape
    if subjects < 2 or raters < 2:
        raise StatisticsError("at least 2 complete subjects and 2 raters", f"{subjects} and {raters}", "add ratings")
    notes = [f"{len(table) - subjects} of {len(table)} subjects with a missing rating were left out"] if subjects < len(table) else []
    squares = _mean_squares(complete)
    estimate = _estimate(squares, form, subjects, raters)
    one_way = form.startswith("1")
    error = squares["within"] if one_way else squares["error"]
    df_error = subjects * (raters - 1) if one_way else (subjects - 1) * (raters - 1)
    statistic = squares["subjects"] / error if error > 1e-14 else None
    if statistic is None:
        notes.append("raters agree without any error, or the ratings do not vary: no F test and no interval can be given")
    return IntraclassResult(
        estimate=estimate,
        n=subjects,
        method=f"ICC({form[0]},{'k' if form.endswith('k') else '1'}): {WORDS[form]}; F interval two-sided, F test one-sided",
        statistic=statistic,
        df=subjects - 1,
        p_value=None if statistic is None else float(stats.f.sf(statistic, subjects - 1, df_error)),
        notes=tuple(notes),
        form=form,
        raters=raters,
        df_error=df_error,
        mean_squares=squares,
    )


def _mean_squares(table: npt.NDArray[np.float64]) -> dict[str, float]:
    subjects, raters = table.shape
    rows, columns, centre = table.mean(axis=1), table.mean(axis=0), table.mean()
    rest = table - rows[:, None] - columns + centre
    return {
        "subjects": float(raters * rows.var(ddof=1)),
        "raters": float(subjects * columns.var(ddof=1)),
        "error": float((rest**2).sum() / ((subjects - 1) * (raters - 1))),
        "within": float(((table - rows[:, None]) ** 2).sum() / (subjects * (raters - 1))),
    }


def _estimate(squares: dict[str, float], form: str, subjects: int, raters: int) -> float:
    """Single-rating correlation of the form, stepped up to the mean of the raters where asked."""
    between, error = squares["subjects"], squares["within"] if form.startswith("1") else squares["error"]
    total = between + (raters - 1) * error
    if form.startswith("2"):
        total += raters * (squares["raters"] - error) / subjects
    if total <= 1e-14:
        return math.nan
    single = (between - error) / total
    return _of_mean(single, raters) if form.endswith("k") else single


def _of_mean(single: float, raters: int) -> float:
    """Spearman-Brown: correlation of the mean of k ratings; minus infinity from a single one of −1 / (k − 1) down."""
    below = 1 + (raters - 1) * single
    return raters * single / below if below > 1e-12 else -math.inf
