"""Expected numbers: the standard worked example (100 calls in 30 min, 3 min each), as printed by Call Centre Helper and by
pyworkforce 0.5 (README); otherwise closed forms of small queues.
"""

import json
import math

import numpy as np
import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from study.statistics import StatisticsError, erlang_c, servers_needed, staffing_range


def test_the_standard_worked_example() -> None:
    queue = erlang_c(arrivals_per_hour=200, handling_minutes=3, servers=14)
    assert queue.load_erlangs == pytest.approx(10)
    assert queue.wait_probability == queue.estimate == pytest.approx(0.1741319335950498, rel=1e-12)
    assert queue.occupancy == pytest.approx(0.7142857142857143)
    assert queue.service_level(20 / 60) == pytest.approx(0.8883500191794669, rel=1e-12)


def test_the_worked_example_needs_14_at_work_and_20_on_the_roster() -> None:
    plan = servers_needed(
        arrivals_per_hour=200, handling_minutes=3, service_level=0.8, within_minutes=20 / 60, max_occupancy=0.85, shrinkage=0.3
    )
    assert (plan.servers, plan.rostered) == (14, 20)
    assert plan.service_level(20 / 60) >= 0.8
    assert erlang_c(arrivals_per_hour=200, handling_minutes=3, servers=13).service_level(20 / 60) < 0.8


def test_one_server_waits_with_probability_occupancy() -> None:
    """M/M/1: wait probability rho, mean wait rho / (mu − lambda)."""
    queue = erlang_c(arrivals_per_hour=3, handling_minutes=12, servers=1)
    assert queue.wait_probability == pytest.approx(0.6)
    assert queue.mean_wait_minutes == pytest.approx(0.6 / (5 - 3) * 60)


def test_two_servers_follow_the_closed_form() -> None:
    """M/M/2: 2 rho² / (1 + rho)."""
    assert erlang_c(arrivals_per_hour=8, handling_minutes=9, servers=2).wait_probability == pytest.approx(2 * 0.6**2 / 1.6)


def test_large_departments_do_not_overflow() -> None:
    queue = erlang_c(arrivals_per_hour=60_000, handling_minutes=1, servers=1050)
    assert 0 < queue.wait_probability < 1


def test_a_maximal_occupancy_adds_servers() -> None:
    plain = servers_needed(arrivals_per_hour=60, handling_minutes=10, service_level=0.5, within_minutes=60)
    calm = servers_needed(arrivals_per_hour=60, handling_minutes=10, service_level=0.5, within_minutes=60, max_occupancy=0.7)
    assert plain.servers == 11
    assert calm.servers == 15
    assert calm.occupancy <= 0.7


def test_too_few_servers_are_refused_with_the_number_needed() -> None:
    with pytest.raises(StatisticsError, match=r"expected more than 10 servers.*got 10; roster at least 11"):
        erlang_c(arrivals_per_hour=200, handling_minutes=3, servers=10)


@pytest.mark.parametrize("bad", [{"service_level": 1.0}, {"shrinkage": 1.0}, {"max_occupancy": 0.0}, {"arrivals_per_hour": 0}])
def test_impossible_plans_are_refused(bad: dict[str, float]) -> None:
    plan = {"arrivals_per_hour": 10, "handling_minutes": 5, "service_level": 0.8, "within_minutes": 5} | bad
    with pytest.raises(StatisticsError):
        servers_needed(**plan)


@settings(max_examples=50, deadline=None)
@given(st.floats(0.5, 30), st.floats(1, 20), st.integers(1, 8))
def test_one_more_server_never_makes_cases_wait_longer(arrivals: float, minutes: float, extra: int) -> None:
    servers = math.floor(arrivals * minutes / 60) + extra
    first, more = (erlang_c(arrivals_per_hour=arrivals, handling_minutes=minutes, servers=servers + k) for k in (0, 1))
    assert 0 <= more.wait_probability <= first.wait_probability <= 1
    assert more.service_level(5) >= first.service_level(5) - 1e-12


def test_a_simulated_department_waits_as_erlang_says() -> None:
    """60,000 cases through simpy: 18 an hour, 9 minutes each, 4 technologists; seeded."""
    import random

    rng, environment, waits = random.Random(3), simpy.Environment(), []
    desk = simpy.Resource(environment, capacity=4)

    def case() -> object:
        arrived = environment.now
        with desk.request() as turn:
            yield turn
            waits.append(environment.now - arrived)
            yield environment.timeout(rng.expovariate(1 / 9))

    def arrivals() -> object:
        for _ in range(60_000):
            yield environment.timeout(rng.expovariate(18 / 60))
            environment.process(case())

    environment.process(arrivals())
    environment.run()
    queue = erlang_c(arrivals_per_hour=18, handling_minutes=9, servers=4)
    assert sum(wait > 0 for wait in waits) / len(waits) == pytest.approx(queue.wait_probability, abs=0.02)
    assert sum(wait <= 3 for wait in waits) / len(waits) == pytest.approx(queue.service_level(3), abs=0.02)


PLAN = {"arrivals_per_hour": 12.0, "service_level": 0.8, "within_minutes": 10.0}


def test_measured_minutes_that_never_vary_leave_no_doubt() -> None:
    plan = staffing_range([14.22] * 30, **PLAN, seed=1)
    assert plan.servers == servers_needed(**PLAN, handling_minutes=14.22).servers
    assert tuple(plan.interval()) == (plan.rostered, plan.rostered)


def test_the_range_widens_when_people_differ_and_are_resampled() -> None:
    """Three people with means of 8, 14 and 20 minutes: 30 cases each look precise, three people do not."""
    minutes = [mean + 0.1 * (k % 5) for mean in (8, 14, 20) for k in range(30)]
    people = [name for name in "abc" for _ in range(30)]
    by_case = staffing_range(minutes, **PLAN, seed=1).interval()
    by_person = staffing_range(minutes, **PLAN, cluster=people, seed=1).interval()
    assert by_person.low < by_case.low
    assert by_person.high > by_case.high


def test_the_papers_minutes_ask_for_fewer_people_with_ai() -> None:
    rng = np.random.default_rng(5)
    manual, ai = (staffing_range(rng.normal(mean, sd, 150), **PLAN, seed=2) for mean, sd in ((14.22, 3.64), (4.94, 0.36)))
    assert (manual.servers, ai.servers) == (4, 2)
    json.dumps(manual.to_dict(), allow_nan=False)


def test_the_same_seed_gives_the_same_range_and_missing_minutes_are_named() -> None:
    minutes = [10.0, 12.0, 15.0, float("nan"), 18.0]
    first = staffing_range(minutes, **PLAN, seed=3)
    assert first.interval() == staffing_range(minutes, **PLAN, seed=3).interval()
    assert any("1 cases without" in note for note in first.notes)
    with pytest.raises(StatisticsError, match="measure more"):
        staffing_range([10.0], **PLAN, seed=1)
