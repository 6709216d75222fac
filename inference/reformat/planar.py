"""Multiplanar reformats: flat planes through a vessel, thin slabs averaged."""

# mypy: disable-error-code="no-any-return"

from typing import Any

import numpy as np
import numpy.typing as npt

from inference.centrelines.centreline import Centreline
from inference.reformat.curved import sample_hu
from inference.volume import Volume

Array = npt.NDArray[Any]

PLANES = {
    "axial": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "coronal": ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
    "sagittal": ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
}
"""LPS directions of columns (to the right of the picture) and rows (downwards), as a radiologist looks at them."""


def best_plane(line: Centreline) -> tuple[Array, Array]:
    """Columns and rows (unit LPS vectors) of the plane that a vessel lies in best; the head stays up, the left stays right."""
    middle = line.points_mm - line.points_mm.mean(axis=0)
    _, _, axes = np.linalg.svd(middle, full_matrices=False)
    up = axes[0] if len(axes) > 0 else np.array([0.0, 0.0, 1.0])
    side = axes[1] if len(axes) > 1 else np.eye(3)[np.abs(up).argmin()]
    if abs(side[2]) > abs(up[2]):
        up, side = side, up
    up = up if up[2] >= 0 else -up
    side = side - (side @ up) * up
    side /= max(float(np.linalg.norm(side)), 1e-9)
    return (side if side[np.abs(side[:2]).argmax()] >= 0 else -side), -up


def plane(
    volume: Volume,
    centre_mm: npt.ArrayLike,
    columns: npt.ArrayLike,
    rows: npt.ArrayLike,
    *,
    size_mm: tuple[float, float] = (120.0, 120.0),
    pixel_mm: float = 0.5,
    thickness_mm: float = 3.0,
) -> Array:
    """HU on a plane (rows, columns), the mean over a slab.

    Parameters
    ----------
    volume : Volume
        Scan. [HU]
    centre_mm : array_like
        LPS point in the middle of the picture. [mm]
    columns, rows : array_like
        Unit LPS vectors to the right and downwards in the picture.
    size_mm : tuple of float
        Height and width. [mm]
    pixel_mm, thickness_mm : float
        Side of a pixel and thickness of the slab. [mm]
    """
    right, down = np.asarray(columns, float), np.asarray(rows, float)
    normal = np.cross(right, down)
    high, wide = (round(size / pixel_mm / 2) for size in size_mm)
    v, u = np.meshgrid(np.arange(-high, high + 1) * pixel_mm, np.arange(-wide, wide + 1) * pixel_mm, indexing="ij")
    flat = np.asarray(centre_mm, float) + u[..., None] * right + v[..., None] * down
    depths = np.linspace(-thickness_mm / 2, thickness_mm / 2, max(1, round(thickness_mm / 0.75)))
    return np.mean([sample_hu(volume, flat + depth * normal) for depth in depths], axis=0)
