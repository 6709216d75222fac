"""From a chain of voxels to a smooth line in the middle of its lumen, with a radius, finer than the voxels."""

# mypy: disable-error-code="untyped-decorator,no-any-return"

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from inference.centrelines.lumen import WALL, Lumen, sample, wall_correction, wall_distances

Array = npt.NDArray[Any]

RAYS = 24
ROUNDS = 4


def smooth_along(points: Array, sigma_mm: float, step_mm: float) -> Array:
    """Gaussian smoothing of evenly spaced points (n, 3) along the line; the ends stay, for the line is mirrored through them."""
    width = sigma_mm / step_mm
    reach = min(len(points) - 1, int(np.ceil(4 * width)))
    if reach < 1 or width < 0.3:
        return points
    before = 2 * points[0] - points[reach:0:-1]
    after = 2 * points[-1] - points[-2 : -reach - 2 : -1]
    whole = np.concatenate((before, points, after))
    smoothed: Array = ndimage.gaussian_filter1d(whole, width, axis=0, truncate=4.0)[reach : reach + len(points)]
    return smoothed


def evenly(points: Array, step_mm: float) -> Array:
    """The same polyline with points about `step_mm` apart, both ends kept."""
    keep = np.concatenate(([True], np.linalg.norm(np.diff(points, axis=0), axis=1) > 1e-9))
    points = points[keep]
    if len(points) < 2:
        return points
    arc = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))))
    at = np.linspace(0.0, arc[-1], max(2, round(arc[-1] / step_mm) + 1))
    return np.stack([np.interp(at, arc, points[:, axis]) for axis in range(3)], axis=1)


def directions(points: Array) -> Array:
    """Unit tangents (n, 3)."""
    slope = np.gradient(points, axis=0)
    size = np.linalg.norm(slope, axis=1, keepdims=True)
    return np.where(size > 1e-12, slope / np.maximum(size, 1e-12), np.array([1.0, 0.0, 0.0]))


def perpendicular(tangents: Array) -> tuple[Array, Array]:
    """Two unit vectors across each tangent; which ones does not matter here."""
    helper = np.eye(3)[np.abs(tangents).argmin(axis=1)]
    across = np.cross(tangents, helper)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    return across, np.cross(tangents, across)


def _sections(lumen: Lumen, points: Array, tangents: Array, reach: Array) -> tuple[Array, Array, Array]:
    """Wall distances (n, rays), cut at 1.6 times the median so that a branch does not count, with the two directions."""
    across, beside = perpendicular(tangents)
    spacing = np.asarray(lumen.geometry.spacing_mm, float)
    found = wall_distances(lumen.smooth, spacing, points, across, beside, reach, RAYS)
    middle = np.median(found, axis=1, keepdims=True)
    return np.minimum(found, 1.6 * np.maximum(middle, 1e-9)), across, beside


def _shift_to_middle(found: Array, across: Array, beside: Array) -> Array:
    """Way from each point to the centroid of its cross-section (n, 3)."""
    angle = 2 * np.pi * np.arange(RAYS) / RAYS
    cube, square = found**3, found**2
    weight = np.maximum(square.sum(axis=1), 1e-12)
    u = (2.0 / 3.0) * (cube * np.cos(angle)).sum(axis=1) / weight
    v = (2.0 / 3.0) * (cube * np.sin(angle)).sum(axis=1) / weight
    return u[:, None] * across + v[:, None] * beside


def _inside(lumen: Lumen, points: Array) -> Array:
    spacing = np.asarray(lumen.geometry.spacing_mm, float)
    return np.array([sample(lumen.smooth, *(point / spacing)) >= WALL for point in points])


def _reach(lumen: Lumen, points: Array) -> Array:
    """How far to look for the wall: three times the depth at the point."""
    index = np.clip(np.rint(points / np.asarray(lumen.geometry.spacing_mm)).astype(int), 0, np.array(lumen.mask.shape) - 1)
    return 3.0 * lumen.depth_mm[tuple(index.T)] + 2.0 * max(lumen.geometry.spacing_mm)


