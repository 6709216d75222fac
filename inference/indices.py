"""Where a mask is true, found by all processors: `numpy.argwhere` walks a whole scan voxel by voxel."""

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
