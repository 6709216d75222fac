"""A mask on a coarser grid."""

from typing import Any

import numpy as np
import numpy.typing as npt

from inference.geometry import Geometry

Array = npt.NDArray[Any]


def coarse_mask(mask: Array, geometry: Geometry, spacing_mm: float) -> tuple[Array, Geometry]:
    """A mask on a grid of about `spacing_mm` in which no vessel is lost: a coarse voxel is on if any of its fine ones is.

    Whole numbers of voxels are put together, so that a grid already coarser along one axis stays as it is there.
    """
    factors = [max(1, round(spacing_mm / spacing)) for spacing in geometry.spacing_mm]
    if factors == [1, 1, 1]:
        return mask != 0, geometry
    padding = [(0, -count % factor) for count, factor in zip(mask.shape, factors, strict=True)]
    part: Array = np.pad(mask != 0, padding)
    for axis, factor in enumerate(factors):
        shape = (*part.shape[:axis], part.shape[axis] // factor, factor, *part.shape[axis + 1 :])
        part = np.any(part.reshape(shape), axis=axis + 1)
    shift = np.array([[(factor - 1) / 2 for factor in factors]])
    x, y, z = (float(value) for value in geometry.points(shift)[0])
    a, b, c = (spacing * factor for spacing, factor in zip(geometry.spacing_mm, factors, strict=True))
    return part, Geometry((part.shape[0], part.shape[1], part.shape[2]), (a, b, c), (x, y, z), geometry.direction)
