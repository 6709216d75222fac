"""Where a mask is true, and the box around that, found by all processors: `numpy.argwhere` walks a whole scan voxel by voxel."""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from inference.compilation import NOGIL


def indices(mask: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Indices (n, 3) of what is not zero in a mask (z, y, x), in scan order, as `numpy.argwhere` gives them.

    Examples
    --------
    >>> indices(np.array([[[True, False]], [[False, True]]])).tolist()
    [[0, 0, 0], [1, 0, 1]]
    """
    mask = np.ascontiguousarray(mask if mask.dtype.itemsize == 1 else mask != 0).view(np.uint8)
    counts = _counted(mask)
    begin = np.concatenate([[0], np.cumsum(counts)])
    where = np.empty((int(begin[-1]), 3), np.int64)
    _listed(mask, begin, where)
    return where


def bounding_box(mask: npt.NDArray[Any]) -> tuple[slice, slice, slice] | None:
    """Slices of the smallest box around what is not zero, or None for an empty mask."""
    along_z = np.flatnonzero(np.any(mask, axis=(1, 2)))
    if not len(along_z):
        return None
    part = mask[along_z[0] : along_z[-1] + 1]
    flat: npt.NDArray[Any] = np.any(part, axis=0)
    along_y, along_x = np.flatnonzero(np.any(flat, axis=1)), np.flatnonzero(np.any(flat, axis=0))
    return (
        slice(int(along_z[0]), int(along_z[-1]) + 1),
        slice(int(along_y[0]), int(along_y[-1]) + 1),
        slice(int(along_x[0]), int(along_x[-1]) + 1),
    )


@njit(nogil=NOGIL, parallel=True, cache=True)
def _counted(mask):  # type: ignore[no-untyped-def]  # pragma: no cover
    counts = np.zeros(mask.shape[0], np.int64)
    for z in prange(mask.shape[0]):
        count = 0
        for y in range(mask.shape[1]):
            for x in range(mask.shape[2]):
                count += mask[z, y, x] != 0
        counts[z] = count
    return counts


@njit(nogil=NOGIL, parallel=True, cache=True)
def _listed(mask, begin, where):  # type: ignore[no-untyped-def]  # pragma: no cover
    for z in prange(mask.shape[0]):
        place = begin[z]
        if place == begin[z + 1]:
            continue
        for y in range(mask.shape[1]):
            for x in range(mask.shape[2]):
                if mask[z, y, x]:
                    where[place, 0], where[place, 1], where[place, 2] = z, y, x
                    place += 1
