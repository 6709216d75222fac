"""What is measured on a judge, and the table that is made of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from judges import BRANCHES, Judge
from scipy import stats

from inference.metrics import cldice, dice, recall
from inference.segmentation.morphology import dilated
from inference.segmentation.result import Segmentation

ENOUGH_FOR_INTERVAL = 5


@dataclass(frozen=True)
class Row:
    """What one method reached on one judge; `version` tells the weights or the rules that it was reached with."""

    group: str
    case: str
    method: str
    version: str
    figures: dict[str, float]

    @property
    def key(self) -> tuple[str, str, str]:
        """What there is one row of."""
        return self.group, self.case, self.method


def measure(judge: Judge, found: Segmentation) -> dict[str, float]:
    """Figures of one segmentation."""
    vessel, spacing = found.vessel > 0, judge.volume.spacing_mm
    enhanced = {"called enhanced": float(bool(found.notes["enhanced"]))} if "enhanced" in found.notes else {}
    if not judge.truth:
        return {"vessel claimed (ml)": float(vessel.sum() * judge.volume.geometry.voxel_ml), **enhanced}
    if "vertebrae_T12" in judge.truth:
        return _measure_thorax(judge, vessel)
    truth, bone = judge.truth["vessel"], judge.truth["bone"]
    near = dilated(bone, 3.0, spacing)
    figures = {
        "Dice": dice(vessel, truth, spacing_mm=spacing),
        "clDice": cldice(vessel, truth, spacing_mm=spacing, reference_skeleton=judge.skeleton),
        "recall of artery": recall(vessel, judge.truth["arteries"], spacing_mm=spacing),
        "precision": float(truth[vessel].mean()) if vessel.any() else 0.0,
        "Dice within 3 mm of bone": dice(vessel & near, truth & near, spacing_mm=spacing),
        "bone called vessel": float(vessel[bone].mean()),
    }
    if found.bone.any():
        figures["bone Dice"] = dice(found.bone, bone, spacing_mm=spacing)
    if judge.truth["veins"].any() and found.veins.any():
        figures["vein Dice"] = dice(found.veins, judge.truth["veins"], spacing_mm=spacing)
    if judge.truth["plaque"].any():
        figures["recall of plaque"] = recall(vessel, judge.truth["plaque"], spacing_mm=spacing)
    for name, part in judge.truth.items():
        if name.startswith("part: "):
            figures["recall, " + name[6:]] = float(vessel[part].mean())
    if judge.group.startswith("hybrid"):
        figures |= _by_distance(vessel, truth, bone, spacing)
    return figures | enhanced


def _by_distance(vessel: np.ndarray, truth: np.ndarray, bone: np.ndarray, spacing: tuple[float, float, float]) -> dict[str, float]:
    """Recall of lumen by its distance from bone. [mm]"""
    near, middle = dilated(bone, 1.5, spacing), dilated(bone, 4.0, spacing)
    rings = {"under 1.5": truth & near, "1.5 to 4": truth & middle & ~near, "over 4": truth & ~middle}
    return {f"recall {name} mm from bone": float(vessel[ring].mean()) for name, ring in rings.items() if ring.any()}


def _measure_thorax(judge: Judge, vessel: np.ndarray) -> dict[str, float]:
    truth = judge.truth
    together = truth["aorta_true_lumen"] | np.logical_or.reduce([truth[name] for name in BRANCHES])
    labelled = together | truth["aorta"] | truth["celiac_trunk"] | truth["superior_mesenteric_artery"]
    near = dilated(labelled, 5.0, judge.volume.spacing_mm)
    figures = {f"recall of {name.replace('_', ' ')}": float(vessel[truth[name]].mean()) for name in ("aorta_true_lumen", *BRANCHES)}
    figures["recall of the four together"] = float(vessel[together].mean())
    figures["T12 called vessel"] = float(vessel[truth["vertebrae_T12"]].mean())
    figures["precision within 5 mm of labels"] = float(labelled[vessel & near].mean()) if (vessel & near).any() else 0.0
    return figures


def table(rows: Sequence[Row], methods: Sequence[str]) -> list[str]:
    """Markdown, a table for each group: mean over cases, its 95 % interval from five cases on, and the range."""
    lines = []
    for group in dict.fromkeys(row.group for row in rows):
        mine = [row for row in rows if row.group == group and row.method in methods]
        used = [method for method in methods if any(row.method == method for row in mine)]
        count = len({row.case for row in mine})
        lines += ["", f"## {group[0].upper()}{group[1:]} ({count})", ""]
        lines += ["| measure | " + " | ".join(used) + " |", "|---" * (len(used) + 1) + "|"]
        for name in dict.fromkeys(name for row in mine for name in row.figures if name != "seconds"):
            lines.append(_line(name, mine, used))
        lines.append(_line("seconds", mine, used))
    return lines


def _line(name: str, rows: Sequence[Row], methods: Sequence[str]) -> str:
    cells = [_cell([row.figures[name] for row in rows if row.method == method and name in row.figures]) for method in methods]
    return f"| {name} | " + " | ".join(cells) + " |"


def _cell(values: Sequence[float]) -> str:
    if not values:
        return "–"
    mean = f"{np.mean(values):.3f}"
    if len(values) >= ENOUGH_FOR_INTERVAL:
        half = float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
        mean += f" ± {half:.3f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.3f} to {max(values):.3f})"
