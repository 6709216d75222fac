"""Write docs/accuracy.md: every method on phantoms the network never saw, on a phantom style kept out of training, and on a real scan.

python benchmarks/accuracy.py --phantoms 20          the whole table, hours on two cores
python benchmarks/accuracy.py --phantoms 2 --quick   a first look, minutes
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from inference.geometry import Geometry
from inference.metrics import cldice, dice, recall
from inference.network.models import open_model
from inference.phantom import Motion, make_phantom
from inference.segmentation.morphology import dilated
from inference.segmentation.network import segment_network
from inference.segmentation.result import Segmentation
from inference.segmentation.threshold import segment_threshold
from inference.volume import Volume

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
UNSEEN = 5_000_000  # training phantoms have seeds below 10⁸ × run, these are drawn from their own range
MINIATURE = "miniature phantoms, a style never trained on"
BRANCHES = ("brachiocephalic_trunk", "common_carotid_artery_left", "subclavian_artery_left")


@dataclass(frozen=True)
class Judge:
    """A scan with what is known about it."""

    group: str
    name: str
    volume: Volume
    truth: dict[str, np.ndarray] = field(default_factory=dict)
    unenhanced: Volume | None = None


def phantoms(count: int, *, preset: str, group: str, spacing_mm: float | None, motion_mm: float | None = None) -> Iterator[Judge]:
    """Phantoms of seeds no training used."""
    for k in range(count):
        seed = UNSEEN + k
        options: dict[str, Any] = {} if spacing_mm is None else {"spacing_mm": spacing_mm}
        if motion_mm is not None:
            options |= {"paired": True, "motion": Motion(shift_mm=(motion_mm, 0.0, 0.0))}
        phantom = make_phantom(preset=preset, seed=seed, **options)  # type: ignore[arg-type]
        truth = {"vessel": phantom.vessel > 0, "bone": phantom.bone > 0, "arteries": phantom.arteries > 0, "veins": phantom.veins > 0}
        truth["plaque"] = phantom.plaque > 0
        yield Judge(group, f"{preset} {seed}", phantom.volume, truth, phantom.unenhanced)


def real_thorax() -> Iterator[Judge]:
    """The one real CTA with labels; they are a model's output, and real vessels outside them are unlabelled."""
    import SimpleITK as sitk

    folder = DATA / "thorax_cta_labels"
    if not folder.is_dir():
        return
    image = sitk.ReadImage(str(folder / "ct.nii.gz"))
    array = sitk.GetArrayFromImage(image).astype(np.int16)
    z, y, x = image.GetSpacing()[::-1]
    truth = {path.name[6:-7]: sitk.GetArrayFromImage(sitk.ReadImage(str(path))) > 0 for path in sorted(folder.glob("label_*.nii.gz"))}
    yield Judge("real thoracic CTA", "thorax", Volume(array, Geometry(array.shape, (z, y, x))), truth)


def unenhanced_phantoms(count: int) -> Iterator[Judge]:
    """Twins without contrast: nothing should be claimed."""
    for judge in phantoms(count, preset="head", group="", spacing_mm=0.7, motion_mm=0.0):
        if judge.unenhanced is not None:
            yield Judge("unenhanced phantom", judge.name, judge.unenhanced)


def segment(method: str, judge: Judge, model: str | None) -> Segmentation | None:
    """Run one method; None where it cannot run."""
    if method == "threshold":
        return segment_threshold(judge.volume)
    if method == "network":
        return segment_network(judge.volume, model=model)
    if judge.unenhanced is None:
        return None
    from inference.segmentation.subtraction import segment_subtraction

    return segment_subtraction(judge.volume, judge.unenhanced)


def measure(judge: Judge, found: Segmentation) -> dict[str, float]:
    """Figures of one segmentation."""
    vessel, spacing = found.vessel > 0, judge.volume.spacing_mm
    claimed_ml = float(vessel.sum() * judge.volume.geometry.voxel_ml)
    if not judge.truth:
        return {"vessel claimed (ml)": claimed_ml}
    if "vertebrae_T12" in judge.truth:
        return _measure_thorax(judge, vessel)
    truth, bone = judge.truth["vessel"], judge.truth["bone"]
    near = dilated(bone, 3.0, spacing)
    figures = {
        "Dice": dice(vessel, truth, spacing_mm=spacing),
        "clDice": cldice(vessel, truth, spacing_mm=spacing),
        "recall of artery": recall(vessel, judge.truth["arteries"], spacing_mm=spacing),
        "Dice within 3 mm of bone": dice(vessel & near, truth & near, spacing_mm=spacing),
        "bone called vessel": float(vessel[bone].mean()),
        "bone Dice": dice(found.bone, bone, spacing_mm=spacing),
    }
    if judge.truth["veins"].any() and found.veins.any():
        figures["vein Dice"] = dice(found.veins, judge.truth["veins"], spacing_mm=spacing)
    if judge.truth["plaque"].any():
        figures["recall of plaque"] = recall(vessel, judge.truth["plaque"], spacing_mm=spacing)
    return figures


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


