"""How many technologists: rosters searched by simulation over measured times and arrivals, with intervals and scenarios.

Pure: data frames in the columns of `tasks.csv` in, frozen results out. The interval is the percentile bootstrap of the measured mean
workload, carried through the roster search, which only rises with the workload.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from study import statistics
from study.errors import RejectedInput
from study.reporting_room import HOUR, WEEK, WEEKDAYS, Demand, Floats, Shift, Simulated, Work, on_duty, simulate
from study.statistics import StatisticsError

SMALLEST_GROUP = 5
FEWEST_CLUSTERS = 5
STARTING_OCCUPANCY = 0.85
Found = tuple[tuple[Shift, ...], Simulated]
MOST_STEPS = 40
FEWEST_WEEKS = 2

PATTERNS: dict[str, tuple[Shift, ...]] = {
    "day": (Shift(name="day", start_hour=8, end_hour=18, weekdays=WEEKDAYS, break_minutes=45),),
    "long": (
        Shift(name="early", start_hour=7, end_hour=15),
        Shift(name="late", start_hour=15, end_hour=23),
    ),
    "always": (
        Shift(name="early", start_hour=7, end_hour=15),
        Shift(name="late", start_hour=15, end_hour=23),
        Shift(name="night", start_hour=23, end_hour=31),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Target:
    """What the roster must reach, and what people are paid for.

    Parameters
    ----------
    level : float
        Share of the cases that arrive in hours and must be ready in time.
    within_minutes : float
        From arrival to ready. [min]
    shrinkage : float
        Share of paid time that is leave, illness and training.
    absence : float
        Share of shifts missed unannounced; simulated.
    weekly_hours : float
        Hours of one full-time technologist. [h]
    """

    level: float = 0.8
    within_minutes: float = 60.0
    shrinkage: float = 0.2
    absence: float = 0.0
    weekly_hours: float = 40.0

    def fte(self, shifts: Sequence[Shift]) -> float:
        """Full-time posts for a roster."""
        return sum(shift.staff * shift.weekly_hours for shift in shifts) / self.weekly_hours / (1 - self.shrinkage)


@dataclass(frozen=True)
class Plan:
    """The smallest roster found for one scenario.

    Parameters
    ----------
    name : str
    minutes_per_case, cases_per_week : float
    roster : tuple of (str, int) or None
        Technologists by shift; None when no number of people reaches the target.
    fte, low, high : float or None
        Full-time posts of the roster and their 95 % interval from the measured times; people come whole, so the interval is often a point.
    work : tuple of (float, float, float)
        Full-time posts that the hands-on minutes alone add up to, with the interval.
    level, emergency_level, occupancy : float
        What the simulation found for that roster.
    erlang : int or None
        Technologists by Erlang C at the busiest hour, for comparison: begun within the same time.
    """

    name: str
    minutes_per_case: float
    cases_per_week: float
    roster: tuple[tuple[str, int], ...] | None
    fte: float | None
    low: float | None
    high: float | None
    work: tuple[float, float, float]
    level: float
    emergency_level: float
    occupancy: float
    erlang: int | None


def arrivals_by_hour(moments: "pd.Series[pd.Timestamp]", *, last_weeks: int = 8, zone: str = "UTC") -> Demand:
    """Cases an hour by weekday and hour of the day, over the last weeks.

    Parameters
    ----------
    moments : pandas.Series of timestamps
        When each case arrived (scanned, or else opened), with zone.
    last_weeks : int
        Weeks to average over. [weeks]
    zone : str
        Zone of the department's clock.

    Raises
    ------
    RejectedInput
        With fewer than 20 cases in those weeks.

    Examples
    --------
    >>> mondays = pd.Series(pd.date_range("2026-03-02 09:00", periods=6, freq="7D", tz="UTC").repeat(5))
    >>> arrivals_by_hour(mondays, last_weeks=4).per_hour[0, 9].item()
    5.0
    """
    local = pd.to_datetime(moments.dropna(), utc=True).dt.tz_convert(zone).dt.tz_localize(None)
    if len(local):
        end = local.max().normalize() + pd.Timedelta(days=1)
        start = max(end - pd.Timedelta(weeks=last_weeks), local.min().normalize())
        local = local[local >= start]
    if len(local) < 20:
        raise RejectedInput("few_tasks", f"{len(local)} cases with a time of arrival", "a forecast needs 20 or more")
    counts = np.zeros((7, 24))
    np.add.at(counts, (local.dt.weekday.to_numpy(), local.dt.hour.to_numpy()), 1.0)
    days = np.bincount(pd.date_range(start, end, inclusive="left").weekday.to_numpy(), minlength=7)
    return Demand(per_hour=counts / np.maximum(days, 1)[:, None])


def measured_minutes(tasks: pd.DataFrame) -> dict[str, Floats]:
    """Hands-on minutes of either arm.

    Raises
    ------
    RejectedInput
        With fewer than five tasks in an arm.
    """
    found = {arm: tasks.loc[tasks["arm"] == arm, "hands_on_seconds"].dropna().to_numpy(float) / 60 for arm in ("manual", "ai")}
    found = {arm: minutes[minutes > 0] for arm, minutes in found.items()}
    if min(map(len, found.values())) < SMALLEST_GROUP:
        raise RejectedInput("few_tasks", "fewer than five finished tasks in one arm", "a forecast needs measured times of both arms")
    return found


def workload_factors(tasks: pd.DataFrame, work: Work, *, draws: int = 1000, seed: int = 0, level: float = 0.95) -> tuple[float, float]:
    """Interval of the mean workload as multiples of the measured one: bootstrap over people where there are five, else over cases."""
    rng, means = np.random.default_rng(seed), {}
    for arm in ("manual", "ai"):
        rows = tasks[(tasks["arm"] == arm) & (tasks["hands_on_seconds"] > 0)]
        minutes, who = rows["hands_on_seconds"].to_numpy(float) / 60, pd.factorize(rows["technologist"])[0]
        if who.max(initial=0) + 1 < FEWEST_CLUSTERS:
            spread = minutes.std(ddof=1) / np.sqrt(len(minutes)) if len(minutes) > 2000 else 0.0
            # The mean of thousands of resampled cases is normal: drawing it directly is the same and takes no time.
            means[arm] = rng.normal(minutes.mean(), spread, draws) if spread else rng.choice(minutes, (draws, len(minutes))).mean(axis=1)
            continue
        totals, counts = np.bincount(who, weights=minutes), np.bincount(who)
        chosen = rng.integers(0, totals.size, (draws, totals.size))
        means[arm] = totals[chosen].sum(axis=1) / counts[chosen].sum(axis=1)
    mixed = (1 - work.ai_share + work.ai_share * work.ai_failure) * means["manual"] + work.ai_share * means["ai"]
    centre = (1 - work.ai_share + work.ai_share * work.ai_failure) * work.manual_minutes.mean() + work.ai_share * work.ai_minutes.mean()
    low, high = np.quantile(mixed / centre, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def smallest_roster(
    demand: Demand, work: Work, shifts: Sequence[Shift], target: Target, *, seed: int = 0, cases: int = 5000,
    start: Sequence[int] | None = None,
) -> Found | None:  # fmt: skip
    """The smallest roster that reaches the target, with its simulation; None when the target is out of reach.

    Parameters
    ----------
    start : sequence of int, optional
        Staff of each shift to begin the search with; the load of each shift where absent.

    Notes
    -----
    Starts from the load of each shift, adds people where most cases are late, then takes away whoever is not needed. Every roster
    meets the same arrivals and times (common random numbers).
    """
    weeks = int(np.clip(np.ceil(cases / demand.per_week), FEWEST_WEEKS, 26))

    def run(staff: Sequence[int]) -> Found:
        roster = tuple(replace(shift, staff=number) for shift, number in zip(shifts, staff, strict=True))
        return roster, simulate(demand, work, roster, weeks=weeks, seed=seed, absence=target.absence)

    def reached(found: Found) -> bool:
        return found[1].ready_within(target.within_minutes) >= target.level

    staff = list(start or [max(1, int(np.ceil(load / STARTING_OCCUPANCY))) for load in _loads(demand, work, shifts)])
    best, stuck = run(staff), 0
    while not reached(best) and stuck < MOST_STEPS:
        late = np.bincount(best[1].shift[best[1].late(target.within_minutes)], minlength=len(staff))
        staff[int(late.argmax())] += 1 + stuck // 8
        before, best, stuck = best[1].ready_within(target.within_minutes), run(staff), stuck + 1
        if stuck > 5 and best[1].ready_within(target.within_minutes) - before < 1e-4:
            return None
    if not reached(best):
        return None
    return _trimmed(best, staff, run, reached)


def _trimmed(best: Found, staff: list[int], run: Callable[[Sequence[int]], Found], reached: Callable[[Found], bool]) -> Found:
    """Take people away, one at a time, wherever the target still holds."""
    for place in range(len(staff)):
        while staff[place] > 1:
            fewer = [number - (index == place) for index, number in enumerate(staff)]
            found = run(fewer)
            if not reached(found):
                break
            best, staff = found, fewer
    return best


def _loads(demand: Demand, work: Work, shifts: Sequence[Shift]) -> list[float]:
    """Mean work in each shift while it is on, in people."""
    moments = np.asarray((np.arange(168) + 0.5) * HOUR, dtype=np.float64)
    duty = on_duty(tuple(replace(shift, staff=1) for shift in shifts), moments)
    rates = demand.per_hour.ravel()
    means = [rates[duty == number].mean() if (duty == number).any() else 0.0 for number in range(len(shifts))]
    return [float(rate) * work.mean_minutes / 60 for rate in means]


def plan(
    name: str, tasks: pd.DataFrame, demand: Demand, work: Work, shifts: Sequence[Shift], target: Target, *, seed: int = 0, cases: int = 5000
) -> Plan:
    """The roster of one scenario with its interval.

    Parameters
    ----------
    name : str
    tasks : pandas.DataFrame
        Measured tasks of both arms, for the interval.
    demand, work, shifts, target
        The scenario.
    seed, cases : int
        Of the simulation: the more cases, the surer the level.
    """
    found = smallest_roster(demand, work, shifts, target, seed=seed, cases=cases)
    factors = workload_factors(tasks, work, seed=seed)
    posts = work.mean_minutes * demand.per_week / 60 / target.weekly_hours / (1 - target.shrinkage)
    load = (posts, posts * factors[0], posts * factors[1])
    if found is None:
        nothing = float("nan")
        return Plan(name, work.mean_minutes, demand.per_week, None, None, None, None, load, nothing, nothing, nothing, None)
    roster, room = found
    ends = []
    for factor in factors:
        near = [shift.staff for shift in roster]  # the ends are seldom far from the estimate
        other = smallest_roster(demand, _slower(work, factor), shifts, target, seed=seed, cases=cases, start=near)
        ends.append(target.fte(other[0]) if other else None)
    fte = target.fte(roster)
    low, high = (min(fte, ends[0]) if ends[0] is not None else None, max(fte, ends[1]) if ends[1] is not None else None)
    return Plan(
        name, work.mean_minutes, demand.per_week, tuple((shift.name, shift.staff) for shift in roster), fte, low, high, load,
        room.ready_within(target.within_minutes), room.ready_within(target.within_minutes, emergencies=True), room.occupancy,
        _erlang(demand, work, target),
    )  # fmt: skip


def _slower(work: Work, factor: float) -> Work:
    return replace(work, manual_minutes=work.manual_minutes * factor, ai_minutes=work.ai_minutes * factor)


def _erlang(demand: Demand, work: Work, target: Target) -> int | None:
    try:
        found = statistics.servers_needed(
            arrivals_per_hour=float(demand.per_hour.max()), handling_minutes=work.mean_minutes, service_level=target.level,
            within_minutes=max(0.0, target.within_minutes - work.mean_minutes),
        )  # fmt: skip
    except StatisticsError:
        return None
    return int(found.servers)


def scenarios(
    tasks: pd.DataFrame,
    demand: Demand,
    work: Work,
    shifts: Sequence[Shift],
    target: Target,
    *,
    shares: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 1.0),
    volumes: Sequence[float] = (0.8, 1.0, 1.2, 1.5),
    pass_rates: Sequence[float] = (),
    seed: int = 0,
    cases: int = 2500,
) -> tuple[Plan, ...]:
    """A plan for every AI share and volume, and for other pass rates at the share and volume as they are.

    Parameters
    ----------
    shares : sequence of float
        AI share of cases.
    volumes : sequence of float
        Multiples of the volume.
    pass_rates : sequence of float
        Share of cases that need no correction.
    seed, cases : int
        Of each simulation.
    """
    found = [
        plan(f"AI {share:.0%}, volume {volume - 1:+.0%}".replace("-", "−"), tasks, demand.scaled(volume), replace(work, ai_share=share),
             shifts, target, seed=seed, cases=cases)
        for share in shares for volume in volumes
    ]  # fmt: skip
    for rate in pass_rates:
        other = replace(work, pass_rate=rate)
        found.append(plan(f"AI {work.ai_share:.0%}, pass rate {rate:.0%}", tasks, demand, other, shifts, target, seed=seed, cases=cases))
    return tuple(found)


def in_time(demand: Demand, work: Work, shifts: Sequence[Shift], target: Target, *, seed: int = 0, weeks: int = 20) -> float:
    """Share of cases ready in time with this very roster."""
    room = simulate(demand, work, tuple(shifts), weeks=weeks, seed=seed, absence=target.absence)
    return room.ready_within(target.within_minutes)


def weeks_of(demand: Demand, *, cases: int = 4000) -> int:
    """Weeks to simulate for about so many cases.

    Examples
    --------
    >>> weeks_of(Demand(per_hour=np.full((7, 24), 1.0)), cases=1680)
    10
    """
    return int(np.clip(round(cases / demand.per_week), 2, int(60 * WEEK // WEEK)))
