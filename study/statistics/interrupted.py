"""Interrupted time series: did the level or the slope change at the switch?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.statistics.reader_scores import Floats, in_order, numbers, require_columns
from study.statistics.results import Interval, Result, StatisticsError
from study.statistics.series_fits import SeriesFit, fit_series
from study.statistics.series_time import steps_from
from study.statistics.wald import WaldResult, wald_fields

FEWEST_POINTS = 8
FAMILIES = ("poisson", "quasi-poisson", "gaussian")


@dataclass(frozen=True, kw_only=True)
class Change(WaldResult):
    """A change at the switch; on the log scale for counts, where `ratio` is its exponential."""

    log_scale: bool

    @property
    def ratio(self) -> float:
        """exp(estimate) for counts: after / what was to be expected. NaN for gaussian series."""
        return math.exp(self.estimate) if self.log_scale else math.nan

    def ratio_interval(self, level: float = 0.95) -> Interval:
        """Interval of `ratio`."""
        low, high = self.interval(level)
        return Interval(math.exp(low), math.exp(high), level) if self.log_scale else Interval(math.nan, math.nan, level)


@dataclass(frozen=True, kw_only=True)
class InterruptedSeries(Result):
    """A segmented regression centred at the switch; `estimate` is the level change.

    Parameters
    ----------
    level_change : Change
        Jump at the switch.
    slope_change : Change
        Slope after − slope before, per unit of time.
    slope_before, level_before : float
        Trend before, and level it leads to at the switch (log scale for counts).
    dispersion : float
        Pearson chi-squared over its degrees of freedom for counts, residual variance for gaussian series.
    autocorrelation : float or None
        AR(1) coefficient where it was estimated.
    points_before, points_after : int
        Fewest in any series.
    descriptive : bool
        True with fewer than 8 points on a side: no p values, no intervals.
    """

    level_change: Change
    slope_change: Change
    slope_before: float
    level_before: float
    dispersion: float
    autocorrelation: float | None
    points_before: int
    points_after: int
    descriptive: bool

    def interval(self, level: float = 0.95) -> Interval:
        """Interval of the level change."""
        return self.level_change.interval(level)


def interrupted_series(
    frame: pd.DataFrame,
    *,
    time: str,
    value: str,
    switch: Any,
    offset: str | None = None,
    family: str = "poisson",
    harmonics: int = 0,
    period: float = 12,
    autocorrelation: str | None = None,
    control: str | None = None,
    transition: float | Sequence[Any] | None = None,
) -> InterruptedSeries:
    """Segmented regression of a series before and after a switch.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per point in time (and series, with a control).
    time, value : str
        Columns: time as numbers or dates (dates count in months or their usual spacing), value as a count or a mean.
    switch : number or date
        First point in time under the new way of working.
    offset : str, optional
        Column with the exposure of a count (cases, hours, people); its logarithm is the offset.
    family : {"poisson", "quasi-poisson", "gaussian"}
        Counts are modelled on the log scale.
    harmonics : int
        Pairs of sine and cosine for the season.
    period : float
        Length of the season, in units of time.
    autocorrelation : {None, "newey-west", "ar1"}
        Newey-West standard errors with lag floor(4 (n / 100)^(2/9)), or a REML AR(1) model (gaussian only).
    control : str, optional
        Column that is 1 (true) for rows of a comparison series: changes are then those beyond the comparison's.
    transition : number or pair, optional
        Time left out: so many units from the switch on, or (first, last).

    Returns
    -------
    InterruptedSeries
        Normal tests for Poisson, t for the others; all two-sided.

    Raises
    ------
    StatisticsError
        Missing column, unknown option, a time given twice, no point before or after, more terms than points, AR(1) for counts.

    References
    ----------
    Lopez Bernal, Cummins and Gasparrini 2017, doi:10.1093/ije/dyw098; Newey and West 1987, doi:10.2307/1913610.

    Examples
    --------
    >>> weeks = np.arange(40)
    >>> minutes = 14 + 0.02 * weeks - 9 * (weeks >= 20) + np.tile([0.3, -0.3, 0.1, -0.1], 10)
    >>> found = interrupted_series(pd.DataFrame({"week": weeks, "minutes": minutes}), time="week", value="minutes", switch=20,
    ...                            family="gaussian")
    >>> round(found.level_change.estimate, 2), round(found.slope_change.estimate, 3)
    (-8.94, 0.0)
    """
    _check_options(frame, (time, value, offset, control), family, autocorrelation, offset)
    series, notes = _series(frame, time, value, switch, offset, control)
    series, cut = _without_transition(series, transition, time, frame, switch)
    notes += cut
    before, after = _points(series)
    design, names = _design(series, harmonics, period, controlled=control is not None)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise StatisticsError(f"points that tell {design.shape[1]} terms apart", f"{len(series)}", "add points or take fewer harmonics")
    fit = fit_series(series, design, family, autocorrelation)
    descriptive = min(before, after) < FEWEST_POINTS
    if descriptive:
        notes.append(f"only {before} points before and {after} after (fewer than {FEWEST_POINTS} on a side): descriptive, no p values")
    if family == "poisson" and fit.dispersion > 1.5:
        notes.append(f"dispersion {fit.dispersion:.2f}: use family='quasi-poisson', Poisson standard errors are too small")
    method = _method(family, harmonics, period, autocorrelation, control)
    level, slope = (_change(fit, names.index(name), family, descriptive, method, len(series)) for name in ("level", "slope"))
    if not descriptive and not level.standard_error:
        notes.append("the series follows its lines without any error: no test and no interval can be given")
    return InterruptedSeries(
        estimate=level.estimate,
        standard_error=level.standard_error,
        statistic=level.statistic,
        df=level.df,
        p_value=level.p_value,
        n=len(series),
        method=method,
        notes=tuple(notes),
        level_change=level,
        slope_change=slope,
        slope_before=float(fit.coefficients[names.index("time")]),
        level_before=float(fit.coefficients[names.index("one")]),
        dispersion=fit.dispersion,
        autocorrelation=fit.rho,
        points_before=before,
        points_after=after,
        descriptive=descriptive,
    )


def _check_options(
    frame: pd.DataFrame, columns: Sequence[str | None], family: str, autocorrelation: str | None, offset: str | None
) -> None:
    require_columns(frame, columns)
    if family not in FAMILIES:
        raise StatisticsError(f"a family among {FAMILIES}", repr(family), "choose one of them")
    if autocorrelation not in (None, "newey-west", "ar1"):
        raise StatisticsError("autocorrelation None, 'newey-west' or 'ar1'", repr(autocorrelation), "choose one of them")
    if autocorrelation == "ar1" and family != "gaussian":
        raise StatisticsError("a gaussian series for 'ar1'", family, "use 'newey-west' for counts")
    if offset is not None and family == "gaussian":
        raise StatisticsError("an offset for counts only", "a gaussian series", "divide the value by the exposure first")


def _series(
    frame: pd.DataFrame, time: str, value: str, switch: Any, offset: str | None, control: str | None
) -> tuple[pd.DataFrame, list[str]]:
    """Columns at (time from the switch), y, exposure, ours (1 for the study series), sorted by series and time."""
    rows = frame.dropna(subset=[name for name in (time, value, offset, control) if name])
    notes = [f"{len(frame) - len(rows)} of {len(frame)} rows with a missing value were left out"] if len(rows) < len(frame) else []
    ours = np.ones(len(rows)) if control is None else 1 - numbers(rows[control])
    exposure = np.ones(len(rows)) if offset is None else numbers(rows[offset])
    if not set(np.unique(ours)) <= {0.0, 1.0} or (control is not None and len(np.unique(ours)) < 2):
        raise StatisticsError("a control column of 0 and 1, both present", f"{in_order(rows[str(control)])}", "mark comparison rows 1")
    if (exposure <= 0).any():
        raise StatisticsError("exposures above 0", f"{int((exposure <= 0).sum())} not", "leave out points without exposure")
    table = pd.DataFrame({"at": steps_from(rows[time], switch), "y": numbers(rows[value]), "exposure": exposure, "ours": ours})
    if table.duplicated(["ours", "at"]).any():
        raise StatisticsError("one row per point in time", "times given twice", "add up or average the rows of a point first")
    return table.sort_values(["ours", "at"], ignore_index=True), notes


def _without_transition(
    series: pd.DataFrame, transition: float | Sequence[Any] | None, time: str, frame: pd.DataFrame, switch: Any
) -> tuple[pd.DataFrame, list[str]]:
    if transition is None:
        return series, []
    if isinstance(transition, (int, float)):
        first, last, inside = 0.0, float(transition), (series["at"] >= 0) & (series["at"] < transition)
    else:
        ends = pd.Series(list(transition))
        times = pd.concat([frame[time].dropna(), ends.astype(frame[time].dtype)], ignore_index=True)
        first, last = steps_from(times, switch)[-2:]
        inside = (series["at"] >= first) & (series["at"] <= last)
    note = f"{int(inside.sum())} points in the transition ({first:g} to {last:g} from the switch) were left out"
    return series[~inside].reset_index(drop=True), [note]


def _points(series: pd.DataFrame) -> tuple[int, int]:
    counts = [(int((part["at"] < 0).sum()), int((part["at"] >= 0).sum())) for _, part in series.groupby("ours")]
    before, after = (min(side) for side in zip(*counts, strict=True)) if counts else (0, 0)
    if before < 2 or after < 2:
        raise StatisticsError("at least 2 points before and after the switch", f"{before} and {after}", "check the switch and the series")
    return before, after


def _design(series: pd.DataFrame, harmonics: int, period: float, *, controlled: bool) -> tuple[Floats, list[str]]:
    """Columns of the segmented model; with a control "level" and "slope" are the changes beyond the control's."""
    at = series["at"].to_numpy(dtype=float)
    after = (at >= 0).astype(float)
    parts = {"one": np.ones_like(at), "time": at, "level": after, "slope": at * after}
    if controlled:
        ours = series["ours"].to_numpy(dtype=float)
        shared = {f"control {name}": column for name, column in parts.items()}
        parts = shared | {name: column * ours for name, column in parts.items()}
    for k in range(1, harmonics + 1):
        parts[f"sine {k}"], parts[f"cosine {k}"] = np.sin(2 * np.pi * k * at / period), np.cos(2 * np.pi * k * at / period)
    return np.column_stack(list(parts.values())), list(parts)


def _change(fit: SeriesFit, column: int, family: str, descriptive: bool, method: str, points: int) -> Change:
    estimate, error = float(fit.coefficients[column]), math.sqrt(max(float(fit.covariance[column, column]), 0.0))
    nothing: dict[str, float | None] = {"standard_error": None, "statistic": None, "df": None, "p_value": None}
    fields = nothing if descriptive else wald_fields(estimate, error, fit.df)
    return Change(estimate=estimate, n=points, method=method, log_scale=family != "gaussian", **fields)  # type: ignore[arg-type]


def _method(family: str, harmonics: int, period: float, autocorrelation: str | None, control: str | None) -> str:
    parts = [f"{'controlled ' if control else ''}segmented {family} regression centred at the switch"]
    if harmonics:
        parts.append(f"{harmonics} harmonic pairs of period {period:g}")
    parts.append({None: "independent errors", "newey-west": "Newey-West errors", "ar1": "REML AR(1) errors"}[autocorrelation])
    parts.append(f"{'normal' if family == 'poisson' else 't'} test, two-sided")
    return "; ".join(parts)