Results = dict[str, dict[str, dict[str, list[float]]]]  # group, measure, method


def run(judges: Iterator[Judge], methods: tuple[str, ...], model: str | None, results: Results) -> None:
    """Measure every method on every judge, into `results`."""
    for judge in judges:
        for method in methods:
            began = time.monotonic()
            found = segment(method, judge, model)
            if found is None:
                continue
            seconds = time.monotonic() - began
            for name, value in {**measure(judge, found), "seconds": seconds}.items():
                results.setdefault(judge.group, {}).setdefault(name, {}).setdefault(method, []).append(value)
            print(f"{judge.group}, {judge.name}, {method}: {seconds:.0f} s", flush=True)


def table(results: Results, methods: tuple[str, ...]) -> list[str]:
    """Markdown: mean over cases, and the worst of them."""
    lines = []
    for group, measures in results.items():
        count = max(len(values) for by in measures.values() for values in by.values())
        lines += ["", f"## {group[0].upper()}{group[1:]} ({count})", ""]
        lines += ["| measure | " + " | ".join(methods) + " |", "|---" * (len(methods) + 1) + "|"]
        for name, by_method in measures.items():
            cells = [_cell(by_method.get(method, [])) for method in methods]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def _cell(values: list[float]) -> str:
    if not values:
        return "–"
    mean = f"{np.mean(values):.3f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.3f} to {max(values):.3f})"


def curve(record: dict[str, Any]) -> list[str]:
    """The Dice-against-steps table of a training record."""
    history = record.get("history", [])
    lines = ["", "## Dice against steps (own validation crops, never trained on)", ""]
    lines += ["| step | minutes | vessel Dice | within 3 mm of bone | centreline recall | bone taken |", "|---|---|---|---|---|---|"]
    for row in history:
        figures = [f"{float(row[key]):.3f}" for key in ("vessel_dice", "near_bone_dice", "centreline_recall", "bone_taken")]
        lines.append(f"| {row['step']} | {float(row['seconds']) / 60:.0f} | " + " | ".join(figures) + " |")
    return lines


HEADER = """# Accuracy

**Checked on phantoms and small real crops; research use; not a medical device.** Written by `benchmarks/accuracy.py`.

Phantoms are our own: a model does better on them than on patients. The miniature style was kept out of training, as a warning
sign. The thoracic CTA is real and was never trained on; its labels are another model's output. Each figure is the mean over
cases, with the range in brackets. The three methods saw the same scans.
"""


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phantoms", type=int, default=20)
    parser.add_argument("--model", default=None)
    parser.add_argument("--quick", action="store_true", help="heads at 0.7 mm instead of the full field")
    parser.add_argument("--only", nargs="*", default=None, help="phantoms, miniature, motion, thorax, unenhanced")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "accuracy.md")
    chosen = parser.parse_args()
    wanted = set(chosen.only or ("phantoms", "miniature", "motion", "thorax", "unenhanced"))
    preset, spacing = ("head", 0.7) if chosen.quick else ("head-neck", None)
    results: Results = {}
    single = ("network", "threshold")
    methods = (*single, "subtraction")
    if "thorax" in wanted:
        run(real_thorax(), single, chosen.model, results)
    if "miniature" in wanted:
        run(phantoms(chosen.phantoms, preset="small", group=MINIATURE, spacing_mm=None), single, chosen.model, results)
    if "phantoms" in wanted:
        group = f"unseen own phantoms ({preset})"
        run(phantoms(chosen.phantoms, preset=preset, group=group, spacing_mm=spacing), single, chosen.model, results)
    if "unenhanced" in wanted:
        run(unenhanced_phantoms(1 if chosen.quick else 3), single, chosen.model, results)
    for motion_mm in (0.0, 0.5, 1.0, 3.0) if "motion" in wanted else ():
        group, count = f"paired phantoms, {motion_mm} mm motion", 1 if chosen.quick else 3
        run(phantoms(count, preset="head", group=group, spacing_mm=0.7, motion_mm=motion_mm), methods, chosen.model, results)
    record = getattr(open_model(chosen.model), "record", {})
    chosen.out.write_text("\n".join([HEADER, *table(results, methods), *curve(record), ""]))
    chosen.out.with_suffix(".json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
