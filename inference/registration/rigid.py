"""Rigid registration of two scans of one patient: Gauss-Newton on edge voxels, coarse to fine, outliers weighted down."""

from collections.abc import Callable

import numpy as np

from inference.registration.kernels import residuals, rigid_normals
from inference.registration.pyramid import Array, Level, edge_points, level_of
from inference.registration.transform import Points, Rigid
from inference.volume import Volume

LEVELS_MM = (8.0, 4.0, 2.0, 1.0)


def register_rigid(
    fixed: Volume,
    moving: Volume,
    *,
    levels_mm: tuple[float, ...] = LEVELS_MM,
    cutoff_hu: float = 120.0,
    most_points: int = 200_000,
    progress: Callable[[str], None] | None = None,
) -> Rigid:
    """Find the motion between two scans.

    Parameters
    ----------
    fixed, moving : Volume
        Scans on any two grids, roughly in place. [HU]
    levels_mm : tuple of float
        Block sizes, coarse to fine. [mm]
    cutoff_hu : float
        Differences well above this are outliers: contrast, not motion. [HU]
    most_points : int
        Edge voxels used per level.
    progress : callable, optional
        Called with a line per level.

    Returns
    -------
    Rigid
        Takes points of the fixed scan into the moving one.

    Notes
    -----
    Each step minimises Σ w (moving(T p) − fixed(p))² for a small shift and turn, with the moving scan's gradient as the
    Jacobian (inverse of nothing, no line search: the pyramid keeps steps small). The moving scan should be the one
    without contrast: its gradient is then blind to vessels.

    References
    ----------
    Geman and McClure 1987 (weights); Lucas and Kanade 1981 (normal equations).
    """
    found = Rigid.identity()
    for size in levels_mm:
        still, target = level_of(fixed, size), level_of(moving, size)
        index, values = edge_points(still, least_hu=60.0, most=most_points)
        if len(index) < 100:
            continue
        found, rounds = _descend(still.points(index), values, target, found, cutoff_hu=cutoff_hu)
        if progress:
            progress(f"rigid, {size:g} mm: {rounds} steps on {len(index)} voxels")
    return found


def _descend(points: Points, values: Array, target: Level, found: Rigid, *, cutoff_hu: float, most: int = 25) -> tuple[Rigid, int]:
    seen = np.zeros((len(points), 5), np.float32)
    inverse = target.inverse
    for step in range(most):
        moved = found.apply(points)
        residuals(moved, values, target.array, inverse, target.origin_mm, cutoff_hu, seen)
        centre = moved.mean(axis=0)
        matrix, vector = rigid_normals(moved, seen, centre)
        if np.trace(matrix) <= 0.0:
            return found, step
        matrix += np.diag(np.diag(matrix) * 1e-6 + 1e-9)
        change = -np.linalg.solve(matrix, vector)
        found = found.after(change[3:], change[:3], centre)
        if np.abs(change[:3]).max() < 1e-3 and np.abs(change[3:]).max() < 1e-5:
            return found, step + 1
    return found, most
