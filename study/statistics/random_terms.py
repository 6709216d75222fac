"""Random terms: which rows share a technologist or a case, and what varies between these."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.statistics.formulas import coded_arms
from study.statistics.pairs import Floats, require_columns
from study.statistics.results import StatisticsError


@dataclass(frozen=True)
class RandomTerm:
    """One grouping column with a random intercept and perhaps correlated random slopes.

    Parameters
    ----------
    group : str
        The column, `technologist`, or columns joined by a colon, `site:technologist`.
    effects : tuple of str
        `Intercept` and the slope columns.
    levels : int
        Number of technologists.
    codes : integer array (rows,)
        Which level a row belongs to.
    columns : array (rows, effects)
        1 for the intercept, then the slope columns divided by `scales`.
    scales : array (effects,)
        Root mean squares, so that the search sees columns of like size.
    """

    group: str
    effects: tuple[str, ...]
    levels: int
    codes: NDArray[np.int64]
    columns: Floats
    scales: Floats

    @property
    def size(self) -> int:
        """Effects per level."""
        return len(self.effects)


def random_terms(frame: pd.DataFrame, *, crossed: Sequence[str], slopes: Sequence[tuple[str, str]]) -> tuple[RandomTerm, ...]:
    """Random terms of a mixed model in the order given.

    Parameters
    ----------
    frame : DataFrame
        Complete rows.
    crossed : sequence of str, keyword-only
        Columns with a random intercept.
    slopes : sequence of (column, group), keyword-only
        Columns whose effect varies between the levels of a group, correlated with its intercept.

    Raises
    ------
    StatisticsError
        A group with one level, or with as many random effects as rows; a slope column with more than two labels.

    Examples
    --------
    >>> rows = pd.DataFrame({"technologist": list("aaabbb"), "arm": ["manual", "ai"] * 3})
    >>> term = random_terms(rows, crossed=["technologist"], slopes=[("arm", "technologist")])[0]
    >>> term.effects, (term.columns * term.scales)[:2].tolist()
    (('Intercept', 'arm'), [[1.0, -0.5], [1.0, 0.5]])
    """
    groups = list(dict.fromkeys([*crossed, *(group for _, group in slopes)]))
    return tuple(_term(frame, group, [column for column, owner in slopes if owner == group]) for group in groups)


def random_columns(crossed: Sequence[str], slopes: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Columns that the random terms read; refuses what are not terms.

    Examples
    --------
    >>> random_columns(["case", "site:technologist"], [("arm", "case")])
    ('case', 'site', 'technologist', 'arm')
    """
    if isinstance(crossed, str):
        raise StatisticsError("a sequence of columns in crossed", repr(crossed), f"write crossed=({crossed!r},)")
    for slope in slopes:
        if isinstance(slope, str) or len(slope) != 2:
            raise StatisticsError("pairs (column, group) in slopes", repr(slope), "write slopes=[('arm', 'technologist')]")
    groups = [*crossed, *(group for _, group in slopes)]
    if not groups:
        raise StatisticsError("at least one random term", "none", "name columns in crossed, or use a model without random effects")
    return tuple(dict.fromkeys([*(column for group in groups for column in _parts(group)), *(column for column, _ in slopes)]))


def _parts(group: str) -> list[str]:
    """Columns that make up a group: `site:technologist` is both together."""
    return str(group).split(":")


def _term(frame: pd.DataFrame, group: str, slope_columns: list[str]) -> RandomTerm:
    owners = _parts(group)
    require_columns(frame, [*owners, *slope_columns])
    codes = frame.groupby(owners, sort=True, observed=True).ngroup().to_numpy().astype(np.int64)
    levels = int(codes.max()) + 1
    effects = ("Intercept", *dict.fromkeys(slope_columns))
    if levels < 2:
        raise StatisticsError(
            f"at least 2 levels of {group!r}",
            f"{levels}",
            f"leave {group!r} out of the random terms; with one technologist compare pairs instead",
        )
    if levels * len(effects) >= len(frame):
        raise StatisticsError(
            f"fewer random effects of {group!r} than rows",
            f"{levels * len(effects)} effects in {len(frame)} rows",
            "each level needs several rows: leave the term or its slopes out",
        )
    columns = np.column_stack([np.ones(len(frame)), *(slope_values(frame[column]) for column in effects[1:])])
    scales = np.sqrt((columns**2).mean(axis=0))
    if (scales == 0).any():
        raise StatisticsError("slope columns that vary", f"{effects[int(np.argmin(scales))]!r} is zero throughout", "leave this slope out")
    return RandomTerm(group, effects, levels, codes, columns / scales, scales)


def slope_values(column: pd.Series) -> Floats:
    """A numeric column as it is; two labels as −1/2 and +1/2, `manual` first, then sorted.

    Examples
    --------
    >>> slope_values(pd.Series(["ai", "manual"])).tolist()
    [0.5, -0.5]
    """
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return np.asarray(column, dtype=np.float64)
    labels = coded_arms(column).astype("category")
    if len(labels.cat.categories) != 2:
        raise StatisticsError(
            f"numbers or two labels in the slope column {column.name!r}",
            f"{len(labels.cat.categories)} labels",
            "make one 0/1 column per contrast",
        )
    return np.asarray(labels.cat.codes, dtype=np.float64) - 0.5
