"""From raw presses and releases to counts: the same rules as the recorder in the browser, so that the two agree."""

import secrets
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from math import dist
from typing import Any

DRAG_PIXELS = 5.0
DOUBLE_SECONDS = 0.5
WINDOW_SECONDS = 2.0  # inputs of one kind in one application within this time become one event with a count and a span


@dataclass(frozen=True)
class Raw:
    """One thing that happened on the machine: `press`, `release`, `wheel` or `key`; no key name, no title.

    Parameters
    ----------
    at_seconds : float
        On this machine's monotonic clock. [s]
    application : str or None
        Name of the application it went to, as its windows call themselves.
    place : (float, float)
        Pointer position; only distances are used, nothing of it is kept. [pixel]
    """

    kind: str
    at_seconds: float
    application: str | None
    button: str = ""
    place: tuple[float, float] = (0.0, 0.0)


@dataclass
class InputCounter:
    """Turns raw inputs into events; inputs of other applications than the allowed ones leave no trace.

    Examples
    --------
    >>> counter = InputCounter(allowed={"viewer"}, began_seconds=0.0)
    >>> for at in (1.0, 2.0):
    ...     counter.take(Raw("press", at, "viewer", "left"))
    ...     counter.take(Raw("release", at + 0.1, "viewer", "left"))
    >>> counter.take(Raw("key", 2.5, "mail"))
    >>> [(event["input"], event["count"], event["area"]) for event in counter.flush()]
    [('click', 2, 'viewer')]
    """

    allowed: Collection[str]
    began_seconds: float
    client: str = field(default_factory=lambda: "a-" + secrets.token_hex(8))
    counting: bool = True
    _open: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    _done: list[dict[str, Any]] = field(default_factory=list)
    _down: dict[str, tuple[float, float]] = field(default_factory=dict)
    _last_click: tuple[float, tuple[float, float]] | None = None
    _sent: int = 0

    def take(self, raw: Raw) -> None:
        """Count one input."""
        if not self.counting or raw.application is None or raw.application.casefold() not in {name.casefold() for name in self.allowed}:
            self._down.pop(raw.button, None)
            return
        if raw.kind == "press":
            self._down[raw.button] = raw.place
        elif raw.kind == "release":
            self._release(raw)
        else:
            self._add(raw.kind, raw)

    def _release(self, raw: Raw) -> None:
        start = self._down.pop(raw.button, None)
        if start is None:
            return
        if dist(start, raw.place) > DRAG_PIXELS:
            self._add("drag", raw)
            return
        if raw.button != "left":
            self._add("other_button", raw)
            return
        self._add("click", raw)
        last = self._last_click
        if last is not None and raw.at_seconds - last[0] <= DOUBLE_SECONDS and dist(last[1], raw.place) <= DRAG_PIXELS:
            self._add("double_click", raw)
            self._last_click = None
        else:
            self._last_click = (raw.at_seconds, raw.place)

    def _add(self, kind: str, raw: Raw) -> None:
        times = self._open.setdefault((kind, str(raw.application)), [])
        if times and raw.at_seconds - times[0] >= WINDOW_SECONDS:
            self._close((kind, str(raw.application)))
            times = self._open.setdefault((kind, str(raw.application)), [])
        times.append(raw.at_seconds)

    def _close(self, name: tuple[str, str]) -> None:
        times = self._open.pop(name)
        fields = {"input": name[0], "area": name[1][:60], "count": len(times), "span_seconds": round(times[-1] - times[0], 4)}
        self._done.append(self.event("input", at_seconds=times[-1], **fields))

    def event(self, kind: str, *, at_seconds: float, **fields: Any) -> dict[str, Any]:
        """An event with a key of its own and this run's clock."""
        self._sent += 1
        offset = round(max(0.0, at_seconds - self.began_seconds), 4)
        return {"kind": kind, "key": f"{self.client}-{self._sent}", "client": self.client, "client_offset_seconds": offset, **fields}

    def ripe(self, now_seconds: float) -> list[dict[str, Any]]:
        """Events whose two seconds are over."""
        for name, times in list(self._open.items()):
            if now_seconds - times[0] >= WINDOW_SECONDS:
                self._close(name)
        done, self._done = self._done, []
        return done

    def flush(self) -> list[dict[str, Any]]:
        """Everything that is left."""
        return self.ripe(float("inf"))


def summary(events: Iterable[dict[str, Any]], *, idle_seconds: float = 60.0) -> dict[str, Any]:
    """What a record holds, for its owner to look at: counts by kind, applications, active and idle time. [s]

    Parameters
    ----------
    idle_seconds : float
        Gaps longer than this between two inputs are idle. [s]
    """
    inputs = [event for event in events if event["kind"] == "input"]
    counts: Counter[str] = Counter()
    for event in inputs:
        counts[event["input"]] += event["count"]
    by_client: dict[str, list[tuple[float, float]]] = {}
    for event in inputs:
        end = event["client_offset_seconds"]
        by_client.setdefault(event["client"], []).append((end - event["span_seconds"], end))
    active = idle = 0.0
    for spans in by_client.values():
        spans.sort()
        reached = spans[0][0]
        for start, end in spans:
            gap = max(0.0, start - reached)
            active, idle = (active, idle + gap) if gap > idle_seconds else (active + gap, idle)
            active += max(0.0, end - max(start, reached))
            reached = max(reached, end)
    areas = sorted({event["area"] for event in inputs})
    return {
        "counts": dict(sorted(counts.items())),
        "applications": areas,
        "active_seconds": round(active, 2),
        "idle_seconds": round(idle, 2),
    }
