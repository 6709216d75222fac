"""The findings behind the verdict: what is looked at in the scan and in the reconstruction."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from inference.anatomy import LABELS, NUMBERS
from inference.qc import Finding, QcSettings, Severity, Verdict
from inference.segmentation.morphology import dilated, label
from inference.segmentation.result import Repair, Segmentation
from inference.volume import Volume

SIDES = tuple((name, name[:-2] + "_l") for name in NUMBERS if name.endswith("_r"))


def judge(
    volume: Volume,
    segmentation: Segmentation,
    bone_removed: Volume,
    *,
    settings: QcSettings | None = None,
    also: tuple[Finding, ...] = (),
) -> Verdict:
    """Look at scan and output and come to a verdict.

    Parameters
    ----------
    volume : Volume
        The scan. [HU]
    segmentation : Segmentation
        What was found in it.
    bone_removed : Volume
        The scan without bone. [HU]
    settings : QcSettings, optional
        Limits, from the protocol.
    also : tuple of Finding
        Findings of earlier steps (input checks, stages that failed).

    Returns
    -------
    Verdict
        Findings in the order in which a technologist should read them.
    """
    settings = settings or QcSettings()
    findings = [*scan_findings(volume, segmentation, settings), *tree_findings(volume, segmentation, settings)]
    findings += artery_findings(volume, segmentation.arteries, segmentation.vessel, settings)
    findings += repair_findings(segmentation.repairs, settings)
    findings += bone_findings(segmentation, bone_removed, settings)
    # the checks of the scan itself may have said the same already
    told = {(finding.code, finding.artery) for finding in also}
    findings = [*also, *(finding for finding in findings if (finding.code, finding.artery) not in told)]
    order = {"reject": 0, "review": 1, "note": 2}
    return Verdict(tuple(sorted(findings, key=lambda finding: order[finding.severity])))


def scan_findings(volume: Volume, segmentation: Segmentation, settings: QcSettings) -> Iterator[Finding]:
    """Is the scan enhanced, thin and long enough?"""
    slices, thickness = volume.shape[0], volume.spacing_mm[0]
    if not segmentation.notes.get("enhanced", True):
        yield Finding("unenhanced", "reject", "No contrast was found in any vessel: the scan looks unenhanced.")
    hu = float(segmentation.notes.get("lumen_hu") or 0.0)
    if 0.0 < hu < settings.least_enhancement_hu:
        yield Finding("weak_enhancement", "review", f"Contrast is weak: vessels measure about {hu:.0f} HU.", hu)
    if thickness > settings.thickest_slice_mm:
        text = f"Slices lie {thickness:.1f} mm apart; over {settings.thickest_slice_mm:g} mm arteries are not resolved."
        yield Finding("thick_slices", "reject", text, thickness)
    elif thickness > settings.thick_slice_mm:
        text = f"Slices lie {thickness:.1f} mm apart; small arteries may be lost."
        yield Finding("thick_slices", "review", text, thickness)
    if slices < settings.least_slices:
        text = f"The scan has {slices} slices over {slices * thickness:.0f} mm: a crop; arteries cannot be followed from arch to vertex."
        yield Finding("crop", "review", text, float(slices))


def tree_findings(volume: Volume, segmentation: Segmentation, settings: QcSettings) -> Iterator[Finding]:
    """How much vessel is there, in how many pieces, and how much of it is vein?"""
    voxel_ml = volume.geometry.voxel_ml
    vessel_ml = float(np.count_nonzero(segmentation.vessel)) * voxel_ml
    if vessel_ml < settings.least_vessel_ml:
        yield Finding("no_vessel", "reject", f"Only {vessel_ml:.2f} ml of vessel was found.", vessel_ml)
        return
    counts = label(segmentation.vessel > 0, connectivity=26).counts[1:]
    fragments = int((counts * voxel_ml * 1000.0 > settings.fragment_mm3).sum()) - 1
    if fragments > settings.most_fragments:
        yield Finding("fragments", "review", f"The vessels are in {fragments + 1} pieces; branches may be interrupted.", float(fragments))
    veins = float(np.count_nonzero(segmentation.veins)) / max(1, int(np.count_nonzero(segmentation.vessel)))
    if veins > settings.most_veins:
        yield Finding("venous_contamination", "review", f"{veins:.0%} of all vessel is vein: the arteries may be covered in MIP.", veins)


def artery_findings(
    volume: Volume, arteries: npt.NDArray[np.uint8], vessel: npt.NDArray[np.uint8], settings: QcSettings
) -> Iterator[Finding]:
    """Is every expected artery there, in one piece with the tree, on its own side and like its twin?"""
    counts = np.bincount(arteries.ravel(), minlength=256)
    named = {LABELS[number]: int(counts[number]) for number in LABELS if number != 99 and counts[number]}
    if not named:
        if vessel.any():
            yield Finding("arteries_unnamed", "review", "The arteries could not be named, so their continuity was not checked.")
        return
    pieces = label(vessel > 0, connectivity=26)
    main = int(np.bincount(pieces.labels[(arteries > 0) & (arteries != 99)]).argmax())
    for name in settings.expected:
        if name not in named:
            yield Finding("missing_artery", "review", f"{_words(name)} was not found.", artery=name)
    for name in named:
        inside = arteries == NUMBERS[name]
        connected = float((pieces.labels[inside] == main).mean())
        if connected < settings.least_connected:
            text = f"{_words(name)} is interrupted: {1 - connected:.0%} of it is cut off from the tree."
            points = _where(volume, inside & (pieces.labels != main))
            yield Finding("interrupted", "review", text, connected, name, points)
    yield from _side_findings(volume, arteries, named, settings)


def _side_findings(volume: Volume, arteries: npt.NDArray[np.uint8], named: dict[str, int], settings: QcSettings) -> Iterator[Finding]:
    for right, left in SIDES:
        if right in named and left in named:
            right_x, left_x = (_where(volume, arteries == NUMBERS[name])[0][0] for name in (right, left))
            if right_x > left_x:
                text = f"{_words(right)} lies on the left of its twin: sides may be swapped."
                yield Finding("swapped_sides", "reject", text, right_x - left_x, right)
            ratio = min(named[right], named[left]) / max(named[right], named[left])
            if ratio < settings.least_symmetry:
                small = right if named[right] < named[left] else left
                text = f"{_words(small)} has {ratio:.0%} of the volume of its twin: a branch may be lost."
                yield Finding("asymmetry", "review", text, ratio, small, _where(volume, arteries == NUMBERS[small]))


def repair_findings(repairs: tuple[Repair, ...], settings: QcSettings) -> Iterator[Finding]:
    """Every bridge is told; a long one is to be looked at, for it can hide an occlusion."""
    for repair in repairs:
        severity: Severity = "review" if repair.length_mm > settings.most_repair_mm else "note"
        text = f"A gap of {repair.length_mm:.1f} mm in {_words(repair.artery).lower()} was bridged: {repair.reason}."
        yield Finding("repaired", severity, text, repair.length_mm, repair.artery, (repair.start_mm, repair.end_mm))


def bone_findings(segmentation: Segmentation, bone_removed: Volume, settings: QcSettings) -> Iterator[Finding]:
    """Is bone left to be seen in the MIP?"""
    ceiling = float(segmentation.notes.get("ceiling_hu") or 700.0)
    dense = bone_removed.array > ceiling
    if dense.any():
        dense &= ~dilated(segmentation.vessel > 0, 2.0, bone_removed.spacing_mm)
    left_ml = float(np.count_nonzero(dense)) * bone_removed.geometry.voxel_ml
    if left_ml > settings.most_bone_left_ml:
        text = f"{left_ml:.1f} ml of dense structure outside the vessels is left in the MIP: bone, metal or a table."
        yield Finding("bone_left", "review", text, left_ml, points_mm=_where(bone_removed, dense))


def _where(volume: Volume, mask: npt.NDArray[np.bool_]) -> tuple[tuple[float, float, float], ...]:
    """The mean position of a mask, as one LPS point."""
    index = np.argwhere(mask)
    if not index.size:
        return ()
    x, y, z = (float(value) for value in volume.geometry.points(index.mean(axis=0))[0])
    return ((round(x, 2), round(y, 2), round(z, 2)),)


def _words(artery: str) -> str:
    """`internal_carotid_r` as `Right internal carotid`."""
    side = {"_r": "Right ", "_l": "Left "}.get(artery[-2:], "")
    words = (artery[:-2] if side else artery).replace("_", " ")
    return side + words if side else words.capitalize()
