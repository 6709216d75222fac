"""Pairs: what was measured on the same case in both arms, and how many pairs miss a side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.statistics.results import StatisticsError

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """Complete pairs and a note on those that were not complete.

    Parameters
    ----------
    manual, ai : arrays of the same length
        One value per pair.
    notes : tuple of str
        How many pairs were left out, and why.
    """

    manual: Floats
    ai: Floats
    notes: tuple[str, ...] = ()

    @property
    def differences(self) -> Floats:
        """ai − manual, one per pair."""
        return self.ai - self.manual


def finite_values(values: Any, *, name: str, missing_allowed: bool = False) -> Floats:
    """A one-dimensional float array; refuses text, infinity and, unless allowed, missing values.

    Examples
    --------
    >>> finite_values([1, 2.5], name="minutes")
    array([1. , 2.5])
    """
    try:
        array = np.asarray(pd.to_numeric(values) if isinstance(values, pd.Series) else values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise StatisticsError(f"numbers in {name}", f"{error}", "give a list, array or column of numbers") from error
    if array.ndim != 1:
        raise StatisticsError(f"one column of values in {name}", f"an array of shape {array.shape}", "give one value per case")
    if np.isinf(array).any():
        raise StatisticsError(f"finite values in {name}", f"{int(np.isinf(array).sum())} infinite", "correct or leave out these cases")
    if not missing_allowed and np.isnan(array).any():
        raise StatisticsError(
            f"no missing value in {name}", f"{int(np.isnan(array).sum())} missing", "drop them and say why they are missing"
        )
    return array


def complete_pairs(manual: Any, ai: Any) -> Pairs:
    """Match two columns pair by pair and set aside, counted, the pairs that miss a side.

    Two columns whose index has a name (`case`, or `(case, image)`) are matched by that key; anything else is matched by
    position and must have the same length.

    Raises
    ------
    StatisticsError
        Different lengths, doubled keys, no key in common (unpaired data), fewer than two complete pairs.

    Examples
    --------
    >>> pairs = complete_pairs([14.0, 12.0, 15.0], [5.0, None, 4.0])
    >>> pairs.differences.tolist(), pairs.notes
    ([-9.0, -11.0], ('1 of 3 pairs left out: no ai value',))
    """
    if _keyed(manual) and _keyed(ai):
        manual, ai = _match_keys(manual, ai)
    left = finite_values(manual, name="manual", missing_allowed=True)
    right = finite_values(ai, name="ai", missing_allowed=True)
    if left.size != right.size:
        raise StatisticsError(
            "as many manual as ai values (pairs)",
            f"{left.size} manual and {right.size} ai values",
            "give both values of each case, missing ones as NaN, or use a function for unpaired arms (welch, mann_whitney)",
        )
    complete = ~np.isnan(left) & ~np.isnan(right)
    if complete.sum() < 2:
        raise StatisticsError("at least 2 complete pairs", f"{int(complete.sum())} of {left.size}", "add cases measured in both arms")
    return Pairs(left[complete], right[complete], _missing_notes(np.isnan(left), np.isnan(right)))


def paired_values(frame: pd.DataFrame, *, value: str, case: str, arm: str = "arm", same: Sequence[str] = ()) -> Pairs:
    """Pairs from a tidy table with one row per case and arm.

    Parameters
    ----------
    frame : DataFrame
        One row per case and arm; arms are `manual` and `ai`.
    value, case, arm : str
        Column names.
    same : sequence of str
        Columns that must agree between the two rows of a case (`exam`, `image`): a case number used for two different
        images is not a pair.

    Raises
    ------
    StatisticsError
        A case with two rows in one arm, a case whose rows disagree in a `same` column, other arms, too few pairs.

    Examples
    --------
    >>> tidy = pd.DataFrame({"case": [1, 1, 2, 2], "arm": ["manual", "ai"] * 2, "minutes": [14.0, 5.0, 12.0, 6.0]})
    >>> paired_values(tidy, value="minutes", case="case").differences.tolist()
    [-9.0, -6.0]
    """
    require_columns(frame, [value, case, arm, *same])
    strange = set(frame[arm].dropna().unique()) - {"manual", "ai"}
    if strange:
        raise StatisticsError(f"arms manual and ai in {arm!r}", f"{sorted(map(str, strange))}", "rename the arms")
    doubled = int(frame.duplicated([case, arm]).sum())
    if doubled:
        raise StatisticsError("one row per case and arm", f"{doubled} repeated", "average or choose one row per case and arm first")
    for column in same:
        differing = frame.groupby(case)[column].nunique(dropna=False)
        if (differing > 1).any():
            examples = ", ".join(map(str, differing.index[differing > 1][:3]))
            raise StatisticsError(
                f"the same {column} in both arms of a case",
                f"{int((differing > 1).sum())} cases with two (case {examples})",
                f"these are not pairs: correct the case numbers, or use a function for unpaired arms; key pairs by ({case}, {column})",
            )
    wide = frame.set_index([case, arm])[value].unstack(arm).reindex(columns=["manual", "ai"])
    return complete_pairs(wide["manual"].to_numpy(dtype=np.float64), wide["ai"].to_numpy(dtype=np.float64))


def require_columns(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse a frame that lacks a column, naming it and those there are.

    Examples
    --------
    >>> require_columns(pd.DataFrame({"a": [1]}), ["a"])
    """
    if not isinstance(frame, pd.DataFrame):
        raise StatisticsError("a data frame", type(frame).__name__, "give a pandas DataFrame with one row per observation")
    absent = [column for column in columns if column not in frame.columns]
    if absent:
        raise StatisticsError(f"a column {absent[0]!r}", f"columns {[str(c) for c in frame.columns]}", "correct the column name")


def _keyed(values: Any) -> bool:
    return isinstance(values, pd.Series) and any(name is not None for name in values.index.names)


def _match_keys(manual: pd.Series, ai: pd.Series) -> tuple[pd.Series, pd.Series]:
    for name, column in (("manual", manual), ("ai", ai)):
        if column.index.has_duplicates:
            raise StatisticsError(f"one {name} value per {_names(column)}", "a repeated key", "average or choose one value per case first")
    if list(manual.index.names) != list(ai.index.names) or not len(manual.index.intersection(ai.index)):
        raise StatisticsError(
            "pairs: manual and ai values of the same cases",
            f"no {_names(manual)} in common",
            "these are unpaired data: use welch, mann_whitney or brunner_munzel, or correct the keys",
        )
    either = manual.index.union(ai.index)
    return manual.reindex(either), ai.reindex(either)


def _names(column: pd.Series) -> str:
    return " and ".join(str(name) for name in column.index.names)


def _missing_notes(no_manual: NDArray[np.bool_], no_ai: NDArray[np.bool_]) -> tuple[str, ...]:
    counts = {
        "no manual value": int((no_manual & ~no_ai).sum()),
        "no ai value": int((no_ai & ~no_manual).sum()),
        "neither value": int((no_manual & no_ai).sum()),
    }
    return tuple(f"{count} of {no_manual.size} pairs left out: {reason}" for reason, count in counts.items() if count)
