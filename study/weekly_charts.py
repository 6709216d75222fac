"""Measures by week as NHS control charts: XmR and p charts, special causes, icons, limits that start afresh only at a named change.

Pure: data frames in the columns of `tasks.csv` (or of `study.department`) in, frozen charts out. Nobody's name is in any of it, and weeks
of fewer than five cases have no value.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study import statistics
from study.errors import RejectedInput

SMALLEST_GROUP = 5
FEWEST_WEEKS = 4
FEWEST_FOR_CORRELATION = 12
RESEMBLING = "; weeks resemble the week before (correlation {lag:.2f}): expect more signals without a cause"
FOLLOWING = (
    "moving centre: each week against what the week before leads to expect (correlation {lag:.2f}), ± 2.66 × mean moving range of the "
    "differences; NHS Making Data Count rules on the differences"
)
Mark = tuple[pd.Timestamp, str]
Limits = tuple[float, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Chart:
    """A measure by week with its limits and special causes.

    Parameters
    ----------
    weeks : tuple of pandas.Timestamp
        Mondays.
    values, cases : tuple
        Value of the week (NaN under five cases), and cases in it.
    centre, lower, upper : tuple of float
        One per week; they jump where the chart was re-based.
    signals : tuple of str
        NHS rule that each point breaks, empty for common cause.
    rebased_at : pandas.Timestamp or None
        The first known change at which limits start afresh.
    before, after : float
        Centre before the first and after the last change.
    unit, method : str
    changes : tuple of (Timestamp, str)
        Every known change at which limits start afresh.
    marks : tuple of (Timestamp, str)
        What is only marked: model versions.
    baseline : tuple of (float, float, float) or None
        Centre and limits of the first stretch, to be shown on after a change; for a p chart the limits of its mean week.
    better : str
        `lower`, `higher`, or empty where neither is.
    target : float or None
    """

    weeks: tuple[pd.Timestamp, ...]
    values: tuple[float, ...]
    cases: tuple[int, ...]
    centre: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    signals: tuple[str, ...]
    rebased_at: pd.Timestamp | None
    before: float
    after: float
    unit: str
    method: str
    changes: tuple[Mark, ...] = ()
    marks: tuple[Mark, ...] = ()
    baseline: tuple[float, float, float] | None = None
    better: str = ""
    target: float | None = None

    @property
    def n(self) -> int:
        """Cases in all weeks."""
        return int(sum(self.cases))

    @property
    def variation(self) -> str:
        """The NHS variation icon of the last week: `common cause`, `improving`, `concerning` or `special cause`."""
        known = [signal for signal, value in zip(self.signals, self.values, strict=True) if np.isfinite(value)]
        last = known[-1] if known else ""
        if not last:
            return "common cause"
        high = last in ("above_limit", "increasing", "near_upper", "high_run")
        if not self.better:
            return "special cause"
        return "improving" if high == (self.better == "higher") else "concerning"

    @property
    def assurance(self) -> str:
        """The NHS assurance icon: will the target be met? `pass`, `fail`, `hit or miss`, or empty without a target."""
        if self.target is None or not self.better or not self.weeks:
            return ""
        low, high = self.lower[-1], self.upper[-1]
        met, missed = (high <= self.target, low > self.target) if self.better == "lower" else (low >= self.target, high < self.target)
        return "pass" if met else "fail" if missed else "hit or miss"


def weekly(tasks: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Mean of a measure and number of tasks by week (Monday); weeks of fewer than five tasks have no mean.

    Examples
    --------
    >>> rows = pd.DataFrame({"started_at": pd.to_datetime(["2026-03-02", "2026-03-03"] * 3, utc=True), "hands_on_seconds": [600.0] * 6})
    >>> weekly(rows, "minutes")[["mean", "cases"]].to_numpy().tolist()
    [[10.0, 6.0]]
    """
    values = {
        "minutes": lambda frame: frame["hands_on_seconds"] / 60,
        "elapsed": lambda frame: frame["elapsed_seconds"] / 60,
        "ai_wait": lambda frame: frame["ai_wait_seconds"] / 60,
        "clicks": lambda frame: frame["clicks"],
        "ai": lambda frame: (frame["arm"] == "ai").astype(float),
    }[measure](tasks)
    return by_week(week_of(tasks), values)


