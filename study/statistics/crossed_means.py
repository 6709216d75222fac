"""Difference in mean score over crossed readers and cases, with the variance of a U-statistic; readings may be missing."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.statistics.reader_scores import Floats, ReaderScores, reader_scores
from study.statistics.results import StatisticsError
from study.statistics.wald import WaldResult, wald_fields


@dataclass(frozen=True, kw_only=True)
class CrossedMeanResult(WaldResult):
    """Difference in means, other arm − reference arm.

    Parameters
    ----------
    variance : float
        Unbiased variance of the difference over random readers and random cases; can come out below zero in tiny studies.
    reference, other : str
    means, variances : dict
        Of each arm.
    readers, cases : int
    """

    variance: float
    reference: Any
    other: Any
    means: dict[Any, float]
    variances: dict[Any, float]
    readers: int
    cases: int


def crossed_mean(frame: pd.DataFrame, *, reader: str, case: str, arm: str, score: str, reference: Any = None) -> CrossedMeanResult:
    """Difference in mean score between two arms, random readers and random cases, for any pattern of who read what.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per reading; every reading counts once, also of cases seen in one arm only.
    reader, case, arm, score : str
        Column names.
    reference : optional
        Arm subtracted; `manual` if present, else the last in sorted order.

    Returns
    -------
    CrossedMeanResult
        `df` is Satterthwaite's over the mean squares of readers, cases and their interaction.

    Raises
    ------
    StatisticsError
        Not two arms, a repeated reading, fewer than 2 readers or 2 cases.

    Notes
    -----
    The square of a mean is a sum over pairs of readings that share reader and case, reader only, case only or nothing; the
    average product of each kind estimates its moment without bias, and the variance is their weighted sum less the squared
    mean. Equals (MS readers + MS cases − MS interaction) / (readers x cases) when everybody reads everything.

    References
    ----------
    Gallas, Pennello and Myers 2007, doi:10.1364/JOSAA.24.000B70; Gallas and Brown 2008, doi:10.1016/j.neunet.2007.12.013.

    Examples
    --------
    >>> rows = [(r, c, a, (r + c * c + 2 * (a == "ai")) % 5) for r in range(3) for c in range(6) for a in ("manual", "ai")]
    >>> table = pd.DataFrame(rows, columns=["reader", "case", "arm", "grade"])
    >>> found = crossed_mean(table, reader="reader", case="case", arm="arm", score="grade")
    >>> round(found.estimate, 3), round(found.variance, 4)
    (0.889, 0.1235)
    """
    table = reader_scores(frame, reader=reader, case=case, arm=arm, score=score, reference=reference)
    readers, cases = len(table.readers), len(table.cases)
    if readers < 2 or cases < 2:
        raise StatisticsError("at least 2 readers and 2 cases", f"{readers} and {cases}", "use a paired method for one reader")
    present = np.isfinite(table.scores)
    scores, seen = np.where(present, table.scores, 0.0), present.astype(float)
    means = [float(scores[k].sum() / seen[k].sum()) for k in (0, 1)]
    moments = {pair: _moments(scores, seen, *pair) for pair in ((0, 0), (1, 1), (0, 1))}
    variances = {pair: float(weights @ values) for pair, (values, weights) in moments.items()}
    variance = variances[0, 0] + variances[1, 1] - 2 * variances[0, 1]
    estimate = means[1] - means[0]
    fields = wald_fields(estimate, math.sqrt(max(variance, 0.0)), _satterthwaite(moments, present))
    return CrossedMeanResult(
        estimate=estimate,
        n=cases,
        method="difference in mean score over crossed readers and cases, U-statistic variance, Satterthwaite t; two-sided",
        notes=_notes(table, variance, present),
        variance=variance,
        reference=table.arms[0],
        other=table.arms[1],
        means=dict(zip(table.arms, means, strict=True)),
        variances={table.arms[0]: variances[0, 0], table.arms[1]: variances[1, 1]},
        readers=readers,
        cases=cases,
        **fields,  # type: ignore[arg-type]
    )


def _moments(scores: Floats, seen: Floats, first: int, second: int) -> tuple[Floats, Floats]:
    """Moments of products of two readings that share (nothing, case, reader, both), and their weights in the variance."""
    products = _by_sharing(scores[first], scores[second])
    pairs = _by_sharing(seen[first], seen[second])
    values = np.divide(products, pairs, out=np.zeros(4), where=pairs > 0)
    weights = pairs / (seen[first].sum() * seen[second].sum())
    weights[0] -= 1.0
    return values, weights


def _by_sharing(first: Floats, second: Floats) -> Floats:
    """Sums of products over pairs of cells (reader, case) that share exactly: nothing, the case, the reader, both."""
    everything = first.sum() * second.sum()
    same_case = float(first.sum(axis=0) @ second.sum(axis=0))
    same_reader = float(first.sum(axis=1) @ second.sum(axis=1))
    both = float((first * second).sum())
    return np.array([everything - same_case - same_reader + both, same_case - both, same_reader - both, both])


def _satterthwaite(moments: dict[tuple[int, int], tuple[Floats, Floats]], present: np.ndarray) -> float:
    """Degrees of freedom of MS(readers) + MS(cases) − MS(interaction), at the average number of readings."""
    nothing, case, reader, both = moments[0, 0][0] + moments[1, 1][0] - 2 * moments[0, 1][0]
    readers, cases = present.shape[1:]
    per_arm = present.sum() / 2
    interaction = max(both - case - reader + nothing, 0.0)
    squares = (
        max(interaction + per_arm / readers * (reader - nothing), 0.0),
        max(interaction + per_arm / cases * (case - nothing), 0.0),
        interaction,
    )
    spread = squares[0] ** 2 / (readers - 1) + squares[1] ** 2 / (cases - 1) + squares[2] ** 2 / ((readers - 1) * (cases - 1))
    total = squares[0] + squares[1] - squares[2]
    return math.inf if spread <= 0 else max(float(total**2 / spread), 1.0)


def _notes(table: ReaderScores, variance: float, present: np.ndarray) -> tuple[str, ...]:
    notes = list(table.notes)
    if not present.all():
        notes.append(f"{int((~present).sum())} of {present.size} readings missing; every reading made counts once")
    one_arm = int((present.any(axis=1).sum(axis=0) == 1).sum())
    if one_arm:
        notes.append(f"{one_arm} cases were seen in one arm only and count in that arm")
    if len(table.readers) < 3:
        notes.append("2 readers are too few to stand for others: the conclusion holds for these readers only")
    if variance <= 1e-20:
        notes.append("the estimated variance is not above zero: no test and no interval can be given")
    return tuple(notes)
