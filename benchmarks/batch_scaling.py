"""Strong scaling of `gilbreth batch` from one worker to two: the same cases, one thread and one core to a worker.

    python -m benchmarks.batch_scaling [--cases 12] [--shape 96 192 192] [--engine local|ray] [--rounds 1] [--folder DIR]

The rounds take turns. One worker is bound to one core with everything that it starts; two may use two. The efficiency is that of the
whole command, from its start to its end, and of the cases alone, from the first that is settled to the last. Cases are made small by
`--shape`, so starting weighs more than it would in a real batch.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from inference import Geometry, Volume
from inference.save import save_nifti

CORES = sorted(os.sched_getaffinity(0))


def scan(seed: int, shape: tuple[int, int, int]) -> Volume:
    """Tubes beside a shell of bone in soft tissue, no two alike."""
    rng = np.random.default_rng(seed)
    depth, rows, columns = shape
    z, y, x = np.indices(shape, dtype=np.float32)
    array = np.where(np.hypot(y - rows / 2, x - columns / 2) < 0.45 * rows, 45.0, -1000.0)
    array[np.abs(np.hypot(y - rows / 2, x - columns / 2) - 0.35 * rows) < 4] = 900
    for _ in range(8):
        at = rng.uniform(0.3, 0.7, 2) * (rows, columns)
        bend = 0.03 * rows * np.sin(2 * np.pi * (z / depth + rng.random()))
        array[np.hypot(y - at[0] - bend, x - at[1]) < rng.uniform(2.0, 4.5)] = 350
    array += rng.normal(0, 9, shape)
    return Volume(np.rint(array).astype(np.int16), Geometry(shape, (0.8, 0.6, 0.6)))


def prepare(folder: Path, cases: int, shape: tuple[int, int, int]) -> None:
    """Scans and their list, unless they are there."""
    rows = ["case,path"]
    for number in range(cases):
        path = folder / f"c{number:02d}.nii.gz"
        if not path.exists():
            volume = scan(number, shape)
            save_nifti(volume.array, volume, path)
        rows.append(f"c{number:02d},{path.name}")
    (folder / "list.csv").write_text("\n".join(rows) + "\n")


def run(folder: Path, *, workers: int, engine: str) -> dict[str, float]:
    """One run into an empty folder: seconds of the command, and of the cases between the first and the last that were settled."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        words = ["-m", "study.cli", "batch", str(folder / "list.csv"), "--out", f"{place}/out", "--home", f"{place}/home", "--threads", "1"]
        words += ["--engine", engine, "--workers", str(workers), "--method", "threshold", "--recipe", "masks"]
        bound = ["taskset", "--cpu-list", ",".join(map(str, CORES[:workers]))]
        began = time.perf_counter()
        program = subprocess.Popen([*bound, sys.executable, *words], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        assert program.stderr is not None
        settled = [time.perf_counter() for line in program.stderr if re.search(r": done in ", line)]
        assert program.wait() == 0
        records = [json.loads(path.read_text()) for path in Path(place, "out").glob("*/case.json")]
        whole = time.perf_counter() - began
    computing = sum(stage["began_seconds"] + stage["seconds"] for record in records for stage in record["stages"][-1:])
    steady = (settled[-1] - settled[workers - 1]) * len(settled) / max(1, len(settled) - workers)
    return {"command": whole, "cases": steady, "computing": computing}


def main() -> None:
    """Print every run, and the efficiencies of the medians."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cases", type=int, default=12)
    options.add_argument("--shape", type=int, nargs=3, default=(96, 192, 192))
    options.add_argument("--engine", choices=("local", "ray"), default="local")
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--folder", type=Path, help="where scans are kept for the next time")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as passing:
        folder = (chosen.folder or Path(passing)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        prepare(folder, chosen.cases, tuple(chosen.shape))
        run(folder, workers=len(CORES[:2]), engine=chosen.engine)  # the kernels may have to be compiled
        times: dict[int, list[dict[str, float]]] = {1: [], 2: []}
        for _ in range(chosen.rounds):
            for workers, found in times.items():
                found.append(run(folder, workers=workers, engine=chosen.engine))
                figures = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in found[-1].items())
                sys.stdout.write(f"{chosen.engine}, {chosen.cases} cases, {workers} worker{'s' if workers > 1 else ''}: {figures}\n")
                sys.stdout.flush()
    for name in ("command", "cases"):
        one, two = (float(np.median([found[name] for found in times[workers]])) for workers in (1, 2))
        sys.stdout.write(f"efficiency of the {name}: {one / (2 * two):.3f}\n")


if __name__ == "__main__":
    main()