def week_of(tasks: pd.DataFrame) -> "pd.Series[pd.Timestamp]":
    """The Monday of each task, in UTC or by its site's clock where that is known."""
    if "week" in tasks:
        return tasks["week"].dt.tz_localize("UTC") if tasks["week"].dt.tz is None else tasks["week"]
    started = pd.to_datetime(tasks["started_at"], utc=True)
    return started.dt.normalize() - pd.to_timedelta(started.dt.weekday, unit="D")


def by_week(week: "pd.Series[pd.Timestamp]", values: "pd.Series[Any]", *, how: str = "mean") -> pd.DataFrame:
    """Columns `week`, `mean` (or another statistic under that name) and `cases`; suppressed under five cases."""
    frame = pd.DataFrame({"week": week, "value": values.astype(float)}).dropna()
    table = frame.groupby("week")["value"].agg([how, "size"]).reset_index()
    table = table.rename(columns={"size": "cases", how: "mean"})
    table.loc[table["cases"] < SMALLEST_GROUP, "mean"] = np.nan
    return table


def mean_chart(table: pd.DataFrame, *, unit: str, changes: Sequence[Mark] = (), **options: Any) -> Chart:
    """XmR chart of a table with `week`, `mean`, `cases`; limits start afresh only at the changes that are named.

    Parameters
    ----------
    follow : bool
        Where weeks resemble the week before, judge each by what the week before leads to expect (moving centre line); off by default.

    Raises
    ------
    RejectedInput
        With fewer than four weeks.

    References
    ----------
    Montgomery and Mastrangelo 1991, J Qual Technol 23:179-193; Alwan and Roberts 1988, doi:10.1080/07350015.1988.10509640.
    """

    def limits(part: pd.DataFrame) -> Limits:
        chart = statistics.individuals_chart(part["mean"].to_numpy(float))
        low, high = float(np.max(np.asarray(chart.lower))), float(np.min(np.asarray(chart.upper)))
        return chart.centre, np.full(len(part), max(low, 0.0)), np.full(len(part), high)

    method = "XmR chart: mean ± 2.66 × mean moving range; NHS Making Data Count rules"
    return _chart(table, table["mean"].to_numpy(float), limits, unit=unit, method=method, changes=changes, **options)


def share_chart(table: pd.DataFrame, *, unit: str, changes: Sequence[Mark] = (), **options: Any) -> Chart:
    """p chart in per cent of a table whose `mean` is a share of its `cases`; Laney's p' from 500 cases a week on.

    Raises
    ------
    RejectedInput
        With fewer than four weeks.
    """
    events = (table["mean"].fillna(0) * table["cases"]).round().to_numpy(int)
    events[table["mean"].isna().to_numpy()] = 0
    laney = bool(table["cases"].median() >= 500)

    def limits(part: pd.DataFrame) -> Limits:
        place = part.index.to_numpy()
        known = part["mean"].notna().to_numpy()
        sizes = np.where(known, part["cases"].to_numpy(float), 0.0)
        chart = statistics.p_chart(events[place], sizes, laney=laney and known.sum() > 2)
        low, high = (100 * np.broadcast_to(side, len(part)).astype(float) for side in (chart.lower, chart.upper))
        return 100 * chart.centre, low, high

    method = ("Laney p' chart" if laney else "p chart") + ", three sigma; NHS Making Data Count rules"
    return _chart(table, 100 * table["mean"].to_numpy(float), limits, unit=unit, method=method, changes=changes, **options)


