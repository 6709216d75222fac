"""The Euclidean distance map, by parabolas along one axis after another, for anisotropic voxels."""

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from inference.compilation import NOGIL

FAR = np.float32(1e30)
"""Stands for no distance at all, where there is nothing to be near to. [mm²]"""

WIDTH = 16
"""Columns taken at a time: 64 bytes of float32, a line of the cache."""


def distance_map(mask: npt.NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> npt.NDArray[np.float32]:
    """Distance of every voxel to the nearest voxel of a mask.

    Parameters
    ----------
    mask : numpy.ndarray
        bool (z, y, x).
    spacing_mm : tuple of float
        (z, y, x). [mm]

    Returns
    -------
    numpy.ndarray
        float32 (z, y, x), to the middle of the nearest voxel; infinite where the mask is empty. [mm]

    References
    ----------
    Felzenszwalb PF, Huttenlocher DP. Distance transforms of sampled functions. Theory Comput 2012;8:415-428. doi:10.4086/toc.2012.v008a019

    Examples
    --------
    >>> distance_map(np.array([[[True, False, False]]]), (1.0, 1.0, 2.0)).tolist()
    [[[0.0, 2.0, 4.0]]]
    """
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    z, y, x = (np.float32(step) for step in spacing_mm)
    squared = np.empty(mask.shape, np.float32)
    _planes(np.ascontiguousarray(mask).view(np.uint8), y, x, squared)
    _across(squared, z)
    return squared


@njit(nogil=True, cache=True, inline="always")
def _rows(mask, step, out):  # type: ignore[no-untyped-def]
    """Squared distance along x to the nearest voxel of the same row."""
    for j in range(mask.shape[0]):
        last = -1
        for i in range(mask.shape[1]):
            if mask[j, i]:
                last = i
            out[j, i] = FAR if last < 0 else (step * (i - last)) ** 2
        if last < 0:
            continue
        last = -1
        for i in range(mask.shape[1] - 1, -1, -1):
            if mask[j, i]:
                last = i
            elif last >= 0:
                out[j, i] = min(out[j, i], (step * (last - i)) ** 2)


@njit(nogil=True, cache=True, inline="always")
def _parabolas(heights, step, apart, vertex, value, border):  # type: ignore[no-untyped-def]
    """The lower envelope of parabolas over the places of a line, in place; `apart` is what a difference of heights is multiplied by."""
    count, half = 0, np.float32(0.5)
    at, height, begins = np.float32(0), np.float32(0), -FAR  # of the last parabola, which are looked at most
    for q in range(heights.shape[0]):
        new = heights[q]
        if new >= FAR:
            continue
        meets = -FAR
        while count:
            meets = (new - height) * apart[q - int(at)] + half * (np.float32(q) + at)
            if meets > begins:
                break
            count -= 1
            if count:
                at, height, begins = vertex[count - 1], value[count - 1], border[count - 1]
        at, height, begins = np.float32(q), new, meets if count else -FAR
        vertex[count], value[count], border[count] = at, height, begins
        count += 1
    first = 0
    for place in range(count):
        last = heights.shape[0] if place + 1 == count else max(first, min(heights.shape[0], int(np.ceil(border[place + 1]))))
        at, height = vertex[place], value[place]
        for q in range(first, last):
            away = step * (np.float32(q) - at)
            heights[q] = away * away + height
        first = last


@njit(nogil=True, cache=True, inline="always")
def _columns(plane, step, root):  # type: ignore[no-untyped-def]
    """The envelope down every column of a plane, in place; a few columns at a time, which share a line of the processor's cache."""
    length, columns = plane.shape
    turned = np.empty((WIDTH, length), np.float32)
    vertex, value, border = np.empty(length, np.float32), np.empty(length, np.float32), np.empty(length, np.float32)
    apart = np.empty(length, np.float32)
    for n in range(1, length):
        apart[n] = np.float32(0.5) / (step * step * np.float32(n))
    for first in range(0, columns, WIDTH):
        width = min(WIDTH, int(columns - first))
        for k in range(length):
            for i in range(width):
                turned[i, k] = plane[k, first + i]
        for i in range(width):
            _parabolas(turned[i], step, apart, vertex, value, border)
        for k in range(length):
            for i in range(width):
                plane[k, first + i] = np.sqrt(turned[i, k]) if root else turned[i, k]


@njit(nogil=NOGIL, parallel=True, cache=True)
def _planes(mask, y, x, out):  # type: ignore[no-untyped-def]
    """Squared distance within each plane."""
    for k in prange(mask.shape[0]):
        _rows(mask[k], x, out[k])
        _columns(out[k], y, False)


@njit(nogil=NOGIL, parallel=True, cache=True)
def _across(squared, z):  # type: ignore[no-untyped-def]
    """Take the neighbouring planes in, and the root."""
    for j in prange(squared.shape[1]):
        _columns(squared[:, j], z, True)
