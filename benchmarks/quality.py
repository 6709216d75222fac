"""How well the verdict finds faults: each is planted on phantoms that nobody tuned to, and every finding on the sound ones counts.

    python -m benchmarks.quality --seeds 401 402 403 --rows out/quality.csv     # goes on where it was stopped
    python -m benchmarks.quality --rows out/quality.csv --table                 # the table of docs/quality.md

The masks and names are the phantom's truth plus one fault, so that the checks are tried and not the network; centrelines and
lumens are found as in a reconstruction, and so are the names of a mirrored scan. Phantoms are the whole field (arch to vertex)
in voxels of 0.9 × 0.8 × 0.8 mm, or others. Research use; not a medical device.
"""

import argparse
import csv
import time
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from inference import Volume
from inference.anatomy import NUMBERS
from inference.bone_removal import remove_bone
from inference.centrelines import trace
from inference.checks import judge
from inference.naming import name_arteries
from inference.phantom import Phantom, make_phantom
from inference.phantom.arteries import Variants
from inference.phantom.lesions import Lesion
from inference.qc import Finding
from inference.segmentation.morphology import dilated
from inference.segmentation.result import Segmentation

SPACING_MM = [0.9, 0.8, 0.8]
"""Voxels of the phantoms along (z, y, x); `--spacing-mm` sets others. [mm]"""

FOUND_BY = {
    "70 % stenosis": ("narrowing", "no_lumen"),
    "5 mm gap": ("interrupted", "open_gap", "no_lumen"),
    "lost artery": ("missing_artery", "interrupted", "asymmetry"),
    "lost side branch": ("lost_branch", "missing_artery", "interrupted", "asymmetry"),
    "labels swapped": ("swapped_sides",),
    "scan mirrored": ("swapped_sides",),
    "3 ml of bone left": ("bone_left",),
    "veins as bright as arteries": ("venous_contamination",),
}
NARROWED = [f"{name}_{side}" for name in ("common_carotid", "internal_carotid", "vertebral") for side in "rl"]
GAPPED = [*NARROWED, "basilar", *(f"{name}_{side}" for name in ("external_carotid", "middle_cerebral", "subclavian") for side in "rl")]
LOST = [*GAPPED, *(f"{name}_{side}" for name in ("anterior_cerebral", "posterior_cerebral") for side in "rl")]
SIDE_BRANCHES = [f"middle_cerebral_{side}.superior_trunk" for side in "rl"] + [f"external_carotid_{side}.facial" for side in "rl"]
COLUMNS = ("seed", "fault", "artery", "found", "code", "measured", "others", "seconds")


def phantom_of(seed: int, lesions: list[Lesion], *, phase: str = "arterial") -> Phantom:
    """A phantom person of ordinary anatomy; the same person for the same seed, whatever the lesions."""
    z, y, x = SPACING_MM
    options: dict[str, Any] = {"phase": phase, "spacing_mm": (z, y, x), "variants": Variants(), "metal": False}
    return make_phantom(preset="head-neck", seed=seed, lesions=lesions, **options)


def segmentation_of(phantom: Phantom, *, lost: np.ndarray | None = None) -> Segmentation:
    """The phantom's truth as a method would give it, less what is lost."""
    gone = np.zeros(phantom.vessel.shape, bool) if lost is None else lost
    lumen = float(np.percentile(phantom.volume.array[phantom.arteries > 0], 75))
    notes = {"enhanced": True, "lumen_hu": lumen, "ceiling_hu": lumen + 250.0}
    vessel, veins, arteries = (np.where(gone, 0, mask).astype(np.uint8) for mask in (phantom.vessel, phantom.veins, phantom.arteries))
    return Segmentation(vessel, veins, phantom.bone, arteries, notes=notes)


def findings_of(volume: Volume, segmentation: Segmentation, *, bone_removed: Volume | None = None) -> list[Finding]:
    """Findings of the masks, as a reconstruction comes to them."""
    removed = bone_removed or remove_bone(volume, segmentation.vessel, segmentation.bone)
    return list(judge(volume, segmentation, removed, centrelines=trace(segmentation.arteries, volume)).findings)


