"""Rosters, their intervals, the scenarios, three to one and the break-even."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from study.break_even import Costs, break_even
from study.errors import RejectedInput
from study.reporting_room import WEEKDAYS, Demand, Shift, Work
from study.simulation import RollOut, simulate_operations
from study.staffing_forecast import (
    PATTERNS,
    Target,
    arrivals_by_hour,
    in_time,
    measured_minutes,
    plan,
    scenarios,
    smallest_roster,
    workload_factors,
)  # fmt: skip
from study.three_to_one import three_to_one

DAY = PATTERNS["day"]


@pytest.fixture(scope="module")
def tasks() -> pd.DataFrame:
    return simulate_operations(seed=4, roll_out=RollOut(weeks_before=8, weeks_after=8))


@pytest.fixture(scope="module")
def work(tasks: pd.DataFrame) -> Work:
    minutes = measured_minutes(tasks)
    return Work(manual_minutes=minutes["manual"], ai_minutes=minutes["ai"], ai_share=0.5, pass_rate=0.92)


def demand(per_hour: float) -> Demand:
    hours = np.zeros((7, 24))
    hours[:5, 8:18] = per_hour
    return Demand(per_hour=hours)


def test_arrivals_are_means_by_weekday_and_hour_of_the_departments_clock() -> None:
    moments = pd.Series(pd.date_range("2026-03-02 23:30", periods=4, freq="7D", tz="UTC").repeat(6))  # Mondays
    found = arrivals_by_hour(moments, zone="Asia/Shanghai").per_hour
    assert found[1, 7] == 6.0  # Tuesday, 07:30 there
    assert found.sum() == 6.0


def test_too_few_arrivals_are_refused() -> None:
    with pytest.raises(RejectedInput):
        arrivals_by_hour(pd.Series(pd.to_datetime(["2026-03-02"], utc=True)))


def test_one_person_fewer_than_the_roster_found_misses_the_target(work: Work) -> None:
    target = Target(level=0.8, within_minutes=45)
    roster, room = smallest_roster(demand(16), work, DAY, target) or pytest.fail("no roster")
    assert room.ready_within(45) >= 0.8
    fewer = [replace(roster[0], staff=roster[0].staff - 1)]
    assert in_time(demand(16), work, fewer, target, weeks=12, seed=99) < 0.8 < in_time(demand(16), work, roster, target, weeks=12, seed=99)


def test_more_work_needs_more_posts_and_ai_fewer(tasks: pd.DataFrame, work: Work) -> None:
    found = {item.name: item for item in scenarios(tasks, demand(12), work, DAY, Target(), shares=(0.0, 1.0), volumes=(1.0, 2.0))}
    fte = {name: item.fte or 0.0 for name, item in found.items()}
    assert fte["AI 100%, volume +0%"] < fte["AI 0%, volume +0%"] < fte["AI 0%, volume +100%"]
    for item in found.values():
        assert (item.low or 0) <= (item.fte or 0) <= (item.high or 0)
        assert item.work[1] < item.work[0] < item.work[2]


def test_the_interval_widens_when_few_cases_were_measured(tasks: pd.DataFrame, work: Work) -> None:
    few = pd.concat([tasks[tasks["arm"] == arm].head(8) for arm in ("manual", "ai")])
    low, high = workload_factors(tasks, work)
    low_few, high_few = workload_factors(few, work)
    assert high_few - low_few > 3 * (high - low)
    assert low < 1 < high


def test_a_target_shorter_than_the_work_itself_cannot_be_reached(tasks: pd.DataFrame, work: Work) -> None:
    found = plan("impossible", tasks, demand(4), replace(work, ai_share=0.0), DAY, Target(within_minutes=5), cases=800)
    assert found.roster is None
    assert found.fte is None


def test_posts_follow_hours_and_shrinkage() -> None:
    shifts = [Shift(name="day", start_hour=8, end_hour=16, weekdays=WEEKDAYS, staff=2)]
    assert Target(shrinkage=0.2, weekly_hours=40).fte(shifts) == pytest.approx(2.5)


def test_three_to_one_says_where_it_holds_and_where_it_fails(work: Work) -> None:
    lines = three_to_one(demand(118 / 50), work, DAY, Target(level=0.8, within_minutes=60))
    before = {line.technologists: line for line in lines if line.question == "Before"}
    assert before[3].level >= before[1].level
    shares = {line.condition: line for line in lines if line.question == "AI share"}
    assert shares["100%"].holds
    assert not shares["0%"].holds
    assert any(not line.holds for line in lines if line.question == "Volume")
    assert all(line.holds == (line.level >= 0.8) for line in lines)


def test_break_even_is_where_savings_pay_for_costs() -> None:
    costs = Costs(hour=60, licence_per_year=20_000, upkeep_per_year=0, hardware=10_000, hardware_years=5, per_case=1)
    found = break_even(minutes_saved=(9, 6, 12), ai_cases_per_week=100, costs=costs, shrinkage=0.25)
    # 9 min at 60 an hour, paid for 1 / 0.75: 12 a case, less 1 a case; 22,000 / 11
    assert found.cases_needed[0] == pytest.approx(2000)
    assert found.net[0] == pytest.approx(5200 * 11 - 22_000)
    assert found.net[1] < found.net[0] < found.net[2]


def test_what_saves_nothing_never_pays() -> None:
    found = break_even(minutes_saved=(0.5, -1, 2), ai_cases_per_week=10, costs=Costs(per_case=1))
    assert found.cases_needed[:2] == (None, None)
