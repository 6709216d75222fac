"""From named branches back to voxels."""

from typing import Any

import numpy as np
import numpy.typing as npt

from inference.graph import Skeleton

Array = npt.NDArray[Any]


def paint(skeleton: Skeleton, labels: Array) -> Array:
    """Label of every voxel of the skeleton's lattice (n,): that of the branch whose wall is nearest.

    A voxel goes to the branch with the smallest distance minus radius, as a tube of that radius would hold it. Near a
    junction a branch counts with its own typical radius, not with that of the trunk it starts in.

    Parameters
    ----------
    skeleton : Skeleton
        Graph with voxels.
    labels : numpy.ndarray
        Label of every edge of the graph.
    """
    if not len(skeleton.chains):
        return np.zeros(len(skeleton.lattice), int)
    sources, owner, radius = [], [], []
    for number, chain in enumerate(skeleton.chains):
        depth = skeleton.depth_mm[chain]
        sources.append(chain)
        owner.append(np.full(len(chain), labels[number]))
        radius.append(np.minimum(depth, 1.3 * float(np.median(depth))))
    place, width = np.concatenate(sources), np.concatenate(radius)
    _, nearest = skeleton.lattice.spread(place, start=(width.max() - width))
    named = np.concatenate(owner)
    return np.where(nearest >= 0, named[nearest], 0)
