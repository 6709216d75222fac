"""Scores of readers over cases in two arms: a long table becomes an array (arm, reader, case)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from study.statistics.results import StatisticsError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ReaderScores:
    """Scores as an array, with what was left out.

    Parameters
    ----------
    arms : tuple
        (reference, other): differences are other − reference.
    readers, cases : tuple
        In sorted order, so that the order of the rows never matters.
    scores : ndarray, shape (2, readers, cases)
        NaN where a reader did not score a case in an arm.
    truth : ndarray of bool, shape (cases,), or None
        Whether a case is positive.
    notes : tuple of str
        What was dropped and why.
    """

    arms: tuple[Any, Any]
    readers: tuple[Any, ...]
    cases: tuple[Any, ...]
    scores: Floats
    truth: npt.NDArray[np.bool_] | None = None
    notes: tuple[str, ...] = ()


def in_order(values: Iterable[Any]) -> list[Any]:
    """Distinct values sorted, by their text where their types do not compare."""
    distinct = list(dict.fromkeys(values))
    try:
        return sorted(distinct)
    except TypeError:
        return sorted(distinct, key=str)


def require_columns(frame: pd.DataFrame, columns: Iterable[str | None]) -> None:
    """Refuse a table without the columns that were named."""
    missing = [name for name in columns if name is not None and name not in frame.columns]
    if missing:
        raise StatisticsError(f"columns {missing}", f"columns {list(frame.columns)}", "name the columns the table has")


def numbers(column: "pd.Series[Any]") -> Floats:
    """A column as floats; refused, by name, when it holds anything else.

    Examples
    --------
    >>> numbers(pd.Series([True, False], name="passed")).tolist()
    [1.0, 0.0]
    """
    try:
        return np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError):
        example = next((repr(value) for value in column if isinstance(value, str)), repr(column.dtype))
        raise StatisticsError(f"numbers in column {column.name!r}", example, "correct or convert the column") from None


def reader_scores(
    frame: pd.DataFrame, *, reader: str, case: str, arm: str, score: str, truth: str | None = None, reference: Any = None
) -> ReaderScores:
    """Arrange a long table of readings.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per reading: who, which case, which arm, what score.
    reader, case, arm, score, truth : str
        Column names; `score` is numeric or boolean, `truth` two-valued.
    reference : optional
        The arm differences start from; `manual` if present, else the last in sorted order.

    Returns
    -------
    ReaderScores

    Raises
    ------
    StatisticsError
        Missing columns, not exactly two arms, a reading given twice, a case with two truths.

    Examples
    --------
    >>> rows = pd.DataFrame({"r": [1, 1, 1, 1], "c": [1, 2, 1, 2], "a": ["ai", "ai", "manual", "manual"], "s": [1, 0, 1, 1]})
    >>> table = reader_scores(rows, reader="r", case="c", arm="a", score="s")
    >>> table.arms, table.scores.shape
    (('manual', 'ai'), (2, 1, 2))
    """
    require_columns(frame, (reader, case, arm, score, truth))
    identified = frame.dropna(subset=[reader, case, arm])
    rows = identified.dropna(subset=[score])
    notes = _dropped_rows(len(frame), len(rows))
    arms = _two_arms(in_order(rows[arm]), reference)
    _refuse_repeats(rows, [reader, case, arm])
    readers, cases = in_order(rows[reader]), in_order(rows[case])
    scores = np.full((2, len(readers), len(cases)), np.nan)
    levels = ((list(arms), arm), (readers, reader), (cases, case))
    places = tuple(pd.Index(names).get_indexer(pd.Index(rows[column])) for names, column in levels)
    scores[places] = numbers(rows[score])
    positives = None if truth is None else _truth_by_case(rows, case, truth, cases)
    return ReaderScores(arms, tuple(readers), tuple(cases), scores, positives, notes)


def complete_cases(table: ReaderScores) -> ReaderScores:
    """Keep the cases that every reader scored in both arms, and say how many were left out.

    Parameters
    ----------
    table : ReaderScores

    Returns
    -------
    ReaderScores

    Raises
    ------
    StatisticsError
        When fewer than two complete cases are left.
    """
    present = np.isfinite(table.scores)
    keep: npt.NDArray[np.bool_] = np.asarray(present.all(axis=(0, 1)))
    one_arm = ~present.any(axis=1).all(axis=0)
    notes = list(table.notes)
    if one_arm.any():
        notes.append(f"{one_arm.sum()} of {len(keep)} cases seen in one arm only were left out")
    partial = ~keep & ~one_arm
    if partial.any():
        notes.append(f"{partial.sum()} of {len(keep)} cases not scored by every reader in both arms were left out")
    if keep.sum() < 2:
        raise StatisticsError(
            "at least 2 cases scored by every reader in both arms",
            f"{keep.sum()} of {len(keep)}",
            "use crossed_mean or a mixed model for designs in which readers see different cases",
        )
    cases = tuple(name for name, kept in zip(table.cases, keep, strict=True) if kept)
    truth = None if table.truth is None else table.truth[keep]
    return ReaderScores(table.arms, table.readers, cases, table.scores[:, :, keep], truth, tuple(notes))


def _dropped_rows(before: int, after: int) -> tuple[str, ...]:
    return () if before == after else (f"{before - after} of {before} rows without reader, case, arm or score were left out",)


def _two_arms(arms: list[Any], reference: Any) -> tuple[Any, Any]:
    if len(arms) != 2:
        raise StatisticsError("two arms", f"{len(arms)}: {arms}", "keep the rows of the two arms to compare")
    if reference is None:
        reference = "manual" if "manual" in arms else arms[-1]
    if reference not in arms:
        raise StatisticsError(f"a reference among {arms}", repr(reference), "name one of the two arms")
    return reference, next(name for name in arms if name != reference)


def _refuse_repeats(rows: pd.DataFrame, keys: list[str]) -> None:
    repeated = int(rows.duplicated(keys).sum())
    if repeated:
        raise StatisticsError(
            "one reading per reader, case and arm", f"{repeated} repeated", "choose one round and one region, or average them first"
        )


def _truth_by_case(rows: pd.DataFrame, case: str, truth: str, cases: list[Any]) -> npt.NDArray[np.bool_]:
    known = rows.dropna(subset=[truth]).groupby(case)[truth]
    disputed = int((known.agg("nunique") > 1).sum())
    if disputed:
        raise StatisticsError("one truth per case", f"{disputed} cases with two", "settle the truth of each case")
    values = known.first().reindex(cases)
    levels = in_order(values.dropna())
    if values.isna().any() or len(levels) != 2:
        raise StatisticsError("a truth of 0 or 1 for every case, both present", f"values {levels}", "give the truth column as 0 and 1")
    return np.asarray(values == levels[1], dtype=bool)
