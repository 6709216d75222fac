"""Rasterise tapered polyline tubes into signed-distance fields: fast, partial-volume ready, at any grid.

A tube is a polyline with a radius and a value (contrast, say) at every point. The field of several tubes holds, for each
voxel near any of them, the signed distance to the closest wall (negative inside), that tube's value there, and which tube
it was. Coverage, the share of a voxel inside, follows from the distance without supersampling.

Examples
--------
>>> field = tube_field([([[0, 4, 4], [8, 4, 4]], [2.0, 2.0], [300.0, 300.0])], shape=(9, 9, 9), spacing_mm=(1.0, 1.0, 1.0))
>>> float(field.distance_mm[4, 4, 4]), float(field.value[4, 4, 4]), int(field.owner[4, 4, 4])
(-2.0, 300.0, 1)
>>> float(coverage(field.distance_mm, voxel_mm=1.0)[4, 6, 4])
0.5
"""

# numba ships no types: what it compiles is untyped to the checker
# mypy: disable-error-code="untyped-decorator, no-any-return"

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from inference.compilation import NOGIL

Array = npt.NDArray[Any]
FAR_MM = 99.0


@dataclass(frozen=True)
class TubeField:
    """Distances to a set of tubes on a grid.

    Parameters
    ----------
    distance_mm : numpy.ndarray
        float32 (z, y, x): signed distance to the closest wall, negative inside, `FAR_MM` beyond the margin. [mm]
    value : numpy.ndarray
        float32 (z, y, x): the closest tube's value, interpolated along it; 0 beyond the margin.
    owner : numpy.ndarray
        uint16 (z, y, x): 1 + index of the closest tube; 0 beyond the margin.
    """

    distance_mm: npt.NDArray[np.float32]
    value: npt.NDArray[np.float32]
    owner: npt.NDArray[np.uint16]


def empty_field(shape: tuple[int, int, int]) -> TubeField:
    """A field with no tube in it yet."""
    return TubeField(np.full(shape, FAR_MM, np.float32), np.zeros(shape, np.float32), np.zeros(shape, np.uint16))


def segments_of(tubes: Sequence[tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike]]) -> Array:
    """Pack polylines for the kernels.

    Parameters
    ----------
    tubes : sequence of (points_mm, radius_mm, value)
        Points (n, 3) LPS (x, y, z) in mm, radius (n,) in mm, value (n,). A tube of one point is a ball.

    Returns
    -------
    numpy.ndarray
        float64 (m, 11): start x, y, z, end x, y, z, start and end radius, start and end value, owner (1 + tube index).
    """
    rows = []
    for index, (points_mm, radius_mm, value) in enumerate(tubes):
        points = np.asarray(points_mm, float).reshape(-1, 3)
        radius = np.broadcast_to(np.asarray(radius_mm, float), len(points))
        values = np.broadcast_to(np.asarray(value, float), len(points))
        if len(points) == 1:
            points, radius, values = points.repeat(2, 0), radius.repeat(2), values.repeat(2)
        owner = np.full(len(points) - 1, index + 1.0)
        rows.append(np.column_stack([points[:-1], points[1:], radius[:-1], radius[1:], values[:-1], values[1:], owner]))
    return np.concatenate(rows) if rows else np.zeros((0, 11))


def tube_field(
    tubes: Sequence[tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike]],
    *,
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    margin_mm: float = 3.0,
    parallel: bool = False,
) -> TubeField:
    """Rasterise tubes on an axis-aligned grid.

    Parameters
    ----------
    tubes : sequence of (points_mm, radius_mm, value)
        See `segments_of`.
    shape, spacing_mm : tuple
        Grid, (z, y, x). [voxels, mm]
    origin_mm : tuple of float
        LPS position (x, y, z) of the first voxel's centre. [mm]
    margin_mm : float
        How far outside a wall distances are kept. [mm]
    parallel : bool
        Spread slices over threads. Leave off in worker processes.

    Returns
    -------
    TubeField
    """
    field = empty_field(shape)
    add_segments(field, segments_of(tubes), spacing_mm=spacing_mm, origin_mm=origin_mm, margin_mm=margin_mm, parallel=parallel)
    return field


def add_segments(
    field: TubeField,
    segments: Array,
    *,
    spacing_mm: tuple[float, float, float],
    origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    margin_mm: float = 3.0,
    parallel: bool = False,
) -> None:
    """Merge packed segments into a field, in place: the closest wall wins."""
    reach = np.maximum(segments[:, 6], segments[:, 7]) + margin_mm
    low = np.minimum(segments[:, 2], segments[:, 5]) - reach
    high = np.maximum(segments[:, 2], segments[:, 5]) + reach
    top = origin_mm[2] + (field.distance_mm.shape[0] - 1) * spacing_mm[0]
    near = np.ascontiguousarray(segments[(high >= origin_mm[2]) & (low <= top)], np.float64)
    if not len(near):
        return
    kernel = _paint_parallel if parallel else _paint
    kernel(field.distance_mm, field.value, field.owner, near, np.array(spacing_mm, float), np.array(origin_mm, float), float(margin_mm))


