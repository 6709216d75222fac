"""How much vessel is there, in how many pieces, how much of what is seen is vein, and is bone left?"""

from collections.abc import Iterator

import numpy as np

from inference.checks.places import middle_of, middles_of_pieces, words
from inference.pictures.window import angiography_window
from inference.qc import Finding, QcSettings, Severity
from inference.segmentation.morphology import BoolMask, Labelled, dilated
from inference.segmentation.result import Repair, Segmentation
from inference.volume import Volume

VEIN_SHOWS = 0.6
"""A vein is seen as an artery is if its grey in the MIP is at least this share of the lumen's."""


def tree_findings(volume: Volume, segmentation: Segmentation, pieces: Labelled, settings: QcSettings) -> Iterator[Finding]:
    """Amount of vessel, number of pieces, veins that are as bright as arteries."""
    voxel_ml = volume.geometry.voxel_ml
    vessel_ml = float(np.count_nonzero(segmentation.vessel)) * voxel_ml
    if vessel_ml < settings.least_vessel_ml:
        yield Finding("no_vessel", "reject", f"Only {vessel_ml:.2f} ml of vessel was found.", vessel_ml)
        return
    fragments = int((pieces.counts[1:] * voxel_ml * 1000.0 > settings.fragment_mm3).sum()) - 1
    if fragments > settings.most_fragments:
        yield Finding("fragments", "review", f"The vessels are in {fragments + 1} pieces; branches may be interrupted.", float(fragments))
    seen, share = seen_veins(volume, segmentation)
    if share > settings.most_veins:
        text = f"{share:.0%} of the vessels seen in the MIP are veins: arteries may be covered."
        yield Finding("venous_contamination", "review", text, share, points_mm=middle_of(volume.geometry, seen))


def seen_veins(volume: Volume, segmentation: Segmentation) -> tuple[BoolMask, float]:
    """Veins nearly as bright in the MIP as arteries, and their share of all vessel so bright."""
    hu = float(segmentation.notes.get("lumen_hu") or 0.0)
    window = angiography_window(hu)
    gate = window.low_hu + VEIN_SHOWS * ((hu if hu > 100.0 else 350.0) - window.low_hu)
    bright = (volume.array >= gate) & (segmentation.vessel > 0)
    seen: BoolMask = bright & (segmentation.veins > 0)
    return seen, float(np.count_nonzero(seen)) / max(1, int(np.count_nonzero(bright)))


def bone_findings(segmentation: Segmentation, bone_removed: Volume, settings: QcSettings) -> Iterator[Finding]:
    """Is bone left to be seen in the MIP?"""
    ceiling = float(segmentation.notes.get("ceiling_hu") or 700.0)
    dense = bone_removed.array > ceiling
    if dense.any():
        dense &= ~dilated(segmentation.vessel > 0, 2.0, bone_removed.spacing_mm)
    voxel_ml = bone_removed.geometry.voxel_ml
    left_ml, bone_ml = float(np.count_nonzero(dense)) * voxel_ml, float(np.count_nonzero(segmentation.bone)) * voxel_ml
    if left_ml > settings.most_bone_left_ml or left_ml > settings.most_bone_share * (bone_ml + left_ml) > 0.0:
        text = f"{left_ml:.1f} ml of dense structure outside the vessels is left in the MIP: bone, metal or a table."
        yield Finding("bone_left", "review", text, left_ml, points_mm=middles_of_pieces(bone_removed.geometry, dense))


def repair_findings(repairs: tuple[Repair, ...], settings: QcSettings) -> Iterator[Finding]:
    """Every bridge is told; a long one is to be looked at, for it can hide an occlusion."""
    for repair in repairs:
        severity: Severity = "review" if repair.length_mm > settings.most_repair_mm else "note"
        text = f"A gap of {repair.length_mm:.1f} mm in {words(repair.artery).lower()} was bridged: {repair.reason}."
        yield Finding("repaired", severity, text, repair.length_mm, repair.artery, (repair.start_mm, repair.end_mm))
