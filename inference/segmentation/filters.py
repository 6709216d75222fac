"""Box means and Gaussian derivatives as scipy computes them, to the last bit, but only where somebody asks and a tile at a time."""

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from inference.compilation import NOGIL

FloatArray = npt.NDArray[np.float32]
BoolMask = npt.NDArray[np.bool_]
TILE = 24


def box_mean(array: FloatArray, size: int) -> FloatArray:
    """Mean over a cube of an odd number of voxels; the border voxel is repeated.

    Examples
    --------
    >>> box_mean(np.array([[[0, 0, 3, 0]]], np.float32), 3).tolist()
    [[[0.0, 1.0, 1.0, 1.0]]]
    """
    out = np.empty(array.shape, np.float32)
    _box_mean(np.ascontiguousarray(array, np.float32), size // 2, False, out)
    return out


def box_moments(array: FloatArray, size: int) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation over a cube of an odd number of voxels."""
    array = np.ascontiguousarray(array, np.float32)
    mean, spread = np.empty(array.shape, np.float32), np.empty(array.shape, np.float32)
    _box_mean(array, size // 2, False, mean)
    _box_mean(array, size // 2, True, spread)
    _deviation(mean, spread)
    return mean, spread


def gaussian_derivatives(
    array: FloatArray, where: BoolMask, sigma_voxels: Sequence[float], orders: Sequence[tuple[int, int, int]], *, truncate: float
) -> FloatArray:
    """Derivatives of a smoothed array at chosen voxels.

    Parameters
    ----------
    array : numpy.ndarray
        float32 (z, y, x).
    where : numpy.ndarray
        bool (z, y, x): voxels to answer for, n of them.
    sigma_voxels : sequence of float
        Standard deviation along (z, y, x). [voxels]
    orders : sequence of tuple of int
        Order of the derivative along (z, y, x), 0 to 2, for each answer.
    truncate : float
        The filter ends at so many standard deviations.

    Returns
    -------
    numpy.ndarray
        float32 (n, answers), voxels in the order of `numpy.argwhere(where)`; equal to `scipy.ndimage.gaussian_filter(array, sigma,
        order=order, truncate=truncate)[where]`.

    Examples
    --------
    >>> ramp = np.arange(9, dtype=np.float32).reshape(1, 1, 9) * np.ones((9, 9, 1), np.float32)
    >>> middle = np.zeros(ramp.shape, bool); middle[4, 4, 4] = True
    >>> gaussian_derivatives(ramp, middle, (0.7, 0.7, 0.7), [(0, 0, 0), (0, 0, 1)], truncate=4.0).round(2).tolist()
    [[4.0, 1.0]]
    """
    reach = max(int(truncate * sigma + 0.5) for sigma in sigma_voxels)
    kernels = np.zeros((3, 3, 2 * reach + 1))
    for axis, sigma in enumerate(sigma_voxels):
        for order in range(3):
            kernels[axis, order] = _kernel(sigma, order, truncate, reach)
    where = np.ascontiguousarray(where)
    counts = np.zeros((*where.shape[:2], -(-where.shape[2] // TILE)), np.int64)
    _count(where, counts)
    first = np.cumsum(counts.ravel()) - counts.ravel()
    out = np.empty((int(counts.sum()), len(orders)), np.float32)
    _tiles(np.ascontiguousarray(array, np.float32), where, counts, first.reshape(counts.shape), kernels, np.array(orders, np.int64), out)
    return out


def _kernel(sigma: float, order: int, truncate: float, reach: int) -> npt.NDArray[np.float64]:
    """The weights that scipy gives to the voxels from −reach to reach, read off an impulse."""
    from scipy.ndimage import gaussian_filter1d

    impulse = np.zeros(4 * reach + 3)
    impulse[2 * reach + 1] = 1.0
    answer = gaussian_filter1d(impulse, sigma, order=order, truncate=truncate, mode="constant")
    return np.asarray(answer[reach + 1 : 3 * reach + 2][::-1])


@numba.njit(nogil=NOGIL, parallel=True, cache=True)
def _box_mean(array, reach, squared, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    depth, rows, columns = array.shape
    size = np.float64(2 * reach + 1)
    for z in numba.prange(depth):
        along = np.empty((rows, columns), np.float64)
        single = np.empty((rows, columns), np.float32)
        line = np.empty(columns, np.float64)
        narrow = np.empty(columns + 2 * reach, np.float32)
        along[:] = 0.0
        for k in range(z - reach, z + reach + 1):
            plane = array[min(max(k, 0), depth - 1)]
            for y in range(rows):
                for x in range(columns):
                    along[y, x] += plane[y, x] * plane[y, x] if squared else plane[y, x]
        for y in range(rows):
            for x in range(columns):
                single[y, x] = np.float32(along[y, x] / size)
        for y in range(rows):
            line[:] = 0.0
            for j in range(y - reach, y + reach + 1):
                row = single[min(max(j, 0), rows - 1)]
                for x in range(columns):
                    line[x] += row[x]
            for x in range(columns):
                narrow[reach + x] = np.float32(line[x] / size)
            narrow[:reach], narrow[reach + columns :] = narrow[reach], narrow[reach + columns - 1]
            line[:] = 0.0
            for i in range(2 * reach + 1):
                for x in range(columns):
                    line[x] += narrow[x + i]
            for x in range(columns):
                out[z, y, x] = np.float32(line[x] / size)


@numba.njit(nogil=NOGIL, parallel=True, cache=True)
def _deviation(mean, spread):  # type: ignore[no-untyped-def]  # pragma: no cover
    for z in numba.prange(mean.shape[0]):
        for y in range(mean.shape[1]):
            for x in range(mean.shape[2]):
                spread[z, y, x] = np.sqrt(max(spread[z, y, x] - mean[z, y, x] * mean[z, y, x], np.float32(0)))


@numba.njit(nogil=NOGIL, parallel=True, cache=True)
def _count(where, counts):  # type: ignore[no-untyped-def]  # pragma: no cover
    for z in numba.prange(where.shape[0]):
        for y in range(where.shape[1]):
            for x in range(where.shape[2]):
                if where[z, y, x]:
                    counts[z, y, x // TILE] += 1


@numba.njit(nogil=True, inline="always")
def _weighed(line, middle, weights, order):  # type: ignore[no-untyped-def]  # pragma: no cover
    """One value of a correlation along a line, its terms paired and added in scipy's order."""
    reach = weights.size // 2
    total = line[middle] * weights[reach]
    for k in range(reach):
        near, far = np.float64(line[middle - (reach - k)]), np.float64(line[middle + (reach - k)])
        total += (near - far if order == 1 else near + far) * weights[k]
    return np.float32(total)


@numba.njit(nogil=True, inline="always")
def _weigh_across(values, start, count, step, weights, order, total, out, first):  # type: ignore[no-untyped-def]  # pragma: no cover
    """So many neighbouring values of a correlation across them, many at a time, each as `_weighed` has it."""
    reach = weights.size // 2
    for i in range(count):
        total[i] = values[start + i] * weights[reach]
    for k in range(reach):
        before, behind, weight = start - (reach - k) * step, start + (reach - k) * step, weights[k]
        if order == 1:
            for i in range(count):
                total[i] += (np.float64(values[before + i]) - np.float64(values[behind + i])) * weight
        else:
            for i in range(count):
                total[i] += (np.float64(values[before + i]) + np.float64(values[behind + i])) * weight
    for i in range(count):
        out[first + i] = np.float32(total[i])


@numba.njit(nogil=True, inline="always")
def _mirrored(index, size):  # type: ignore[no-untyped-def]  # pragma: no cover
    """The voxel that stands for one beyond the border, when the border is a mirror between voxels."""
    while index < 0 or index >= size:
        index = -index - 1 if index < 0 else 2 * size - 1 - index
    return index


@numba.njit(nogil=NOGIL, parallel=True, cache=True)
def _tiles(array, where, counts, first, kernels, orders, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    depth, rows, columns = array.shape
    reach = kernels.shape[2] // 2
    wide = TILE + 2 * reach
    tiles_z, tiles_y, tiles_x = (depth + TILE - 1) // TILE, (rows + TILE - 1) // TILE, (columns + TILE - 1) // TILE
    for tile in numba.prange(tiles_z * tiles_y * tiles_x):
        z0, y0, x0 = tile // (tiles_y * tiles_x) * TILE, tile // tiles_x % tiles_y * TILE, tile % tiles_x * TILE
        z1, y1, x1 = min(z0 + TILE, depth), min(y0 + TILE, rows), min(x0 + TILE, columns)
        some = False
        for z in range(z0, z1):
            for y in range(y0, y1):
                some |= counts[z, y, x0 // TILE] > 0
        if not some:
            continue
        block = np.empty(wide * wide * wide, np.float32)
        for k in range(wide):
            source_z = _mirrored(z0 + k - reach, depth)
            for j in range(wide):
                source_y = _mirrored(y0 + j - reach, rows)
                for i in range(wide):
                    block[(k * wide + j) * wide + i] = array[source_z, source_y, _mirrored(x0 + i - reach, columns)]
        along_z, total = np.empty((3, TILE * wide * wide), np.float32), np.empty(wide * wide, np.float64)
        for order in range(3):
            wanted = False
            for n in range(orders.shape[0]):
                wanted |= orders[n, 0] == order
            if wanted:
                for k in range(z1 - z0):
                    start, weights = (k + reach) * wide * wide, kernels[0, order]
                    _weigh_across(block, start, wide * wide, wide * wide, weights, order, total, along_z[order], k * wide * wide)
        along_y = np.empty(wide, np.float32)
        for n in range(orders.shape[0]):
            planes = along_z[orders[n, 0]]
            for z in range(z0, z1):
                for y in range(y0, y1):
                    if counts[z, y, x0 // TILE] == 0:
                        continue
                    start = (z - z0) * wide * wide + (y - y0 + reach) * wide
                    _weigh_across(planes, start, wide, wide, kernels[1, orders[n, 1]], orders[n, 1], total, along_y, 0)
                    place = first[z, y, x0 // TILE]
                    for x in range(x0, x1):
                        if where[z, y, x]:
                            out[place, n] = _weighed(along_y, x - x0 + reach, kernels[2, orders[n, 2]], orders[n, 2])
                            place += 1


def at(where: BoolMask, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An array that holds the values at chosen voxels, in their order, and 0 elsewhere.

    Examples
    --------
    >>> at(np.array([[[True, False, True]]]), np.array([5, 7])).tolist()
    [[[5, 0, 7]]]
    """
    out = np.zeros(where.shape, values.dtype)
    counts = np.zeros(where.shape[0], np.int64)
    _count_planes(where, counts)
    _place(where, np.cumsum(counts) - counts, np.ascontiguousarray(values), out)
    return out


@numba.njit(nogil=NOGIL, parallel=True, cache=True)
def _count_planes(where, counts):  # type: ignore[no-untyped-def]  # pragma: no cover
    for z in numba.prange(where.shape[0]):
        for y in range(where.shape[1]):
            for x in range(where.shape[2]):
                counts[z] += where[z, y, x]


@numba.njit(nogil=NOGIL, parallel=True, cache=True)
def _place(where, first, values, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    for z in numba.prange(where.shape[0]):
        n = first[z]
        for y in range(where.shape[1]):
            for x in range(where.shape[2]):
                if where[z, y, x]:
                    out[z, y, x] = values[n]
                    n += 1
