"""A Ray cluster of two nodes on loopback and a batch on it, each part of which can be killed at will."""

import csv
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from sqlmodel import select

from db.engine import transaction
from db.tables import Job
from inference import Geometry, Volume, load
from inference.pipeline import reconstruct
from inference.save import save_nifti
from study.batch import ledger
from study.home import open_home
from tests.system.postgres import Server

os.environ.setdefault("RAY_worker_niceness", "0")  # Ray would let workers starve beside anything else that runs
cluster_utils = pytest.importorskip("ray.cluster_utils", reason="pip install 'gilbreth[cluster]'")

NODE: dict[str, Any] = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 100 << 20}
MASKS = ("vessel", "bone", "veins", "arteries")


def small_scan(seed: int) -> Volume:
    """A bright tube beside a block of bone, no two alike."""
    rng = np.random.default_rng(seed)
    z, y, x = np.indices((24, 48, 48))
    array = rng.normal(50, 8, z.shape)
    centre = 12 + 6 * rng.random(2)
    array[np.hypot(y - centre[0], x - centre[1]) < 4.5] += 300
    array[(y > 34) & (y < 44) & (x > 8 + seed % 7)] += rng.uniform(500, 900)
    return Volume(np.rint(array).astype(np.int16), Geometry((24, 48, 48), (1.0, 0.8, 0.8)))


def write_list(folder: Path, count: int) -> Path:
    """Scans and their list."""
    (folder / "scans").mkdir(exist_ok=True)
    rows = []
    for number in range(count):
        path = folder / "scans" / f"c{number:03d}.nii.gz"
        volume = small_scan(number)
        save_nifti(volume.array, volume, path)
        rows.append((path.name.split(".")[0], path.relative_to(folder)))
    with (folder / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("case", "path"), *rows])
    return folder / "list.csv"


def _started(start: Callable[..., Any], **words: Any) -> Any:
    """What `start` starts; Ray gives up a node after 30 s, which a crowded machine may take."""
    for _ in range(5):
        with suppress(Exception):
            return start(**words)
    return start(**words)


class Clusters:
    """A head and a second node, killed and started again at will."""

    def __init__(self, **second: Any) -> None:
        self.cluster: Any = None
        self._node, self._second = None, {**NODE, **second}

    def start(self) -> str:
        """Start both nodes; the address."""
        self.cluster = _started(cluster_utils.Cluster, initialize_head=True, head_node_args=NODE)
        self._node = _started(self.cluster.add_node, **self._second)
        return str(self.cluster.address)

    def lose_second(self) -> None:
        """Kill the second node and start another."""
        self.cluster.remove_node(self._node, allow_graceful=False)
        self._node = _started(self.cluster.add_node, **self._second)

    def lose_head(self) -> None:
        """Kill the head; what is left of the cluster is swept up."""
        self.cluster.remove_node(self.cluster.head_node, allow_graceful=False)
        with suppress(Exception):
            self.cluster.remove_node(self._node, allow_graceful=False)
        self.cluster = None

    def stop(self) -> None:
        """End both nodes."""
        if self.cluster is not None:
            self.cluster.shutdown()
            self.cluster = None


