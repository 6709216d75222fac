"""Learning: how minutes fall with practice, and where they stop falling."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.statistics.reader_scores import Floats, in_order, numbers, require_columns
from study.statistics.results import StatisticsError
from study.statistics.wald import WaldResult, wald_fields

FEWEST_PEOPLE = 6


@dataclass(frozen=True, kw_only=True)
class LearningCurve(WaldResult):
    """Power law of practice; `estimate` is the slope of log value on log case number.

    Parameters
    ----------
    per_doubling : float
        Factor by which the value changes when experience doubles, 2^slope.
    plateau_case : int or None
        Case number from which practice no longer helps; None when a plateau does not improve the fit.
    plateau_value : float
        Typical (geometric mean) value from the plateau on, else of the last case.
    slope_to_plateau : float
        Slope up to the plateau; `estimate` where there is none.
    by_person : dict
        Slope of each person with three cases or more.
    people : int
    """

    per_doubling: float
    plateau_case: int | None
    plateau_value: float
    slope_to_plateau: float
    by_person: dict[Any, float]
    people: int

    @property
    def slope(self) -> float:
        """Slope of log value on log case number."""
        return self.estimate

    @property
    def plateau(self) -> float | None:
        """Value on the plateau, None where there is none."""
        return None if self.plateau_case is None else self.plateau_value


def learning_curve(frame: pd.DataFrame, *, value: str, order: str, by: str) -> LearningCurve:
    """Slope of log value on log case number within people, and the plateau.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per task.
    value : str
        Column, above 0, e.g. minutes.
    order : str
        Column with the case number of a person (1, 2, ...), or anything that sorts by time, which is then numbered.
    by : str
        Column naming the person. Every person has a level of their own; the slope is common.

    Returns
    -------
    LearningCurve
        With 6 people or more the error is clustered on people (CR1, t(people − 1)), else it is the ordinary one.

    Raises
    ------
    StatisticsError
        Missing column, values not above 0, fewer than 4 tasks or all of them first ones.

    Notes
    -----
    The plateau is the breakpoint of the line min(log case, log c) with the least squared error; it is reported when BIC, counting
    the breakpoint as a parameter, prefers it to a line without one.

    References
    ----------
    Newell and Rosenbloom 1981 (power law of practice); Cook et al. 2004, doi:10.1191/1740774504cn042oa.

    Examples
    --------
    >>> rows = [(person, case, 20 * min(case, 16) ** -0.3) for person in "ab" for case in range(1, 61)]
    >>> found = learning_curve(pd.DataFrame(rows, columns=["who", "case", "minutes"]), value="minutes", order="case", by="who")
    >>> found.plateau_case, round(found.slope_to_plateau, 3)
    (16, -0.3)
    """
    require_columns(frame, (value, order, by))
    rows = frame.dropna(subset=[value, order, by])
    notes = [f"{len(frame) - len(rows)} of {len(frame)} rows with a missing value were left out"] if len(rows) < len(frame) else []
    values = numbers(rows[value])
    if (values <= 0).any():
        raise StatisticsError("values above 0", f"{int((values <= 0).sum())} not", "correct them or leave them out with a reason")
    people = in_order(rows[by])
    person = pd.Index(people).get_indexer(pd.Index(rows[by]))
    number = _case_numbers(rows, order, by)
    x, y = _within(np.log(number), person), _within(np.log(values), person)
    if len(rows) < 4 or float(x @ x) <= 1e-12:
        raise StatisticsError("at least 4 tasks with different case numbers", f"{len(rows)} tasks", "follow people over more cases")
    slope, error, df = _slope(x, y, person, len(people))
    plateau, steep, best = _plateau(np.log(number), y, person, float(((y - slope * x) ** 2).sum()))
    if len(people) < FEWEST_PEOPLE:
        notes.append(f"{len(people)} people: the conclusion holds for these people only")
    fields = wald_fields(slope, error, df)
    return LearningCurve(
        estimate=slope,
        n=len(rows),
        method="least squares of log value on log case number with a level per person"
        + (f", errors clustered on {len(people)} people" if len(people) >= FEWEST_PEOPLE else "")
        + f"; t({df:g}), two-sided; plateau by BIC",
        notes=tuple(notes),
        per_doubling=2**slope,
        plateau_case=plateau,
        plateau_value=_typical_end(values, number, person, plateau),
        slope_to_plateau=steep if best else slope,
        by_person=_own_slopes(np.log(number), np.log(values), person, people),
        people=len(people),
        **fields,  # type: ignore[arg-type]
    )


def _case_numbers(rows: pd.DataFrame, order: str, by: str) -> Floats:
    """The order column where it already counts from 1 or more, else the rank within the person."""
    if pd.api.types.is_numeric_dtype(rows[order]) and float(rows[order].min()) >= 1:
        return rows[order].to_numpy(dtype=float)
    return rows.groupby(by)[order].rank(method="first").to_numpy(dtype=float)


def _within(column: Floats, person: np.ndarray) -> Floats:
    """Deviations from each person's own mean."""
    means = np.bincount(person, weights=column) / np.bincount(person)
    return np.asarray(column - means[person])


