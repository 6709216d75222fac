"""Long work asked for by a page: done in a thread, its heavy part in one worker process, looked at by the page now and then.

A page must not compute: while its script runs, everybody else's waits. The worker is started when first needed and is one for
the whole server, for two reconstructions at once would only be slower.
"""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

KEPT_SECONDS = 3600.0
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="job")
_lock = threading.Lock()
_jobs: dict[str, "Job"] = {}
_worker: dict[str, ProcessPoolExecutor] = {}


@dataclass(frozen=True)
class Job:
    """One piece of long work.

    Parameters
    ----------
    what : str
        Its kind, for the page that asked.
    began_seconds : float
        Monotonic clock. [s]
    """

    what: str
    began_seconds: float
    future: "Future[Any]"

    @property
    def running(self) -> bool:
        """Whether it is not over yet."""
        return not self.future.done()

    @property
    def seconds(self) -> float:
        """How long ago it began. [s]"""
        return time.monotonic() - self.began_seconds

    @property
    def fault(self) -> BaseException | None:
        """What went wrong, once it is over."""
        return None if self.running else self.future.exception()

    @property
    def result(self) -> Any:
        """What came out, once it is over without a fault."""
        return self.future.result()


def start(owner: str, what: str, act: Callable[[], Any]) -> Job:
    """Begin a piece of work for an owner, who has one at a time: a running one is given back instead.

    Examples
    --------
    >>> job = start("somebody", "sum", lambda: 1 + 1)
    >>> job.result, find("somebody") is job
    (2, True)
    >>> drop("somebody")
    """
    with _lock:
        known = _jobs.get(owner)
        if known is not None and known.running:
            return known
        now = time.monotonic()
        for old in [key for key, job in _jobs.items() if not job.running and now - job.began_seconds > KEPT_SECONDS]:
            del _jobs[old]
        _jobs[owner] = Job(what, now, _threads.submit(act))
        return _jobs[owner]


def find(owner: str) -> Job | None:
    """The owner's last piece of work, running or over."""
    return _jobs.get(owner)


def drop(owner: str) -> None:
    """Forget the owner's work once its result was taken."""
    _jobs.pop(owner, None)


def in_worker(act: Callable[..., Any], *values: Any) -> Any:
    """Call a function of a module in the worker process and wait for it; a worker that died is started anew, once."""
    try:
        return _pool().submit(act, *values).result()
    except BrokenProcessPool:
        with _lock:
            _worker.clear()
        return _pool().submit(act, *values).result()


def _pool() -> ProcessPoolExecutor:
    with _lock:
        if "pool" not in _worker:
            context = multiprocessing.get_context("spawn")
            _worker["pool"] = ProcessPoolExecutor(max_workers=1, mp_context=context, initializer=_end_with_the_server)
        return _worker["pool"]


def _end_with_the_server() -> None:
    """A killed server leaves no worker behind."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
