"""Charts and rosters, on departments whose answer is known."""

import numpy as np
import pandas as pd
import pytest

from study.errors import RejectedInput
from study.operations import busy_hour_arrivals, rosters, usage_chart, weekly, weekly_chart
from study.simulation import RollOut, simulate_operations

LIVE = pd.Timestamp("2026-07-06", tz="UTC")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return simulate_operations(seed=4, roll_out=RollOut(weeks_before=14, weeks_after=14))


def test_every_task_falls_into_one_week(rows: pd.DataFrame) -> None:
    table = weekly(rows, "minutes")
    assert table["cases"].sum() == len(rows)
    assert set(table["week"].dt.weekday) == {0}


def test_re_basing_at_go_live_finds_both_levels(rows: pd.DataFrame) -> None:
    chart = weekly_chart(rows, "minutes", change=LIVE)
    assert chart.before == pytest.approx(14.22, abs=0.5)
    # 71 to 91 % of cases at 4.94 min: 0.81 · 4.94 + 0.19 · 14.22 = 6.7
    assert chart.after == pytest.approx(6.7, abs=0.5)
    assert chart.rebased_at == LIVE


def test_without_a_named_change_the_switch_is_a_signal_and_not_a_new_baseline(rows: pd.DataFrame) -> None:
    chart = weekly_chart(rows, "minutes")
    assert chart.rebased_at is None
    assert any(chart.signals)


def test_a_department_where_nothing_happens_stays_mostly_without_a_signal() -> None:
    quiet = simulate_operations(seed=9, roll_out=RollOut(30, 0, (60, 60)))
    chart = weekly_chart(quiet, "minutes")
    assert sum(bool(signal) for signal in chart.signals) <= 7  # one run of seven happens by chance


def test_weeks_of_fewer_than_five_cases_are_suppressed() -> None:
    few = simulate_operations(seed=1, roll_out=RollOut(8, 0, (3, 3)))
    table = weekly(few, "clicks")
    assert table.loc[table["cases"] < 5, "mean"].isna().all()


def test_usage_is_a_share_with_limits_by_volume(rows: pd.DataFrame) -> None:
    after = rows[pd.to_datetime(rows["started_at"], utc=True) >= LIVE]
    chart = usage_chart(after)
    assert 70 < chart.before < 92
    assert len(set(np.round(chart.upper, 6))) > 1


def test_more_ai_needs_fewer_people_and_more_volume_needs_more(rows: pd.DataFrame) -> None:
    found = {roster.name: roster for roster in rosters(rows, arrivals_per_hour=12, draws=40)}
    assert (found["AI 100%, volume 100%"].servers or 0) < (found["AI 0%, volume 100%"].servers or 0)
    assert (found["AI 100%, volume 200%"].servers or 0) > (found["AI 100%, volume 100%"].servers or 0)
    one = found["AI 0%, volume 100%"]
    assert (one.low or 0) <= (one.servers or 0) <= (one.high or 0)
    assert (one.rostered or 0) >= (one.servers or 0)


def test_a_forecast_without_measured_times_of_both_arms_is_refused(rows: pd.DataFrame) -> None:
    with pytest.raises(RejectedInput, match="both arms"):
        rosters(rows[rows["arm"] == "manual"], arrivals_per_hour=5)


def test_arrivals_are_counted_in_working_hours(rows: pd.DataFrame) -> None:
    # in the last weeks about 201 cases a week over five days of ten hours
    assert busy_hour_arrivals(rows) == pytest.approx(4.0, abs=0.6)
