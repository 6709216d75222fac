"""Coarser copies of a scan for registration, and the voxels worth looking at."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from inference.compilation import NOGIL
from inference.volume import Volume

# numba ships no types: what it compiles is untyped to the checker
# mypy: disable-error-code="untyped-decorator, no-any-return"

Array = npt.NDArray[Any]
LOW_HU, HIGH_HU = -200.0, 1500.0  # air and metal say nothing about where bone is


@dataclass(frozen=True)
class Level:
    """A scan averaged over blocks of voxels.

    Parameters
    ----------
    array : numpy.ndarray
        float32 (z, y, x), HU limited to −200 … 1500. [HU]
    step : numpy.ndarray
        3×3, from index steps (x, y, z) to LPS. [mm]
    origin_mm : numpy.ndarray
        LPS position of the first block's centre. [mm]
    """

    array: npt.NDArray[np.float32]
    step: npt.NDArray[np.float64]
    origin_mm: npt.NDArray[np.float64]

    @property
    def inverse(self) -> npt.NDArray[np.float64]:
        """3×3, from LPS millimetres to index steps (x, y, z)."""
        return np.asarray(np.linalg.inv(self.step), float)

    def points(self, index: Array) -> npt.NDArray[np.float64]:
        """LPS points (n, 3) of indices (n, 3) as (z, y, x). [mm]"""
        return np.asarray(index[:, ::-1].astype(float) @ self.step.T + self.origin_mm)


def level_of(volume: Volume, size_mm: float) -> Level:
    """Average a scan over blocks of about a size (voxels already larger are kept), and smooth it by (1, 2, 1)/4 along each axis.

    Without the smoothing, linear interpolation blurs the moving scan by an amount that depends on the shift, which pulls
    local shifts towards whole voxels by a tenth of a millimetre (measured on phantoms).

    Examples
    --------
    >>> from inference.geometry import Geometry
    >>> level = level_of(Volume(np.full((4, 8, 8), 50, np.int16), Geometry((4, 8, 8), (2.0, 1.0, 1.0))), 2.0)
    >>> level.array.shape, level.origin_mm.tolist()
    ((4, 4, 4), [0.5, 0.5, 0.0])
    """
    factor = [max(1, min(n, round(size_mm / s))) for n, s in zip(volume.shape, volume.spacing_mm, strict=True)]
    shape = tuple(n // f for n, f in zip(volume.shape, factor, strict=True))
    out = np.empty(shape, np.float32)
    _pool(np.ascontiguousarray(volume.array, np.int16), np.array(factor), out)
    smooth = np.empty_like(out)
    _smooth(out, smooth)
    step = volume.geometry.matrix * np.array(factor[::-1], float)
    middle = np.array([[(f - 1) / 2 for f in factor]])
    return Level(smooth, step, volume.geometry.points(middle)[0])


def edge_points(level: Level, *, least_hu: float, most: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Indices (n, 3) as (z, y, x) of voxels with an edge, and their values; an even subset of at most `most`."""
    rows, values = [], []
    total = np.zeros(level.array.shape[0], np.int64)
    _count_edges(level.array, least_hu, total)
    keep = max(1, int(np.ceil(total.sum() / max(most, 1))))
    for z in np.flatnonzero(total):
        index = _edges_of(level.array, int(z), least_hu)[int(z) % keep :: keep]
        rows.append(index)
        values.append(level.array[index[:, 0], index[:, 1], index[:, 2]])
    if not rows:
        return np.zeros((0, 3), np.int32), np.zeros(0, np.float32)
    return np.concatenate(rows), np.concatenate(values)


def _edges_of(array: npt.NDArray[np.float32], z: int, least_hu: float) -> npt.NDArray[np.int32]:
    plane = array[z]
    strength = np.zeros(plane.shape, np.float32)
    strength[1:-1, 1:-1] = np.abs(plane[2:, 1:-1] - plane[:-2, 1:-1]) + np.abs(plane[1:-1, 2:] - plane[1:-1, :-2])
    if 0 < z < len(array) - 1:
        strength[1:-1, 1:-1] += np.abs(array[z + 1] - array[z - 1])[1:-1, 1:-1]
    y, x = np.nonzero(strength > 2 * least_hu)
    return np.column_stack([np.full(len(y), z), y, x]).astype(np.int32)


def _count_edges(array: npt.NDArray[np.float32], least_hu: float, total: npt.NDArray[np.int64]) -> None:
    stride = 4 if len(array) > 64 else 1  # a sample of slices is enough to choose the subset
    for z in range(0, len(array), stride):
        total[z : z + stride] = len(_edges_of(array, z, least_hu))


@njit(nogil=NOGIL, cache=True, fastmath=True, parallel=True)
def _pool(source: Array, factor: Array, out: Array) -> None:
    fz, fy, fx = factor[0], factor[1], factor[2]
    share = np.float32(1.0 / (fz * fy * fx))
    for z in prange(out.shape[0]):
        total = np.zeros((out.shape[1], out.shape[2]), np.float32)
        for dz in range(fz):
            for y in range(out.shape[1] * fy):
                line, kept = source[z * fz + dz, y], total[y // fy]
                for x in range(out.shape[2]):
                    value = np.float32(0.0)
                    for dx in range(fx):
                        value += min(max(np.float32(line[x * fx + dx]), np.float32(LOW_HU)), np.float32(HIGH_HU))
                    kept[x] += value
        out[z] = total * share


@njit(nogil=NOGIL, cache=True, fastmath=True, parallel=True)
def _smooth(source: Array, out: Array) -> None:
    """(1, 2, 1)/4 along z, y and x; the border repeats."""
    depth, rows, columns = source.shape
    quarter, half = np.float32(0.25), np.float32(0.5)
    for z in prange(depth):
        plane = half * source[z] + quarter * (source[max(z - 1, 0)] + source[min(z + 1, depth - 1)])
        for y in range(rows):
            line = half * plane[y] + quarter * (plane[max(y - 1, 0)] + plane[min(y + 1, rows - 1)])
            for x in range(columns):
                out[z, y, x] = half * line[x] + quarter * (line[max(x - 1, 0)] + line[min(x + 1, columns - 1)])
