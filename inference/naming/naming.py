"""Name the arteries of a segmentation by graph and position."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.anatomy import LABELS, NUMBERS
from inference.graph import Skeleton, skeleton_of
from inference.naming.midline import Midline, body_scale, find_midline
from inference.naming.paint import paint
from inference.naming.rules import Namer
from inference.naming.tree import tree_of
from inference.segmentation.result import Segmentation
from inference.volume import Volume

Array = npt.NDArray[Any]


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
    skeleton = skeleton_of(vessel, volume.geometry)
    labels, notes = name_branches(skeleton, segmentation, volume)
    arteries = np.zeros(vessel.shape, np.uint8)
    if skeleton.lattice.geometry.shape == vessel.shape:
        voxels = paint(skeleton, labels)
        arteries[tuple(skeleton.lattice.where.T)] = np.where(voxels > 0, voxels, NUMBERS["unnamed"])
    else:
        arteries[vessel] = NUMBERS["unnamed"]
    found = [LABELS[number] for number in np.unique(labels) if number > 0]
    return replace(segmentation, arteries=arteries, notes={**segmentation.notes, "naming": {"found": found, **notes}})


def name_branches(skeleton: Skeleton, segmentation: Segmentation, volume: Volume) -> tuple[Array, dict[str, Any]]:
    """Label of every edge of a skeleton's graph, 0 where no rule speaks, and notes."""
    scale = body_scale(segmentation.bone, volume.geometry)
    tree = tree_of(skeleton, scale=scale)
    if not len(tree.nodes_mm):
        return np.zeros(len(skeleton.chains), int), {"midline": "none"}
    midline, source = find_midline(segmentation.bone, volume.geometry), "bone"
    if midline is None:
        midline, source = find_midline(segmentation.vessel, volume.geometry), "vessels"
    corners = volume.geometry.points([(0, 0, 0), tuple(n - 1 for n in volume.shape)])
    low, high = float(corners[:, 2].min()) / scale, float(corners[:, 2].max()) / scale
    middle = Midline(midline.offset_mm / scale, midline.slope) if midline else Midline(float(tree.nodes_mm[:, 0].mean()), 0.0)
    namer = Namer(tree, middle, bottom_mm=low, top_mm=high)
    labels = namer.run()[: len(skeleton.chains)]
    found = {"confluence": namer.confluence is not None, "arch": bool(namer.arch)}
    return labels, {"midline": source if midline else "none", "scale": round(scale, 3), **found}
