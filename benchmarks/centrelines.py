"""How much of every named artery its centreline covers, on phantoms nobody tuned to, and how stenoses of 70 % are measured.

    python -m benchmarks.centrelines --seeds 831 832 833 --rows out/centrelines.csv     # goes on where it was stopped
    python -m benchmarks.centrelines --rows out/centrelines.csv --table                 # the table of docs/reconstruction.md

Masks are the phantom's truth or those of the threshold method; names are found by the rules either way. A point of the true line is
covered where the centreline passes within the artery's radius or two voxels, whichever is more. Three stenoses of 70 % are planted
on arteries and places drawn by the seed. Research use; not a medical device.
"""

import argparse
import csv
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from inference.anatomy import NUMBERS
from inference.centrelines import Centreline, trace
from inference.checks.lumen import FOLLOWED, lumen_findings
from inference.naming import name_arteries
from inference.phantom import Phantom, make_phantom
from inference.phantom.lesions import Lesion
from inference.qc import QcSettings
from inference.segmentation.result import Segmentation

NARROWED = tuple(name for name in FOLLOWED if name != "basilar")
COLUMNS = ("seed", "masks", "voxel_mm", "artery", "length_mm", "covered", "swapped", "planted", "measured")


def phantom_of(seed: int, spacing_mm: tuple[float, float, float] | None) -> Phantom:
    """A phantom person with three stenoses of 70 %, each of another artery."""
    rng = np.random.default_rng([seed, 31])
    lesions = [Lesion("stenosis", str(name), float(rng.uniform(0.3, 0.7)), 70.0) for name in rng.choice(NARROWED, 3, replace=False)]
    return make_phantom(preset="head-neck", seed=seed, lesions=lesions, spacing_mm=spacing_mm)


def segmentation_of(phantom: Phantom, masks: str) -> Segmentation:
    """Masks without names: the truth, or what the threshold method makes of the scan."""
    if masks == "threshold":
        from inference.segmentation.threshold import segment_threshold
        from inference.segmentation.veins import split_veins

        return split_veins(segment_threshold(phantom.volume), phantom.volume)
    return Segmentation(phantom.vessel, phantom.veins, phantom.bone, np.zeros_like(phantom.arteries))


def covered(line: Centreline, truth: Any, voxel_mm: float) -> float:
    """Share of the true line that a centreline passes within its radius or two voxels, whichever is more."""
    away = np.asarray(cKDTree(line.resampled(0.2).points_mm).query(truth.points_mm)[0])
    arc = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(truth.points_mm, axis=0), axis=1))))
    weight = np.gradient(arc)
    return float(weight[away <= np.maximum(truth.radius_mm, 2.0 * voxel_mm)].sum() / weight.sum())


def swapped(arteries: np.ndarray, truth: np.ndarray, name: str) -> int:
    """Voxels of an artery that carry the name of any artery of the other side."""
    if not name.endswith(("_r", "_l")):
        return 0
    others = [number for other, number in NUMBERS.items() if other.endswith("_l" if name.endswith("_r") else "_r")]
    return int(np.isin(arteries[truth == NUMBERS[name]], others).sum())


def rows_of(seed: int, masks: str, spacing_mm: tuple[float, float, float] | None) -> list[dict[str, Any]]:
    """One row for every artery that the phantom's truth has."""
    phantom = phantom_of(seed, spacing_mm)
    segmentation = name_arteries(segmentation_of(phantom, masks), phantom.volume)
    lines = trace(segmentation.arteries, phantom.volume)
    found = {item.artery: item.value for item in lumen_findings(phantom.volume, segmentation, QcSettings(), lines)}
    planted = {lesion["artery"]: lesion["amount"] for lesion in phantom.notes["lesions"]}
    voxel = float(np.mean(phantom.volume.spacing_mm))
    return [
        {
            **{"seed": seed, "masks": masks, "voxel_mm": round(voxel, 2), "artery": name},
            "length_mm": round(float(np.linalg.norm(np.diff(line.points_mm, axis=0), axis=1).sum()), 1),
            "covered": round(covered(lines[name], line, voxel), 3) if name in lines else 0.0,
            "swapped": swapped(segmentation.arteries, phantom.arteries, name),
            **{"planted": planted.get(name, ""), "measured": found.get(name, "")},
        }
        for name, line in sorted(phantom.centrelines.items())
        if name in NUMBERS
    ]


def table(rows: Path) -> str:
    """Arteries covered to 95 % and stenoses measured within 70 ± 10, by phantom and masks, as Markdown."""
    import pandas as pd

    frame = pd.read_csv(rows)
    lines = [
        "| phantom | masks | voxel (mm) | arteries | covered ≥ 95 % | less | swapped voxels | stenoses of 70 % measured as |",
        "|" + "---|" * 8,
    ]
    for (seed, masks, voxel), part in frame.groupby(["seed", "masks", "voxel_mm"]):
        less = ", ".join(f"{row.artery.replace('_', ' ')} {row.covered:.0%}" for row in part[part["covered"] < 0.95].itertuples())
        measured = part.loc[part["planted"].notna(), "measured"]
        told = ", ".join("not found" if pd.isna(value) else f"{value:.0f}" for value in measured)
        good = int((part["covered"] >= 0.95).sum())
        lines.append(f"| {seed} | {masks} | {voxel} | {len(part)} | {good} | {less or '–'} | {int(part['swapped'].sum())} | {told} |")
    return "\n".join(lines)


def main() -> None:
    """Run seeds, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=[])
    parser.add_argument("--masks", choices=("truth", "threshold"), default="truth")
    parser.add_argument("--rows", type=Path, default=Path("out/centrelines.csv"))
    parser.add_argument("--spacing-mm", type=float, nargs=3, help="Other voxels (z, y, x) than 0.6 × 0.45 × 0.45 mm.")
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    given.rows.parent.mkdir(parents=True, exist_ok=True)
    spacing = tuple(given.spacing_mm) if given.spacing_mm else None
    before = list(csv.DictReader(given.rows.open(encoding="utf-8"))) if given.rows.exists() else []
    done = {(row["seed"], row["masks"], row["voxel_mm"]) for row in before}
    voxel = str(round(float(np.mean(spacing or (0.6, 0.45, 0.45))), 2))
    with given.rows.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if not before:
            writer.writeheader()
        for seed in given.seeds:
            if (str(seed), given.masks, voxel) not in done:
                start = time.perf_counter()
                writer.writerows(rows_of(seed, given.masks, spacing))
                file.flush()
                print(f"seed {seed}, {given.masks}: {time.perf_counter() - start:.0f} s", flush=True)
    if given.table or not given.seeds:
        print(table(given.rows))


if __name__ == "__main__":
    main()
