"""Difference in differences: the change at a site that switched, less the change at sites that did not."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.statistics.reader_scores import Floats, numbers, require_columns
from study.statistics.results import StatisticsError
from study.statistics.series_fits import newey_west
from study.statistics.series_time import steps_from
from study.statistics.wald import WaldResult, wald_fields

FEWEST_UNITS = 6


@dataclass(frozen=True, kw_only=True)
class DifferenceInDifferences(WaldResult):
    """Change in the treated units beyond the change in the comparison units.

    Parameters
    ----------
    treated_change, comparison_change : float
        After − before, each.
    pre_trend : WaldResult
        Slope of treated − comparison before the switch; it should be near zero, and a large p does not prove that it is.
    units, treated_units : int
    """

    treated_change: float
    comparison_change: float
    pre_trend: WaldResult
    units: int
    treated_units: int


def difference_in_differences(
    frame: pd.DataFrame, *, value: str, unit: str, time: str, treated: str, switch: Any
) -> DifferenceInDifferences:
    """Effect of a switch made by some units and not by others.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per case or per unit and point in time.
    value, unit, time : str
        Columns: the outcome (take logarithms first for ratios), site, time as numbers or dates.
    treated : str
        Column that is 1 (true) for units that switched.
    switch : number or date
        First point in time under the new way of working.

    Returns
    -------
    DifferenceInDifferences
        Unit and time fixed effects. With 6 units or more: standard errors clustered on the unit (CR1), t(units − 1). With fewer:
        the series of differences treated − comparison, every point in time counting once, Newey-West errors, t(times − 2), which
        sees no shock particular to a unit.

    Raises
    ------
    StatisticsError
        Missing column, no treated or no comparison unit, a unit both, a side of the switch without points.

    References
    ----------
    Wing, Simon and Bello-Gomez 2018, doi:10.1146/annurev-publhealth-040617-013507; Cameron and Miller 2015,
    doi:10.3368/jhr.50.2.317.

    Examples
    --------
    >>> rows = [(u, t, u == "a", 10 + t + 2 * (u == "a") - 3 * (u == "a") * (t >= 5) + (t % 2) * (u == "b") * 0.1)
    ...         for u in "ab" for t in range(10)]
    >>> table = pd.DataFrame(rows, columns=["site", "week", "switched", "minutes"])
    >>> found = difference_in_differences(table, value="minutes", unit="site", time="week", treated="switched", switch=5)
    >>> round(found.estimate, 2), found.units
    (-3.02, 2)
    """
    require_columns(frame, (value, unit, time, treated))
    rows = frame.dropna(subset=[value, unit, time, treated])
    notes = [f"{len(frame) - len(rows)} of {len(frame)} rows with a missing value were left out"] if len(rows) < len(frame) else []
    cells = _cells(rows, value, unit, time, treated, switch)
    _check(cells)
    units, switched = cells["unit"].nunique(), cells.loc[cells["treated"] == 1, "unit"].nunique()
    if units >= FEWEST_UNITS:
        estimate, error, df = _clustered(cells, units, len(rows))
        how = f"unit and time fixed effects, errors clustered on {units} units (CR1), t({units - 1})"
        if min(switched, units - switched) < 2:
            notes.append("a single unit on one side: clustered errors are too small, read the interval with care")
    else:
        estimate, error, df = _series_of_differences(cells)
        how = f"differences treated − comparison, Newey-West errors, t({df:g})"
        notes.append(f"{units} units: the interval knows variation over time only, not between units; wording 'associated with'")
    changes = _changes(cells, by_time=units < FEWEST_UNITS)
    fields = wald_fields(estimate, error, df)
    if not fields["standard_error"]:
        notes.append("the differences do not vary: no test and no interval can be given")
    return DifferenceInDifferences(
        estimate=estimate,
        n=len(rows),
        method=f"difference in differences: {how}; two-sided",
        notes=tuple(notes),
        treated_change=changes[0],
        comparison_change=changes[1],
        pre_trend=_pre_trend(cells),
        units=units,
        treated_units=switched,
        **fields,  # type: ignore[arg-type]
    )


def _cells(rows: pd.DataFrame, value: str, unit: str, time: str, treated: str, switch: Any) -> pd.DataFrame:
    """One row per unit and point in time: mean y, count w, at (time from the switch), treated, after."""
    table = pd.DataFrame(
        {
            "unit": rows[unit].to_numpy(),
            "at": steps_from(rows[time], switch),
            "treated": numbers(rows[treated]),
            "y": numbers(rows[value]),
        }
    )
    cells = table.groupby(["unit", "at", "treated"], sort=True)["y"].agg(y="mean", w="size").reset_index()
    return cells.assign(after=(cells["at"] >= 0).astype(float))


def _check(cells: pd.DataFrame) -> None:
    kinds = cells.groupby("unit")["treated"].agg(["min", "max"])
    if (kinds["min"] != kinds["max"]).any() or set(kinds["max"]) != {0.0, 1.0}:
        found = f"{kinds['max'].tolist()}"
        raise StatisticsError("units either treated (1) or comparison (0), both present", found, "let treated say who ever switches")
    sides = [(who, when) for who in (0, 1) for when in (0, 1) if not _part(cells, who, when).size]
    empty = [f"{('comparison', 'treated')[who]} {('before', 'after')[when]}" for who, when in sides]
    if empty:
        raise StatisticsError("points before and after the switch on both sides", f"none for {', '.join(empty)}", "check the switch")


def _part(cells: pd.DataFrame, treated: int, after: int) -> pd.DataFrame:
    return cells[(cells["treated"] == treated) & (cells["after"] == after)]


def _changes(cells: pd.DataFrame, *, by_time: bool) -> tuple[float, float]:
    """After − before of the treated and of the comparison units: every case counts once, or every common point in time."""
    if by_time:
        means = _means_by_time(cells)
        sides = [(means[who][means.index >= 0].mean(), means[who][means.index < 0].mean()) for who in (1.0, 0.0)]
    else:
        parts = [[_part(cells, who, when) for when in (1, 0)] for who in (1, 0)]
        after, before = ([np.average(part["y"], weights=part["w"]) for part in side] for side in zip(*parts, strict=True))
        sides = list(zip(after, before, strict=True))
    treated, comparison = (float(after - before) for after, before in sides)
    return treated, comparison


def _clustered(cells: pd.DataFrame, units: int, observations: int) -> tuple[float, float, float]:
    """Weighted least squares with unit and time effects; the cells carry the same scores as the single rows."""
    unit, when = (pd.factorize(cells[name], sort=True)[0] for name in ("unit", "at"))
    interest = (cells["treated"] * cells["after"]).to_numpy(dtype=float)
    dummies = np.column_stack([np.eye(unit.max() + 1)[unit], np.eye(when.max() + 1)[when][:, 1:]])
    root = np.sqrt(cells["w"].to_numpy(dtype=float))
    y = cells["y"].to_numpy(dtype=float)
    scaled = dummies * root[:, None]
    x = interest * root - scaled @ np.linalg.lstsq(scaled, interest * root, rcond=None)[0]
    rest = y * root - scaled @ np.linalg.lstsq(scaled, y * root, rcond=None)[0]
    information = float(x @ x)
    if information < 1e-10:
        raise StatisticsError("treated and comparison units at the same times", "no overlap in time", "take a common stretch of time")
    estimate = float(x @ rest) / information
    scores = np.bincount(unit, weights=x * (rest - estimate * x))
    terms = np.linalg.matrix_rank(dummies) + 1
    factor = units / (units - 1) * (observations - 1) / max(observations - terms, 1)
    return estimate, math.sqrt(factor * float(scores @ scores)) / information, units - 1


def _means_by_time(cells: pd.DataFrame) -> pd.DataFrame:
    """Mean of the comparison (0) and of the treated (1) units at the times both were seen, every case counting once."""
    sums = cells.assign(total=cells["y"] * cells["w"]).groupby(["at", "treated"])[["total", "w"]].sum()
    return (sums["total"] / sums["w"]).unstack("treated").dropna().sort_index()


def _differences(cells: pd.DataFrame) -> tuple[Floats, Floats]:
    """Times both sides were seen, and treated − comparison there."""
    means = _means_by_time(cells)
    return means.index.to_numpy(dtype=float), (means[1.0] - means[0.0]).to_numpy(dtype=float)


def _series_of_differences(cells: pd.DataFrame) -> tuple[float, float, float]:
    at, gap = _differences(cells)
    after = (at >= 0).astype(float)
    if len(at) < 4 or not 2 <= after.sum() <= len(at) - 2:
        found = f"{int((1 - after).sum())} and {int(after.sum())}"
        raise StatisticsError("2 common points in time on each side of the switch", found, "add points in time")
    return _robust_line(np.column_stack([np.ones_like(at), after]), gap)


def _robust_line(design: Floats, y: Floats) -> tuple[float, float, float]:
    """Last coefficient of a regression, its Newey-West standard error and its degrees of freedom."""
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ design.T @ y
    covariance = newey_west(inverse, design * (y - design @ coefficients)[:, None])
    return float(coefficients[-1]), math.sqrt(max(float(covariance[-1, -1]), 0.0)), len(y) - design.shape[1]


def _pre_trend(cells: pd.DataFrame) -> WaldResult:
    at, gap = _differences(cells[cells["after"] == 0])
    method = "slope of treated − comparison before the switch, Newey-West errors, two-sided"
    if len(at) < 4:
        return WaldResult(estimate=math.nan, method=method, n=len(at), notes=("fewer than 4 common points before the switch",))
    slope, error, df = _robust_line(np.column_stack([np.ones_like(at), at]), gap)
    return WaldResult(estimate=slope, method=method, n=len(at), **wald_fields(slope, error, df))  # type: ignore[arg-type]
