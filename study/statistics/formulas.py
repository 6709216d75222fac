"""Formulas: the right-hand side of a model, turned into columns without running anybody's code."""

import io
import re
import tokenize
from dataclasses import dataclass

import numpy as np
import pandas as pd
import patsy

from study.statistics.pairs import Floats
from study.statistics.results import StatisticsError

# Patsy evaluates formulas as Python. A protocol is data, so only columns and these names may stand in one.
_FUNCTIONS = {"C", "I", "Q", "Treatment", "Sum", "center", "standardize", "log", "log2", "log10", "sqrt", "exp"}
_MATHEMATICS = {"log": np.log, "log2": np.log2, "log10": np.log10, "sqrt": np.sqrt, "exp": np.exp}


@dataclass(frozen=True)
class Design:
    """Columns of a model.

    Parameters
    ----------
    matrix : array (rows, columns)
    terms : tuple of str
        Name of each column, `Intercept`, `arm[T.ai]`, `period`.
    kept : boolean array
        Rows of the frame that had every value.
    notes : tuple of str
        Rows left out, columns dropped because others imply them.
    """

    matrix: Floats
    terms: tuple[str, ...]
    kept: np.ndarray
    notes: tuple[str, ...] = ()


def model_columns(formula: str, frame: pd.DataFrame, *, needed: tuple[str, ...] = ()) -> Design:
    """Columns of the right-hand side of a formula, rows with a missing value set aside.

    Text columns are coded against their first level in sorted order; a column of exactly `manual` and `ai` against `manual`, so
    that its coefficient is ai − manual. Columns implied by earlier ones are dropped and named, as R does.

    Parameters
    ----------
    formula : str
        `"1"`, `"arm + period"`, `"arm * site"`, `"C(reader)"`, `"log(minutes)"`.
    frame : DataFrame
    needed : tuple of str, keyword-only
        Further columns in which a missing value sets the row aside.

    Raises
    ------
    StatisticsError
        An unknown name, anything that is not a model formula, no complete row.

    Examples
    --------
    >>> rows = pd.DataFrame({"arm": ["manual", "ai", "ai"], "period": [1, 2, 1]})
    >>> design = model_columns("arm + period", rows)
    >>> design.terms, design.matrix[1].tolist()
    (('Intercept', 'arm[T.ai]', 'period'), [1.0, 1.0, 2.0])
    """
    _refuse_code(formula, frame)
    used = {name for name in frame.columns if re.search(rf"(?<!\w){re.escape(str(name))}(?!\w)", formula)} | set(needed)
    complete = frame[sorted(used)].notna().all(axis=1).to_numpy() if used else np.ones(len(frame), dtype=bool)
    if not complete.any():
        raise StatisticsError(
            "at least one complete row", f"{len(frame)} rows, none complete", "fill or leave out the columns with missing values"
        )
    rows = frame.loc[complete].copy()
    for name in used:
        rows[name] = coded_arms(rows[name])
    try:
        built = patsy.dmatrix(formula, rows, eval_env=patsy.EvalEnvironment([_MATHEMATICS]), NA_action="raise")
    except (patsy.PatsyError, ValueError, TypeError, ZeroDivisionError) as error:
        raise StatisticsError("a model formula", f"{formula!r}: {error}", "write it like 'arm + period'") from error
    if not np.asarray(built).any():
        raise StatisticsError("a model with columns", f"{formula!r} without any", "write '1' for a mean alone")
    matrix, terms, aliased = independent_columns(np.asarray(built, dtype=np.float64), tuple(built.design_info.column_names))
    notes = []
    if not complete.all():
        notes.append(f"{int((~complete).sum())} of {len(frame)} rows left out: a value is missing")
    if aliased:
        notes.append(f"dropped because other columns imply them: {', '.join(aliased)}")
    return Design(matrix, terms, complete, tuple(notes))


def coded_arms(column: pd.Series) -> pd.Series:
    """A column of `manual` and `ai` as a categorical with `manual` first; any other column as it is.

    Examples
    --------
    >>> coded_arms(pd.Series(["ai", "manual"])).cat.categories.tolist()
    ['manual', 'ai']
    """
    if set(column.dropna().unique()) == {"manual", "ai"}:
        return column.astype(pd.CategoricalDtype(["manual", "ai"]))
    return column


def _refuse_code(formula: str, frame: pd.DataFrame) -> None:
    allowed = _FUNCTIONS | {str(column) for column in frame.columns}
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(str(formula)).readline))
    except (tokenize.TokenError, SyntaxError, IndentationError) as error:
        raise StatisticsError("a model formula", repr(formula), "write it like 'arm + period'") from error
    for token in tokens:
        if token.type == tokenize.NAME and token.string not in allowed:
            columns = [str(column) for column in frame.columns]
            raise StatisticsError("columns of the table in the formula", f"{token.string!r} in {formula!r}", f"use one of {columns}")
        if token.type == tokenize.OP and token.string in {".", "=", "[", "]", "{", "}", ":=", ";", "@", "~"}:
            raise StatisticsError(
                "a right-hand side of columns joined by + : * - ( )", f"{token.string!r} in {formula!r}", "write it like 'arm + period'"
            )


def independent_columns(matrix: Floats, terms: tuple[str, ...]) -> tuple[Floats, tuple[str, ...], tuple[str, ...]]:
    """Columns in order, without those that earlier ones imply."""
    basis: list[Floats] = []
    kept: list[int] = []
    for place in range(matrix.shape[1]):
        column = matrix[:, place]
        rest = column.copy()
        for _ in range(2):  # orthogonalised twice: once loses half the digits
            for direction in basis:
                rest -= direction * (direction @ rest)
        size = float(np.linalg.norm(rest))
        if size > 1e-9 * max(1e-300, float(np.linalg.norm(column))):
            basis.append(rest / size)
            kept.append(place)
    aliased = tuple(term for place, term in enumerate(terms) if place not in kept)
    return matrix[:, kept], tuple(terms[place] for place in kept), aliased