@dataclass
class Batch:
    """`gilbreth batch` on a cluster, in a folder of its own, with the ledger in SQLite or on a server."""

    folder: Path
    clusters: Clusters
    server: Server | None = None
    killed: Counter[str] = field(default_factory=Counter)
    program: "subprocess.Popen[bytes] | None" = None

    def prepare(self, count: int) -> None:
        """Scans, list and an empty ledger, unless an earlier part of the run has made them."""
        if not (self.folder / "list.csv").exists():
            write_list(self.folder, count)
        (self.folder / "out").mkdir(exist_ok=True)
        open_home(self.folder / "home").close()

    def drive(self) -> None:
        """Start the program, in a process group of its own, on the cluster, which is started if there is none."""
        address = str(self.clusters.cluster.address) if self.clusters.cluster else self.clusters.start()
        words = f"-m study.cli batch list.csv --out out --home home --engine ray --address {address} --workers 2"
        command = [sys.executable, *words.split(), "--method", "threshold", "--recipe", "masks"]
        log = (self.folder / "log.txt").open("ab")
        self.program = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True)

    def done(self) -> int:
        """How many cases the ledger calls done."""
        place = open_home(self.folder / "home")
        try:
            return ledger.tally(place.engine, out=self.folder / "out").get("done", 0)
        finally:
            place.close()

    def wait_until(self, count: int, *, seconds: float = 900) -> None:
        """Wait until so many cases are done; fails when the program ends before."""
        assert self.program is not None
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.program.poll() is None:
            if self.done() >= count:
                return
            time.sleep(0.3)
        assert self.program.poll() is None, self.said()
        raise AssertionError(f"{count} cases were not done in {seconds} s")

    def finish(self, *, seconds: float) -> int:
        """Wait for the program's end; its exit status."""
        assert self.program is not None
        return self.program.wait(timeout=seconds)

    def said(self) -> str:
        """The last that the program wrote."""
        return (self.folder / "log.txt").read_text()[-2000:]

    def kill(self, what: str, rng: random.Random) -> None:
        """Kill a `worker`, the second `node`, the `database` (which comes back), the `driver`, or the `head` with the driver on it."""
        time.sleep(rng.uniform(0.0, 1.0))
        self.killed[what] += 1
        if what == "worker":
            self._kill_worker(rng)
        elif what == "node":
            self.clusters.lose_second()
        elif what == "database":
            assert self.server is not None
            self.server.kill()
            time.sleep(rng.uniform(0.5, 3.0))
            self.server.start()
        else:
            self._end_driver(head=what == "head")
            self.drive()

    def _kill_worker(self, rng: random.Random) -> None:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            at_work = [process for process in psutil.process_iter(["cmdline"]) if _is_worker(process)]
            ours = [process for process in at_work if self._is_ours(process)]
            if ours:
                with suppress(psutil.NoSuchProcess):
                    rng.choice(ours).kill()
                    return
            time.sleep(0.1)
        raise AssertionError("no worker to kill")

    def _is_ours(self, process: psutil.Process) -> bool:
        """Whether a worker belongs to this cluster, not to another one on the machine."""
        nodes = {
            info.process.pid for node in self.clusters.cluster.list_all_nodes() for infos in node.all_processes.values() for info in infos
        }
        with suppress(psutil.NoSuchProcess):
            return any(parent.pid in nodes for parent in process.parents())
        return False

    def _end_driver(self, *, head: bool) -> None:
        assert self.program is not None
        if head:
            self.clusters.lose_head()
            with suppress(subprocess.TimeoutExpired):
                self.program.wait(timeout=60)
                self.killed["driver after its head, ended by itself,"] += 1
        with suppress(ProcessLookupError):
            os.killpg(self.program.pid, signal.SIGKILL)
        self.program.wait()


def _is_worker(process: psutil.Process) -> bool:
    return "ray::RemoteWorker" in " ".join(process.info["cmdline"] or [])


def exact(folder: Path, names: list[str]) -> int:
    """How many cases have, on disk, the very masks of the same scan reconstructed here."""
    good = 0
    for name in names:
        here = reconstruct(load(folder / "scans" / f"{name}.nii.gz"), method="threshold", recipe="masks").segmentation
        there = {mask: load(folder / "out" / name / "masks" / f"{mask}.nii.gz").array for mask in MASKS}
        good += all((there[mask] == getattr(here, mask)).all() for mask in MASKS)
    return good


def done_again(batch: Batch, count: int) -> list[str]:
    """Delete an output and a ledger row, run again: the cases that were made a second time."""
    out = batch.folder / "out"
    made_at = {path.parent.name: path.stat().st_mtime_ns for path in out.glob("*/case.json")}
    assert len(made_at) == count
    (out / "c003" / "masks" / "vessel.nii.gz").unlink()
    place = open_home(batch.folder / "home")
    with transaction(place.engine) as db_session:
        db_session.delete(db_session.exec(select(Job).where(Job.name == "c007")).one())
    place.close()
    batch.drive()
    assert batch.finish(seconds=300) == 0, batch.said()
    assert batch.done() == count
    return sorted(path.parent.name for path in out.glob("*/case.json") if path.stat().st_mtime_ns != made_at[path.parent.name])
