"""How every command speaks: one JSON object on stdout with --json, progress and logs on stderr, errors as one line."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DISCLAIMER = "checked on phantoms and small real crops; research use; not a medical device"


def home_directory(home: Path | None) -> Path:
    """The home given, else `GILBRETH_HOME`, else the user's data directory; created when absent."""
    from platformdirs import user_data_path

    chosen = home or (Path(os.environ["GILBRETH_HOME"]) if os.environ.get("GILBRETH_HOME") else user_data_path("gilbreth"))
    chosen.mkdir(parents=True, exist_ok=True)
    return chosen


def say(text: str) -> None:
    """A line for a person, on stderr, so that stdout stays clean for results."""
    print(text, file=sys.stderr, flush=True)


def answer(result: dict[str, Any], *, as_json: bool, lines: Iterable[str]) -> None:
    """Print the result: one JSON object, or the given lines, on stdout."""
    if as_json:
        print(json.dumps(result, ensure_ascii=False, default=str))
    else:
        for line in lines:
            print(line)


@contextmanager
def progress(title: str, *, total: int | None = None) -> Iterator[Any]:
    """A bar on a terminal, plain lines elsewhere; yields `step(text)`, which moves on by one.

    Examples
    --------
    >>> with progress("Reading", total=2) as step:
    ...     step("first")
    ...     step("second")
    """
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[step]}"), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            job = bar.add_task(title, total=total, step="")
            yield lambda text: bar.update(job, advance=1, step=text)
        return
    count = 0

    def step(text: str) -> None:
        nonlocal count
        count += 1
        say(f"{title} {count}{f'/{total}' if total else ''}: {text}")

    yield step


@contextmanager
def counting(title: str, *, quiet_seconds: float = 2.0) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, a line at every quarter elsewhere; yields `told(done, total)`. What is done at once says nothing.

    Examples
    --------
    >>> with counting("Reading") as told:
    ...     told(1, 3)
    """
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            job = bar.add_task(title, total=None)
            yield lambda done, total: bar.update(job, completed=done, total=total)
        return
    quarter, began = 0, time.monotonic()

    def told(done: int, total: int) -> None:
        nonlocal quarter
        if total and 4 * done // total > quarter:
            quarter = 4 * done // total
            if time.monotonic() - began > quiet_seconds:
                say(f"{title}: {25 * quarter} %")

    yield told


def number(value: float | None) -> str:
    """Four significant digits with a proper minus sign.

    Examples
    --------
    >>> number(-9.28), number(0.34751), number(None)
    ('−9.28', '0.3475', '–')
    """
    return "–" if value is None else f"{value:.4g}".replace("-", "−")
