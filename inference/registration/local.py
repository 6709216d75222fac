"""Local registration on top of a rigid one: jaw, throat and neck move by themselves."""

from collections.abc import Callable

import numpy as np

from inference.registration.kernels import local_normals, residuals
from inference.registration.pyramid import Array, Level, edge_points, level_of
from inference.registration.transform import Local, Points, Rigid
from inference.volume import Volume

# voxels differ by some 40 HU after registration and neighbouring control points by some 0.09 mm: (40 / 0.09)² HU²/mm²
STIFFNESS = 2e5


def register_local(
    fixed: Volume,
    moving: Volume,
    rigid: Rigid,
    *,
    step_mm: float = 12.0,
    levels_mm: tuple[float, ...] = (3.0, 1.5),
    rounds: int = 8,
    cutoff_hu: float = 150.0,
    stiffness: float = STIFFNESS,
    most_points: int = 1_200_000,
    progress: Callable[[str], None] | None = None,
) -> Local:
    """Refine a rigid registration by a smooth displacement on a control grid.

    Parameters
    ----------
    fixed, moving : Volume
        Scans on any two grids. [HU]
    rigid : Rigid
        Where to start.
    step_mm : float
        Distance between control points. [mm]
    levels_mm : tuple of float
        Block sizes, coarse to fine. [mm]
    rounds : int
        Steps per level.
    cutoff_hu : float
        Differences well above this are contrast, not motion. [HU]
    stiffness : float
        Weight of the squared difference between neighbouring control points. [HU²/mm²]
    most_points : int
        Edge voxels used per level.
    progress : callable, optional
        Called with a line per level.

    Returns
    -------
    Local

    Notes
    -----
    Edges pull the control points of their cell; neighbouring points are held together by springs (membrane energy), which
    decide where there are no edges and along edges that say nothing about sliding. One linear system per step.
    """
    found = _start(fixed, rigid, step_mm)
    for size in levels_mm:
        still, target = level_of(fixed, size), level_of(moving, size)
        index, values = edge_points(still, least_hu=60.0, most=most_points)
        if len(index) < 1000:
            continue
        points = still.points(index)
        for _ in range(rounds):
            shift, _trust = _local_step(found, points, values, target, cutoff_hu=cutoff_hu, stiffness=stiffness)
            found = Local(rigid, found.origin_mm, step_mm, (found.displacement_mm + shift).astype(np.float32))
        if progress:
            progress(f"local, {size:g} mm: {len(index)} voxels, {np.abs(found.displacement_mm).max():.1f} mm at most")
    return found


def remaining_mm(fixed: Volume, moving: Volume, found: Local, *, size_mm: float = 1.5) -> tuple[float, float]:
    """How far edges still are from each other after registration: median and 95th percentile over the control grid. [mm]"""
    still, target = level_of(fixed, size_mm), level_of(moving, size_mm)
    index, values = edge_points(still, least_hu=100.0, most=600_000)
    if len(index) < 1000:
        return float("nan"), float("nan")
    grid = found if found.displacement_mm.shape[1] > 2 else _start(fixed, found.rigid, 12.0)
    shift, trust = _local_step(grid, still.points(index), values, target, cutoff_hu=250.0, stiffness=STIFFNESS)
    size = np.linalg.norm(shift, axis=0)[trust > np.percentile(trust[trust > 0], 30)]
    return float(np.median(size)), float(np.percentile(size, 95))


def _start(fixed: Volume, rigid: Rigid, step_mm: float) -> Local:
    """A control grid over the fixed scan's bounding box, without displacement."""
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in fixed.shape], indexing="ij")).reshape(3, -1).T
    box = fixed.geometry.points(corners)
    origin = box.min(axis=0) - step_mm
    counts = np.ceil((box.max(axis=0) - origin) / step_mm).astype(int) + 2
    return Local(rigid, origin, step_mm, np.zeros((3, *counts[::-1]), np.float32))


def _local_step(found: Local, points: Points, values: Array, target: Level, *, cutoff_hu: float, stiffness: float) -> tuple[Points, Points]:
    """The shift of every control point that reduces the residual, (3, nz, ny, nx) [mm], and how much edge it rests on."""
    seen = np.zeros((len(points), 5), np.float32)
    residuals(found.apply(points), values, target.array, target.inverse, target.origin_mm, cutoff_hu, seen)
    nodes = (points - found.origin_mm) / found.step_mm
    matrices, vectors = local_normals(nodes, seen, np.array(found.displacement_mm.shape[1:]))
    trust = matrices[0] + matrices[3] + matrices[5]
    if not np.any(trust > 0):
        return np.zeros_like(vectors), trust
    return _solve(matrices, vectors, found.displacement_mm.astype(float), stiffness), trust


def _solve(matrices: Points, vectors: Points, shift_mm: Points, stiffness: float, *, most: int = 60) -> Points:
    """Solve (data + stiffness × Laplacian) change = −(gradient + stiffness × Laplacian shift) by conjugate gradients.

    Sums are taken without BLAS: its threads wait in a loop, which on these short vectors costs six times the work.
    """
    xx, xy, xz, yy, yz, zz = matrices
    scale = np.array([xx, yy, zz]) + 6 * stiffness

    def times(change: Points) -> Points:
        x, y, z = change
        data = np.array([xx * x + xy * y + xz * z, xy * x + yy * y + yz * z, xz * x + yz * y + zz * z])
        return np.asarray(data + stiffness * _laplacian(change))

    change = np.zeros_like(vectors)
    left = -(vectors + stiffness * _laplacian(shift_mm))
    direction = left / scale
    energy = first = float((left * direction).sum())
    for _ in range(most):
        if energy <= 1e-6 * first or first <= 0.0:
            break
        pushed = times(direction)
        length = energy / float((direction * pushed).sum())
        change += length * direction
        left -= length * pushed
        steep = left / scale
        energy, before = float((left * steep).sum()), energy
        direction = steep + (energy / before) * direction
    return np.asarray(np.clip(change, -2.0, 2.0))


def _laplacian(field: Points) -> Points:
    """Sum of differences to the six neighbours; nothing across the border."""
    total = np.zeros_like(field)
    for axis in (1, 2, 3):
        step = np.diff(field, axis=axis)
        low, high = [slice(None)] * 4, [slice(None)] * 4
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        total[tuple(low)] -= step
        total[tuple(high)] += step
    return total