def _chart(
    table: pd.DataFrame, values: np.ndarray, limits: Callable[[pd.DataFrame], Limits], *, unit: str, method: str, changes: Sequence[Mark],
    marks: Sequence[Mark] = (), better: str = "", target: float | None = None, follow: bool = False,
) -> Chart:  # fmt: skip
    table = table.reset_index(drop=True)
    if int(np.isfinite(values).sum()) < FEWEST_WEEKS:
        raise RejectedInput("few_weeks", f"{int(np.isfinite(values).sum())} weeks of data", "a chart needs four or more")
    stretches, used = _stretches(table, values, sorted(changes))
    centre, lower, upper, signals, centres = [], [], [], [], []
    for part in stretches:
        middle, low, high = limits(part)
        here = values[part.index.to_numpy()]
        centre += [middle] * len(part)
        lower += low.tolist()
        upper += high.tolist()
        signals += list(statistics.special_cause(here, middle, low, high))
        centres.append((middle, float(np.nanmean(low)), float(np.nanmean(high))))
    lag = correlation(values - np.array(centre))
    if lag is not None and follow:
        method = FOLLOWING.format(lag=lag)
        centre, lower, upper, signals = _following(stretches, values, [middle for middle, _, _ in centres], lag)
    elif lag is not None:
        method += RESEMBLING.format(lag=lag)
    return Chart(
        tuple(table["week"]), tuple(values.tolist()), tuple(table["cases"].astype(int)), tuple(centre), tuple(lower), tuple(upper),
        tuple(signals), used[0][0] if used else None, centres[0][0], centres[-1][0], unit, method, tuple(used), tuple(marks),
        centres[0] if used else None, better, target,
    )  # fmt: skip


def correlation(off: np.ndarray) -> float | None:
    """Correlation of weeks with the week before, where it is more than chance gives (1.96 / √weeks) in twelve weeks or more.

    Parameters
    ----------
    off : ndarray
        Distance of each week from its centre; NaN is a gap.

    Examples
    --------
    >>> round(correlation(np.sin(np.arange(30) / 3)), 2)
    0.94
    >>> correlation(np.array([1.0, -1.0] * 15)) is None
    True
    """
    known = off[np.isfinite(off)]
    if len(known) < FEWEST_FOR_CORRELATION or not np.any(known):
        return None
    lag = float(np.sum(known[1:] * known[:-1]) / np.sum(known**2))
    return lag if lag > 1.96 / np.sqrt(len(known)) else None


def _following(
    stretches: Sequence[pd.DataFrame], values: np.ndarray, middles: Sequence[float], lag: float
) -> tuple[list[float], list[float], list[float], list[str]]:
    """Centre, limits and signals of a chart whose centre is what the week before leads to expect; a gap leads to expect the mean."""
    centre: list[float] = []
    lower: list[float] = []
    upper: list[float] = []
    signals: list[str] = []
    for part, middle in zip(stretches, middles, strict=True):
        here = values[part.index.to_numpy()]
        before = np.concatenate([[0.0], np.nan_to_num(here - middle)[:-1]])
        expected = middle + lag * before
        chart = statistics.individuals_chart(here - expected)
        low, high = float(np.max(np.asarray(chart.lower))), float(np.min(np.asarray(chart.upper)))
        centre += (expected + chart.centre).tolist()
        lower += np.maximum(expected + low, 0.0).tolist()
        upper += (expected + high).tolist()
        signals += statistics.special_cause(here - expected, chart.centre, low, high)
    return centre, lower, upper, signals


def _stretches(table: pd.DataFrame, values: np.ndarray, changes: Sequence[Mark]) -> tuple[list[pd.DataFrame], list[Mark]]:
    """The weeks between changes; a change that leaves fewer than two known weeks on a side does not re-base."""
    parts, used, rest = [], [], table
    for when, name in changes:
        early = rest[rest["week"] < when]
        late = rest[rest["week"] >= when]
        if min(_known(early, values), _known(late, values)) >= 2:
            parts.append(early)
            used.append((when, name))
            rest = late
    return [*parts, rest], used


def _known(part: pd.DataFrame, values: np.ndarray) -> int:
    return int(np.isfinite(values[part.index.to_numpy()]).sum())
