"""Which part of the vessels is vein, for methods that cannot tell: by how full of contrast each branch is.

In the arterial phase veins hold less contrast than arteries, and the vein that the contrast was injected into holds more. Both are told
from the middle of each branch, where a vessel a few voxels wide has its own HU; narrow branches go with the branch they hang on.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from inference.graph import Skeleton, skeleton_of
from inference.indices import indices
from inference.naming.paint import paint
from inference.segmentation.result import Segmentation
from inference.volume import Volume

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class VeinSettings:
    """Limits of the split.

    Parameters
    ----------
    least_radius_mm : float
        The HU of a narrower branch says nothing: blur darkens it. [mm]
    darkest_artery, brightest_artery : float
        Contrast in the middle of an artery as a share of that in the widest vessels.
    tissue_hu : float
        HU without contrast. [HU]
    least_length_mm : float
        A shorter branch is not judged by itself. [mm]
    """

    least_radius_mm: float = 1.3
    darkest_artery: float = 0.65
    brightest_artery: float = 1.3
    tissue_hu: float = 50.0
    least_length_mm: float = 6.0


def split_veins(segmentation: Segmentation, volume: Volume, *, settings: VeinSettings | None = None) -> Segmentation:
    """Fill `veins` of a segmentation whose method cannot tell veins from arteries.

    Parameters
    ----------
    segmentation : Segmentation
        Masks, with `lumen_hu` in the notes; one that has veins already comes back as it is.
    volume : Volume
        The scan. [HU]
    settings : VeinSettings, optional
        Limits.

    Returns
    -------
    Segmentation
        With `veins`, and `notes["veins"]`: branches judged, by their own HU or by their neighbours', and millilitres.

    Notes
    -----
    Late in the bolus veins are as bright as arteries and stay unseparated: `venous_contamination` does not see them then.
    """
    settings = settings or VeinSettings()
    lumen_hu = float(segmentation.notes.get("lumen_hu") or 0.0)
    if segmentation.veins.any() or not segmentation.vessel.any() or lumen_hu < settings.tissue_hu + 60.0:
        return segmentation
    skeleton = skeleton_of(segmentation.vessel, volume.geometry)
    kind = _spread_out(skeleton, _judged(skeleton, volume, lumen_hu, settings))
    veins = _painted(skeleton, kind, segmentation.vessel, volume)
    notes = {
        "branches": len(kind),
        "venous": int((kind == VEIN).sum()),
        "ml": round(float(np.count_nonzero(veins)) * volume.geometry.voxel_ml, 3),
    }
    return replace(segmentation, veins=veins, notes={**segmentation.notes, "veins": notes})


UNKNOWN, ARTERY, VEIN = 0, 1, 2


def _judged(skeleton: Skeleton, volume: Volume, lumen_hu: float, settings: VeinSettings) -> Array:
    """Kind of every branch that is wide and long enough to show its own HU."""
    kind = np.zeros(len(skeleton.chains), int)
    for number, edge in enumerate(skeleton.graph.edges):
        wide = edge.radius_mm >= settings.least_radius_mm
        if edge.length_mm < settings.least_length_mm or wide.mean() < 0.5:
            continue
        index = volume.geometry.indices(edge.points_mm[wide]).T
        hu = ndimage.map_coordinates(volume.array, index, output=np.float32, order=1, mode="nearest")
        share = (float(np.median(hu)) - settings.tissue_hu) / (lumen_hu - settings.tissue_hu)
        kind[number] = ARTERY if settings.darkest_artery <= share <= settings.brightest_artery else VEIN
    return kind


def _spread_out(skeleton: Skeleton, kind: Array) -> Array:
    """Branches not judged go with the judged ones they hang on, nearest first; arteries where both are as near."""
    at: dict[int, list[int]] = {}
    for number, edge in enumerate(skeleton.graph.edges):
        for node in {edge.start, edge.end}:
            at.setdefault(node, []).append(number)
    kind = kind.copy()
    changed = True
    while changed:
        changed, told = False, kind.copy()
        for number, edge in enumerate(skeleton.graph.edges):
            if kind[number] == UNKNOWN:
                near = {int(kind[other]) for node in (edge.start, edge.end) for other in at[node]} - {UNKNOWN}
                if near:
                    told[number], changed = min(near), True
        kind = told
    return np.where(kind == UNKNOWN, ARTERY, kind)


def _painted(skeleton: Skeleton, kind: Array, vessel: Array, volume: Volume) -> npt.NDArray[np.uint8]:
    """Veins on the scan's grid; the skeleton's grid may be coarser."""
    grid = skeleton.lattice.geometry
    rough = np.zeros(grid.shape, np.uint8)
    rough[tuple(skeleton.lattice.where.T)] = paint(skeleton, kind) == VEIN
    if grid.shape == vessel.shape:
        return rough
    where = indices(vessel)
    place = np.clip(np.rint(grid.indices(volume.geometry.points(where))).astype(int), 0, np.array(grid.shape) - 1)
    veins = np.zeros(vessel.shape, np.uint8)
    veins[tuple(where.T)] = rough[tuple(place.T)]
    return veins
