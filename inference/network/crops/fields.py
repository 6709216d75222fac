"""Smooth random fields on a cube: the raw material of tissue, bone surfaces and texture."""

from functools import lru_cache
from typing import Any, SupportsInt

import numpy as np
import numpy.typing as npt
from numba import njit

Field = npt.NDArray[Any]  # float32 throughout


@lru_cache(maxsize=256)
def _basis(control: int, size: int) -> Field:
    """Cubic B-spline weights (size, control)."""
    position = np.linspace(0, control - 3 - 1e-6, size)
    first, t = position.astype(int), position % 1.0
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    basis = np.zeros((size, control), np.float32)
    for offset, weight in enumerate(weights):
        basis[np.arange(size), first + offset] = weight / 6
    return basis


def smooth_field(rng: np.random.Generator, size: int, control: SupportsInt, amplitude: float = 1.0) -> Field:
    """A smooth random field with mean 0.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    size : int
        Edge of the cube. [voxels]
    control : int
        Control points along an edge, at least 4: few give broad waves, many give texture.
    amplitude : float
        Standard deviation.

    Examples
    --------
    >>> field = smooth_field(np.random.default_rng(0), 32, 6, 2.0)
    >>> field.shape, abs(float(field.mean())) < 1e-3, round(float(field.std()), 3)
    ((32, 32, 32), True, 2.0)
    """
    count = max(4, int(control))
    field = rng.standard_normal((count, count, count)).astype(np.float32)
    basis = _basis(count, size)
    for _ in range(3):  # one axis at a time; three turns bring the axes back into order
        field = np.tensordot(field, basis, axes=(0, 1))
    field -= field.mean()
    return field * np.float32(amplitude / (field.std() + 1e-6))


@njit(nogil=True, cache=True, fastmath=True)
def _over_gradient(field, spacing, floor, out):  # type: ignore[no-untyped-def]
    n = field.shape[0]
    for i in range(n):
        i0, i1 = max(i - 1, 0), min(i + 1, n - 1)
        for j in range(n):
            j0, j1 = max(j - 1, 0), min(j + 1, n - 1)
            for k in range(n):
                k0, k1 = max(k - 1, 0), min(k + 1, n - 1)
                a = (field[i1, j, k] - field[i0, j, k]) / ((i1 - i0) * spacing)
                b = (field[i, j1, k] - field[i, j0, k]) / ((j1 - j0) * spacing)
                c = (field[i, j, k1] - field[i, j, k0]) / ((k1 - k0) * spacing)
                out[i, j, k] = field[i, j, k] / max(np.sqrt(a * a + b * b + c * c), floor)


def surface_distance(field: Field, spacing_mm: float) -> Field:
    """First-order signed distance to the zero surface of a field; negative where the field is. [mm]

    Examples
    --------
    >>> slope = np.arange(8, dtype=np.float32)[:, None, None] * np.ones((8, 8, 8), np.float32) - 3
    >>> float(surface_distance(slope, 0.5)[5, 0, 0])
    1.0
    """
    coarse = field[::4, ::4, ::4]
    slopes = np.sqrt(sum(g**2 for g in np.gradient(coarse, 4 * spacing_mm))) if min(coarse.shape) > 1 else np.zeros(1)
    out = np.empty_like(field)
    _over_gradient(field, spacing_mm, max(float(np.percentile(slopes, 15)), 1e-4), out)
    return out


def ramp(values: Field) -> Field:
    """Clip to 0..1: turns a distance in voxels into a partial-volume fraction."""
    clipped: Field = np.clip(values, np.float32(0), np.float32(1))
    return clipped
