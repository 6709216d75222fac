"""Is there a branch in the scan that the vessels lack?"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from inference.anatomy import LABELS, NUMBERS
from inference.checks.named import Box, Named
from inference.checks.places import point, words
from inference.indices import indices
from inference.qc import Finding, QcSettings
from inference.segmentation.morphology import dilated, label
from inference.segmentation.result import Segmentation
from inference.volume import Volume

Array = npt.NDArray[Any]

TISSUE_HU, BRIGHT_SHARE, ABOVE_LUMEN_HU = 50.0, 0.4, 250.0
"""A branch keeps this share of the lumen's contrast, and is not this much brighter. [HU]"""

FROM_VESSEL_MM, FROM_BONE_MM = 1.2, 2.0
"""What lies this near to a vessel or to bone is its rim. [mm]"""

REACH_MM = 5.0
"""A branch begins within this distance of the artery it hangs on. [mm]"""

THIN_MM2 = 8.0
"""Volume over length of a branch; glands and sheets of bone have more. [mm²]"""

LEAST_VOXELS = 12


def lost_branch_findings(volume: Volume, segmentation: Segmentation, named: Named, settings: QcSettings) -> Iterator[Finding]:
    """Long thin structures with the contrast of the arteries that begin beside a named artery and are no vessel, one for each artery."""
    box = _around(volume, named)
    left_out = _left_out(volume, segmentation, box)
    if not left_out.any():
        return
    parts = label(left_out, connectivity=26)
    where = indices(left_out)
    number = parts.labels[left_out]
    order = np.argsort(number, kind="stable")
    where, number = where[order], number[order]
    worst: dict[str, tuple[float, Array]] = {}
    for voxels in np.split(where, np.flatnonzero(np.diff(number)) + 1):
        length = _length(voxels, volume)
        if len(voxels) < LEAST_VOXELS or length < settings.least_lost_mm:
            continue
        if len(voxels) * volume.geometry.voxel_ml * 1000.0 > THIN_MM2 * length:
            continue
        artery, place = _hangs_on(voxels, segmentation.arteries[box], volume)
        if artery and length > worst.get(artery, (0.0, place))[0]:
            worst[artery] = (length, place)
    for artery, (length, place) in worst.items():
        text = f"Beside the {words(artery).lower()} a branch {length:.0f} mm long is seen in the scan that is not among the vessels."
        where_to_look = point(volume.geometry, place + np.array([side.start for side in box]))
        yield Finding("lost_branch", "review", text, round(length, 1), artery, where_to_look)


def _around(volume: Volume, named: Named) -> Box:
    """The box of all named arteries."""
    boxes = [named.box(name, margin=round(2 * REACH_MM / min(volume.spacing_mm))) for name in named.counts]
    z, y, x = (slice(min(box[axis].start for box in boxes), max(box[axis].stop for box in boxes)) for axis in range(3))
    return z, y, x


def _left_out(volume: Volume, segmentation: Segmentation, box: Box) -> Array:
    """Voxels as bright as arteries that are neither vessel nor bone, nor at the rim of either."""
    lumen = float(segmentation.notes.get("lumen_hu") or 0.0) or 350.0
    vessel, bone, hu = segmentation.vessel[box] > 0, segmentation.bone[box] > 0, volume.array[box]
    bright: Array = (hu >= TISSUE_HU + BRIGHT_SHARE * (lumen - TISSUE_HU)) & (hu <= lumen + ABOVE_LUMEN_HU) & ~vessel & ~bone
    if not bright.any():
        return bright
    left: Array = bright & ~dilated(vessel, FROM_VESSEL_MM, volume.spacing_mm) & ~dilated(bone, FROM_BONE_MM, volume.spacing_mm)
    return left


def _length(voxels: Array, volume: Volume) -> float:
    """Diagonal of the box around some voxels. [mm]"""
    return float(np.linalg.norm((voxels.max(axis=0) - voxels.min(axis=0) + 1) * np.asarray(volume.spacing_mm)))


def _hangs_on(voxels: Array, arteries: Array, volume: Volume) -> tuple[str | None, Array]:
    """The named artery nearest to some voxels, None if none is within reach, and the voxel that is nearest to it."""
    spacing = np.asarray(volume.spacing_mm)
    low = np.maximum(voxels.min(axis=0) - np.ceil(REACH_MM / spacing).astype(int), 0)
    high = voxels.max(axis=0) + np.ceil(REACH_MM / spacing).astype(int) + 1
    part = arteries[tuple(slice(first, last) for first, last in zip(low, high, strict=True))]
    there = indices((part > 0) & (part != NUMBERS["unnamed"]))
    if not len(there):
        return None, voxels[0]
    away, nearest = (np.asarray(found) for found in cKDTree(there * spacing).query((voxels - low) * spacing))
    place = int(away.argmin())
    name = LABELS[int(part[tuple(there[int(nearest[place])])])]
    return (name if away[place] <= REACH_MM else None), voxels[place]
