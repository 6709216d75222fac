"""A department over time: weekly minutes, clicks, volume and AI usage as control charts, and what staff they ask for.

Pure: data frames in the columns of `tasks.csv` in, frozen results out. Nobody's name is in any of it, and groups of fewer than five
tasks are suppressed.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from study import statistics
from study.errors import RejectedInput
from study.statistics import StatisticsError

SMALLEST_GROUP = 5
MEASURES = {"minutes": "hands-on time [min]", "elapsed": "elapsed time [min]", "ai_wait": "AI wait [min]", "clicks": "clicks"}


@dataclass(frozen=True)
class Chart:
    """A measure by week with its limits and special causes.

    Parameters
    ----------
    weeks : tuple of pandas.Timestamp
        Mondays.
    values, cases : tuple
        Mean of the week (NaN under five cases), and cases in it.
    centre, lower, upper : tuple of float
        One per week; they jump where the chart was re-based.
    signals : tuple of str
        NHS rule that each point breaks, empty for common cause.
    rebased_at : pandas.Timestamp or None
        The known change at which limits start afresh.
    before, after : float
        Centre before and after.
    unit, method : str
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
    started = pd.to_datetime(tasks["started_at"], utc=True)
    week = started.dt.normalize() - pd.to_timedelta(started.dt.weekday, unit="D")
    table = (
        pd.DataFrame({"week": week, "value": values.astype(float)}).dropna().groupby("week")["value"].agg(["mean", "size"]).reset_index()
    )
    table = table.rename(columns={"size": "cases"})
    table.loc[table["cases"] < SMALLEST_GROUP, "mean"] = np.nan
    return table


def weekly_chart(tasks: pd.DataFrame, measure: str, *, change: pd.Timestamp | None = None) -> Chart:
    """XmR chart of a measure by week; limits start afresh only at the change that is named.

    Raises
    ------
    RejectedInput
        With fewer than four weeks.
    """
    table = weekly(tasks, measure)
    if len(table) < 4:
        raise RejectedInput("few_weeks", f"{len(table)} weeks of data", "a chart needs four or more")
    after = table["week"] >= change if change is not None else pd.Series(False, index=table.index)
    parts = [table[~after], table[after]] if after.any() and not after.all() else [table]
    centre, lower, upper, signals, centres = [], [], [], [], []
    for part in parts:
        chart = statistics.individuals_chart(part["mean"].to_numpy(float))
        low, high = float(np.max(np.asarray(chart.lower))), float(np.min(np.asarray(chart.upper)))
        low = max(low, 0.0)
        centre += [chart.centre] * len(part)
        lower += [low] * len(part)
        upper += [high] * len(part)
        signals += list(statistics.special_cause(part["mean"].to_numpy(float), chart.centre, low, high))
        centres.append(chart.centre)
    return Chart(
        tuple(table["week"]), tuple(table["mean"].astype(float)), tuple(table["cases"].astype(int)), tuple(centre), tuple(lower),
        tuple(upper), tuple(signals), change if len(parts) == 2 else None, centres[0], centres[-1], MEASURES.get(measure, measure),
        "XmR chart: mean ± 2.66 × mean moving range; NHS Making Data Count rules",
    )  # fmt: skip


def usage_chart(tasks: pd.DataFrame) -> Chart:
    """p chart of the share of cases that AI processed, by week."""
    table = weekly(tasks, "ai")
    events = (table["mean"].fillna(0) * table["cases"]).round().to_numpy(int)
    chart = statistics.p_chart(events, table["cases"].to_numpy(int))
    lower, upper = np.broadcast_to(chart.lower, len(table)), np.broadcast_to(chart.upper, len(table))
    signals = statistics.special_cause(100 * events / table["cases"].to_numpy(), 100 * chart.centre, 100 * lower, 100 * upper)
    return Chart(
        tuple(table["week"]), tuple(100 * table["mean"]), tuple(table["cases"].astype(int)), (100 * chart.centre,) * len(table),
        tuple(100 * lower), tuple(100 * upper), signals, None, 100 * chart.centre, 100 * chart.centre, "share of cases by AI [%]",
        "p chart, three sigma; NHS Making Data Count rules",
    )  # fmt: skip


@dataclass(frozen=True)
class Roster:
    """Technologists needed for one scenario, with the interval that the measured times give.

    Parameters
    ----------
    name : str
    minutes : float
        Mean hands-on minutes of a case under the scenario.
    arrivals_per_hour : float
    servers, low, high : int or None
        Technologists at work, and its 95 % bootstrap interval; None where it cannot be reached.
    rostered : int or None
        After shrinkage.
    """

    name: str
    minutes: float
    arrivals_per_hour: float
    servers: int | None
    low: int | None
    high: int | None
    rostered: int | None


