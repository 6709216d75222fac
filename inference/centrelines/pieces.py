"""Connected pieces of a mask."""

from dataclasses import dataclass
from typing import Any

import cc3d
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from inference.label_figures import Box, label_boxes

Array = npt.NDArray[Any]

SMALL_VOXELS = 20_000


@dataclass(frozen=True)
class Pieces:
    """The 26-connected pieces of a mask.

    Parameters
    ----------
    labels : numpy.ndarray
        0 outside, 1 to `count` inside (z, y, x).
    voxels : numpy.ndarray
        Voxels of each piece, with that of label n at place n − 1.
    boxes : list of tuple of slice
        Bounding box of each piece, in the same order.
    """

    labels: Array
    voxels: Array
    boxes: list[Box]

    @property
    def count(self) -> int:
        """Number of pieces."""
        return len(self.voxels)

    def by_size(self) -> list[int]:
        """Labels of the pieces, the largest first."""
        return [int(place) + 1 for place in np.argsort(-self.voxels, kind="stable")]


def pieces_of(mask: Array) -> Pieces:
    """Split a mask into its 26-connected pieces.

    Small arrays go to scipy: cc3d 3.x refuses some arrays that are one voxel thick ("maximum length exception").

    Examples
    --------
    >>> mask = np.zeros((3, 3, 3), bool); mask[0, 0, 0] = mask[1, 1, 1] = mask[2, 0, 0] = True
    >>> pieces_of(mask).voxels.tolist()
    [3]
    """
    if mask.size < SMALL_VOXELS or 1 in mask.shape:
        labels, count = ndimage.label(np.asarray(mask) != 0, np.ones((3, 3, 3)))
        voxels = np.bincount(labels.ravel(), minlength=count + 1)[1:]
        return Pieces(labels, voxels, [(box[0], box[1], box[2]) for box in ndimage.find_objects(labels)])
    labels, count = cc3d.connected_components(np.ascontiguousarray(mask), connectivity=26, return_N=True, binary_image=True)
    voxels, boxes = label_boxes(labels, count)
    return Pieces(labels, voxels[1:], boxes[1:])
