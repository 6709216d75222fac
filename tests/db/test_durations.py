"""Durations against a plain loop over the same events, over many random logs."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.durations import COLUMNS, SIGNS_OF_ACTIVITY, positions, task_times

START = pd.Timestamp("2027-03-28T00:30:00Z")  # the clocks of Europe go forward half an hour later
MIDDLE = st.lists(
    st.tuples(st.sampled_from(["pause", "resume", "ai_wait", "ai_ready", "input", "lap", "hidden", "correction"]), st.floats(0, 200)),
    max_size=12,
)


def log(task, middle, *, finish=True, step=0.0):
    """Events with their seconds; from the third on the wall clock is `step` seconds off."""
    second, rows = 0.0, [("start", 0.0)]
    for kind, gap in middle:
        second += gap
        rows.append((kind, second))
    if finish:
        rows.append(("finish", second + 1.0))
    return [
        [
            task, kind, "click" if kind == "input" else None, 1 if kind == "input" else None, None,
            START + pd.Timedelta(seconds=at + (step if place >= 3 else 0)), "boot", 500.0 + at, None, None, "browser",
        ]
        for place, (kind, at) in enumerate(rows)
    ]  # fmt: skip


def by_hand(rows, rule):
    """Elapsed, pauses, AI wait, hands-on and active time, one event after the other."""
    paused = waiting = False
    pause = wait = active = worked = since = 0.0
    last = rows[0][7]
    for row in rows:
        kind, at = row[1], row[7]
        step = at - last
        pause += step if paused else 0
        wait += step if waiting and not paused else 0
        worked += step if not paused and not waiting else 0
        if kind in SIGNS_OF_ACTIVITY:
            active += worked - since if worked - since <= rule else 0
            since = worked
        paused = {"pause": True, "resume": False, "start": False}.get(kind, paused)
        waiting = {"ai_wait": True, "ai_ready": False}.get(kind, waiting)
        last = at
    elapsed = rows[-1][7] - rows[0][7]
    return [elapsed, pause, wait, elapsed - pause - wait, active]


@settings(max_examples=50, deadline=None)
@given(first=MIDDLE, second=MIDDLE, step=st.sampled_from([0.0, 3600.0, -3600.0, 86400.0, -86400.0]))
def test_the_times_of_any_log_are_those_that_a_plain_loop_finds_whatever_the_wall_clock_does(first, second, step):
    logs = {"a": log("a", first, step=step), "b": log("b", second)}
    mixed = [row for pair in zip(*(iter(rows) for rows in logs.values()), strict=False) for row in pair]
    mixed += [row for rows in logs.values() for row in rows if row not in mixed]
    times = task_times(pd.DataFrame(mixed, columns=COLUMNS), idle_seconds=[60])
    for task, rows in logs.items():
        found = times.loc[task, ["elapsed_seconds", "pause_seconds", "ai_wait_seconds", "hands_on_seconds", "active_60_seconds"]]
        np.testing.assert_allclose(found.astype(float), by_hand(rows, 60), atol=1e-6)
        assert (found.astype(float) >= -1e-9).all()


def test_a_task_without_a_finish_has_no_times():
    times = task_times(pd.DataFrame(log("a", [("input", 5.0)], finish=False), columns=COLUMNS))
    assert times.loc["a"].isna().all()


@pytest.mark.parametrize("zone_shift_hours", [1, -1])
def test_the_edge_of_summer_time_changes_nothing(zone_shift_hours):
    rows = log("a", [("lap", 1800.0), ("lap", 1800.0)])
    local = [[*row[:5], row[5].tz_convert("Europe/Berlin"), *row[6:]] for row in rows]
    frame = pd.DataFrame(local, columns=COLUMNS)
    frame["at"] = pd.to_datetime(frame["at"], utc=True)
    assert task_times(frame).loc["a", "elapsed_seconds"] == pytest.approx(3601)
    stepped = pd.DataFrame(log("a", [("lap", 1800.0), ("lap", 1800.0)], step=3600.0 * zone_shift_hours), columns=COLUMNS)
    assert task_times(stepped).loc["a", "elapsed_seconds"] == pytest.approx(3601)


def test_after_a_restart_of_the_server_the_wall_clock_places_the_events():
    rows = log("a", [("lap", 10.0), ("lap", 10.0)])
    for row in rows[2:]:
        row[6], row[7] = "another boot", row[7] - 400.0
    assert task_times(pd.DataFrame(rows, columns=COLUMNS)).loc["a", "elapsed_seconds"] == pytest.approx(21)


def test_a_slow_network_does_not_stretch_the_time_between_two_events_of_one_page():
    rows = log("a", [("lap", 10.0), ("lap", 10.0)])
    for row, offset, delay in zip(rows, (0.0, 10.0, 20.0, 21.0), (0.01, 3.0, 0.5, 2.0), strict=True):
        row[8], row[9], row[7] = "page", offset, row[7] + delay
    assert np.diff(positions(pd.DataFrame(rows, columns=COLUMNS))).tolist() == pytest.approx([10.0, 10.0, 1.0])


def test_inputs_that_came_in_one_batch_count_as_active_from_the_first_to_the_last():
    rows = log("a", [("input", 100.0)])
    rows[1][4] = 90.0  # the first input of the batch was 10 s after the start
    rows[-1][7] += 0.0
    assert task_times(pd.DataFrame(rows, columns=COLUMNS), idle_seconds=[30]).loc["a", "active_30_seconds"] == pytest.approx(101)


@pytest.mark.parametrize("ahead", [1e-10, 0.05])
def test_a_pause_at_the_very_start_counts_though_the_clients_clock_places_it_a_hair_before(ahead):
    rows = log("a", [("pause", 0.0), ("resume", 200.0), ("input", 10.0)])
    for row in rows[1:-1]:
        row[8], row[9] = "page", row[7] - 500.0
    rows[3][9] += ahead  # the client's clock runs fast: tied at its last event, it places its first ones early
    found = task_times(pd.DataFrame(rows, columns=COLUMNS)).loc["a"]
    assert found["pause_seconds"] == pytest.approx(200.0, abs=0.06)
    assert found["hands_on_seconds"] == pytest.approx(11.0, abs=0.06)


def test_two_clocks_that_tick_alike_never_lose_a_pause_to_rounding():
    for base in np.random.default_rng(1).uniform(100, 1e5, 200):
        rows = log("a", [("pause", 0.0), ("resume", 214.5), ("lap", 15.623)])
        for row in rows:
            row[7] += base
        for row, offset in zip(rows[1:-1], (0.0, 214.5, 230.123), strict=True):
            row[8], row[9] = "page", offset
        assert task_times(pd.DataFrame(rows, columns=COLUMNS)).loc["a", "pause_seconds"] == pytest.approx(214.5)