class Trials:
    """The trials on one phantom person: what is planted where is drawn once, and each is made only when it is run."""

    def __init__(self, seed: int) -> None:
        self.seed, self.rng = seed, np.random.default_rng([seed, 70])
        self.narrowed, self.narrowed_at = str(self.rng.choice(NARROWED)), float(self.rng.uniform(0.3, 0.7))
        self.gapped, self.gapped_at = str(self.rng.choice(GAPPED)), float(self.rng.uniform(0.3, 0.7))
        self.lost, self.branch = str(self.rng.choice(LOST)), str(self.rng.choice(SIDE_BRANCHES))

    @cached_property
    def sound(self) -> Phantom:
        """The person without a fault."""
        return phantom_of(self.seed, [])

    @cached_property
    def named(self) -> Segmentation:
        """The sound person's truth."""
        return segmentation_of(self.sound)

    def run(self, fault: str) -> tuple[str, list[Finding]]:
        """Where a fault lies, and the findings; fault "none" is the sound phantom."""
        where = {"70 % stenosis": self.narrowed, "5 mm gap": self.gapped, "lost artery": self.lost, "lost side branch": self.branch}
        return where.get(fault, ""), self._findings(fault)

    def _findings(self, fault: str) -> list[Finding]:
        if fault == "70 % stenosis":
            ill = phantom_of(self.seed, [Lesion("stenosis", self.narrowed, self.narrowed_at, 70.0)])
            return findings_of(ill.volume, segmentation_of(ill))
        if fault == "5 mm gap":
            ill = phantom_of(self.seed, [Lesion("gap", self.gapped, self.gapped_at, length_mm=5.0)])
            dark = (ill.arteries == NUMBERS[self.gapped]) & _around(ill, self.gapped, self.gapped_at, 2.5)
            return findings_of(ill.volume, segmentation_of(ill, lost=dark))
        if fault == "veins as bright as arteries":
            late = phantom_of(self.seed, [], phase="late")
            return findings_of(late.volume, segmentation_of(late))
        if fault == "scan mirrored":
            return _mirrored(self.sound)
        if fault == "3 ml of bone left":
            return _bone_left(self.sound, self.named, self.rng)
        return findings_of(self.sound.volume, self._spoilt(fault))

    def _spoilt(self, fault: str) -> Segmentation:
        """The truth with what is lost or swapped."""
        if fault == "lost artery":
            return segmentation_of(self.sound, lost=self.sound.arteries == NUMBERS[self.lost])
        if fault == "lost side branch":
            return segmentation_of(self.sound, lost=_branch(self.sound, self.branch))
        return replace(self.named, arteries=_swapped(self.named.arteries)) if fault == "labels swapped" else self.named


def _around(phantom: Phantom, artery: str, position: float, half_mm: float) -> np.ndarray:
    """Voxels whose nearest point of an artery's line lies within a stretch of it."""
    from scipy.spatial import cKDTree

    line = phantom.centrelines[artery]
    arc = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(line.points_mm, axis=0), axis=1))))
    where = np.argwhere(phantom.arteries == NUMBERS[artery])
    away, nearest = cKDTree(line.points_mm).query(phantom.volume.geometry.points(where))
    inside = (np.abs(arc[nearest] - position * arc[-1]) <= half_mm) & (away < 6.0)
    mask = np.zeros(phantom.arteries.shape, bool)
    mask[tuple(where[inside].T)] = True
    return mask


def _branch(phantom: Phantom, name: str) -> np.ndarray:
    """Voxels nearer to a side branch than to its artery's other lines."""
    from scipy.spatial import cKDTree

    artery = name.split(".")[0]
    own = phantom.centrelines[name].points_mm
    others = [line.points_mm for other, line in phantom.centrelines.items() if other.split(".")[0] == artery and other != name]
    where = np.argwhere(phantom.arteries == NUMBERS[artery])
    points = phantom.volume.geometry.points(where)
    nearer = cKDTree(own).query(points)[0] < cKDTree(np.concatenate(others)).query(points)[0]
    mask = np.zeros(phantom.arteries.shape, bool)
    mask[tuple(where[nearer].T)] = True
    return mask


def _swapped(arteries: np.ndarray) -> np.ndarray:
    table = np.arange(256, dtype=np.uint8)
    for name, number in NUMBERS.items():
        if name.endswith(("_r", "_l")):
            table[number] = NUMBERS[name[:-2] + ("_l" if name.endswith("_r") else "_r")]
    return table[arteries]


def _mirrored(phantom: Phantom) -> list[Finding]:
    """The scan as it is when left and right of the file are exchanged; names are given as for any scan."""
    flipped = phantom.volume.with_array(np.ascontiguousarray(phantom.volume.array[:, :, ::-1]))
    plain = segmentation_of(phantom)
    masks: dict[str, Any] = {name: np.ascontiguousarray(getattr(plain, name)[:, :, ::-1]) for name in ("vessel", "veins", "bone")}
    return findings_of(flipped, name_arteries(replace(plain, **masks, arteries=np.zeros_like(plain.arteries)), flipped))


def _bone_left(phantom: Phantom, named: Segmentation, rng: np.random.Generator) -> list[Finding]:
    """A ball of bone that bone removal took for something else."""
    spacing = phantom.volume.spacing_mm
    core = (phantom.volume.array > named.notes["ceiling_hu"] + 100) & (phantom.bone > 0) & ~dilated(phantom.vessel > 0, 6.0, spacing)
    places = np.argwhere(core)
    seed = np.zeros(core.shape, bool)
    seed[tuple(places[rng.integers(len(places))])] = True
    radius = 6.0
    while (dilated(seed, radius, spacing) & core).sum() * phantom.volume.geometry.voxel_ml < 3.0 and radius < 40.0:
        radius += 2.0
    kept = dilated(seed, radius, spacing) & (phantom.bone > 0)
    removed = remove_bone(phantom.volume, named.vessel, np.where(kept, 0, named.bone).astype(np.uint8))
    return findings_of(phantom.volume, named, bone_removed=removed)


