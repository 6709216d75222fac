"""A reporting room by discrete events (simpy): scans arrive, technologists come, rest and go, cases wait, fail and come back.

Where the theory applies (steady random arrivals, exponential times, nobody leaves) it equals the Erlang C queue; a test holds it to that.
What Erlang C leaves out is here: hours and weekdays, shifts, breaks, emergencies first, correction loops, AI cases that fall back to
manual work, scans that arrive together, staff who are absent. Times are minutes from Monday 00:00.
"""

import heapq
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import simpy

from study.errors import RejectedInput

Floats = npt.NDArray[np.float64]
HOUR, DAY, WEEK = 60.0, 1440.0, 10080.0
EVERY_DAY, WEEKDAYS = (0, 1, 2, 3, 4, 5, 6), (0, 1, 2, 3, 4)
MOST_CORRECTIONS = 5


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A stretch of the day with people at work.

    Parameters
    ----------
    name : str
    start_hour, end_hour : float
        Hours of the day; an end above 24 lies on the next day. [h]
    staff : int
        Technologists on it.
    weekdays : tuple of int
        0 is Monday.
    break_minutes : float
        Each takes it once, about the middle, one after the other, when the case at hand is done. [min]
    """

    name: str
    start_hour: float
    end_hour: float
    staff: int = 1
    weekdays: tuple[int, ...] = EVERY_DAY
    break_minutes: float = 30.0

    @property
    def weekly_hours(self) -> float:
        """Paid hours a week of one person on this shift. [h]"""
        return (self.end_hour - self.start_hour) * len(self.weekdays)

    def stretches(self, weeks: int) -> list[tuple[float, float]]:
        """Start and end of every stretch of work; those that touch are one, as for a room that never closes. [min]

        Examples
        --------
        >>> Shift(name="day", start_hour=8, end_hour=16, weekdays=(0, 2)).stretches(1)
        [(480.0, 960.0), (3360.0, 3840.0)]
        >>> Shift(name="always", start_hour=0, end_hour=24).stretches(2)
        [(0.0, 20160.0)]
        """
        found: list[tuple[float, float]] = []
        for day in (week * 7 + weekday for week in range(weeks) for weekday in sorted(self.weekdays)):
            start, end = day * DAY + self.start_hour * HOUR, day * DAY + self.end_hour * HOUR
            if found and found[-1][1] == start:
                found[-1] = (found[-1][0], end)
            else:
                found.append((start, end))
        return found


@dataclass(frozen=True, kw_only=True)
class Demand:
    """Cases as they come.

    Parameters
    ----------
    per_hour : ndarray, shape (7, 24)
        Mean cases an hour, by weekday (0 is Monday) and hour of the day. [1/h]
    together : float
        Mean number of cases that arrive at once, as when a scanner releases its list; 1 for one by one.
    """

    per_hour: Floats
    together: float = 1.0

    @property
    def per_week(self) -> float:
        """Cases a week."""
        return float(self.per_hour.sum())

    def scaled(self, volume: float) -> "Demand":
        """The same pattern at a multiple of the volume."""
        return Demand(per_hour=self.per_hour * volume, together=self.together)


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a case asks of the people.

    Parameters
    ----------
    manual_minutes, ai_minutes : ndarray
        Measured hands-on minutes of either arm; drawn with replacement. [min]
    ai_share : float
        Share of cases that go to AI first.
    ai_wait_minutes : float
        Machine time before an AI case can be reviewed; nobody's hands. [min]
    ai_failure : float
        Share of AI cases that fail in review and are redone by hand at once.
    pass_rate : float
        Share of finished cases that need no correction; the others come back to the queue.
    correction_minutes : float
        Mean hands-on time of one correction, spread as the measured times. [min]
    emergency_share : float
        Share of cases that go first.
    """

    manual_minutes: Floats
    ai_minutes: Floats
    ai_share: float = 0.0
    ai_wait_minutes: float = 1.5
    ai_failure: float = 0.0
    pass_rate: float = 1.0
    correction_minutes: float = 3.0
    emergency_share: float = 0.0

    @property
    def mean_minutes(self) -> float:
        """Mean hands-on minutes of a case with its redo and corrections. [min]"""
        manual, ai = self._mean(self.manual_minutes), self._mean(self.ai_minutes)
        first = (1 - self.ai_share) * manual + self.ai_share * (ai + self.ai_failure * manual)
        again = sum((1 - self.pass_rate) ** loop for loop in range(1, MOST_CORRECTIONS + 1))
        return first + again * self.correction_minutes

    @staticmethod
    def _mean(minutes: Floats) -> float:
        return float(minutes.mean()) if minutes.size else 0.0


