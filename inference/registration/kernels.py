"""The compiled loops of registration: normal equations at edge voxels, for one motion or for a grid of them."""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from inference.compilation import NOGIL

# numba ships no types: what it compiles is untyped to the checker
# mypy: disable-error-code="untyped-decorator, no-any-return"

Array = npt.NDArray[Any]
CHUNKS = 32


@njit(nogil=True, cache=True, fastmath=True)
def sample(array: Array, x: float, y: float, z: float) -> tuple[bool, float, float, float, float]:
    """Trilinear value and its derivatives along the index axes (x, y, z); first item false outside."""
    i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    if i < 0 or j < 0 or k < 0 or i >= array.shape[2] - 1 or j >= array.shape[1] - 1 or k >= array.shape[0] - 1:
        return False, 0.0, 0.0, 0.0, 0.0
    u, v, w = x - i, y - j, z - k
    a, b, c, d = array[k, j, i], array[k, j, i + 1], array[k, j + 1, i], array[k, j + 1, i + 1]
    e, f, g, h = array[k + 1, j, i], array[k + 1, j, i + 1], array[k + 1, j + 1, i], array[k + 1, j + 1, i + 1]
    low, high = (a * (1 - u) + b * u) * (1 - v) + (c * (1 - u) + d * u) * v, (e * (1 - u) + f * u) * (1 - v) + (g * (1 - u) + h * u) * v
    dx = ((b - a) * (1 - v) + (d - c) * v) * (1 - w) + ((f - e) * (1 - v) + (h - g) * v) * w
    dy = ((c - a) * (1 - u) + (d - b) * u) * (1 - w) + ((g - e) * (1 - u) + (h - f) * u) * w
    return True, low * (1 - w) + high * w, dx, dy, high - low


@njit(nogil=NOGIL, cache=True, fastmath=True, parallel=True)
def residuals(points: Array, values: Array, moving: Array, inverse: Array, origin: Array, cutoff: float, out: Array) -> None:
    """Per point: weighted residual and gradient. `out` (n, 5): weight, residual [HU], gradient x, y, z [HU/mm].

    `points` lie in the moving scan already. Weights follow Geman and McClure: contrast, which only one scan has, is
    an outlier and must not pull.
    """
    for p in prange(points.shape[0]):
        dx, dy, dz = points[p, 0] - origin[0], points[p, 1] - origin[1], points[p, 2] - origin[2]
        x = inverse[0, 0] * dx + inverse[0, 1] * dy + inverse[0, 2] * dz
        y = inverse[1, 0] * dx + inverse[1, 1] * dy + inverse[1, 2] * dz
        z = inverse[2, 0] * dx + inverse[2, 1] * dy + inverse[2, 2] * dz
        inside, value, gx, gy, gz = sample(moving, x, y, z)
        out[p, 0] = 0.0
        if inside:
            r = value - values[p]
            weight = cutoff * cutoff / (cutoff * cutoff + r * r)
            out[p, 0] = weight * weight
            out[p, 1] = r
            out[p, 2] = gx * inverse[0, 0] + gy * inverse[1, 0] + gz * inverse[2, 0]
            out[p, 3] = gx * inverse[0, 1] + gy * inverse[1, 1] + gz * inverse[2, 1]
            out[p, 4] = gx * inverse[0, 2] + gy * inverse[1, 2] + gz * inverse[2, 2]


@njit(nogil=NOGIL, cache=True, fastmath=True, parallel=True)
def rigid_normals(points: Array, seen: Array, centre: Array) -> tuple[Array, Array]:
    """Normal equations of a small shift and turn about `centre`: 6×6 and 6, shift first."""
    n = points.shape[0]
    matrices, vectors = np.zeros((CHUNKS, 6, 6)), np.zeros((CHUNKS, 6))
    for chunk in prange(CHUNKS):
        row = np.zeros(6)
        for p in range(chunk * n // CHUNKS, (chunk + 1) * n // CHUNKS):
            weight = seen[p, 0]
            if weight <= 0.0:
                continue
            gx, gy, gz = seen[p, 2], seen[p, 3], seen[p, 4]
            x, y, z = points[p, 0] - centre[0], points[p, 1] - centre[1], points[p, 2] - centre[2]
            row[0], row[1], row[2] = gx, gy, gz
            row[3], row[4], row[5] = y * gz - z * gy, z * gx - x * gz, x * gy - y * gx
            for a in range(6):
                vectors[chunk, a] += weight * row[a] * seen[p, 1]
                for b in range(6):
                    matrices[chunk, a, b] += weight * row[a] * row[b]
    return matrices.sum(axis=0), vectors.sum(axis=0)


@njit(nogil=True, cache=True, fastmath=True)
def local_normals(nodes: Array, seen: Array, shape: Array) -> tuple[Array, Array]:
    """Normal equations of a shift at every node of a grid: (6, nodes) as xx, xy, xz, yy, yz, zz and (3, nodes).

    `nodes` (n, 3) are the fixed points in grid steps (x, y, z); each point counts for its eight nodes by nearness.
    """
    matrices = np.zeros((6, shape[0], shape[1], shape[2]))
    vectors = np.zeros((3, shape[0], shape[1], shape[2]))
    for p in range(nodes.shape[0]):
        weight = seen[p, 0]
        if weight <= 0.0:
            continue
        i, j, k = int(nodes[p, 0]), int(nodes[p, 1]), int(nodes[p, 2])
        if i < 0 or j < 0 or k < 0 or i >= shape[2] - 1 or j >= shape[1] - 1 or k >= shape[0] - 1:
            continue
        u, v, w = nodes[p, 0] - i, nodes[p, 1] - j, nodes[p, 2] - k
        gx, gy, gz, r = seen[p, 2], seen[p, 3], seen[p, 4], seen[p, 1]
        for c in range(8):
            a, b, d = c & 1, (c >> 1) & 1, c >> 2
            share = weight * (u if a else 1 - u) * (v if b else 1 - v) * (w if d else 1 - w)
            z, y, x = k + d, j + b, i + a
            matrices[0, z, y, x] += share * gx * gx
            matrices[1, z, y, x] += share * gx * gy
            matrices[2, z, y, x] += share * gx * gz
            matrices[3, z, y, x] += share * gy * gy
            matrices[4, z, y, x] += share * gy * gz
            matrices[5, z, y, x] += share * gz * gz
            vectors[0, z, y, x] += share * gx * r
            vectors[1, z, y, x] += share * gy * r
            vectors[2, z, y, x] += share * gz * r
    return matrices, vectors
