"""Work in a second thread, where the machine and its compiled kernels allow two at once."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

import psutil

from inference.compilation import threads_may_share

P = ParamSpec("P")
T = TypeVar("T")


class Beside:
    """One thread beside the caller's; work is done at once where there is but one processor, kernels may not run side by side, or
    memory is short.

    Parameters
    ----------
    room_bytes : int
        Memory that must be free for two at once.

    Attributes
    ----------
    short_of_memory : bool
        Whether less is free.
    at_once : bool
        Whether there really is a second thread.

    Examples
    --------
    >>> with Beside() as beside:
    ...     total = beside.start(sum, [1, 2, 3])
    ...     total()
    6
    >>> Beside(room_bytes=1 << 60).short_of_memory
    True
    """

    def __init__(self, *, room_bytes: int = 0) -> None:
        self.short_of_memory = room_bytes > psutil.virtual_memory().available
        alone = (os.cpu_count() or 1) < 2 or not threads_may_share() or self.short_of_memory
        self.at_once = not alone
        self._pool = None if alone else ThreadPoolExecutor(max_workers=1, thread_name_prefix="beside")
        self._begun: list[Future[Any]] = []

    def start(self, work: Callable[P, T], *values: P.args, **options: P.kwargs) -> Callable[[], T]:
        """Begin; what comes back waits for the result, or raises what the work raised."""
        if self._pool is None:
            done = work(*values, **options)
            return lambda: done
        future: Future[Any] = self._pool.submit(work, *values, **options)
        self._begun.append(future)
        return future.result

    def busy(self) -> bool:
        """Whether the second thread has work that is not done."""
        return not all(future.done() for future in self._begun)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True)
