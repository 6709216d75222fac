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
from study.weekly_charts import SMALLEST_GROUP, Chart, mean_chart, share_chart, weekly

MANY = 2000  # cases from which the mean of a resample is drawn as normal
MEASURES = {"minutes": "hands-on time [min]", "elapsed": "elapsed time [min]", "ai_wait": "AI wait [min]", "clicks": "clicks"}


def weekly_chart(tasks: pd.DataFrame, measure: str, *, change: pd.Timestamp | None = None) -> Chart:
    """XmR chart of a measure by week; limits start afresh only at the change that is named.

    Raises
    ------
    RejectedInput
        With fewer than four weeks.
    """
    changes = [(change, "go-live")] if change is not None else []
    return mean_chart(weekly(tasks, measure), unit=MEASURES.get(measure, measure), changes=changes)


def usage_chart(tasks: pd.DataFrame) -> Chart:
    """p chart of the share of cases that AI processed, by week."""
    return share_chart(weekly(tasks, "ai"), unit="share of cases by AI [%]")


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
    Erlang C assumes random arrivals, exponential handling and no one leaving; `study.staffing_forecast` simulates the rest.
    The interval resamples the measured times.
    """
    minutes = {arm: tasks.loc[tasks["arm"] == arm, "hands_on_seconds"].dropna().to_numpy(float) / 60 for arm in ("manual", "ai")}
    if min(map(len, minutes.values())) < SMALLEST_GROUP:
        raise RejectedInput("few_tasks", "fewer than five finished tasks in one arm", "a forecast needs measured times of both arms")
    rng = np.random.default_rng(seed)
    means = {arm: _resampled_means(values, rng, draws) for arm, values in minutes.items()}
    options = {
        "service_level": service_level,
        "within_minutes": within_minutes,
        "max_occupancy": max_occupancy,
        "shrinkage": shrinkage,
    }
    return tuple(
        _roster(f"AI {share:.0%}, volume {volume:.0%}", minutes, share, means, arrivals_per_hour * volume, options)
        for share in shares
        for volume in volumes
    )


def _resampled_means(minutes: np.ndarray, rng: np.random.Generator, draws: int) -> np.ndarray:
    """Means of resampled cases; of thousands of cases such a mean is normal, and drawing it directly takes no time."""
    if len(minutes) > MANY:
        return rng.normal(minutes.mean(), minutes.std(ddof=1) / np.sqrt(len(minutes)), draws)
    return rng.choice(minutes, (draws, len(minutes))).mean(axis=1)


def _roster(
    name: str, minutes: dict[str, np.ndarray], share: float, means: dict[str, np.ndarray], rate: float, options: dict[str, float]
) -> Roster:
    mean = share * minutes["ai"].mean() + (1 - share) * minutes["manual"].mean()
    counts = [_servers(rate, float(drawn), options) for drawn in share * means["ai"] + (1 - share) * means["manual"]]
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
