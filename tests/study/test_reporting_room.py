"""The simulated reporting room equals theory where theory holds, and does what a room does where it does not."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from study.errors import RejectedInput
from study.reporting_room import DAY, WEEKDAYS, Demand, Shift, Work, simulate
from study.statistics import erlang_c

NOTHING = np.array([])
ALWAYS = Shift(name="always", start_hour=0, end_hour=24)
DAYTIME = Shift(name="day", start_hour=8, end_hour=18, weekdays=WEEKDAYS, break_minutes=0)


def exponential(mean: float) -> np.ndarray:
    """Quantiles of the exponential, of exactly this mean."""
    draws = -np.log1p(-(np.arange(20_000) + 0.5) / 20_000)
    return mean * draws / draws.mean()


def steady(per_hour: float) -> Demand:
    return Demand(per_hour=np.full((7, 24), per_hour))


def day_demand(per_hour: float) -> Demand:
    hours = np.zeros((7, 24))
    hours[:5, 8:18] = per_hour
    return Demand(per_hour=hours)


@pytest.mark.parametrize(("per_hour", "minutes", "servers"), [(4, 10, 1), (15, 10, 3), (24, 14.22, 7)])
def test_the_room_equals_erlang_c_where_the_theory_applies(per_hour: float, minutes: float, servers: int) -> None:
    work = Work(manual_minutes=exponential(minutes), ai_minutes=NOTHING)
    room = simulate(steady(per_hour), work, (replace(ALWAYS, staff=servers),), weeks=45, seed=11)
    theory = erlang_c(arrivals_per_hour=per_hour, handling_minutes=minutes, servers=servers)
    assert room.occupancy == pytest.approx(theory.occupancy, abs=0.02)
    for within in (0.0, 5.0, 20.0):
        weeks = room.level_by_week(within, moment="begun")
        # batch means over weeks; 99.9 % so that nine comparisons pass when all is well
        reach = stats.t.ppf(0.9995, len(weeks) - 1) * weeks.std(ddof=1) / np.sqrt(len(weeks))
        assert abs(weeks.mean() - theory.service_level(within)) <= reach
        assert reach < 0.09


def test_the_time_to_ready_of_a_single_server_is_exponential() -> None:
    # M/M/1: the time in the system is exponential with mean 1 / (mu − lambda) = 1 / (6 − 4) h
    room = simulate(steady(4), Work(manual_minutes=exponential(10), ai_minutes=NOTHING), (ALWAYS,), weeks=40, seed=5)
    assert room.ready_within(30.0) == pytest.approx(1 - np.exp(-1), abs=0.04)


def test_the_same_seed_gives_the_same_room() -> None:
    work = Work(manual_minutes=exponential(10), ai_minutes=exponential(5), ai_share=0.5, pass_rate=0.9)
    rooms = [simulate(day_demand(4), work, (replace(DAYTIME, staff=2),), weeks=2, seed=3, absence=0.1) for _ in range(2)]
    np.testing.assert_array_equal(rooms[0].ready, rooms[1].ready)


def test_emergencies_go_first() -> None:
    work = Work(manual_minutes=exponential(12), ai_minutes=NOTHING, emergency_share=0.1)
    room = simulate(day_demand(4.5), work, (DAYTIME,), weeks=20, seed=2)
    assert room.ready_within(30, emergencies=True) > room.ready_within(30) + 0.1


def test_corrections_come_back_and_make_cases_late() -> None:
    work = Work(manual_minutes=exponential(8), ai_minutes=NOTHING, correction_minutes=8)
    levels = [simulate(day_demand(5), replace(work, pass_rate=rate), (DAYTIME,), weeks=20, seed=4).ready_within(30) for rate in (1.0, 0.7)]
    assert levels[1] < levels[0] - 0.05


def test_mean_minutes_count_redo_and_corrections() -> None:
    work = Work(
        manual_minutes=np.array([14.0]), ai_minutes=np.array([5.0]), ai_share=1.0, ai_failure=0.1, pass_rate=0.9, correction_minutes=2.0
    )
    # 5 + 0.1 · 14 + 2 · (0.1 + 0.01 + ...) = 6.4 + 2 / 9, five loops at most
    assert work.mean_minutes == pytest.approx(6.4 + 2 / 9, abs=1e-4)
    room = simulate(day_demand(4), work, (replace(DAYTIME, staff=2),), weeks=30, seed=8)
    worked = room.occupancy * 2 * 10 * 60 * 5
    assert worked == pytest.approx(4 * 10 * 5 * work.mean_minutes, rel=0.05)


def test_a_break_takes_somebody_away() -> None:
    work = Work(manual_minutes=np.array([5.0]), ai_minutes=NOTHING)
    demand = day_demand(6)
    without, with_break = (
        simulate(demand, work, (replace(DAYTIME, break_minutes=pause),), weeks=10, seed=1).ready_within(20) for pause in (0, 60)
    )
    assert with_break < without


def test_nobody_works_outside_the_shifts_but_to_finish_the_case_at_hand() -> None:
    work = Work(manual_minutes=np.array([50.0]), ai_minutes=NOTHING)
    room = simulate(steady(0.5), work, (DAYTIME,), weeks=6, seed=6)
    begun = room.begun[np.isfinite(room.begun)]
    assert ((begun % DAY >= 480) & (begun % DAY <= 1080)).all()
    assert ((begun // DAY) % 7 < 5).all()
    assert 0 < room.overtime_minutes_per_week < 5 * 50


def test_scans_that_come_together_wait_longer_at_the_same_volume() -> None:
    work = Work(manual_minutes=np.array([5.0]), ai_minutes=NOTHING)
    alone = simulate(day_demand(6), work, (DAYTIME,), weeks=30, seed=9)
    together = simulate(replace(day_demand(6), together=5.0), work, (DAYTIME,), weeks=30, seed=9)
    assert together.arrived.size == pytest.approx(alone.arrived.size, rel=0.1)
    assert together.ready_within(20) < alone.ready_within(20) - 0.1


def test_an_absent_colleague_is_missed() -> None:
    work = Work(manual_minutes=np.array([15.0]), ai_minutes=NOTHING)
    levels = [
        simulate(day_demand(6), work, (replace(DAYTIME, staff=2),), weeks=20, seed=1, absence=share).ready_within(40) for share in (0, 0.3)
    ]
    assert levels[1] < levels[0]


@pytest.mark.parametrize(
    ("demand", "work", "shifts"),
    [
        (steady(0), Work(manual_minutes=np.ones(1), ai_minutes=NOTHING), (ALWAYS,)),
        (steady(1), Work(manual_minutes=NOTHING, ai_minutes=NOTHING), (ALWAYS,)),
        (steady(1), Work(manual_minutes=np.ones(1), ai_minutes=NOTHING), (replace(ALWAYS, staff=0),)),
    ],
)
def test_a_room_that_cannot_be_is_refused(demand: Demand, work: Work, shifts: tuple[Shift, ...]) -> None:
    with pytest.raises(RejectedInput):
        simulate(demand, work, shifts, weeks=1, seed=0)
