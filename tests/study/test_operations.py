"""Charts and rosters, on departments whose answer is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from study import charts
from study.errors import RejectedInput
from study.indicators import chart, chart_csv
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


def test_a_week_of_three_cases_has_no_value_and_no_count_in_volume_or_export() -> None:
    sizes = [8, 8, 3, 8, 8, 8, 8, 8]
    week = [pd.Timestamp("2026-01-05") + pd.Timedelta(weeks=number) for number, size in enumerate(sizes) for _ in range(size)]
    columns = {"week": week, "state": "finished", "arm": "manual", "hands_on_seconds": 600.0 + np.arange(len(week)) % 7}
    drawn = {key: chart(pd.DataFrame(columns), key) for key in ("minutes", "volume")}
    assert np.isnan(drawn["volume"].values[1])  # the first and the last week are left out of the volume
    rows = [line.split(",") for line in chart_csv(drawn, words="all cases", study="x").splitlines() if ",2026-01-19," in line]
    assert [(row[3], row[5]) for row in rows] == [("", "fewer than 5")] * 2


def test_a_box_of_fewer_than_five_exams_is_not_drawn() -> None:
    cases = pd.DataFrame({"scans": [2] * 6 + [1] * 4, "dlp_mgy_cm": np.linspace(500.0, 900.0, 10)})
    figure = charts.dose_boxes(cases, "dlp_mgy_cm", unit="DLP [mGy·cm]", title="DLP")
    assert len(figure.data) == 1
    assert figure.layout.xaxis.ticktext == ("two scans (n = 6)", "one scan (n < 5, not drawn)")


def test_the_filter_stands_under_a_learning_curve() -> None:
    figure = charts.course({"ai": ([1.0, 2.0], [9.0, 5.0])}, title="Learning", x="cases", y="min", note="n = 40 finished cases; site S1")
    assert "site S1" in figure.layout.title.subtitle.text


def test_usage_is_a_share_with_limits_by_volume(rows: pd.DataFrame) -> None:
    after = rows[pd.to_datetime(rows["started_at"], utc=True) >= LIVE]
    chart = usage_chart(after)
    assert 70 < chart.before < 92
    assert len(set(np.round(chart.upper, 6))) > 1


def test_the_room_above_a_share_bears_no_ticks(rows: pd.DataFrame) -> None:
    marked = replace(usage_chart(rows), marks=((LIVE, "model 1.1"),))
    figure = charts.control_chart(marked, title="AI usage")
    assert figure.layout.yaxis.range[1] > 100
    assert figure.layout.yaxis.tickvals == (0, 20, 40, 60, 80, 100)


def test_a_scenario_out_of_reach_is_told_in_the_colour_of_the_theme() -> None:
    figure = charts.scenario_grid((["0%", "50%"], ["100%"]), [[3.0, None]], [["3", "out of reach"]], title="Posts")
    assert [list(line) for line in figure.data[0].text] == [["3", ""]]
    (told,) = figure.layout.annotations
    assert (told.x, told.y, told.text) == ("50%", "100%", "out of reach")


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
