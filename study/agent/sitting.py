"""One sitting of the agent: count until told to stop, write every two seconds, follow the task's pauses when online."""

import contextlib
import time
from collections.abc import Callable, Collection
from typing import Any

from study.agent.counting import InputCounter
from study.agent.listening import Listening
from study.agent.record import Record
from study.agent.server import Server, Unreachable
from study.errors import Forbidden

ASK_EVERY_SECONDS = 5.0


class Sitting:
    """Counting for one task.

    Parameters
    ----------
    server : Server or None
        None counts offline.
    tell : callable
        Called with (state, counts so far) whenever there is something new to show.
    """

    def __init__(
        self, *, record: Record, server: Server | None, allowed: Collection[str], name_application: Callable[[bool], str | None]
    ) -> None:
        self._record, self._server = record, server
        self._counter = InputCounter(allowed=allowed, began_seconds=time.monotonic())
        self._listening = Listening(name_application)
        self._asked = 0.0
        self._task_paused = False
        self.paused = False
        self.stopped = False

    def begin(self) -> None:
        """Start to listen; a first event ties this machine's clock to the server's."""
        first = self._counter.event("tool", at_seconds=time.monotonic(), area="agent")
        self._record.append([first])
        if self._server is not None:
            with contextlib.suppress(Unreachable, Forbidden):
                self._server.send([first])
        self._listening.__enter__()

    def step(self) -> None:
        """Take what came since the last step; call it a few times a second."""
        self._follow()
        self._counter.counting = not (self.paused or self._task_paused)
        while not self._listening.inputs.empty():
            self._counter.take(self._listening.inputs.get())
        self._record.append(self._counter.ripe(time.monotonic()))

    def end(self) -> list[dict[str, Any]]:
        """Stop to listen; the whole record."""
        self.step()
        self._listening.__exit__()
        self._record.append(self._counter.flush())
        return self._record.events()

    @property
    def state(self) -> str:
        """`counting`, `paused` here, or `task paused` in the browser."""
        return "paused" if self.paused else "task paused" if self._task_paused else "counting"

    def _follow(self) -> None:
        """Whether the task is paused in the browser: then nothing counts here either."""
        now = time.monotonic()
        if self._server is None or now - self._asked < ASK_EVERY_SECONDS:
            return
        self._asked = now
        with contextlib.suppress(Unreachable, Forbidden):
            self._task_paused = self._server.task()["state"] == "paused"
