"""What each stage of a reconstruction took: seconds and peak memory."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Stage:
    """One timed stage.

    Parameters
    ----------
    name : str
        What was done.
    seconds : float
        Wall time; stages that run side by side share the processor. [s]
    peak_rss_mb : float
        Largest resident memory of the process during the stage, with what ran beside it. [MiB]
    began_seconds : float
        When it began, after the first stage did. [s]
    """

    name: str
    seconds: float
    peak_rss_mb: float
    began_seconds: float = 0.0


def wall_seconds(stages: Iterable[Mapping[str, Any]]) -> float:
    """From the first stage's beginning to the last one's end, of stages as `case.json` has them; their sum if they do not say when. [s]

    Examples
    --------
    >>> stages = [{"seconds": 4.0, "began_seconds": 0.0}, {"seconds": 3.0, "began_seconds": 4.0}, {"seconds": 2.0, "began_seconds": 4.0}]
    >>> wall_seconds(stages), wall_seconds([{"seconds": 4.0}, {"seconds": 3.0}])
    (7.0, 7.0)
    """
    held = list(stages)
    if not all("began_seconds" in stage for stage in held):
        return sum(float(stage.get("seconds", 0.0)) for stage in held)
    return max((float(stage["began_seconds"]) + float(stage["seconds"]) for stage in held), default=0.0)


class Stopwatch:
    """Times stages, one after another or in threads side by side, and tells a listener as each begins.

    Examples
    --------
    >>> watch = Stopwatch()
    >>> with watch.stage("load"):
    ...     pass
    >>> [stage.name for stage in watch.stages], watch.stages[0].peak_rss_mb > 1
    (['load'], True)
    """

    def __init__(self, progress: Callable[[str], None] | None = None) -> None:
        self.stages: list[Stage] = []
        self._tell = progress or (lambda name: None)
        self._lock = threading.Lock()
        self._peaks: dict[object, float] = {}
        self._zero: float | None = None

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what is done inside; a stage that fails is not recorded."""
        this = object()
        with self._lock:
            self._tell(name)
            self._see_peak()
            self._peaks[this] = 0.0
            _forget_peak()
        start = time.perf_counter()
        zero = self._zero = start if self._zero is None else self._zero
        try:
            yield
        except BaseException:
            with self._lock:
                self._peaks.pop(this)
            raise
        seconds = round(time.perf_counter() - start, 4)
        with self._lock:
            self._see_peak()
            self.stages.append(Stage(name, seconds, round(self._peaks.pop(this), 1), round(start - zero, 4)))

    def _see_peak(self) -> None:
        """Tell the stages under way of the peak, before it is forgotten for one that begins."""
        peak = _peak_mb()
        for other, seen in self._peaks.items():
            self._peaks[other] = max(seen, peak)


def _forget_peak() -> None:
    """Linux forgets the peak so far when asked; elsewhere the peak is the process's own since its start."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _peak_mb() -> float:
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return float(line.split()[1]) / 1024.0
    except OSError:
        pass
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) / (1024.0**2 if sys.platform == "darwin" else 1024.0)
