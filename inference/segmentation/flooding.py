"""Seeds flood an image from its lowest values up, each keeping what it reaches first: the watershed, on the voxels of a mask alone.

References
----------
Meyer, Signal Processing 1994;38:113-125, doi:10.1016/0165-1684(94)90060-4. The order is that of `skimage.segmentation.watershed` with six
neighbours; among seeds of equal value the first in the array comes first.
"""

import numba
import numpy as np
import numpy.typing as npt

BoolMask = npt.NDArray[np.bool_]


def flood(image: npt.NDArray[np.float32], seeds: npt.NDArray[np.uint8], mask: BoolMask) -> npt.NDArray[np.uint8]:
    """Basin of every voxel of a mask.

    Parameters
    ----------
    image : numpy.ndarray
        float32 (z, y, x): height; only its values inside the mask count.
    seeds : numpy.ndarray
        uint8: number of the basin a voxel starts in, 0 for none. Seeds outside the mask do not count.
    mask : numpy.ndarray
        bool: what can be flooded.

    Returns
    -------
    numpy.ndarray
        uint8: number of the basin, 0 outside the mask and where no seed reaches.

    Examples
    --------
    >>> heights = np.array([[[0, 1, 5, 2, 0]]], np.float32)
    >>> flood(heights, np.array([[[1, 0, 0, 0, 2]]], np.uint8), heights < 9).tolist()
    [[[1, 1, 1, 2, 2]]]
    """
    number = np.zeros(tuple(count + 2 for count in mask.shape), np.int32)
    inner = number[1:-1, 1:-1, 1:-1]
    inner[mask] = np.arange(1, np.count_nonzero(mask) + 1, dtype=np.int32)
    basins = np.zeros(int(number.max()) + 1, np.uint8)
    basins[1:] = seeds[mask]
    heights = np.zeros(basins.size, np.float32)
    heights[1:] = image[mask]
    near = np.empty((basins.size, 6), np.int32)
    _neighbours(number, near)
    del number, inner
    _flood(heights, near, basins)
    out = np.zeros(mask.shape, np.uint8)
    out[mask] = basins[1:]
    return out


@numba.njit(nogil=True, cache=True)
def _neighbours(number, near):  # type: ignore[no-untyped-def]  # pragma: no cover
    near[0] = 0
    for z in range(1, number.shape[0] - 1):
        for y in range(1, number.shape[1] - 1):
            for x in range(1, number.shape[2] - 1):
                here = number[z, y, x]
                if here:
                    near[here, 0], near[here, 1], near[here, 2] = number[z - 1, y, x], number[z, y - 1, x], number[z, y, x - 1]
                    near[here, 3], near[here, 4], near[here, 5] = number[z, y, x + 1], number[z, y + 1, x], number[z + 1, y, x]


@numba.njit(nogil=True, inline="always")
def _before(heights, ages, one, other):  # type: ignore[no-untyped-def]  # pragma: no cover
    if heights[one] != heights[other]:
        return heights[one] < heights[other]
    return ages[one] < ages[other]


@numba.njit(nogil=True, cache=True)
def _flood(heights, near, basins):  # type: ignore[no-untyped-def]  # pragma: no cover
    count = basins.size
    ages = np.zeros(count, np.int64)
    heap = np.empty(count + 1, np.int32)
    size = 0
    for seed in range(1, count):
        if basins[seed]:
            free = False  # a seed among seeds has nothing to flood
            for k in range(6):
                there = near[seed, k]
                free |= there > 0 and basins[there] == 0
            if free:
                ages[seed] = seed - count
                size = _push(heap, size, seed, heights, ages)
    age = 0
    while size:
        here = heap[0]
        size = _pop(heap, size, heights, ages)
        for k in range(6):
            there = near[here, k]
            if there > 0 and basins[there] == 0:
                age += 1
                basins[there], ages[there] = basins[here], age
                size = _push(heap, size, there, heights, ages)


@numba.njit(nogil=True, cache=True)
def _push(heap, size, item, heights, ages):  # type: ignore[no-untyped-def]  # pragma: no cover
    child = size
    while child > 0:
        parent = (child - 1) // 2
        if not _before(heights, ages, item, heap[parent]):
            break
        heap[child] = heap[parent]
        child = parent
    heap[child] = item
    return size + 1


@numba.njit(nogil=True, cache=True)
def _pop(heap, size, heights, ages):  # type: ignore[no-untyped-def]  # pragma: no cover
    size -= 1
    item = heap[size]
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and _before(heights, ages, heap[child + 1], heap[child]):
            child += 1
        if not _before(heights, ages, heap[child], item):
            break
        heap[place] = heap[child]
        place = child
    heap[place] = item
    return size
