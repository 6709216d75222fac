"""Multi-reader multi-case comparison of two arms: Obuchowski-Rockette analysis with Hillis degrees of freedom."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.statistics.reader_figures import auc_figures, mean_figures
from study.statistics.reader_scores import Floats, ReaderScores, complete_cases, reader_scores
from study.statistics.results import StatisticsError
from study.statistics.wald import WaldResult, wald_fields

FACTORS = ("random-both", "random-cases", "random-readers")


@dataclass(frozen=True, slots=True)
class ReaderComponents(Mapping[str, float]):
    """Variance components of an Obuchowski-Rockette model, with the size of the study they come from.

    A mapping too: `components["cov1"]` is `components.cov1`.

    Parameters
    ----------
    var_tr : float
        Variance of the arm-by-reader interaction (may be estimated below zero).
    cov1, cov2, cov3 : float
        Error covariance: same reader, other arm; other reader, same arm; other reader, other arm.
    var_error : float
        Error variance of one reader's figure in one arm.
    readers, cases : int
        Size of the pilot.
    var_r : float
        Variance of readers.

    Examples
    --------
    >>> ReaderComponents(0.0002, 0.00035, 0.00034, 0.00024, 0.0008, readers=5, cases=114)["cov1"]
    0.00035
    """

    var_tr: float
    cov1: float
    cov2: float
    cov3: float
    var_error: float
    readers: int
    cases: int
    var_r: float = math.nan

    def __getitem__(self, name: str) -> float:
        return asdict(self)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(asdict(self))

    def __len__(self) -> int:
        return len(asdict(self))


@dataclass(frozen=True, kw_only=True)
class ReaderStudyResult(WaldResult):
    """What a multi-reader comparison found; `estimate` = other arm − reference arm.

    Parameters
    ----------
    reference, other : str
        The arms.
    figures : dict
        Reader-averaged figure of each arm.
    by_reader : dict
        Reader to {arm: figure, ..., "difference": other − reference}.
    components : ReaderComponents
    factors, covariance : str
    """

    reference: Any
    other: Any
    figures: dict[Any, float]
    by_reader: dict[Any, dict[Any, float]]
    components: ReaderComponents
    factors: str
    covariance: str

    def non_inferior(self, margin: float, level: float = 0.95) -> bool:
        """Whether the lower two-sided limit of the difference lies above −margin (margin > 0)."""
        if not margin > 0:
            raise StatisticsError("a margin above 0", repr(margin), "give the margin as a positive difference")
        return bool(self.interval(level).low > -margin)


def mrmc(
    frame: pd.DataFrame,
    *,
    reader: str,
    case: str,
    arm: str,
    score: str,
    truth: str | None = None,
    figure: str = "mean",
    factors: str = "random-both",
    covariance: str = "jackknife",
    reference: Any = None,
) -> ReaderStudyResult:
    """Compare two arms read by the same readers on the same cases.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per reading.
    reader, case, arm, score : str
        Column names. `score` is a pass (0/1), a grade or a rating.
    truth : str, optional
        Column with the true state of each case (0/1); needed for `figure="auc"`.
    figure : {"mean", "auc"}
        What a reader achieves in an arm: mean score, or empirical area under the ROC curve.
    factors : {"random-both", "random-cases", "random-readers"}
        To whom the answer is meant to apply. "random-cases": these readers, any case (fixed readers). "random-readers":
        any reader, these cases (fixed cases).
    covariance : {"jackknife", "delong", "unbiased"}
    reference : optional
        Arm subtracted; `manual` if present, else the last in sorted order.

    Returns
    -------
    ReaderStudyResult
        `.df` is Hillis's, infinite (normal) for fixed readers.

    Raises
    ------
    StatisticsError
        Unknown option, not two arms, a repeated reading, one reader with random readers, no complete cases.

    Notes
    -----
    With r readers, SE² = 2/r [MS(TR) + r max(cov2 − cov3, 0)] and df = [MS(TR) + r max(cov2 − cov3, 0)]² (r − 1) / MS(TR)²
    for random readers and cases; SE² = 2/r [var − cov1 + (r − 1)(cov2 − cov3)], normal, for fixed readers;
    SE² = 2/r MS(TR), df = r − 1 for fixed cases.

    References
    ----------
    Obuchowski and Rockette 1995, doi:10.1080/03610919508813243; Hillis 2007, doi:10.1002/sim.2532.

    Examples
    --------
    >>> rows = [(r, c, a, int((r * c + (a == "ai")) % 4 > 0)) for r in (1, 2, 3) for c in range(20) for a in ("manual", "ai")]
    >>> table = pd.DataFrame(rows, columns=["reader", "case", "arm", "passed"])
    >>> found = mrmc(table, reader="reader", case="case", arm="arm", score="passed")
    >>> round(found.estimate, 4), found.n
    (0.1667, 20)
    """
    if factors not in FACTORS:
        raise StatisticsError(f"factors among {FACTORS}", repr(factors), "choose one of them")
    if figure not in ("mean", "auc"):
        raise StatisticsError("figure 'mean' or 'auc'", repr(figure), "choose one of them")
    if figure == "auc" and truth is None:
        raise StatisticsError("a truth column for figure='auc'", "none", "name it with truth=...")
    used_truth = truth if figure == "auc" else None
    table = complete_cases(reader_scores(frame, reader=reader, case=case, arm=arm, score=score, truth=used_truth, reference=reference))
    readers = len(table.readers)
    if readers < 2 and factors != "random-cases":
        raise StatisticsError("at least 2 readers when readers are random", "1 reader", "use factors='random-cases': these readers only")
    achieved, matrix = _figures(table, figure, covariance)
    components, interaction = _components(achieved, matrix, len(table.cases))
    estimate = float((achieved[1] - achieved[0]).mean())
    error, df = _error(factors, components, interaction, matrix)
    fields = wald_fields(estimate, error, df)
    return ReaderStudyResult(
        estimate=estimate,
        n=len(table.cases),
        method=_method(figure, factors, covariance, readers),
        notes=_notes(table, fields["standard_error"], factors, ignored_truth=truth is not None and figure == "mean"),
        reference=table.arms[0],
        other=table.arms[1],
        figures={name: float(row.mean()) for name, row in zip(table.arms, achieved, strict=True)},
        by_reader=_by_reader(table, achieved),
        components=components,
        factors=factors,
        covariance=covariance,
        **fields,  # type: ignore[arg-type]
    )


def _figures(table: ReaderScores, figure: str, covariance: str) -> tuple[Floats, Floats]:
    """Figures (arm, reader) and their covariance, rows ordered arm by arm."""
    flat = table.scores.reshape(-1, len(table.cases))
    if figure == "mean":
        figures, matrix = mean_figures(flat, covariance=covariance)
    else:
        figures, matrix = auc_figures(flat, np.asarray(table.truth, dtype=bool), covariance=covariance)
    return figures.reshape(2, -1), matrix


def _components(achieved: Floats, matrix: Floats, cases: int) -> tuple[ReaderComponents, float]:
    """Variance components, and the mean square of the arm-by-reader interaction."""
    readers = achieved.shape[1]
    blocks = matrix.reshape(2, readers, 2, readers).transpose(0, 2, 1, 3)
    within, between = blocks[0, 0] + blocks[1, 1], blocks[0, 1] + blocks[1, 0]
    var_error, cov1 = float(np.trace(within)) / (2 * readers), float(np.trace(between)) / (2 * readers)
    if readers < 2:
        return ReaderComponents(math.nan, cov1, math.nan, math.nan, var_error, readers, cases), math.nan
    others = ~np.eye(readers, dtype=bool)
    cov2, cov3 = float(within[others].mean()) / 2, float(between[others].mean()) / 2
    interaction = float(np.var(achieved[1] - achieved[0], ddof=1)) / 2
    between_readers = 2 * float(np.var(achieved.mean(axis=0), ddof=1))
    var_tr = interaction - var_error + cov1 + max(cov2 - cov3, 0)
    var_r = (between_readers - interaction) / 2 - cov1 + cov3
    return ReaderComponents(var_tr, cov1, cov2, cov3, var_error, readers, cases, var_r), interaction


def _error(factors: str, parts: ReaderComponents, interaction: float, matrix: Floats) -> tuple[float, float]:
    """Standard error of the difference and its degrees of freedom."""
    readers = parts.readers
    if factors == "random-cases":
        contrast = np.repeat([-1.0, 1.0], readers) / readers
        return math.sqrt(max(float(contrast @ matrix @ contrast), 0.0)), math.inf
    shared = 0.0 if factors == "random-readers" else readers * max(parts.cov2 - parts.cov3, 0)
    total = interaction + shared
    df = math.inf if interaction <= 0 else (readers - 1) * (total / interaction) ** 2
    return math.sqrt(2 * total / readers), df


def _by_reader(table: ReaderScores, achieved: Floats) -> dict[Any, dict[Any, float]]:
    first, second = table.arms
    pairs = zip(table.readers, achieved[0], achieved[1], strict=True)
    return {name: {first: float(low), second: float(high), "difference": float(high - low)} for name, low, high in pairs}


def _method(figure: str, factors: str, covariance: str, readers: int) -> str:
    target = {"mean": "mean score", "auc": "empirical area under the ROC curve"}[figure]
    scope = {
        "random-both": "random readers and random cases, Hillis degrees of freedom",
        "random-cases": f"fixed readers (these {readers} only) and random cases, normal quantiles",
        "random-readers": "random readers and fixed cases (these cases only)",
    }[factors]
    return f"Obuchowski-Rockette difference in reader-averaged {target}; {scope}; {covariance} covariance; two-sided test and interval"


def _notes(table: ReaderScores, error: float | None, factors: str, *, ignored_truth: bool) -> tuple[str, ...]:
    notes = list(table.notes)
    readers = len(table.readers)
    if readers < 3 and factors != "random-cases":
        notes.append("2 readers are too few to stand for others: report as fixed readers (factors='random-cases'), for these readers only")
    if readers < 3 and factors == "random-cases":
        notes.append(f"{readers} reader{'s' if readers > 1 else ''}: the conclusion holds for these readers only")
    if not error:
        notes.append("the difference does not vary between readers or cases: no test and no interval can be given")
    if ignored_truth:
        notes.append("truth is not used with figure='mean'; filter the table for sensitivity or specificity")
    return tuple(notes)
