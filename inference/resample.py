"""Resampling between grids over the same field: one pass, int16 in and out, no float copy of the volume.

The grids share the corner of their first voxel, as in `Geometry.resampled`. Linear values come from the eight nearest
voxels; along an axis that is made coarser the answer is not averaged, so keep the step below twice the source's.
"""

from typing import TypeVar

import numba
import numpy as np
import numpy.typing as npt

from inference.compilation import NOGIL
from inference.volume import Volume

Number = TypeVar("Number", np.uint8, np.int16)
Table = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]


def resample(volume: Volume, spacing_mm: tuple[float, float, float]) -> Volume:
    """Resample a scan linearly onto another spacing over the same field.

    Parameters
    ----------
    volume : Volume
        Array (z, y, x) of int16. [HU]
    spacing_mm : tuple of float
        Wanted distance between voxel centres along (z, y, x). [mm]

    Returns
    -------
    Volume
        int16 on `volume.geometry.resampled(spacing_mm)`.

    Examples
    --------
    >>> from inference import Geometry
    >>> ramp = np.arange(8, dtype=np.int16).reshape(1, 1, 8) * np.ones((4, 4, 1), np.int16)
    >>> resample(Volume(ramp, Geometry((4, 4, 8), (1.0, 1.0, 1.0))), (1.0, 1.0, 2.0)).array[0, 0].tolist()
    [1, 3, 5, 7]
    """
    geometry = volume.geometry.resampled(spacing_mm)
    source = np.ascontiguousarray(volume.array, dtype=np.int16)
    tables = [_linear_table(new, old) for new, old in zip(geometry.shape, source.shape, strict=True)]
    out = np.empty(geometry.shape, np.int16)
    _linear(source, *tables[0], *tables[1], *tables[2], out)
    return Volume(out, geometry, volume.source)


def nearest(labels: npt.NDArray[Number], shape: tuple[int, int, int]) -> npt.NDArray[Number]:
    """A mask, label map or other volume of integers on a grid of another shape over the same field, by the nearest voxel.

    Examples
    --------
    >>> nearest(np.array([[[0, 7]]], np.uint8), (1, 1, 4)).tolist()
    [[[0, 0, 7, 7]]]
    >>> nearest(np.array([[[300]]], np.int16), (1, 1, 2)).tolist()
    [[[300, 300]]]
    """
    if labels.shape == tuple(shape):
        return labels
    out = np.empty(shape, labels.dtype)
    _pick(np.ascontiguousarray(labels), *nearest_indices(labels.shape, shape), out)
    return out


def block_means(array: npt.NDArray[np.integer | np.bool_], block: tuple[int, int, int]) -> npt.NDArray[np.float32]:
    """Means of blocks of (z, y, x) voxels, of an array whose shape they divide; a mask's are shares. Numpy's mean, in a tenth of the time.

    Examples
    --------
    >>> block_means(np.arange(8, dtype=np.int16).reshape(1, 2, 4), (1, 2, 2)).tolist()
    [[[2.5, 4.5]]]
    """
    deep, high, wide = block
    kind = np.uint16 if array.dtype == bool and deep * high * wide < 65536 else np.int64
    total = np.add.reduce(array.reshape(-1, deep, *array.shape[1:]), axis=1, dtype=kind)
    total = sum((total[:, first::high] for first in range(1, high)), start=total[:, ::high])
    total = sum((total[:, :, first::wide] for first in range(1, wide)), start=total[:, :, ::wide])
    return (total / (deep * high * wide)).astype(np.float32)


def nearest_indices(old: tuple[int, ...], new: tuple[int, ...]) -> list[npt.NDArray[np.int64]]:
    """For every index along an axis of the new grid, that of the nearest voxel of the old one over the same field.

    Examples
    --------
    >>> nearest_indices((2,), (4,))[0].tolist()
    [0, 0, 1, 1]
    """
    return [np.minimum(((np.arange(n) + 0.5) * m / n).astype(np.int64), m - 1) for n, m in zip(new, old, strict=True)]


def _linear_table(new: int, old: int) -> Table:
    """For every new index: the two old indices it lies between, and the weight of the second."""
    position = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    low = np.minimum(position.astype(np.int64), max(old - 2, 0))
    return low, np.minimum(low + 1, old - 1), (position - low).astype(np.float32)


@numba.njit(nogil=NOGIL, parallel=True, fastmath=True, cache=True)
def _linear(source, z0, z1, wz, y0, y1, wy, x0, x1, wx, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    depth, rows, columns = out.shape
    width = source.shape[2]
    for k in numba.prange(depth):
        line = np.empty(width, np.float32)
        a, b, w = source[z0[k]], source[z1[k]], wz[k]
        for j in range(rows):
            i0, i1, v = y0[j], y1[j], wy[j]
            w00, w01, w10, w11 = (1 - w) * (1 - v), (1 - w) * v, w * (1 - v), w * v
            for i in range(width):
                line[i] = w00 * a[i0, i] + w01 * a[i1, i] + w10 * b[i0, i] + w11 * b[i1, i]
            for i in range(columns):
                value = line[x0[i]] + wx[i] * (line[x1[i]] - line[x0[i]])
                out[k, j, i] = np.int16(np.floor(value + np.float32(0.5)))


@numba.njit(nogil=NOGIL, parallel=True, cache=True)
def _pick(source, z, y, x, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    for k in numba.prange(out.shape[0]):
        for j in range(out.shape[1]):
            for i in range(out.shape[2]):
                out[k, j, i] = source[z[k], y[j], x[i]]
