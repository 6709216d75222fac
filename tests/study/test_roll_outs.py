"""A small form of benchmarks/roll_outs.py: known effects are covered, quiet departments stay quiet."""

import numpy as np
import pandas as pd

from benchmarks.roll_outs import EFFECT, department, weeks_of
from study.weekly_charts import mean_chart


def test_the_interval_covers_a_known_effect_at_its_nominal_rate() -> None:
    covered = [department(seed, weeks=52, effect=EFFECT, rho=0.0)["covered"] for seed in range(60)]
    # 95 % nominal: below 51 of 60 has probability 0.006
    assert sum(covered) >= 51


def test_a_department_where_nothing_happened_stays_without_a_signal() -> None:
    found = [department(seed, weeks=52, effect=0.0, rho=0.0) for seed in range(60)]
    assert sum(item["signal"] for item in found) <= 9


def test_the_chart_of_a_quiet_department_seldom_signals() -> None:
    # a slope of its own is left out: that is a special cause, and rightly signals
    rng = np.random.default_rng(7)
    shares = []
    for _ in range(60):
        frame = weeks_of(rng, weeks=52, switch=26, effect=0.0, rho=0.0, slope=0.0)
        table = pd.DataFrame({"week": pd.date_range("2026-01-05", periods=52, freq="7D", tz="UTC"), "mean": frame["value"], "cases": 40})
        shares.append(np.mean([bool(signal) for signal in mean_chart(table, unit="min").signals]))
    assert np.mean(shares) < 0.1


def test_a_switch_that_nobody_announced_stands_out_on_the_chart() -> None:
    found = [department(seed, weeks=52, effect=EFFECT, rho=0.3)["chart signal in 8 weeks"] for seed in range(20)]
    assert all(found)


def test_a_moving_centre_keeps_false_signals_rare_where_weeks_resemble_the_week_before() -> None:
    found = [department(seed, weeks=104, effect=0.0, rho=0.6) for seed in range(20)]
    assert np.mean([item["chart points with signal"] for item in found]) > 0.2  # what the rules do where weeks are not independent
    assert np.mean([item["moving chart points with signal"] for item in found]) < 0.1


def test_a_switch_that_nobody_announced_stands_out_on_the_moving_chart_too() -> None:
    found = [department(seed, weeks=52, effect=EFFECT, rho=0.3)["moving chart signal in 8 weeks"] for seed in range(20)]
    assert all(found)


def test_a_moving_centre_changes_nothing_where_weeks_are_independent() -> None:
    values = np.random.default_rng(3).normal(14.0, 1.0, 40)
    table = pd.DataFrame({"week": pd.date_range("2026-01-05", periods=40, freq="7D", tz="UTC"), "mean": values, "cases": 40})
    assert mean_chart(table, unit="min", follow=True) == mean_chart(table, unit="min")


def test_a_chart_that_moves_says_so_and_follows_the_week_before() -> None:
    # +1 and −1 in blocks of five about 10: of 39 steps 32 repeat the sign and 7 turn it, so the correlation is (32 − 7) / 40 = 0.625
    values = 10.0 + np.tile(np.repeat([1.0, -1.0], 5), 4)
    table = pd.DataFrame({"week": pd.date_range("2026-01-05", periods=40, freq="7D", tz="UTC"), "mean": values, "cases": 40})
    chart = mean_chart(table, unit="min", follow=True)
    assert "moving centre" in chart.method
    assert "correlation 0.62" in chart.method
    assert np.diff(chart.centre[1:6]).tolist() == [0.0, 0.0, 0.0, 0.0]
    assert chart.centre[6] < chart.centre[5]
