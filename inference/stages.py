"""What each stage of a reconstruction took: seconds and peak memory."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stage:
    """One timed stage.

    Parameters
    ----------
    name : str
        What was done.
    seconds : float
        Wall time. [s]
    peak_rss_mb : float
        Largest resident memory of the process during the stage. [MiB]
    """

    name: str
    seconds: float
    peak_rss_mb: float


class Stopwatch:
    """Times stages one after another and tells a listener as each begins.

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

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what is done inside; a stage that fails is not recorded."""
        self._tell(name)
        _forget_peak()
        start = time.perf_counter()
        yield
        self.stages.append(Stage(name, round(time.perf_counter() - start, 4), round(_peak_mb(), 1)))


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
