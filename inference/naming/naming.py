"""Name the arteries of a segmentation by graph and position."""

# mypy: disable-error-code="untyped-decorator"

from dataclasses import replace
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from inference.anatomy import LABELS, NUMBERS
from inference.compilation import NOGIL
from inference.geometry import Geometry
from inference.graph import Skeleton, skeleton_of
from inference.label_figures import label_counts
from inference.naming.faces import cut_at_faces
from inference.naming.midline import Midline, body_scale, find_midline
from inference.naming.paint import paint
from inference.naming.rules import Namer
from inference.naming.tree import tree_of
from inference.segmentation.result import Repair, Segmentation
from inference.volume import Volume

Array = npt.NDArray[Any]

MOST_ML = 60.0
"""No artery of head or neck holds more, a giant aneurysm included; a chest whose aorta was not known for one is read as a head. [ml]"""

OF_THE_CHEST = ("aortic_arch", "brachiocephalic_trunk", "subclavian_r", "subclavian_l", "unnamed")


def name_arteries(segmentation: Segmentation, volume: Volume) -> Segmentation:
    """Fill `arteries` with the labels of `inference.anatomy.LABELS`.

    Parameters
    ----------
    segmentation : Segmentation
        Masks; arteries are what is vessel and not vein.
    volume : Volume
        The scan the masks lie on. [HU]

    Returns
    -------
    Segmentation
        With `arteries` filled, and `notes["naming"]` saying what was found. What no rule can name is `unnamed`.
    """
    vessel = (segmentation.vessel != 0) & (segmentation.veins == 0)
    low, high = z_faces_mm(volume.geometry)
    skeleton = cut_at_faces(skeleton_of(vessel, volume.geometry), low, high)
    labels, notes = name_branches(skeleton, segmentation, volume)
    arteries = _painted(skeleton, labels, vessel, volume.geometry)
    found = [LABELS[number] for number in np.unique(labels) if number > 0]
    too_large = names_too_large(arteries, volume.geometry)
    if too_large:
        arteries[arteries > 0], found, notes = NUMBERS["unnamed"], [], {**notes, "too_large": too_large}
    return replace(
        segmentation,
        arteries=arteries,
        repairs=tuple(_named(repair, arteries, volume) for repair in segmentation.repairs),
        notes={**segmentation.notes, "naming": {"found": found, **notes}},
    )


def names_too_large(arteries: Array, geometry: Geometry) -> list[str]:
    """Arteries of head and neck that hold more than any does: whoever was named so is another, and the other names are in doubt with it.

    Parameters
    ----------
    arteries : numpy.ndarray
        Label map.
    """
    counts = label_counts(np.asarray(arteries, np.uint8))[: max(LABELS) + 1]
    large = np.flatnonzero(counts[1:] * geometry.voxel_ml > MOST_ML) + 1
    return [LABELS[int(number)] for number in large if LABELS[int(number)] not in OF_THE_CHEST]


def _named(repair: Repair, arteries: Array, volume: Volume) -> Repair:
    """The repair with the name of the artery it lies in, where it had none: that of its start, else that of its end."""
    if repair.artery != "unnamed":
        return repair
    index = np.rint(volume.geometry.indices([repair.start_mm, repair.end_mm])).astype(int)
    index = np.clip(index, 0, np.array(arteries.shape) - 1)
    labels = [int(arteries[tuple(place)]) for place in index]
    known = [label for label in labels if label not in (0, NUMBERS["unnamed"])]
    return replace(repair, artery=LABELS[known[0]]) if known else repair


def _painted(skeleton: Skeleton, labels: Array, vessel: Array, geometry: Geometry) -> Array:
    """Label map of the arteries on the scan's grid; the skeleton's grid may be coarser."""
    grid, voxels = skeleton.lattice.geometry, paint(skeleton, labels)
    rough = np.zeros(grid.shape, np.uint8)
    rough[tuple(skeleton.lattice.where.T)] = np.where(voxels > 0, voxels, NUMBERS["unnamed"])
    if grid.shape == vessel.shape:
        return rough
    arteries = np.zeros(vessel.shape, np.uint8)
    _paint_fine(rough, vessel, *_places_on(grid, geometry), NUMBERS["unnamed"], arteries)
    return arteries


def _places_on(grid: Geometry, geometry: Geometry) -> list[Array]:
    """For every index along each axis of a grid, the nearest on another one along the same axes."""
    places = []
    for axis, count in enumerate(geometry.shape):
        line = np.zeros((count, 3))
        line[:, axis] = np.arange(count)
        nearest = np.rint(grid.indices(geometry.points(line))[:, axis]).astype(np.int64)
        places.append(np.clip(nearest, 0, grid.shape[axis] - 1))
    return places


@nb.njit(nogil=NOGIL, parallel=True, cache=True)
def _paint_fine(rough: Array, vessel: Array, at_z: Array, at_y: Array, at_x: Array, unnamed: int, out: Array) -> None:
    for z in nb.prange(out.shape[0]):
        for y in range(out.shape[1]):
            for x in range(out.shape[2]):
                if vessel[z, y, x]:
                    label = rough[at_z[z], at_y[y], at_x[x]]
                    out[z, y, x] = label if label else unnamed


def z_faces_mm(geometry: Geometry) -> tuple[float, float]:
    """z of the lowest and the highest slice. [mm]"""
    corners = geometry.points([(0, 0, 0), tuple(count - 1 for count in geometry.shape)])
    return float(corners[:, 2].min()), float(corners[:, 2].max())


def name_branches(skeleton: Skeleton, segmentation: Segmentation, volume: Volume) -> tuple[Array, dict[str, Any]]:
    """Label of every edge of a skeleton's graph, 0 where no rule speaks, and notes."""
    scale = body_scale(segmentation.bone, volume.geometry)
    tree = tree_of(skeleton, scale=scale)
    if not len(tree.nodes_mm):
        return np.zeros(len(skeleton.chains), int), {"midline": "none"}
    midline, source = find_midline(segmentation.bone, volume.geometry), "bone"
    if midline is None:
        midline, source = find_midline(segmentation.vessel, volume.geometry), "vessels"
    low, high = (face / scale for face in z_faces_mm(volume.geometry))
    middle = Midline(midline.offset_mm / scale, midline.slope) if midline else Midline(float(tree.nodes_mm[:, 0].mean()), 0.0)
    namer = Namer(tree, middle, bottom_mm=low, top_mm=high)
    labels = namer.run()[: len(skeleton.chains)]
    found = {"confluence": namer.confluence is not None, "arch": bool(namer.arch)}
    return labels, {"midline": source if midline else "none", "scale": round(scale, 3), **found}
