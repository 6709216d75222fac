"""The ledger of 18,259 cases: entered, handed out, entered as done, counted; in SQLite, or on a server.

    python -m benchmarks.batch_ledger [--cases 18259] [--url postgresql://..]

The database is a fresh one: a file in a temporary folder, or an empty database at the URL. Times of single calls: of the clock, and of this
process's processor, which on SQLite is all the work there is and does not grow when the machine is busy.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sqlalchemy import Engine

from db.engine import open_engine, sqlite_url
from db.migrate import upgrade
from study.batch import ledger
from study.batch.intake import enter
from study.batch.listing import Entry

CALLS = 200


Pair = tuple[float, float]


def timed(call: Callable[[], object]) -> Pair:
    """Time of a call by the clock and by the processor. [ms]"""
    clock, processor = time.perf_counter(), time.process_time()
    call()
    return 1000 * (time.perf_counter() - clock), 1000 * (time.process_time() - processor)


def work(engine: Engine, out: Path, names: frozenset[str], calls: int) -> tuple[list[Pair], list[Pair]]:
    """Times of handing out a case and of entering it as done. [ms]"""
    handed, entered, taken = [], [], list[str]()

    def take() -> None:
        claimed = ledger.claim(engine, out=out, worker="1", among=names)
        assert claimed is not None
        taken.append(claimed.case)

    for _ in range(calls):
        handed.append(timed(take))
        entered.append(timed(partial(ledger.finish, engine, out=out, case=taken[-1], output_sha256="0" * 64, seconds=1.0)))
    return handed, entered


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cases", type=int, default=18_259)
    options.add_argument("--url", help="an empty database; a SQLite file in a temporary folder when absent")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(chosen.url or sqlite_url(Path(folder) / "ledger.sqlite"))
        upgrade(engine)
        out, entries = Path(folder) / "out", [Entry(f"A{number:05d}", Path(f"/scans/{number}")) for number in range(chosen.cases)]
        names = frozenset(entry.case for entry in entries)
        first = timed(lambda: enter(engine, out=out, entries=entries))
        handed, entered = work(engine, out, names, CALLS)
        counted = timed(lambda: ledger.tally(engine, out=out, among=names))
        rest = [timed(lambda: ledger.resting(engine, out=out, among=names)) for _ in range(5)]
        engine.dispose()
    sys.stdout.write(f"{chosen.cases} cases, {engine.dialect.name}, clock and processor, median and worst of {CALLS} calls\n")
    rows = {
        "entered, all of them": [first],
        "handed out": handed,
        "entered as done": entered,
        "asked whether one rests": rest,
        "counted": [counted],
    }
    for what, times in rows.items():
        clock, processor = ([pair[place] for pair in times] for place in (0, 1))
        figures = f"{statistics.median(clock):.1f} ms ({max(clock):.1f}), {statistics.median(processor):.1f} ms ({max(processor):.1f})"
        sys.stdout.write(f"{what}: {figures}\n")


if __name__ == "__main__":
    main()
