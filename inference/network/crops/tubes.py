"""Tubes: wandering centrelines and their painting as signed distances."""

import numpy as np
import numpy.typing as npt
from numba import njit

Line = npt.NDArray[np.float64]


def wandering_line(
    rng: np.random.Generator, start_mm: Line, direction: Line, *, length_mm: float, step_mm: float = 0.8, bend: float = 0.08
) -> Line:
    """A smooth random walk (n, 3) in array order. [mm]

    Parameters
    ----------
    bend : float
        How quickly the curvature changes; 0.02 is nearly straight, 0.2 is a siphon.
    """
    count = max(6, int(length_mm / step_mm))
    points = np.empty((count, 3))
    points[0] = start_mm
    heading = direction / np.linalg.norm(direction)
    curvature = np.zeros(3)
    turns = rng.standard_normal((count, 3)) * bend * 0.37
    for k in range(1, count):
        curvature = 0.93 * curvature + turns[k]
        heading = heading + curvature * step_mm
        heading /= np.linalg.norm(heading)
        points[k] = points[k - 1] + heading * step_mm
    return points


@njit(nogil=True, cache=True, fastmath=True)
def _paint(distance, owner, points, radii, spacing, margin, number):  # type: ignore[no-untyped-def]
    n0, n1, n2 = distance.shape
    for s in range(points.shape[0] - 1):
        reach = max(radii[s], radii[s + 1]) + margin
        a0, a1, a2 = points[s]
        b0, b1, b2 = points[s + 1] - points[s]
        length2 = b0 * b0 + b1 * b1 + b2 * b2 + 1e-9
        i0, i1 = max(0, int((min(a0, a0 + b0) - reach) / spacing)), min(n0 - 1, int((max(a0, a0 + b0) + reach) / spacing) + 1)
        j0, j1 = max(0, int((min(a1, a1 + b1) - reach) / spacing)), min(n1 - 1, int((max(a1, a1 + b1) + reach) / spacing) + 1)
        k0, k1 = max(0, int((min(a2, a2 + b2) - reach) / spacing)), min(n2 - 1, int((max(a2, a2 + b2) + reach) / spacing) + 1)
        for i in range(i0, i1 + 1):
            p0 = i * spacing - a0
            for j in range(j0, j1 + 1):
                p1 = j * spacing - a1
                for k in range(k0, k1 + 1):
                    p2 = k * spacing - a2
                    t = min(1.0, max(0.0, (p0 * b0 + p1 * b1 + p2 * b2) / length2))
                    d0, d1, d2 = p0 - t * b0, p1 - t * b1, p2 - t * b2
                    d = np.sqrt(d0 * d0 + d1 * d1 + d2 * d2) - (radii[s] + t * (radii[s + 1] - radii[s]))
                    if d < distance[i, j, k]:
                        distance[i, j, k] = d
                        owner[i, j, k] = number


def paint_tube(
    distance: npt.NDArray[np.float32],
    owner: npt.NDArray[np.int16],
    points_mm: Line,
    radii_mm: Line,
    *,
    spacing_mm: float,
    number: int,
    margin_mm: float = 3.0,
) -> None:
    """Lower `distance` to a tube's wall (negative inside) and mark the voxels it owns, in place. [mm]

    Examples
    --------
    >>> distance, owner = np.full((9, 9, 9), 9, np.float32), np.zeros((9, 9, 9), np.int16)
    >>> line = np.array([[4.0, 4.0, 0.0], [4.0, 4.0, 8.0]])
    >>> paint_tube(distance, owner, line, np.array([2.0, 2.0]), spacing_mm=1.0, number=3)
    >>> float(distance[4, 4, 4]), float(distance[4, 7, 4]), int(owner[4, 4, 4])
    (-2.0, 1.0, 3)
    """
    _paint(distance, owner, np.ascontiguousarray(points_mm, float), np.ascontiguousarray(radii_mm, float), spacing_mm, margin_mm, number)


def mark_line(mask: npt.NDArray[np.bool_], points_mm: Line, *, spacing_mm: float) -> None:
    """Set the voxels a line runs through, in place."""
    fine = np.concatenate([points_mm, (points_mm[1:] + points_mm[:-1]) / 2])
    index = np.rint(fine / spacing_mm).astype(int)
    inside = ((index >= 0) & (index < np.array(mask.shape))).all(axis=1)
    mask[tuple(index[inside].T)] = True
