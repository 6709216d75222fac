"""Two observers of the same work: do they see the same events at the same times?"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from study.statistics.rater_agreement import agreement
from study.statistics.reader_scores import Floats
from study.statistics.results import Result, StatisticsError
from study.statistics.wald import WaldResult

TIME_NAMES = ("seconds", "time_seconds", "time", "start", "started_at", "at")
LABEL_NAMES = ("label", "event", "code", "category", "task", "what")


@dataclass(frozen=True, kw_only=True)
class EventAgreement(WaldResult):
    """Agreement of two observers; `estimate` is the kappa of the labels of matched events.

    Parameters
    ----------
    kappa : float
        Cohen's, over matched events; NaN when all carry one label.
    window_agreement : float
        Share of all events, of both observers, that have a partner with the same label within the window.
    matched, only_first, only_second : int
        Pairs of events, and events nobody else saw.
    mean_gap_seconds : float
        Mean of second − first over matched events. [s]
    """

    kappa: float
    window_agreement: float
    matched: int
    only_first: int
    only_second: int
    mean_gap_seconds: float


def event_agreement(first: Any, second: Any, *, window_seconds: float) -> EventAgreement:
    """Agreement of two observers' event logs: one event-based index and one time-based index, never one alone.

    Parameters
    ----------
    first, second : DataFrame or sequence
        A table with a column of seconds or dates (`seconds`, `time`, `start`, ..., else the first numeric one) and, if events have
        kinds, one of labels (`label`, `event`, `category`, ..., else the first of words); or dictionaries of these; or pairs
        (seconds, label); or bare times in seconds.
    window_seconds : float
        Two events farther apart than this are not the same event. [s]

    Returns
    -------
    EventAgreement
        Interval and two-sided p of kappa by Gwet's variance over matched events.

    Raises
    ------
    StatisticsError
        A negative window, no events, events without a time.

    Notes
    -----
    Events are paired one to one: as many pairs as the window allows, then the smallest total time difference, the same label
    winning only ties. Labels are compared after pairing, so kappa is not helped by the pairing.

    References
    ----------
    Cohen 1960, doi:10.1177/001316446002000104; Bakeman, Quera and Gnisci 2009 (event alignment), doi:10.3758/BRM.41.1.137.

    Examples
    --------
    >>> one = [(0.0, "scroll"), (4.0, "click"), (9.0, "click")]
    >>> two = [(0.4, "scroll"), (4.2, "click"), (20.0, "click")]
    >>> found = event_agreement(one, two, window_seconds=2)
    >>> found.matched, found.only_first, round(found.window_agreement, 3), found.kappa
    (2, 1, 0.667, 1.0)
    """
    if not window_seconds >= 0:
        raise StatisticsError("a window of 0 seconds or more", repr(window_seconds), "give the tolerance in seconds")
    (times_one, labels_one), (times_two, labels_two) = _events(first), _events(second)
    if times_one.size == 0 or times_two.size == 0:
        raise StatisticsError("events from both observers", f"{times_one.size} and {times_two.size}", "check the two logs")
    rows, columns = _pairs(times_one, labels_one, times_two, labels_two, window_seconds)
    pairs = [(labels_one[i], labels_two[j]) for i, j in zip(rows, columns, strict=True)]
    same = sum(one == two for one, two in pairs)
    kappa, notes = _kappa(pairs)
    gaps = times_two[columns] - times_one[rows]
    return EventAgreement(
        estimate=kappa.estimate if kappa else math.nan,
        standard_error=kappa.standard_error if kappa else None,
        statistic=kappa.statistic if kappa else None,
        df=kappa.df if kappa else None,
        p_value=kappa.p_value if kappa else None,
        n=len(pairs),
        method=f"Cohen's kappa of events matched one to one within {window_seconds:g} s, and time-window agreement; two-sided",
        notes=notes,
        highest=1.0,
        kappa=kappa.estimate if kappa else math.nan,
        window_agreement=2 * same / (times_one.size + times_two.size),
        matched=len(pairs),
        only_first=int(times_one.size - len(pairs)),
        only_second=int(times_two.size - len(pairs)),
        mean_gap_seconds=float(gaps.mean()) if len(pairs) else math.nan,
    )


def _kappa(pairs: list[tuple[Any, Any]]) -> tuple[Result | None, tuple[str, ...]]:
    if len(pairs) < 2:
        return None, ("fewer than 2 matched events: no kappa",)
    if len({label for pair in pairs for label in pair}) < 2:
        return None, ("all matched events carry one label: kappa is undefined, look at the window agreement",)
    found = agreement(pd.DataFrame(pairs), coefficient="cohen")
    return found, found.notes


def _events(log: Any) -> tuple[Floats, list[Any]]:
    """Times in order and their labels, from any of the accepted forms."""
    if isinstance(log, pd.DataFrame):
        times, labels = _columns(log)
    else:
        times, labels = _sequence(log)
    if not np.isfinite(times).all():
        raise StatisticsError("a time in seconds for every event", f"{int((~np.isfinite(times)).sum())} without", "complete the log")
    order = np.argsort(times, kind="stable")
    return times[order], [labels[k] for k in order]


def _columns(log: pd.DataFrame) -> tuple[Floats, list[Any]]:
    numeric = [name for name in log.columns if pd.api.types.is_numeric_dtype(log[name]) or pd.api.types.is_datetime64_any_dtype(log[name])]
    time = next((name for name in TIME_NAMES if name in log.columns), numeric[0] if numeric else None)
    if time is None:
        raise StatisticsError(f"a time column among {TIME_NAMES}", f"{list(log.columns)}", "rename the column of seconds")
    stamps = log[time]
    if pd.api.types.is_datetime64_any_dtype(stamps):
        elapsed = (stamps - pd.Timestamp(0, unit="s", tz=stamps.dt.tz)).dt.total_seconds()
        seconds = np.asarray(elapsed, dtype=np.float64)
    else:
        seconds = np.asarray(stamps, dtype=np.float64)
    words = [name for name in log.columns if name != time and name not in numeric]
    label = next((name for name in LABEL_NAMES if name in log.columns and name != time), words[0] if words else None)
    return seconds, ["event"] * len(log) if label is None else log[label].tolist()


def _sequence(log: Iterable[Any]) -> tuple[Floats, list[Any]]:
    items = list(log)
    if items and isinstance(items[0], Mapping):
        return _columns(pd.DataFrame(items))
    if items and isinstance(items[0], (tuple, list)):
        return np.array([item[0] for item in items], dtype=np.float64), [item[1] for item in items]
    return np.asarray(items, dtype=np.float64), ["event"] * len(items)


def _pairs(one: Floats, labels_one: list[Any], two: Floats, labels_two: list[Any], window: float) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the events paired one to one within the window, stretch of time by stretch of time."""
    kinds = pd.factorize(np.array([*labels_one, *labels_two], dtype=object))[0]
    kind_one, kind_two = kinds[: one.size], kinds[one.size :]
    merged = np.sort(np.concatenate([one, two]))
    breaks = merged[1:][np.diff(merged) > window]
    stretch_one, stretch_two = np.searchsorted(breaks, one, side="right"), np.searchsorted(breaks, two, side="right")
    rows, columns = [np.zeros(0, dtype=int)], [np.zeros(0, dtype=int)]
    for stretch in np.intersect1d(stretch_one, stretch_two):
        i, j = np.flatnonzero(stretch_one == stretch), np.flatnonzero(stretch_two == stretch)
        gap = np.abs(one[i][:, None] - two[j])
        chosen_i, chosen_j = _assignment(gap, kind_one[i][:, None] != kind_two[j], window)
        rows.append(i[chosen_i])
        columns.append(j[chosen_j])
    return np.concatenate(rows), np.concatenate(columns)


def _assignment(gap: Floats, other_label: np.ndarray, window: float) -> tuple[np.ndarray, np.ndarray]:
    """As many pairs as possible, then the smallest total gap, then the same label."""
    forbidden = gap > window
    tie_break = other_label * 1e-6 * max(window, 1e-6) / max(gap.shape)
    cost = np.where(forbidden, (window + 1.0) * (min(gap.shape) + 1), gap + tie_break)
    rows, columns = linear_sum_assignment(cost)
    kept = ~forbidden[rows, columns]
    return rows[kept], columns[kept]
