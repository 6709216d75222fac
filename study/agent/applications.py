"""Which application an input goes to: its name only, as its windows call themselves. Titles are never asked for."""

import sys
import threading
from collections.abc import Callable
from typing import Any


def namer() -> Callable[[bool], str | None]:
    """A function that names the application under the pointer (`True`) or with the keyboard (`False`), for this system."""
    if sys.platform == "win32":
        return _windows()
    if sys.platform == "darwin":
        return _macos()
    return _x11()


def _x11() -> Callable[[bool], str | None]:
    from Xlib import X, Xatom, display, error

    connection = display.Display()
    root = connection.screen().root
    active = connection.intern_atom("_NET_ACTIVE_WINDOW")
    lock = threading.Lock()  # the listeners for mouse and keys are two threads

    def focused() -> Any:
        found = root.get_full_property(active, Xatom.WINDOW)
        if found is not None and found.value and found.value[0]:
            return connection.create_resource_object("window", found.value[0])
        window = connection.get_input_focus().focus
        return None if isinstance(window, int) else window

    def under_pointer() -> Any:
        window = root.query_pointer().child
        return None if window == X.NONE else window

    def name(pointer: bool) -> str | None:
        with lock:
            try:
                window = (under_pointer() or focused()) if pointer else focused()
                return _class_of(window) if window is not None else None
            except error.XError:  # a window that closed meanwhile
                return None

    return name


def _class_of(window: Any, *, depth: int = 0) -> str | None:
    """The class of a window, or of the first window inside its frame that has one; else of one around it."""
    found = window.get_wm_class()
    if found:
        return str(found[1])
    if depth < 4:
        for child in window.query_tree().children:
            inner = _class_of(child, depth=depth + 1)
            if inner:
                return inner
    return None


def _windows() -> Callable[[bool], str | None]:
    import ctypes
    from ctypes import wintypes

    import psutil

    user32: Any = ctypes.windll.user32  # type: ignore[attr-defined]

    def name(pointer: bool) -> str | None:
        process = wintypes.DWORD()
        user32.GetWindowThreadProcessId(user32.GetForegroundWindow(), ctypes.byref(process))
        try:
            return str(psutil.Process(process.value).name()).removesuffix(".exe")
        except psutil.Error:
            return None

    return name


def _macos() -> Callable[[bool], str | None]:
    from AppKit import NSWorkspace

    def name(pointer: bool) -> str | None:
        front = NSWorkspace.sharedWorkspace().frontmostApplication()
        return None if front is None else str(front.localizedName())

    return name