def rosters(
    tasks: pd.DataFrame,
    *,
    arrivals_per_hour: float,
    shares: tuple[float, ...] = (0.0, 0.5, 0.8, 1.0),
    volumes: tuple[float, ...] = (0.8, 1.0, 1.5, 2.0),
    service_level: float = 0.8,
    within_minutes: float = 15.0,
    max_occupancy: float = 0.85,
    shrinkage: float = 0.2,
    seed: int = 0,
    draws: int = 200,
) -> tuple[Roster, ...]:
    """Staff for every combination of AI share and volume, by Erlang C over the measured times.

    Parameters
    ----------
    tasks : pandas.DataFrame
        Finished tasks of both arms.
    arrivals_per_hour : float
        Cases an hour in the busy time of day now.
    shares, volumes : tuple of float
        AI share of cases, and volume as a multiple of today's.
    service_level, within_minutes
        Share of cases that must be begun within so many minutes. [min]
    shrinkage : float
        Share of paid time that is leave, illness and training.

    Notes
    -----
    Erlang C assumes random arrivals, exponential handling and no one leaving; the simulation of shifts and emergencies lies outside.
    The interval resamples the measured times, clustered by technologist where there are several.
    """
    minutes = {arm: tasks.loc[tasks["arm"] == arm, "hands_on_seconds"].dropna().to_numpy(float) / 60 for arm in ("manual", "ai")}
    if min(map(len, minutes.values())) < SMALLEST_GROUP:
        raise RejectedInput("few_tasks", "fewer than five finished tasks in one arm", "a forecast needs measured times of both arms")
    rng = np.random.default_rng(seed)
    found = []
    for share in shares:
        for volume in volumes:
            rate = arrivals_per_hour * volume
            mixed = _mixture(minutes, share, rng, 2000)
            options = {
                "service_level": service_level,
                "within_minutes": within_minutes,
                "max_occupancy": max_occupancy,
                "shrinkage": shrinkage,
            }
            found.append(_roster(f"AI {share:.0%}, volume {volume:.0%}", minutes, share, mixed, rate, rng, draws, options))
    return tuple(found)


def _mixture(minutes: dict[str, np.ndarray], share: float, rng: np.random.Generator, n: int) -> np.ndarray:
    ai = rng.random(n) < share
    return np.where(ai, rng.choice(minutes["ai"], n), rng.choice(minutes["manual"], n))


def _roster(
    name: str, minutes: dict[str, np.ndarray], share: float, mixed: np.ndarray, rate: float, rng: np.random.Generator, draws: int,
    options: dict[str, float],
) -> Roster:  # fmt: skip
    mean = share * minutes["ai"].mean() + (1 - share) * minutes["manual"].mean()
    counts = []
    for _ in range(draws):
        again = {arm: rng.choice(values, len(values)) for arm, values in minutes.items()}
        counts.append(_servers(rate, share * again["ai"].mean() + (1 - share) * again["manual"].mean(), options))
    known = [count[0] for count in counts if count is not None]
    now = _servers(rate, float(mean), options)
    low, high = (int(np.quantile(known, q, method="nearest")) for q in (0.025, 0.975)) if known else (None, None)
    return Roster(name, float(mean), rate, now[0] if now else None, low, high, now[1] if now else None)


def _servers(rate: float, handling_minutes: float, options: dict[str, float]) -> tuple[int, int] | None:
    try:
        found = statistics.servers_needed(arrivals_per_hour=rate, handling_minutes=handling_minutes, **options)
    except StatisticsError:
        return None
    return int(found.servers), int(found.rostered)


def busy_hour_arrivals(tasks: pd.DataFrame, *, hours: tuple[int, int] = (8, 18), last_weeks: int = 4) -> float:
    """Cases an hour between two hours of the day, weekdays, over the last weeks of data."""
    started = pd.to_datetime(tasks["started_at"], utc=True)
    recent = started[started >= started.max() - pd.Timedelta(weeks=last_weeks)]
    recent = recent[(recent.dt.weekday < 5) & recent.dt.hour.between(hours[0], hours[1] - 1)]
    days = max(1, recent.dt.normalize().nunique())
    return float(len(recent) / days / (hours[1] - hours[0]))
