"""How far a batch is: a bar on a terminal, plain lines elsewhere, both with the rate and when it will be done."""

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from study.batch.settle import Settled

LATEST = 50


class Pace:
    """Cases an hour over the latest ones, so that a slow start (compiling, loading models) does not spoil the forecast.

    Examples
    --------
    >>> pace = Pace(total=10)
    >>> pace.text(at=100.0)
    'rate not known yet'
    >>> for second in (100.0, 106.0, 112.0):
    ...     pace.settled(at=second)
    >>> pace.text(at=112.0, now=datetime(2026, 5, 1, 9, 0))
    '600 cases/h, 1 min left, done about 09:00 on 1 May'
    """

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0
        self._times: deque[float] = deque(maxlen=LATEST)

    def settled(self, *, at: float) -> None:
        """One more case is over, at this second."""
        self.done += 1
        self._times.append(at)

    def text(self, *, at: float, now: datetime | None = None) -> str:
        """Rate, time left and when it will be done."""
        span = at - self._times[0] if len(self._times) > 1 else 0.0
        if span <= 0:
            return "rate not known yet"
        rate = (len(self._times) - 1) / span
        left = (self.total - self.done) / rate
        ends = (now or datetime.now().astimezone()) + timedelta(seconds=left)
        return f"{3600 * rate:.0f} cases/h, {_long(left)} left, done about {ends:%H:%M} on {ends.day} {ends:%b}"


def _long(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds > 5400 else f"{max(0.0, seconds) / 60:.0f} min"


@contextmanager
def teller(total: int) -> Iterator[Callable[[Settled], None]]:
    """What engines call for every case: one line each; on a terminal a bar, and lines only for what went wrong."""
    pace = Pace(total)
    if not sys.stderr.isatty():
        from study.console import say

        def line(settled: Settled) -> None:
            _count(pace, settled)
            say(f"{pace.done}/{total} {settled.line} ({pace.text(at=time.monotonic())})")

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("cases"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}"))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        job = bar.add_task("cases", total=total, pace="")

        def moved(settled: Settled) -> None:
            _count(pace, settled)
            if not settled.good:
                bar.console.print(settled.line, markup=False, highlight=False)
            bar.update(job, completed=pace.done, pace=pace.text(at=time.monotonic()))

        yield moved


def _count(pace: Pace, settled: Settled) -> None:
    if settled.over:
        pace.settled(at=time.monotonic())