def extend(lumen: Lumen, points: Array, step_mm: float, radius_mm: float) -> Array:
    """Replace the last radius of a line, where cross-sections leave the vessel, by a straight run up to the wall."""
    spare = max(1, round(radius_mm / step_mm))
    if len(points) < 4 * spare + 2:
        spare = max(1, len(points) // 6)
    body = points[: len(points) - spare]
    back = body[-1] - body[max(0, len(body) - 1 - max(2, 2 * spare))]
    size = float(np.linalg.norm(back))
    if size < 1e-9 or len(body) < 2:
        return points
    spacing, run = np.asarray(lumen.geometry.spacing_mm, float), [body]
    for count in range(1, 2 * spare + 3):
        place = body[-1] + back / size * step_mm * count
        if sample(lumen.smooth, *(place / spacing)) < WALL:
            break
        run.append(place[None])
    longer = np.concatenate(run)
    return longer if len(longer) >= len(body) else points


def centre(lumen: Lumen, chain: Array, *, step_mm: float, open_ends: tuple[bool, bool]) -> tuple[Array, Array]:
    """Middle line and radius of a chain of voxels.

    Parameters
    ----------
    lumen : Lumen
        Where the chain lies.
    chain : numpy.ndarray
        Local millimetres (n, 3) as (z, y, x), from a minimal path.
    step_mm : float
        Distance between points of the result. [mm]
    open_ends : tuple of bool
        Whether the first and the last end may be moved up to the wall.

    Returns
    -------
    points, radius : numpy.ndarray
        Local millimetres (m, 3) and radius (m,). [mm]
    """
    points = evenly(chain, step_mm)
    if len(points) < 2:
        return points, np.zeros(len(points))
    typical = float(np.median(_reach(lumen, points))) / 3.0
    points = evenly(_held_inside(lumen, points, smooth_along(points, np.clip(0.6 * typical, step_mm, 2.0), step_mm)), step_mm)
    for _ in range(ROUNDS):
        found, across, beside = _sections(lumen, points, directions(smooth_along(points, typical, step_mm)), _reach(lumen, points))
        shift = _shift_to_middle(found, across, beside)
        size = np.linalg.norm(shift, axis=1, keepdims=True)
        limit = 0.5 * np.median(found, axis=1, keepdims=True)
        moved = points + shift * np.minimum(1.0, limit / np.maximum(size, 1e-9))
        moved = smooth_along(moved, np.clip(0.4 * typical, 0.4, 1.2), step_mm)
        points = evenly(_held_inside(lumen, points, moved), step_mm)
    if open_ends[1]:
        points = extend(lumen, points, step_mm, typical)
    if open_ends[0]:
        points = extend(lumen, points[::-1], step_mm, typical)[::-1]
    points = evenly(points, step_mm)
    return points, radius_at(lumen, points, typical, step_mm)


def _held_inside(lumen: Lumen, old: Array, new: Array) -> Array:
    """The new points where they lie in the lumen, the old ones elsewhere."""
    return np.where(_inside(lumen, new)[:, None], new, old)


def radius_at(lumen: Lumen, points: Array, typical_mm: float, step_mm: float) -> Array:
    """Radius of the circle that fits into the cross-section, undisturbed by the ends and by branches.

    The fifth-smallest share of the wall distances stands for the smallest, which a single voxel of the staircase decides.
    """
    found, _, _ = _sections(lumen, points, directions(smooth_along(points, typical_mm, step_mm)), _reach(lumen, points))
    radius = np.percentile(found, 20.0, axis=1)
    spare = min(len(points) // 4, max(1, round(typical_mm / step_mm)))
    if spare and len(points) > 2 * spare + 2:
        radius[:spare], radius[-spare:] = radius[spare], radius[-spare - 1]
    corrected: Array = wall_correction(radius, lumen.geometry.spacing_mm)
    return corrected
