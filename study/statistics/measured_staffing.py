"""How sure a staffing number is: measured minutes resampled through the Erlang C queue."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from study.statistics.results import Interval, Result, StatisticsError
from study.statistics.staffing import Roster, servers_needed


@dataclass(frozen=True, kw_only=True)
class StaffingRange(Result):
    """People to roster, with the uncertainty of the measured minutes; `estimate` is the number at the measured mean.

    Parameters
    ----------
    servers, rostered : int
        At the measured mean.
    mean_minutes : float
        [min]
    roster : Roster
    """

    servers: int
    rostered: int
    mean_minutes: float
    roster: Roster = field(repr=False)
    _draws: tuple[int, ...] = field(default=(), repr=False)

    def interval(self, level: float = 0.95) -> Interval:
        """Percentile bootstrap interval of the people to roster, in whole people.

        Parameters
        ----------
        level : float

        Returns
        -------
        Interval
        """
        tails = np.quantile(self._draws, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
        return Interval(float(tails[0]), float(tails[1]), level)


def staffing_range(
    handling_minutes: npt.ArrayLike,
    *,
    arrivals_per_hour: float,
    service_level: float,
    within_minutes: float,
    max_occupancy: float | None = None,
    shrinkage: float = 0.0,
    cluster: Sequence[Any] | None = None,
    draws: int = 2000,
    seed: int,
) -> StaffingRange:
    """People to roster for measured minutes, with a bootstrap interval.

    Parameters
    ----------
    handling_minutes : array_like
        Hands-on minutes of the measured cases; missing ones are left out, with a note. [min]
    arrivals_per_hour, service_level, within_minutes, max_occupancy, shrinkage
        As in `servers_needed`.
    cluster : sequence, optional
        Who did each case: people are then resampled, not cases.
    draws, seed : int

    Returns
    -------
    StaffingRange

    Raises
    ------
    StatisticsError
        Fewer than 2 measured cases (or people), minutes not above 0.

    References
    ----------
    Efron and Tibshirani 1993, An Introduction to the Bootstrap, doi:10.1007/978-1-4899-4541-9.

    Examples
    --------
    >>> plan = staffing_range([13.1, 14.9, 15.2, 13.8], arrivals_per_hour=6, service_level=0.8, within_minutes=15, seed=1)
    >>> plan.servers, plan.interval().low <= plan.rostered <= plan.interval().high
    (3, True)
    """
    minutes = np.asarray(handling_minutes, dtype=np.float64).ravel()
    measured = np.isfinite(minutes)
    who = np.arange(minutes.size) if cluster is None else pd.factorize(np.asarray(cluster, dtype=object), sort=False)[0]
    if who.size != minutes.size:
        raise StatisticsError(f"{minutes.size} names, one per case", f"{who.size}", "give the person of each case")
    minutes, who = minutes[measured], who[measured]
    units = np.unique(who)
    if units.size < 2 or (minutes <= 0).any():
        raise StatisticsError("minutes above 0 of 2 cases or people, or more", f"{minutes.size} of {units.size}", "measure more")

    @cache
    def planned(mean: float) -> Roster:
        return servers_needed(
            arrivals_per_hour=arrivals_per_hour,
            handling_minutes=mean,
            service_level=service_level,
            within_minutes=within_minutes,
            max_occupancy=max_occupancy,
            shrinkage=shrinkage,
        )

    means = _resampled_means(minutes, np.searchsorted(units, who), draws, seed)
    found = planned(float(minutes.mean()))
    missing = int((~measured).sum())
    return StaffingRange(
        estimate=float(found.rostered),
        n=minutes.size,
        method=f"{found.method}; percentile bootstrap of {'people' if cluster is not None else 'cases'}, {draws} draws, two-sided",
        notes=(f"{missing} cases without measured minutes were left out",) if missing else (),
        servers=found.servers,
        rostered=found.rostered,
        mean_minutes=float(minutes.mean()),
        roster=found,
        _draws=tuple(planned(round(float(mean), 4)).rostered for mean in means),
    )


def _resampled_means(minutes: npt.NDArray[np.float64], unit: np.ndarray, draws: int, seed: int) -> npt.NDArray[np.float64]:
    """Means of the minutes of units drawn with replacement."""
    totals, counts = np.bincount(unit, weights=minutes), np.bincount(unit)
    rng, means = np.random.default_rng(seed), np.empty(draws)
    for k in range(draws):
        chosen = rng.integers(0, totals.size, size=totals.size)
        means[k] = totals[chosen].sum() / counts[chosen].sum()
    return means
