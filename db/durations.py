"""Durations as views: computed from the events each time they are asked for, never stored.

Every event gets a position on its task's own time line. Events of one server boot are placed by the server's monotonic
clock, so that a stepped wall clock changes nothing. Events that carry a client's monotonic offset are placed by that
clock, tied to the server's at the event that arrived fastest: events kept back by a cut network fall where they happened.
What was recorded after the start did not happen before it, though two clocks that are a hair apart may say so.
Between two boots only the wall clock is left; it is used, and a backward step counts as no time at all.

Elapsed runs from the first start to the finish. Hands-on = elapsed − pauses − AI wait. Active time under an idle rule is
hands-on time without the gaps between two signs of activity that are longer than the rule.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

COLUMNS = ["task", "kind", "input", "count", "span_seconds", "at", "boot", "monotonic_seconds", "client", "client_offset_seconds", "source"]
PAUSE = {"pause": 1, "interruption": 1, "lost": 1, "start": 0, "resume": 0, "return": 0}
WAIT = {"ai_wait": 1, "ai_ready": 0}
SIGNS_OF_ACTIVITY = frozenset(
    {"start", "pause", "resume", "interruption", "return", "input", "tool", "lap", "ai_wait", "ai_ready", "correction", "finish"}
)


def positions(events: pd.DataFrame) -> pd.Series:
    """Seconds of each event on its task's time line.

    Parameters
    ----------
    events : pandas.DataFrame
        `COLUMNS`, in the order of recording.

    Returns
    -------
    pandas.Series
        On the index of `events`; only differences within one task mean anything. [s]
    """
    server = events["monotonic_seconds"].astype(float)
    has_client = events["client"].notna() & events["client_offset_seconds"].notna()
    place = server.copy()
    if has_client.any():
        clients = events.loc[has_client]
        delay = server[has_client] - clients["client_offset_seconds"].astype(float)
        anchor = delay.groupby([clients["task"], clients["client"], clients["boot"]]).transform("min")
        place[has_client] = clients["client_offset_seconds"].astype(float) + anchor
    stamp = (events["at"] - events.groupby("task")["at"].transform("first")).dt.total_seconds()
    first = (stamp - server).groupby([events["task"], events["boot"]]).transform("first")
    return place + first


def task_times(events: pd.DataFrame, *, idle_seconds: Sequence[float] = (30.0, 60.0, 120.0)) -> pd.DataFrame:
    """Times of every task.

    Parameters
    ----------
    events : pandas.DataFrame
        `COLUMNS`, in the order of recording; observers' events left out.
    idle_seconds : sequence of float
        Idle rules. [s]

    Returns
    -------
    pandas.DataFrame
        Index `task`; `started_at`, `elapsed_seconds`, `pause_seconds`, `ai_wait_seconds`, `hands_on_seconds`,
        `active_<rule>_seconds`. A task without start or finish has no times. [s]

    Examples
    --------
    >>> def event(kind, second):
    ...     at = pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(seconds=second)
    ...     return ["t", kind, None, None, None, at, "boot", float(second), None, None, "browser"]
    >>> log = [event("start", 0), event("pause", 60), event("resume", 160), event("lap", 170), event("finish", 300)]
    >>> times = task_times(pd.DataFrame(log, columns=COLUMNS), idle_seconds=[60])
    >>> times.loc["t", ["elapsed_seconds", "pause_seconds", "hands_on_seconds", "active_60_seconds"]].tolist()
    [300.0, 100.0, 200.0, 70.0]
    """
    names = [f"active_{rule:g}_seconds" for rule in idle_seconds]
    columns = ["started_at", "elapsed_seconds", "pause_seconds", "ai_wait_seconds", "hands_on_seconds", *names]
    if events.empty:
        return pd.DataFrame(columns=columns, index=pd.Index([], name="task"))
    codes, names_of = pd.factorize(events["task"])  # numbers group several times faster than texts
    events = events.assign(task=codes)
    line = _inside(events.assign(position=positions(events)))
    task = line["task"]
    step = line["position"].groupby(task).diff().fillna(0.0)
    paused = _state(line, PAUSE)
    waiting = _state(line, WAIT) & ~paused
    working = ~paused & ~waiting
    sums = pd.DataFrame(
        {
            "elapsed_seconds": step.groupby(task).sum(),
            "pause_seconds": step.where(paused, 0.0).groupby(task).sum(),
            "ai_wait_seconds": step.where(waiting, 0.0).groupby(task).sum(),
        }
    )
    sums["hands_on_seconds"] = sums["elapsed_seconds"] - sums["pause_seconds"] - sums["ai_wait_seconds"]
    line["worked"] = step.where(working, 0.0).groupby(task).cumsum()
    for rule, name in zip(idle_seconds, names, strict=True):
        sums[name] = _active(line, rule)
    sums = sums.assign(started_at=line.groupby("task")["at"].first()).reindex(range(len(names_of)))[columns]
    return sums.set_axis(pd.Index(names_of, name="task"))


def _inside(line: pd.DataFrame) -> pd.DataFrame:
    """The events from the first start to the finish of each finished task, in the order in which they happened."""
    line = line.assign(order=np.arange(len(line)), position=_after_the_start(line))
    line = line.sort_values(["task", "position", "order"], kind="stable")
    starts = line[line["kind"] == "start"].groupby("task")["position"].first()
    ends = line[line["kind"] == "finish"].groupby("task")["position"].last()
    since, until = line["task"].map(starts), line["task"].map(ends)
    return line[(line["position"] >= since) & (line["position"] <= until)].reset_index(drop=True)


def _after_the_start(line: pd.DataFrame) -> pd.Series:
    """Positions, with what a client's clock placed before the start that it followed put on the start."""
    is_start = line["kind"] == "start"
    starts = line[is_start].groupby("task")["position"].first()
    early = line["client"].notna() & is_start.groupby(line["task"]).cummax() & (line["position"] < line["task"].map(starts))
    return line["position"].mask(early, line["task"].map(starts))