def row_of(seed: int, fault: str, artery: str, findings: list[Finding], *, usual: set[str], seconds: float) -> dict[str, Any]:
    """One row: whether the fault was found, by which finding, and what else was said that is not said of the sound phantom."""
    own = artery.split(".")[0]
    hits = [item for item in findings if item.code in FOUND_BY.get(fault, ()) and (not own or item.artery == own)]
    others = {f"{item.code}:{item.artery or ''}" for item in findings if item not in hits and item.severity != "note"} - usual
    narrowings = [item.value for item in hits if item.code in ("narrowing", "no_lumen") and item.value is not None]
    return {
        "seed": seed, "fault": fault, "artery": artery, "found": int(bool(hits)), "code": hits[0].code if hits else "",
        "measured": round(max(narrowings), 1) if narrowings else "", "others": " ".join(sorted(others)), "seconds": round(seconds, 1),
    }  # fmt: skip


def run(seeds: list[int], rows: Path, *, minutes: float = float("inf")) -> None:
    """Add the trials of some seeds to a table of rows; what is there already is not done again.

    Parameters
    ----------
    minutes : float
        No trial begins later than this; the next run goes on. [min]
    """
    began = time.perf_counter()
    rows.parent.mkdir(parents=True, exist_ok=True)
    before = _read(rows)
    with rows.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if not before:
            writer.writeheader()
        for seed in seeds:
            said: dict[str, str] = {row["fault"]: row["others"] for row in before if row["seed"] == str(seed)}
            trials = Trials(seed)
            for fault in ("none", *FOUND_BY):
                if fault in said or time.perf_counter() - began > 60.0 * minutes:
                    continue
                start = time.perf_counter()
                artery, findings = trials.run(fault)
                row = row_of(seed, fault, artery, findings, usual=set(said.get("none", "").split()), seconds=time.perf_counter() - start)
                if fault == "none":
                    row["others"] = " ".join(sorted(f"{item.code}:{item.artery or ''}" for item in findings))
                said[fault] = str(row["others"])
                writer.writerow(row)
                file.flush()
                print(row, flush=True)


def _read(rows: Path) -> list[dict[str, str]]:
    """Rows of an earlier run."""
    if not rows.exists():
        return []
    with rows.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def table(rows: Path) -> str:
    """Sensitivity by fault and findings on sound phantoms, as Markdown."""
    import pandas as pd
    from scipy.stats import binomtest

    frame = pd.read_csv(rows, keep_default_na=False)
    lines = ["| planted fault | phantoms | found | 95 % interval | by |", "|---|---|---|---|---|"]
    for fault in FOUND_BY:
        part = frame[frame["fault"] == fault]
        if len(part):
            found, interval = int(part["found"].sum()), binomtest(int(part["found"].sum()), len(part)).proportion_ci(method="wilson")
            codes = ", ".join(f"`{code}` {count}" for code, count in part.loc[part["found"] == 1, "code"].value_counts().items())
            lines.append(f"| {fault} | {len(part)} | {found} | {interval.low:.0%} to {interval.high:.0%} | {codes} |")
    sound = frame[frame["fault"] == "none"]
    said = pd.Series([item.split(":")[0] for text in sound["others"] for item in text.split()], dtype=str).value_counts()
    lines += ["", f"On the {len(sound)} sound phantoms:", "", "| finding | phantoms | findings |", "|---|---|---|"]
    for code, count in said.items():
        with_it = sum(any(item.startswith(f"{code}:") for item in text.split()) for text in sound["others"])
        lines.append(f"| `{code}` | {with_it} | {count} |")
    measured = pd.to_numeric(frame.loc[frame["fault"] == "70 % stenosis", "measured"], errors="coerce").dropna()
    if len(measured):
        inside = int(measured.between(60, 80).sum())
        lines += ["", f"Stenoses of 70 %: measured {measured.mean():.0f} % on average, {inside} of {len(measured)} within 70 ± 10."]
    return "\n".join(lines)


def main() -> None:
    """Run seeds, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=[])
    parser.add_argument("--rows", type=Path, default=Path("out/quality.csv"))
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--spacing-mm", type=float, nargs=3, default=SPACING_MM)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="Begin no trial later than this.")
    given = parser.parse_args()
    SPACING_MM[:] = given.spacing_mm
    run(given.seeds, given.rows, minutes=given.minutes)
    if given.table or not given.seeds:
        print(table(given.rows))


if __name__ == "__main__":
    main()
