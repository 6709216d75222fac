"""The moving scan on the fixed scan's grid, with the steepness that says how much a small error of place would matter."""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from inference.compilation import NOGIL
from inference.registration.kernels import sample
from inference.registration.transform import Local
from inference.volume import Volume

# numba ships no types: what it compiles is untyped to the checker
# mypy: disable-error-code="untyped-decorator, no-any-return"

Array = npt.NDArray[Any]
OUTSIDE_HU = -1024


def warp(fixed: Volume, moving: Volume, found: Local, *, least_hu: float) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    """Sample the moving scan where the fixed one is bright enough to matter.

    Parameters
    ----------
    fixed, moving : Volume
        The scans. [HU]
    found : Local
        Registration, fixed to moving.
    least_hu : float
        Voxels of the fixed scan at or below this are left at −1024. [HU]

    Returns
    -------
    values : numpy.ndarray
        int16 (z, y, x) on the fixed grid. [HU]
    slope : numpy.ndarray
        int16 (z, y, x), size of the gradient there. [HU/mm]
    """
    values, slope = np.full(fixed.shape, OUTSIDE_HU, np.int16), np.zeros(fixed.shape, np.int16)
    inverse = np.linalg.inv(moving.geometry.matrix)
    place = (fixed.geometry.matrix, np.asarray(fixed.geometry.origin_mm), inverse, np.asarray(moving.geometry.origin_mm))
    field = (found.rigid.matrix, found.rigid.shift_mm, np.ascontiguousarray(found.displacement_mm), found.origin_mm, float(found.step_mm))
    _warp(np.ascontiguousarray(fixed.array), np.ascontiguousarray(moving.array), *place, *field, float(least_hu), values, slope)
    return values, slope


@njit(nogil=True, cache=True, fastmath=True)
def _weights(t: float) -> tuple[float, float, float, float]:
    """Catmull-Rom weights of four neighbours."""
    return (
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )


@njit(nogil=True, cache=True, fastmath=True)
def _cubic(array: Array, x: float, y: float, z: float, otherwise: float) -> float:
    """Cubic value; linear interpolation would soften bone and leave a rim after subtraction."""
    i, j, k = int(np.floor(x)) - 1, int(np.floor(y)) - 1, int(np.floor(z)) - 1
    if i < 0 or j < 0 or k < 0 or i + 3 >= array.shape[2] or j + 3 >= array.shape[1] or k + 3 >= array.shape[0]:
        return otherwise
    wx, wy, wz = _weights(x - i - 1), _weights(y - j - 1), _weights(z - k - 1)
    total = 0.0
    for c in range(4):
        plane = 0.0
        for b in range(4):
            row = array[k + c, j + b]
            plane += wy[b] * (wx[0] * row[i] + wx[1] * row[i + 1] + wx[2] * row[i + 2] + wx[3] * row[i + 3])
        total += wz[c] * plane
    return total


@njit(nogil=NOGIL, cache=True, fastmath=True, parallel=True)
def _warp(
    fixed: Array, moving: Array, step: Array, origin: Array, inverse: Array, moving_origin: Array,
    turn: Array, shift: Array, grid: Array, grid_origin: Array, grid_step: float, least: float, values: Array, slope: Array,
) -> None:  # fmt: skip
    for z in prange(fixed.shape[0]):
        point, place, index, gradient = np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(3)
        for y in range(fixed.shape[1]):
            for x in range(fixed.shape[2]):
                if fixed[z, y, x] <= least:
                    continue
                for a in range(3):
                    point[a] = step[a, 0] * x + step[a, 1] * y + step[a, 2] * z + origin[a]
                gx = (point[0] - grid_origin[0]) / grid_step
                gy = (point[1] - grid_origin[1]) / grid_step
                gz = (point[2] - grid_origin[2]) / grid_step
                for a in range(3):
                    place[a] = turn[a, 0] * point[0] + turn[a, 1] * point[1] + turn[a, 2] * point[2] + shift[a] - moving_origin[a]
                    place[a] += sample(grid[a], gx, gy, gz)[1]
                for a in range(3):
                    index[a] = inverse[a, 0] * place[0] + inverse[a, 1] * place[1] + inverse[a, 2] * place[2]
                inside, value, dx, dy, dz = sample(moving, index[0], index[1], index[2])
                if not inside:
                    continue
                for a in range(3):
                    gradient[a] = dx * inverse[0, a] + dy * inverse[1, a] + dz * inverse[2, a]
                values[z, y, x] = round(_cubic(moving, index[0], index[1], index[2], value))
                steep = np.sqrt(gradient[0] ** 2 + gradient[1] ** 2 + gradient[2] ** 2)
                slope[z, y, x] = int(min(steep, 30000.0))