def _state(line: pd.DataFrame, turns: dict[str, int]) -> pd.Series:
    """Whether the stretch that ends at each event lay in a state that some kinds of event turn on and others off."""
    after = line["kind"].map(turns).groupby(line["task"]).ffill()
    return after.groupby(line["task"]).shift(1).fillna(0) > 0


def _active(line: pd.DataFrame, rule_seconds: float) -> pd.Series:
    """Hands-on time without gaps longer than the rule; a stretch of inputs counts from its first to its last."""
    signs = line[line["kind"].isin(SIGNS_OF_ACTIVITY)]
    gap = signs["worked"].groupby(signs["task"]).diff().fillna(0.0)
    busy = np.minimum(signs["span_seconds"].astype(float).fillna(0.0), gap)
    idle = gap - busy
    return (busy + idle.where(idle <= rule_seconds, 0.0)).groupby(signs["task"]).sum()


def inputs(events: pd.DataFrame, instruments: pd.Series, *, kind: str = "click") -> pd.Series:
    """Inputs of one kind per task, by the task's own instrument only.

    A task that its instrument never saw has no count, rather than none: the two are told apart. Imported and simulated
    events stand for whichever instrument the task names, and there a count is known only where it was given.

    Parameters
    ----------
    events : pandas.DataFrame
        `COLUMNS`.
    instruments : pandas.Series
        Source that counts, by task.
    kind : str
        `click`, `double_click`, `drag`, `other_button`, `wheel` or `key`.
    """
    own = events["source"] == events["task"].map(instruments)
    counting = events[own | events["source"].isin(["import", "simulation"])]
    counted = counting[counting["input"] == kind].groupby("task")["count"].sum().astype(float)
    seen = instruments.index.isin(events.loc[own & (events["source"] != "import"), "task"].unique())
    counts = counted.reindex(instruments.index)
    return counts.where(counts.notna() | ~seen, 0.0)
