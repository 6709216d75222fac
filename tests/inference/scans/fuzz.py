"""Mutated scans: whatever the bytes, an answer comes, in time, without a crash of the parent and without wrong geometry.

Usage: python -m tests.inference.scans.fuzz [--count 100000] [--journal fuzz.jsonl]

Every mutant has a number that makes it anew. Results go to the journal line by line; a second run goes on where the first
ended. A finding (a hang, a crash of the parent, a volume that does not lie where its untouched slices say, text that is not
printable) ends the run with status 1 and names the mutant.
"""

import argparse
import json
import shutil
import struct
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from inference.scans.codes import REMEDIES
from inference.scans.inspect import look
from inference.scans.limits import Limits
from tests.inference.scans import makers as m
from tests.inference.scans.corpus import CASES

SEEDS = (
    "plain_series", "implicit_little_endian", "big_endian", "deflated", "rle", "jpeg_ls", "jpeg_2000", "jpeg_lossless_sv1",
    "enhanced_multiframe", "gantry_tilt", "zipped_series", "nifti_1_sform", "nifti_1_gzipped", "nifti_2", "nrrd_attached",
    "nrrd_gzip", "nrrd_detached", "metaimage_local", "metaimage_compressed", "metaimage_detached",
)  # fmt: skip
_SERIES = frozenset(SEEDS[:8]) | {"gantry_tilt"}
_SLOWEST_SECONDS = 10.0
_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """One to four small changes, most of them in the header."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        if not changed:
            break
        reach = len(changed) if rng.random() < 0.25 else min(len(changed), 1600)
        place, kind = int(rng.integers(0, reach)), int(rng.integers(0, 7))
        if kind == 0:
            changed[place] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            changed[place] = int(rng.integers(0, 256))
        elif kind == 2 and place + 4 <= len(changed):
            width = int(rng.choice([2, 4]))
            value = int(rng.choice(_NUMBERS)) & ((1 << 8 * width) - 1)
            changed[place : place + width] = struct.pack("<H" if width == 2 else "<I", value)
        elif kind == 3:
            del changed[place : place + int(rng.integers(1, 40))]
        elif kind == 4:
            piece = changed[place : place + int(rng.integers(1, 60))]
            other = int(rng.integers(0, reach))
            changed[other:other] = piece
        elif kind == 5:
            changed[place : place + 8] = bytes(rng.choice([0x2D, 0x2E, 0x30, 0x39, 0x5C, 0x65, 0x6E], 8).astype(np.uint8))
        else:
            del changed[int(rng.integers(len(changed) // 2, len(changed))) :]
    return bytes(changed)


class Fuzzer:
    """Makes mutant number n of a seed in a folder of its own and looks at it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seeds: dict[str, tuple[Path, list[Path]]] = {}
        for name in SEEDS:
            path = CASES[name](folder / name)
            files = sorted(p for p in (folder / name).rglob("*") if p.is_file())
            if path.is_file():
                files = [path] * 3 + files
            self.seeds[name] = path, files

    def run(self, number: int, *, again: bool = False) -> dict[str, object]:
        """The outcome of one mutant: `finding` is empty when all is well."""
        rng = np.random.default_rng([20261123, number])
        name = SEEDS[number % len(SEEDS)]
        path, files = self.seeds[name]
        victim = files[int(rng.integers(0, len(files)))]
        sound = victim.read_bytes()
        victim.write_bytes(mutate(sound, rng))
        start = time.monotonic()
        try:
            answer, volume = look(path, limits=Limits(stall_seconds=8.0, total_seconds=9.0))
        finally:
            victim.write_bytes(sound)
        seconds = time.monotonic() - start
        if seconds > _SLOWEST_SECONDS and not again:  # a busy machine is no finding: slow twice is
            return self.run(number, again=True)
        finding = ""
        if seconds > _SLOWEST_SECONDS:
            finding = f"took {seconds:.1f} s"
        elif not answer.accepted and answer.code not in REMEDIES:
            finding = f"unknown code {answer.code}"
        elif not (answer.reason + answer.remedy + "".join(answer.details)).isprintable():
            finding = "text that is not printable"
        elif volume is not None and name in _SERIES:
            finding = _geometry(volume)
        return {"n": number, "seed": name, "code": answer.code, "seconds": round(seconds, 3), "finding": finding}


def _geometry(volume) -> str:
    """A series with one mutated slice: the others must still lie where they say."""
    points = volume.geometry.points(np.indices(volume.shape).reshape(3, -1).T)
    off = np.abs(volume.array - m.field(points).reshape(volume.shape))
    inner = off[:, 2:-2, 2:-2]
    good = [
        np.median(plane[volume.array[k, 2:-2, 2:-2] > -1024]) <= 1.01 for k, plane in enumerate(inner) if (volume.array[k] > -1024).any()
    ]
    return "" if sum(good) >= len(good) - 1 else f"{len(good) - sum(good)} slices do not lie where they say"


def main() -> int:
    """Run, print a summary, return 1 on any finding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--journal", type=Path, default=Path("fuzz.jsonl"))
    options = parser.parse_args()
    done = [json.loads(line) for line in options.journal.read_text().splitlines()] if options.journal.exists() else []
    first = 1 + max((int(row["n"]) for row in done), default=-1)
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    codes, findings = Counter(row["code"] for row in done), [row for row in done if row["finding"]]
    try:
        fuzzer = Fuzzer(folder)
        with options.journal.open("a") as journal:
            for number in range(first, options.count):
                row = fuzzer.run(number)
                journal.write(json.dumps(row) + "\n")
                journal.flush()
                codes[row["code"]] += 1
                if row["finding"]:
                    findings.append(row)
                    print(row, file=sys.stderr)
                if number % 1000 == 999:
                    print(f"{number + 1} of {options.count}, {len(findings)} findings", file=sys.stderr)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps({"mutants": sum(codes.values()), "codes": dict(codes.most_common()), "findings": findings}))
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
