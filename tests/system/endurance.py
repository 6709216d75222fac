"""The long forms: how many rounds, how far a run is, and a journal that adds the runs up.

The number of rounds comes from the environment (`GILBRETH_KILLS=300`), so that a long run may be done in parts: every part
appends its figures to `out/endurance.jsonl`, and `python -m tests.system.endurance` prints what they come to.
"""

import json
import os
import platform
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

JOURNAL = Path(os.environ.get("GILBRETH_ENDURANCE", "out/endurance.jsonl"))
EVERY_SECONDS = 15.0
ADDED = (
    "rounds",
    "acknowledged",
    "lost",
    "doubled",
    "extra",
    "wrong_author",
    "found",
    "missed",
    "told",
    "seconds",
    "inputs",
    "finished",
    "aborted",
    "interrupted",
)
WORST = ("worst_seconds", "p95_seconds", "worst_ms", "load")


def rounds(quick: int, *, full: int, variable: str, long: bool) -> int:
    """The quick number, or in the long form what the environment says, the full number when it says nothing."""
    return int(os.environ.get(variable, full)) if long else quick


def going(items: Iterable[int], *, what: str, total: int) -> Iterator[int]:
    """Walk through the rounds and say now and then how far it is."""
    began = told = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - told > EVERY_SECONDS or done == total:
            told = now
            left = (now - began) / done * (total - done)
            sys.stderr.write(f"{what}: {done} of {total}, {now - began:.0f} s, about {left:.0f} s left\n")
            sys.stderr.flush()


def result(what: str, *, long: bool, **figures: float) -> None:
    """Print the result line; a long form's goes into the journal too."""
    machine = {
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "system": platform.system(),
        "python": platform.python_version(),
    }
    line = {"what": what, "at": datetime.now(UTC).isoformat(timespec="seconds"), **figures, **machine}
    sys.stdout.write(f"\n{what}: " + ", ".join(f"{name} {value}" for name, value in line.items() if name != "what") + "\n")
    if long:
        JOURNAL.parent.mkdir(parents=True, exist_ok=True)
        with JOURNAL.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def added_up(lines: Iterable[str]) -> dict[str, dict[str, float]]:
    """The journal's runs of one kind as one: counts added, worst figures kept.

    Examples
    --------
    >>> added_up(['{"what": "kills", "rounds": 2, "lost": 0, "load": 3}', '{"what": "kills", "rounds": 5, "lost": 1, "load": 2}'])
    {'kills': {'runs': 2, 'rounds': 7, 'lost': 1, 'load': 3}}
    """
    sums: dict[str, dict[str, float]] = {}
    for line in lines:
        run = json.loads(line)
        kept = sums.setdefault(run["what"], {"runs": 0})
        kept["runs"] += 1
        for name in (*ADDED, *WORST):
            if name in run:
                kept[name] = round(kept.get(name, 0) + run[name], 3) if name in ADDED else max(kept.get(name, 0), run[name])
    return sums


if __name__ == "__main__":
    for name, figures in added_up(JOURNAL.read_text(encoding="utf-8").splitlines() if JOURNAL.exists() else []).items():
        sys.stdout.write(f"{name}: " + ", ".join(f"{key} {value}" for key, value in figures.items()) + "\n")
