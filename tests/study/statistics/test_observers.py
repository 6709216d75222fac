"""Expected numbers by hand on logs of a few events."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.statistics import StatisticsError, event_agreement

ONE = [(0.0, "scroll"), (5.0, "click"), (10.0, "click"), (15.0, "scroll"), (20.0, "menu")]
TWO = [(0.5, "scroll"), (5.5, "click"), (10.5, "scroll"), (15.5, "scroll"), (40.0, "menu")]


def test_events_within_the_window_are_matched_and_their_labels_compared() -> None:
    """4 matched; labels agree on 3: scroll, click, scroll and click against scroll.

    Observed 3/4; chance 2/4 x 3/4 (scroll) + 2/4 x 1/4 (click) = 1/2; kappa 1/2. Window agreement 2 x 3 / 10.
    """
    found = event_agreement(ONE, TWO, window_seconds=1)
    assert (found.matched, found.only_first, found.only_second) == (4, 1, 1)
    assert found.kappa == found.estimate == pytest.approx(0.5)
    assert found.window_agreement == pytest.approx(0.6)
    assert found.mean_gap_seconds == pytest.approx(0.5)


def test_a_narrower_window_matches_nothing() -> None:
    found = event_agreement(ONE, TWO, window_seconds=0.2)
    assert (found.matched, found.window_agreement) == (0, 0.0)
    assert math.isnan(found.kappa)
    json.dumps(found.to_dict(), allow_nan=False)


def test_one_event_has_one_partner_and_as_many_pairs_as_possible_are_made() -> None:
    """Nearest first would pair 1.0 with 1.4 and strand 2.0; two pairs exist within one second."""
    found = event_agreement([1.0, 2.0], [0.2, 1.4], window_seconds=1)
    assert found.matched == 2
    assert event_agreement([1.0, 1.1, 1.2], [1.1], window_seconds=1).matched == 1


def test_tables_pairs_and_times_say_the_same() -> None:
    frames = [pd.DataFrame(log, columns=["seconds", "label"]) for log in (ONE, TWO)]
    assert event_agreement(*frames, window_seconds=1) == event_agreement(ONE, TWO, window_seconds=1)
    assert event_agreement(*[frame.to_dict("records") for frame in frames], window_seconds=1).matched == 4
    stamps = [frame.assign(time=pd.Timestamp("2026-01-01T08:00Z") + pd.to_timedelta(frame.pop("seconds"), unit="s")) for frame in frames]
    assert event_agreement(*stamps, window_seconds=1).matched == 4


def test_a_day_of_thousands_of_events_is_matched_in_a_moment() -> None:
    rng = np.random.default_rng(1)
    times = np.sort(rng.uniform(0, 28_800, size=4000))
    labels = rng.choice(["click", "scroll"], size=4000)
    one = pd.DataFrame({"seconds": times, "label": labels})
    two = pd.DataFrame({"seconds": times + rng.normal(0, 0.05, size=4000), "label": labels})
    assert event_agreement(one, two, window_seconds=0.5).matched > 3990


def test_a_single_kind_of_event_has_a_window_agreement_but_no_kappa() -> None:
    found = event_agreement([1.0, 2.0, 3.0], [1.1, 2.1, 9.0], window_seconds=0.5)
    assert found.window_agreement == pytest.approx(4 / 6)
    assert math.isnan(found.kappa)
    assert any("one label" in note for note in found.notes)


def test_empty_logs_and_negative_windows_are_refused() -> None:
    with pytest.raises(StatisticsError, match="both observers"):
        event_agreement([], [1.0], window_seconds=1)
    with pytest.raises(StatisticsError, match="window"):
        event_agreement([1.0], [1.0], window_seconds=-1)
    with pytest.raises(StatisticsError, match="time column"):
        event_agreement(pd.DataFrame({"x": ["a"]}), pd.DataFrame({"x": ["a"]}), window_seconds=1)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_swapping_observers_and_shuffling_rows_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logs = [[(float(t), rng.choice(["a", "b", "c"])) for t in rng.uniform(0, 60, size=12)] for _ in range(2)]
    first = event_agreement(logs[0], logs[1], window_seconds=3)
    shuffled = [[log[k] for k in rng.permutation(12)] for log in logs]
    swapped = event_agreement(shuffled[1], shuffled[0], window_seconds=3)
    assert (swapped.matched, swapped.window_agreement) == (first.matched, first.window_agreement)
    assert swapped.kappa == pytest.approx(first.kappa, nan_ok=True)
