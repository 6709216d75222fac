"""What the person sees while the agent counts: a small window that stays on top, or a line on the terminal."""

import select
import signal
import sys
import time
from functools import partial
from typing import Any

from study.agent.sitting import Sitting
from study.console import say

STEP_SECONDS = 0.2
CHOICES = (("<Return>", "s", "Send (Enter)"), ("<Escape>", "k", "Keep for later (Esc)"), ("<Delete>", "d", "Delete (Del)"))


def show(sitting: Sitting, *, case: str, seconds: float | None, window: bool) -> bool:
    """Count until the person stops, or for some seconds; whether a window could be shown. [s]"""
    until = time.monotonic() + seconds if seconds else float("inf")
    if window:
        try:
            _tk(sitting, case, until)
            return True
        except (ImportError, RuntimeError) as error:
            say(f"no window here ({error}); counting from the terminal")
    _terminal(sitting, case, until)
    return False


def decide(told: dict[str, Any]) -> str:
    """Show a record to its owner in a window: `s` sends it, `k` keeps it for later, `d` deletes it; closing the window keeps it.

    Parameters
    ----------
    told : dict
        From `study.agent.counting.summary`.
    """
    import tkinter

    root: Any = tkinter.Tk()
    root.title("Gilbreth: this record")
    root.attributes("-topmost", True)
    chosen = ["k"]

    def choose(choice: str, _event: object = None) -> None:
        chosen[0] = choice
        root.destroy()

    lines = [
        "Nothing has been sent yet. This is all that was recorded:",
        *(f"{count} x {name.replace('_', ' ')}" for name, count in told["counts"].items()),
        f"in: {', '.join(told['applications']) or 'no application'}",
        f"active {told['active_seconds']:g} s, idle {told['idle_seconds']:g} s",
    ]
    tkinter.Label(root, text="\n".join(lines), justify="left", font=("", 12)).pack(padx=14, pady=10)
    for key, choice, label in CHOICES:
        tkinter.Button(root, text=label, command=partial(choose, choice)).pack(side="left", padx=6, pady=8)
        root.bind(key, partial(choose, choice))
    root.mainloop()
    return chosen[0]


def _terminal(sitting: Sitting, case: str, until: float) -> None:
    say(f"case {case}: counting. p + Enter pauses, q + Enter (or Ctrl-C) ends.")
    told = ""
    for number in (signal.SIGINT, signal.SIGTERM):  # said here, for a shell that starts this in the background has SIGINT ignored
        signal.signal(number, lambda *_: setattr(sitting, "stopped", True))
    try:
        while not sitting.stopped and time.monotonic() < until:
            sitting.step()
            if sitting.state != told:
                told = sitting.state
                say(f"case {case}: {told}")
            _key(sitting)
    except KeyboardInterrupt:
        sitting.stopped = True


def _key(sitting: Sitting) -> None:
    if sys.platform == "win32" or not sys.stdin.isatty():
        time.sleep(STEP_SECONDS)
        return
    ready, _, _ = select.select([sys.stdin], [], [], STEP_SECONDS)
    if ready:
        word = sys.stdin.readline().strip().lower()
        sitting.paused = not sitting.paused if word == "p" else sitting.paused
        sitting.stopped = sitting.stopped or word == "q"


def _tk(sitting: Sitting, case: str, until: float) -> None:
    import tkinter

    try:
        root: Any = tkinter.Tk()
    except tkinter.TclError as error:
        raise RuntimeError(str(error)) from error
    root.title("Gilbreth")
    root.attributes("-topmost", True)
    light = tkinter.Label(root, text="●", fg="#d92d20", font=("", 16))
    words = tkinter.Label(root, text=case, font=("", 12))
    pause = tkinter.Button(root, text="Pause (F9)", command=lambda: setattr(sitting, "paused", not sitting.paused))
    finish = tkinter.Button(root, text="End (Esc)", command=lambda: setattr(sitting, "stopped", True))
    for part in (light, words, pause, finish):
        part.pack(side="left", padx=6, pady=6)
    root.bind("<F9>", lambda _: pause.invoke())
    root.bind("<Escape>", lambda _: finish.invoke())
    root.protocol("WM_DELETE_WINDOW", finish.invoke)

    def step() -> None:
        sitting.step()
        light.configure(fg="#d92d20" if sitting.state == "counting" else "#d98e04")
        words.configure(text=f"{case} · {sitting.state}")
        if sitting.stopped or time.monotonic() >= until:
            root.destroy()
        else:
            root.after(int(STEP_SECONDS * 1000), step)

    step()
    root.mainloop()
