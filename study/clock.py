"""One reading of the server's clocks: the wall clock for people, the monotonic one for durations."""

import sys
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import uuid4

from db.base import utc_now


@dataclass(frozen=True)
class Instant:
    """What the server's clocks said at one moment; services take it as `now`.

    Parameters
    ----------
    at : datetime
        Wall clock, UTC.
    monotonic_seconds : float
        A clock that only ever runs forward, at one second a second, while the machine is up. [s]
    boot : str
        Names the stretch during which `monotonic_seconds` is one clock.

    Examples
    --------
    >>> start = read_clock()
    >>> later = start.after(90)
    >>> later.monotonic_seconds - start.monotonic_seconds, (later.at - start.at).total_seconds()
    (90.0, 90.0)
    """

    at: datetime
    monotonic_seconds: float
    boot: str

    def after(self, seconds: float, *, wall_step_seconds: float = 0.0) -> "Instant":
        """This moment and some seconds; for tests and simulations, with a step of the wall clock on top."""
        wall = self.at + timedelta(seconds=seconds + wall_step_seconds)
        return Instant(wall, self.monotonic_seconds + seconds, self.boot)


def read_clock() -> Instant:
    """The clocks now. Suspended time counts where the system can tell it."""
    if sys.platform == "linux":
        return Instant(utc_now(), time.clock_gettime(time.CLOCK_BOOTTIME), _boot())
    return Instant(utc_now(), time.monotonic(), _boot())


@cache
def _boot() -> str:
    source = Path("/proc/sys/kernel/random/boot_id")
    return source.read_text().strip() if source.is_file() else f"process-{uuid4().hex[:16]}"
