"""Turn a stored array into LPS order: x to the left, y to the back, z to the head, by swapping and reversing axes only."""

from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.geometry import Geometry
from inference.scans.codes import rejected
from inference.volume import Orientation

SMALLEST_MM, LARGEST_MM, LONGEST_MM = 0.02, 25.0, 4000.0


def grid(shape: tuple[int, int, int], affine_lps: npt.NDArray[np.float64], *, tolerance: float = 2e-3) -> Geometry:
    """The grid of a stored array (z, y, x) from its 4×4 map of indices (x, y, z) to LPS millimetres.

    Raises
    ------
    RejectedScan
        `bad_orientation` for a singular or non-finite map, `absurd_spacing` outside 0.02 to 25 mm or over 4 m,
        `sheared_grid` when two axes are not at right angles to within `tolerance` (the cosine between them).
    """
    affine = np.asarray(affine_lps, float)
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise rejected("bad_orientation", "the map from voxels to millimetres holds values that are not numbers")
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    check_spacing((float(spacing[2]), float(spacing[1]), float(spacing[0])), shape)
    direction = affine[:3, :3] / spacing
    cosines = direction.T @ direction - np.eye(3)
    if np.abs(cosines).max() > tolerance:
        worst = float(np.degrees(np.arcsin(min(1.0, np.abs(cosines).max()))))
        raise rejected("sheared_grid", f"two axes of the image are {90 - worst:.1f} degrees apart instead of 90")
    u, _, vt = np.linalg.svd(direction)
    values = tuple(float(round(v, 12)) + 0.0 for v in (u @ vt).ravel())
    x, y, z = (float(v) for v in affine[:3, 3])
    if max(abs(x), abs(y), abs(z)) > 1e5:
        raise rejected("bad_orientation", "the first voxel lies more than 100 m from the scanner")
    return Geometry(shape, (float(spacing[2]), float(spacing[1]), float(spacing[0])), (x, y, z), values)


def check_spacing(spacing_mm: tuple[float, float, float], shape: tuple[int, int, int]) -> None:
    """Refuse spacings no scanner makes. Both arguments are (z, y, x)."""
    if not all(np.isfinite(s) and SMALLEST_MM <= s <= LARGEST_MM for s in spacing_mm):
        shown = " x ".join(f"{s:.4g}" for s in spacing_mm[::-1])
        raise rejected("absurd_spacing", f"the voxel spacing is {shown} mm; expected {SMALLEST_MM} to {LARGEST_MM:g} mm")
    longest = max(n * s for n, s in zip(shape, spacing_mm, strict=True))
    if longest > LONGEST_MM:
        raise rejected("absurd_spacing", f"the image would be {longest / 1000:.1f} m long")


def towards_lps(stored: Geometry) -> tuple[Orientation, Geometry]:
    """The swaps and reversals that bring a stored grid nearest to LPS, and the grid that results.

    Examples
    --------
    >>> ras = Geometry((4, 5, 6), (3.0, 2.0, 1.0), (0.0, 0.0, 0.0), (-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0))
    >>> turn, turned = towards_lps(ras)
    >>> turn.flips, turned.origin_mm, turned.direction[:5]
    ((False, True, True), (-5.0, -8.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0))
    """
    direction = np.asarray(stored.direction).reshape(3, 3)
    order = max(permutations(range(3)), key=lambda p: sum(abs(direction[i, p[i]]) for i in range(3)))
    backwards = [bool(direction[i, order[i]] < 0) for i in range(3)]
    axes = (2 - order[2], 2 - order[1], 2 - order[0])
    flips = (backwards[2], backwards[1], backwards[0])
    shape = (stored.shape[axes[0]], stored.shape[axes[1]], stored.shape[axes[2]])
    spacing = (stored.spacing_mm[axes[0]], stored.spacing_mm[axes[1]], stored.spacing_mm[axes[2]])
    corner = [0, 0, 0]
    for axis, flip in zip(axes, flips, strict=True):
        corner[axis] = stored.shape[axis] - 1 if flip else 0
    x, y, z = (float(v) + 0.0 for v in stored.points(np.array([corner]))[0])
    signs = np.where(backwards, -1.0, 1.0)
    turned = tuple(float(v) + 0.0 for v in (direction[:, list(order)] * signs).ravel())
    return Orientation(axes, flips), Geometry(shape, spacing, (x, y, z), turned)


def turn(array: npt.NDArray[Any], orientation: Orientation) -> npt.NDArray[Any]:
    """A stored array in LPS order (a view where nothing needs to move)."""
    flips = tuple(slice(None, None, -1) if flip else slice(None) for flip in orientation.flips)
    return array.transpose(orientation.axes)[flips]


def turn_back(array: npt.NDArray[Any], orientation: Orientation) -> npt.NDArray[Any]:
    """An LPS array in the order of the file it came from.

    Examples
    --------
    >>> stored = np.arange(24).reshape(2, 3, 4)
    >>> way = Orientation((2, 0, 1), (True, False, True))
    >>> bool((turn_back(turn(stored, way), way) == stored).all())
    True
    """
    flips = tuple(slice(None, None, -1) if flip else slice(None) for flip in orientation.flips)
    return array[flips].transpose(np.argsort(orientation.axes))


def stored_geometry(geometry: Geometry, orientation: Orientation) -> Geometry:
    """The grid of the file from the grid of its volume: undoes `towards_lps`."""
    inverse = [int(i) for i in np.argsort(orientation.axes)]
    corner = np.array([[n - 1 if flip else 0 for n, flip in zip(geometry.shape, orientation.flips, strict=True)]])
    x, y, z = (float(v) + 0.0 for v in geometry.points(corner)[0])
    columns = np.asarray(geometry.direction).reshape(3, 3)[:, ::-1] * np.where(orientation.flips, -1.0, 1.0)
    direction = tuple(float(v) + 0.0 for v in columns[:, inverse][:, ::-1].ravel())
    shape = (geometry.shape[inverse[0]], geometry.shape[inverse[1]], geometry.shape[inverse[2]])
    spacing = (geometry.spacing_mm[inverse[0]], geometry.spacing_mm[inverse[1]], geometry.spacing_mm[inverse[2]])
    return Geometry(shape, spacing, (x, y, z), direction)
