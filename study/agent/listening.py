"""Listening to mouse and keyboard with pynput; says plainly where that is impossible."""

import os
import queue
import sys
import time
from collections.abc import Callable
from typing import Any

from study.agent.counting import Raw
from study.errors import MissingPart


def check_possible() -> None:
    """Raise `MissingPart` where no program can count inputs, or where the library is missing."""
    if sys.platform.startswith("linux"):
        if os.environ.get("XDG_SESSION_TYPE") == "wayland" or (os.environ.get("WAYLAND_DISPLAY") and not os.environ.get("DISPLAY")):
            raise MissingPart(
                "Wayland lets no program count inputs in other windows; sign in to an X11 session ('Xorg' on the sign-in screen), or "
                "let an observer count on the Observe page"
            )
        if not os.environ.get("DISPLAY"):
            raise MissingPart("there is no graphical session here (DISPLAY is empty); start the agent on the desktop it should count on")
    try:
        import pynput  # noqa: F401
    except ImportError as error:
        raise MissingPart(f"the agent needs pynput ({error}); pip install 'gilbreth[agent]'") from error


class Listening:
    """A context in which inputs arrive in a queue."""

    def __init__(self, name_application: Callable[[bool], str | None], clock: Callable[[], float] = time.monotonic) -> None:
        self.inputs: queue.SimpleQueue[Raw] = queue.SimpleQueue()
        self._name, self._clock = name_application, clock
        self._pressed: set[Any] = set()  # keys held down now, so that auto-repeat does not count; forgotten at release
        self._listeners: list[Any] = []

    def __enter__(self) -> "Listening":
        from pynput import keyboard, mouse

        self._listeners = [
            mouse.Listener(on_click=self._click, on_scroll=self._scroll),
            keyboard.Listener(on_press=self._press, on_release=self._release),
        ]
        for listener in self._listeners:
            listener.start()
            listener.wait()
        return self

    def __exit__(self, *_: object) -> None:
        for listener in self._listeners:
            listener.stop()  # never joined: on X11 it would hang until one more input comes

    def _put(self, kind: str, *, pointer: bool, button: str = "", place: tuple[float, float] = (0.0, 0.0)) -> None:
        self.inputs.put(Raw(kind, self._clock(), self._name(pointer), button, place))

    def _click(self, x: float, y: float, button: Any, pressed: bool, *_: object) -> None:
        self._put("press" if pressed else "release", pointer=True, button=button.name, place=(x, y))

    def _scroll(self, *_: object) -> None:
        self._put("wheel", pointer=True)

    def _press(self, key: Any, *_: object) -> None:
        if key not in self._pressed:
            self._pressed.add(key)
            self._put("key", pointer=False)

    def _release(self, key: Any, *_: object) -> None:
        self._pressed.discard(key)
