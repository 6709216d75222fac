"""Simulated studies follow the figures they are drawn from."""

import numpy as np
import pandas as pd
import pytest

from study.simulation import Arm, Assumptions, RollOut, simulate_operations, simulate_paired_study


def test_the_same_seed_gives_the_same_study() -> None:
    one, two = simulate_paired_study(cases=30, seed=5), simulate_paired_study(cases=30, seed=5)
    pd.testing.assert_frame_equal(one.tasks, two.tasks)
    pd.testing.assert_frame_equal(one.readings, two.readings)


def test_many_cases_recover_the_published_means_and_deviations() -> None:
    tasks = simulate_paired_study(cases=20_000, technologists=40, seed=1, readers=1).tasks
    minutes = tasks.assign(minutes=tasks["hands_on_seconds"] / 60).groupby("arm")["minutes"].agg(["mean", "std"])
    # Fu et al. 2020: 14.22 ± 3.64 and 4.94 ± 0.36 min
    assert minutes.loc["manual"].tolist() == pytest.approx([14.22, 3.64], rel=0.02)
    assert minutes.loc["ai"].tolist() == pytest.approx([4.94, 0.36], rel=0.03)
    clicks = tasks.loc[tasks["arm"] == "manual", "clicks"]
    assert [clicks.mean(), clicks.std()] == pytest.approx([115.87, 25.9], rel=0.02)


def test_the_majority_of_readers_passes_at_the_stated_rate() -> None:
    from study.comparison import majority

    verdicts = majority(simulate_paired_study(cases=3000, readers=3, seed=2).readings)
    rates = verdicts.groupby("arm")["passed"].mean()
    # standard error 0.005 each
    assert rates["ai"] == pytest.approx(140 / 152, abs=0.02)
    assert rates["manual"] == pytest.approx(140 / 152, abs=0.02)


def test_elapsed_time_is_never_shorter_than_hands_on_time_and_waiting() -> None:
    tasks = simulate_paired_study(cases=60, seed=3).tasks
    assert (tasks["elapsed_seconds"] >= tasks["hands_on_seconds"] + tasks["ai_wait_seconds"] - 0.2).all()
    assert (tasks.loc[tasks["arm"] == "manual", "ai_wait_seconds"] == 0).all()


def test_a_failed_reading_fails_one_region_and_gives_a_reason() -> None:
    readings = simulate_paired_study(cases=200, seed=4).readings
    failed = readings[(readings["region"] == "overall") & ~readings["passed"]]
    assert len(failed) > 0
    assert (failed["reason"] != "").all()
    regions = readings[readings["region"] != "overall"].groupby(["case", "reader", "arm"])["passed"].agg(lambda p: int((~p).sum()))
    assert set(regions) == {0, 1}


def test_orders_are_balanced_and_periods_agree_with_them() -> None:
    tasks = simulate_paired_study(cases=152, seed=6).tasks
    first = tasks[tasks["period"] == 1]["arm"].value_counts()
    assert abs(first["ai"] - first["manual"]) <= 2


def test_a_department_uses_no_ai_before_it_goes_live_and_grows_afterwards() -> None:
    rows = simulate_operations(seed=1, roll_out=RollOut(weeks_before=8, weeks_after=8))
    live = pd.Timestamp("2026-07-06", tz="UTC")
    before, after = rows[rows["started_at"] < live], rows[rows["started_at"] >= live]
    assert set(before["arm"]) == {"manual"}
    assert 0.6 < (after["arm"] == "ai").mean() < 1
    assert len(after) > len(before)


def test_other_assumptions_are_drawn_as_stated() -> None:
    slow = Assumptions(ai=Arm(20.0, 2.0, 30.0, 5.0, 0.5))
    tasks = simulate_paired_study(cases=2000, seed=8, assumptions=slow).tasks
    ai = tasks[tasks["arm"] == "ai"]
    assert np.mean(ai["hands_on_seconds"]) / 60 == pytest.approx(20.0, rel=0.02)
    assert np.mean(ai["clicks"]) == pytest.approx(30.0, rel=0.03)
