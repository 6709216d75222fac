"""The long form of `test_cluster.py` in parts: every part runs for so many seconds, is stopped dead, and the next goes on.

    python -m tests.system.batch_kills FOLDER [--cases 200] [--seconds 170] [--sqlite]

FOLDER keeps scans, results, the ledger (a PostgreSQL server of its own, or SQLite), what has been killed so far (`kills.json`) and, when
the batch is done, which cases were compared with the same scan reconstructed without a cluster. The last part deletes one output and one
ledger row and adds a line to `out/endurance.jsonl`. The end of a part kills program, cluster and, with a server, the database at once.
"""

import argparse
import json
import os
import random
import signal
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.system.endurance import result
from tests.system.postgres import throw_away_server
from tests.system.ray_cluster import Batch, Clusters, done_again, exact

KINDS = ("worker",) * 8 + ("node",) * 5 + ("driver",) * 2 + ("head",) * 2
WITH_SERVER = ("database",) * 5


class Part:
    """One part of the run, and what the parts before it have left."""

    def __init__(self, batch: Batch, count: int, until: float) -> None:
        self._batch, self._count, self._until = batch, count, until
        self._journal = batch.folder / "kills.json"
        self.state = {"parts": 0, "seconds": 0.0, "exact": [], "compared": 0, "killed": {}}
        if self._journal.exists():
            self.state = json.loads(self._journal.read_text())
        self.state["parts"] += 1
        batch.killed.update(self.state["killed"])

    @property
    def over(self) -> bool:
        """Whether this part has had its time."""
        return time.monotonic() > self._until

    def kept(self) -> None:
        """Keep what has been done."""
        self.state["killed"] = dict(self._batch.killed)
        self._journal.write_text(json.dumps(self.state))

    def run_and_kill(self, kinds: tuple[str, ...]) -> bool:
        """Run the batch and kill something of it now and then; whether it came to its end."""
        batch, rng = self._batch, random.Random()
        self._batch.drive()
        pause = max(2, self._count // len(kinds))
        due = batch.done() + rng.randint(1, pause)
        while batch.program is not None and batch.program.poll() is None and not self.over:
            done = batch.done()
            if done >= due and done < self._count - 6:
                batch.kill(rng.choice(kinds), rng)
                due = done + rng.randint(pause // 2, pause + pause // 2)
            time.sleep(0.3)
        return batch.program is not None and batch.program.poll() == 0 and batch.done() == self._count

    def compare(self) -> bool:
        """Compare results with those made here; whether all have been."""
        while self.state["compared"] < self._count and not self.over:
            name = f"c{self.state['compared']:03d}"
            self.state["exact"] += [name] * exact(self._batch.folder, [name])
            self.state["compared"] += 1
        return self.state["compared"] == self._count


def main() -> None:
    """Do one part."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--cases", type=int, default=200)
    options.add_argument("--seconds", type=float, default=170.0)
    options.add_argument("--sqlite", action="store_true")
    chosen = options.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with ExitStack() as stack:
        server = None if chosen.sqlite else stack.enter_context(throw_away_server(chosen.folder.absolute() / "pg"))
        if server is not None:
            os.environ["GILBRETH_DATABASE_URL"] = server.url
        clusters = Clusters()
        batch = Batch(chosen.folder.absolute(), clusters, server)
        batch.prepare(chosen.cases)
        part = Part(batch, chosen.cases, began + chosen.seconds)
        told = one_part(part, batch, chosen.cases, began, KINDS if chosen.sqlite else KINDS + WITH_SERVER)
        part.kept()
        stop_dead(batch)
    sys.stdout.write(f"{told}; {part.state['parts']} parts, {part.state['compared']} compared, killed {part.state['killed']}\n")


def one_part(part: Part, batch: Batch, count: int, began: float, kinds: tuple[str, ...]) -> str:
    """Go on where the last part stopped; what it came to."""
    state = part.state
    if batch.done() < count:
        came_to_end = part.run_and_kill(kinds)
        state["seconds"] += time.monotonic() - began
        if not came_to_end:
            batch.killed["everything"] += 1
            return f"{batch.done()} of {count} done: {batch.said()[-300:]}"
    if not part.compare():
        return f"{len(state['exact'])} of {state['compared']} exact"
    again = done_again(batch, count)
    figures = {f"{what} kills": number for what, number in sorted(batch.killed.items())}
    engine = "postgresql" if batch.server else "sqlite"
    counted = {"rounds": count, "exact": len(state["exact"]), "redone": len(again), "seconds": round(state["seconds"], 1)}
    result(f"batch on Ray, {engine}", long=True, **counted, **figures)
    assert again == ["c003", "c007"], again
    return f"{len(state['exact'])} of {count} exact, done again: {', '.join(again)}"


def stop_dead(batch: Batch) -> None:
    """Kill the program; cluster and server end with this part."""
    if batch.program is not None and batch.program.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(batch.program.pid, signal.SIGKILL)
        batch.program.wait()
    batch.clusters.stop()


if __name__ == "__main__":
    main()