def _slope(x: Floats, y: Floats, person: np.ndarray, people: int) -> tuple[float, float, float]:
    slope = float(x @ y) / float(x @ x)
    residuals = y - slope * x
    if people >= FEWEST_PEOPLE:
        scores = np.bincount(person, weights=x * residuals)
        factor = people / (people - 1) * (len(y) - 1) / (len(y) - people - 1)
        return slope, math.sqrt(factor * float(scores @ scores)) / float(x @ x), people - 1
    df = len(y) - people - 1
    if df < 1:
        raise StatisticsError("more tasks than people by 2", f"{len(y)} tasks of {people}", "follow people over more cases")
    return slope, math.sqrt(float(residuals @ residuals) / df / float(x @ x)), df


def _plateau(x: Floats, y: Floats, person: np.ndarray, straight: float) -> tuple[int | None, float, bool]:
    """Breakpoint case number, slope before it, and whether BIC wants it."""
    numbers = np.unique(np.exp(np.unique(x)).round(9))[1:-1]
    candidates = numbers[numbers >= 2] if len(numbers) <= 200 else np.unique(np.geomspace(2, numbers[-1], 200).round())
    products, spreads = _bent_sums(x, y, person, np.log(candidates))
    known = spreads > 1e-12
    if not known.any():
        return None, math.nan, False
    at = float(candidates[known][int(np.argmax(products[known] ** 2 / spreads[known]))])
    bent = _within(np.minimum(x, math.log(at)), person)
    steep = float(bent @ y) / float(bent @ bent)
    best, points = float(((y - steep * bent) ** 2).sum()), len(y)
    floor = 1e-20 * points
    wanted = points * math.log((best + floor) / (straight + floor)) + math.log(points) < 0
    return (round(at) if wanted else None), steep, wanted


def _bent_sums(x: Floats, y: Floats, person: np.ndarray, ends: Floats) -> tuple[Floats, Floats]:
    """Of min(x, end) within people, for every end: its sum of products with `y` (itself within people), and its sum of squares.

    From running sums over the sorted cases of each person, so that many ends cost about what one does.
    """
    products, spreads = np.zeros(len(ends)), np.zeros(len(ends))
    order = np.lexsort((x, person))
    for mine in np.split(order, np.flatnonzero(np.diff(person[order])) + 1):
        own, other = x[mine], y[mine]
        below = np.searchsorted(own, ends, side="right")
        above = len(mine) - below
        sums, squares, shared, rest = (np.concatenate([[0.0], np.cumsum(part)])[below] for part in (own, own**2, own * other, other))
        products += shared + ends * (other.sum() - rest)
        spreads += squares + ends**2 * above - (sums + ends * above) ** 2 / len(mine)
    return products, spreads


def _typical_end(values: Floats, number: Floats, person: np.ndarray, plateau: int | None) -> float:
    if plateau is not None:
        chosen = number >= plateau
    else:
        last = np.zeros(person.max() + 1)
        np.maximum.at(last, person, number)
        chosen = number == last[person]
    return float(np.exp(np.log(values[chosen]).mean()))


def _own_slopes(x: Floats, y: Floats, person: np.ndarray, people: list[Any]) -> dict[Any, float]:
    slopes = {}
    for k, name in enumerate(people):
        mine = person == k
        if mine.sum() >= 3 and np.ptp(x[mine]) > 0:
            slopes[name] = float(np.polyfit(x[mine], y[mine], 1)[0])
    return slopes