@dataclass(frozen=True)
class Simulated:
    """What became of every case that arrived after the warm-up.

    Parameters
    ----------
    arrived, begun, ready : ndarray
        Minutes from the start; NaN where it did not happen before the end. [min]
    emergency, in_hours : ndarray of bool
        Goes first; arrived while somebody was at work.
    shift : ndarray of int
        Shift on duty on arrival, −1 for none.
    end : float
        When the simulation ended. [min]
    occupancy : float
        Share of the time at work spent on cases.
    overtime_minutes_per_week : float
        Work after the end of the shift. [min]
    """

    arrived: Floats
    begun: Floats
    ready: Floats
    emergency: npt.NDArray[np.bool_]
    in_hours: npt.NDArray[np.bool_]
    shift: npt.NDArray[np.int64]
    end: float
    occupancy: float
    overtime_minutes_per_week: float
    weeks: int = 0

    def begun_within(self, minutes: float) -> float:
        """Share of cases that arrived in hours and were begun within so many minutes."""
        return self._share(self.begun, minutes, self.in_hours)

    def ready_within(self, minutes: float, *, emergencies: bool = False) -> float:
        """Share of cases that arrived in hours and were ready within so many minutes; of the emergencies alone if asked."""
        return self._share(self.ready, minutes, self.in_hours & self.emergency if emergencies else self.in_hours)

    def late(self, minutes: float) -> npt.NDArray[np.bool_]:
        """Cases in hours that were not ready in time."""
        return self.in_hours & ~(self.ready - self.arrived <= minutes) & self._decided(minutes)

    def level_by_week(self, minutes: float, *, moment: str = "ready") -> Floats:
        """Share in time, week by week, for batch means."""
        when = self.ready if moment == "ready" else self.begun
        kept = self.in_hours & self._decided(minutes)
        week = (self.arrived[kept] // WEEK).astype(int)
        week -= week.min(initial=0)
        good = np.bincount(week, weights=(when[kept] - self.arrived[kept] <= minutes).astype(float))
        return np.asarray(good / np.maximum(np.bincount(week), 1), dtype=np.float64)

    def _decided(self, minutes: float) -> npt.NDArray[np.bool_]:
        return np.asarray(self.arrived + minutes <= self.end)

    def _share(self, when: Floats, minutes: float, among: npt.NDArray[np.bool_]) -> float:
        kept = among & self._decided(minutes)
        return float((when[kept] - self.arrived[kept] <= minutes).mean()) if kept.any() else float("nan")


def simulate(
    demand: Demand, work: Work, shifts: tuple[Shift, ...], *, weeks: int, seed: int, warm_up_weeks: int = 1, absence: float = 0.0
) -> Simulated:
    """Let a reporting room run.

    Parameters
    ----------
    demand, work, shifts
        What comes, what it asks for, who is there.
    weeks, warm_up_weeks : int
        Weeks counted, after weeks that fill the room and are not. [weeks]
    seed : int
        The same seed gives every case the same arrival and the same times whatever the roster, so that rosters can be compared.
    absence : float
        Share of shifts that a technologist misses unannounced.

    Returns
    -------
    Simulated

    Raises
    ------
    RejectedInput
        Without arrivals, without a shift, or without the measured times that the mix needs.

    Notes
    -----
    Within a priority the case that arrived first goes first; a case at hand is finished whatever comes (non-preemptive), after the end
    of the shift as overtime. A case that fails its check comes back as a correction, and is ready when it passes.

    Examples
    --------
    >>> steady = Demand(per_hour=np.full((7, 24), 2.0))
    >>> times = Work(manual_minutes=np.array([10.0]), ai_minutes=np.array([]))
    >>> room = simulate(steady, times, (Shift(name="all", start_hour=0, end_hour=24, staff=3),), weeks=2, seed=1)
    >>> room.ready_within(9.9), room.ready_within(10.1) > 0.9
    (0.0, True)
    """
    _check(demand, work, shifts)
    rng = np.random.default_rng(seed)
    horizon = (weeks + warm_up_weeks) * WEEK
    cases = _Cases.draw(demand, work, rng, horizon)
    floor = _Floor(cases, work, np.random.default_rng([seed, 1]))
    env = floor.env
    env.process(_feed(floor))
    for number, (start, end, pause) in enumerate(_presences(shifts, weeks + warm_up_weeks, absence, np.random.default_rng([seed, 2]))):
        floor.at(start, floor.come, number, end)
        if pause is not None:
            floor.at(pause[0], floor.rest, number, pause[1])
        floor.at(end, floor.leave, number)
    env.run(until=horizon)
    return floor.result(shifts, weeks=weeks, since=warm_up_weeks * WEEK, horizon=horizon)


def _check(demand: Demand, work: Work, shifts: tuple[Shift, ...]) -> None:
    if demand.per_hour.shape != (7, 24) or not demand.per_week > 0 or (demand.per_hour < 0).any():
        found = f"{demand.per_week:g} cases a week, shape {demand.per_hour.shape}"
        raise RejectedInput("no_arrivals", found, "give cases an hour for 7 days of 24 hours, some above 0")
    if not any(shift.staff > 0 for shift in shifts):
        raise RejectedInput("no_staff", "no shift with anybody on it", "give at least one shift with one technologist")
    needed = [work.manual_minutes] * (work.ai_share < 1 or work.ai_failure > 0) + [work.ai_minutes] * (work.ai_share > 0)
    if any(not minutes.size or (minutes <= 0).any() for minutes in needed):
        raise RejectedInput("few_tasks", "no measured minutes above 0 in an arm", "a forecast needs measured times of every arm in the mix")


@dataclass
class _Cases:
    """Everything about each case that chance decides before it arrives."""

    arrived: Floats
    enters: Floats
    minutes: Floats
    emergency: npt.NDArray[np.bool_]

    @classmethod
    def draw(cls, demand: Demand, work: Work, rng: np.random.Generator, horizon: float) -> "_Cases":
        hours = np.tile(demand.per_hour.ravel(), round(horizon / WEEK))
        groups = rng.poisson(hours / demand.together)
        moments = np.repeat(np.arange(hours.size) * HOUR, groups) + rng.random(int(groups.sum())) * HOUR
        sizes = rng.geometric(1 / demand.together, moments.size) if demand.together > 1 else np.ones(moments.size, np.int64)
        arrived = np.sort(np.repeat(moments, sizes))
        n = arrived.size
        ai, failed, emergency = (rng.random(n) < share for share in (work.ai_share, work.ai_failure, work.emergency_share))
        by_hand = rng.choice(work.manual_minutes, n) if work.manual_minutes.size else np.zeros(n)
        reviewed = rng.choice(work.ai_minutes, n) if work.ai_minutes.size else np.zeros(n)
        minutes = np.where(ai, reviewed + np.where(failed, by_hand, 0.0), by_hand)
        return cls(arrived, arrived + np.where(ai, work.ai_wait_minutes, 0.0), minutes, emergency)


def _presences(
    shifts: tuple[Shift, ...], weeks: int, absence: float, rng: np.random.Generator
) -> Iterator[tuple[float, float, tuple[float, float] | None]]:
    """Start, end and break of everybody's every stretch of work."""
    for shift in shifts:
        for start, end in shift.stretches(weeks):
            for place in range(shift.staff):
                if rng.random() < absence:
                    continue
                middle = (start + end) / 2 + (place - (shift.staff - 1) / 2) * shift.break_minutes
                fits = 0 < shift.break_minutes < end - start <= DAY
                yield start, end, (min(max(middle, start), end), shift.break_minutes) if fits else None


def _feed(floor: "_Floor") -> Generator[simpy.Event, Any, None]:
    """Cases in the order in which they can be worked on."""
    for index in np.argsort(floor.cases.enters, kind="stable").tolist():
        delay = floor.enters[index] - floor.env.now
        if delay > 0:
            yield floor.env.timeout(delay)
        floor.enter(index, floor.minutes[index])


class _Floor:
    """Who is free, who is at work, and what waits. One heap orders the waiting: emergencies, then the oldest."""

    def __init__(self, cases: _Cases, work: Work, rng: np.random.Generator) -> None:
        self.env, self.cases, self.work, self.rng = simpy.Environment(), cases, work, rng
        # Plain lists: the loop touches single elements only, and these are faster there.
        self.arrived, self.enters, self.minutes = cases.arrived.tolist(), cases.enters.tolist(), cases.minutes.tolist()
        self.urgent = cases.emergency.tolist()
        self.begun, self.ready = np.full(cases.arrived.size, np.nan), np.full(cases.arrived.size, np.nan)
        self.corrections = [0] * cases.arrived.size
        self.spread = (work.manual_minutes if work.manual_minutes.size else work.ai_minutes) if work.pass_rate < 1 else np.ones(1)
        self.spread = self.spread / self.spread.mean()
        self.waiting: list[tuple[bool, float, int, float]] = []
        self.free: deque[int] = deque()
        self.ends: dict[int, float] = {}
        self.resting: dict[int, float] = {}
        self.leaving: set[int] = set()
        self.busy = self.overtime = self.present = 0.0

    def at(self, when: float, act: Callable[..., None], *values: Any) -> None:
        """Do something at a time."""
        event = self.env.timeout(when - self.env.now)
        event.callbacks.append(lambda _event: act(*values))

    def enter(self, index: int, minutes: float) -> None:
        heapq.heappush(self.waiting, (not self.urgent[index], self.arrived[index], index, minutes))
        self._dispatch()

    def come(self, who: int, end: float) -> None:
        self.ends[who] = end
        self.present += end - self.env.now
        self._back(who)

    def rest(self, who: int, minutes: float) -> None:
        self.present -= minutes
        if who in self.free:
            self.free.remove(who)
            self.at(self.env.now + minutes, self._back, who)
        else:
            self.resting[who] = minutes

    def leave(self, who: int) -> None:
        if who in self.free:
            self.free.remove(who)
        else:
            self.leaving.add(who)

    def _back(self, who: int) -> None:
        """Somebody has nothing at hand: home, to the break, or free for the next case."""
        if who in self.leaving:
            self.leaving.discard(who)
            self.resting.pop(who, None)
        elif who in self.resting:
            self.at(self.env.now + self.resting.pop(who), self._back, who)
        else:
            self.free.append(who)
            self._dispatch()

    def _dispatch(self) -> None:
        while self.free and self.waiting:
            who = self.free.popleft()
            _, _, index, minutes = heapq.heappop(self.waiting)
            now = self.env.now
            if self.begun[index] != self.begun[index]:
                self.begun[index] = now
            self.busy += minutes
            self.overtime += max(0.0, now + minutes - self.ends[who])
            self.at(now + minutes, self._done, who, index)

    def _done(self, who: int, index: int) -> None:
        if self.corrections[index] < MOST_CORRECTIONS and self.work.pass_rate < 1 and self.rng.random() >= self.work.pass_rate:
            self.corrections[index] += 1
            self.enter(index, self.work.correction_minutes * float(self.rng.choice(self.spread)))
        else:
            self.ready[index] = self.env.now
        self._back(who)

    def result(self, shifts: tuple[Shift, ...], *, weeks: int, since: float, horizon: float) -> Simulated:
        """What is told of the cases after the warm-up."""
        kept = self.cases.arrived >= since
        arrived = self.cases.arrived[kept]
        duty = on_duty(shifts, arrived)
        total = horizon / WEEK
        return Simulated(
            arrived=arrived, begun=self.begun[kept], ready=self.ready[kept], emergency=self.cases.emergency[kept], in_hours=duty >= 0,
            shift=duty, end=horizon, occupancy=min(1.0, self.busy / self.present) if self.present else 0.0,
            overtime_minutes_per_week=self.overtime / total, weeks=weeks,
        )  # fmt: skip


def on_duty(shifts: tuple[Shift, ...], moments: Floats) -> npt.NDArray[np.int64]:
    """The first shift that covers each moment, −1 where none does.

    Examples
    --------
    >>> day = Shift(name="day", start_hour=8, end_hour=16, weekdays=WEEKDAYS)
    >>> on_duty((day,), np.array([7 * 60.0, 9 * 60.0, 5 * DAY + 9 * 60.0])).tolist()
    [-1, 0, -1]
    """
    found = np.full(moments.shape, -1, dtype=np.int64)
    minute, weekday = moments % DAY, (moments // DAY).astype(int) % 7
    for number, shift in enumerate(shifts):
        if shift.staff < 1:
            continue
        days = np.isin(weekday, shift.weekdays) & (minute >= shift.start_hour * HOUR) & (minute < shift.end_hour * HOUR)
        before = np.isin((weekday - 1) % 7, shift.weekdays) & (minute + DAY < shift.end_hour * HOUR)
        found = np.where((found < 0) & (days | before), number, found)
    return found