def coverage(distance_mm: Array, *, voxel_mm: float) -> Array:
    """Share of a voxel that lies inside, from its centre's signed distance: linear over one voxel width.

    Examples
    --------
    >>> coverage(np.array([-1.0, 0.0, 0.25, 2.0]), voxel_mm=1.0)
    array([1.  , 0.5 , 0.25, 0.  ])
    """
    return np.clip(0.5 - distance_mm / voxel_mm, 0.0, 1.0)


def thin_tube(radius_mm: npt.ArrayLike, value: npt.ArrayLike, *, voxel_mm: float, surround: float) -> tuple[Array, Array]:
    """Widen a tube thinner than a voxel to half a voxel and pale its value by the area it lost, so that its mass is kept.

    Parameters
    ----------
    radius_mm, value : array_like
        Radius and value along the tube.
    voxel_mm : float
        Voxel width. [mm]
    surround : float
        Value of what lies round the tube, in the unit of `value`.

    Returns
    -------
    tuple of numpy.ndarray
        Radius of at least half a voxel, and the paled value.

    Examples
    --------
    >>> radius, value = thin_tube([0.25, 2.0], [440.0, 440.0], voxel_mm=1.0, surround=40.0)
    >>> radius, value
    (array([0.5, 2. ]), array([140., 440.]))
    """
    radius, inside = np.asarray(radius_mm, float), np.asarray(value, float)
    wide = np.maximum(radius, voxel_mm / 2)
    return wide, surround + (inside - surround) * (radius / wide) ** 2


@njit(nogil=True, cache=True, fastmath=True)
def _paint_slice(
    z: int, distance: Array, value: Array, owner: Array, segments: Array, spacing: Array, origin: Array, margin: float
) -> None:
    """One slice of `_paint`: boxes round the segments that reach it."""
    rows, columns = distance.shape[1], distance.shape[2]
    pz = origin[2] + z * spacing[0]
    for k in range(segments.shape[0]):
        ax, ay, az = segments[k, 0], segments[k, 1], segments[k, 2]
        bx, by, bz = segments[k, 3], segments[k, 4], segments[k, 5]
        reach = max(segments[k, 6], segments[k, 7]) + margin
        if pz < min(az, bz) - reach or pz > max(az, bz) + reach:
            continue
        y0 = max(0, int(np.ceil((min(ay, by) - reach - origin[1]) / spacing[1])))
        y1 = min(rows - 1, int(np.floor((max(ay, by) + reach - origin[1]) / spacing[1])))
        x0 = max(0, int(np.ceil((min(ax, bx) - reach - origin[0]) / spacing[2])))
        x1 = min(columns - 1, int(np.floor((max(ax, bx) + reach - origin[0]) / spacing[2])))
        dx, dy, dz = bx - ax, by - ay, bz - az
        inverse = 1.0 / (dx * dx + dy * dy + dz * dz + 1e-12)
        wz = pz - az
        for y in range(y0, y1 + 1):
            wy = origin[1] + y * spacing[1] - ay
            for x in range(x0, x1 + 1):
                wx = origin[0] + x * spacing[2] - ax
                t = min(1.0, max(0.0, (wx * dx + wy * dy + wz * dz) * inverse))
                ex, ey, ez = wx - t * dx, wy - t * dy, wz - t * dz
                d = np.sqrt(ex * ex + ey * ey + ez * ez) - (segments[k, 6] + t * (segments[k, 7] - segments[k, 6]))
                if d < distance[z, y, x] and d <= margin:
                    distance[z, y, x] = d
                    value[z, y, x] = segments[k, 8] + t * (segments[k, 9] - segments[k, 8])
                    owner[z, y, x] = int(segments[k, 10])


@njit(nogil=True, cache=True, fastmath=True)
def _paint(distance: Array, value: Array, owner: Array, segments: Array, spacing: Array, origin: Array, margin: float) -> None:
    for z in range(distance.shape[0]):
        _paint_slice(z, distance, value, owner, segments, spacing, origin, margin)


@njit(nogil=NOGIL, cache=True, fastmath=True, parallel=True)
def _paint_parallel(distance: Array, value: Array, owner: Array, segments: Array, spacing: Array, origin: Array, margin: float) -> None:
    for z in prange(distance.shape[0]):
        _paint_slice(z, distance, value, owner, segments, spacing, origin, margin)
