"""Ellipsoids, rounded boxes and tapered rods as signed distances, merged and carved in order on a coarse grid.

A shape is one row of numbers: kind, centre or first end, rotation, half sizes, rounding, value, operation, blend. Lists of
rows are built once per body and painted by one compiled loop.
"""

# numba ships no types: what it compiles is untyped to the checker
# mypy: disable-error-code="untyped-decorator, no-any-return"

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from inference.compilation import NOGIL
from inference.phantom.curves import smooth_path

Array = npt.NDArray[Any]
Row = list[float]
Vector = Sequence[float]

ELLIPSOID, BOX, ROD = 0.0, 1.0, 2.0
ADD, CARVE = 0.0, 1.0
_WIDTH = 22


def ellipsoid(
    centre: Vector, half: Vector, value: float = 0.0, *, tilt: Vector = (0, 0, 0), carve: bool = False, blend: float = 0.0
) -> Row:
    """An ellipsoid with half axes `half` [mm], turned by `tilt` degrees about x, y, z."""
    return [ELLIPSOID, *centre, *_rotation(tilt), *half, 0.0, value, CARVE if carve else ADD, blend, max(half), 0.0]


def box(
    centre: Vector,
    half: Vector,
    value: float = 0.0,
    *,
    rounding: float = 1.0,
    tilt: Vector = (0, 0, 0),
    carve: bool = False,
    blend: float = 0.0,
) -> Row:
    """A box with half sizes `half` [mm] and rounded edges."""
    return [BOX, *centre, *_rotation(tilt), *half, rounding, value, CARVE if carve else ADD, blend, float(np.linalg.norm(half)), 0.0]


def rod(start: Vector, end: Vector, radius: Vector, value: float = 0.0, *, carve: bool = False, blend: float = 0.0) -> Row:
    """A tapered rod with round ends between two points; `radius` at both. [mm]"""
    length = float(np.linalg.norm(np.subtract(end, start)))
    return [ROD, *start, *end, *([0.0] * 6), *radius, 0.0, 0.0, value, CARVE if carve else ADD, blend, length + max(radius), 0.0]


def chain(
    points: Sequence[Vector], radius: Vector, value: float = 0.0, *, carve: bool = False, blend: float = 0.0, step_mm: float = 4.0
) -> list[Row]:
    """Rods along a spline through points; radius is interpolated over the length. [mm]"""
    path, _ = smooth_path(points, step_mm=step_mm)
    widths = np.interp(np.linspace(0, 1, len(path)), np.linspace(0, 1, len(radius)), radius)
    return [
        rod(path[i].tolist(), path[i + 1].tolist(), (float(widths[i]), float(widths[i + 1])), value, carve=carve, blend=blend)
        for i in range(len(path) - 1)
    ]


def mirrored(rows: Iterable[Row]) -> list[Row]:
    """The rows and their mirror images in the midline."""
    rows = list(rows)
    copies = []
    for row in rows:
        copy = list(row)
        copy[1] = -copy[1]
        if row[0] == ROD:
            copy[4] = -copy[4]
        else:
            turned = np.diag([-1.0, 1.0, 1.0]) @ np.array(row[4:13]).reshape(3, 3) @ np.diag([-1.0, 1.0, 1.0])
            copy[4:13] = turned.ravel().tolist()
        copies.append(copy)
    return rows + copies


def _rotation(tilt: Vector) -> list[float]:
    """Rows of the matrix that turns body axes into the shape's own, from degrees about x, y, z."""
    a, b, c = np.deg2rad(tilt)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    turned: list[float] = (about_z @ about_y @ about_x).T.ravel().tolist()
    return turned


def paint(distance: Array, value: Array, rows: Sequence[Row], *, origin_mm: Vector, spacing_mm: float, margin_mm: float = 6.0) -> None:
    """Merge shapes into a signed-distance field, in order and in place.

    Parameters
    ----------
    distance : numpy.ndarray
        float32 (z, y, x), negative inside. [mm]
    value : numpy.ndarray
        float32 (z, y, x): the value of the shape that was closest when it was added.
    rows : sequence of rows
        From `ellipsoid`, `box`, `rod`, `chain`.
    origin_mm : tuple of float
        Position (x, y, z) of the first voxel's centre. [mm]
    spacing_mm : float
        Isotropic voxel size. [mm]
    margin_mm : float
        How far outside a shape distances are kept. [mm]
    """
    if rows:
        _paint(distance, value, np.array(rows, float), np.asarray(origin_mm, float), float(spacing_mm), float(margin_mm))


@njit(nogil=True, cache=True, fastmath=True)
def _shape_distance(row: Array, x: float, y: float, z: float) -> float:
    """Signed distance to one shape; exact for rods and boxes, first order for ellipsoids."""
    px, py, pz = x - row[1], y - row[2], z - row[3]
    if row[0] == 2.0:
        dx, dy, dz = row[4] - row[1], row[5] - row[2], row[6] - row[3]
        t = min(1.0, max(0.0, (px * dx + py * dy + pz * dz) / (dx * dx + dy * dy + dz * dz + 1e-9)))
        ex, ey, ez = px - t * dx, py - t * dy, pz - t * dz
        return np.sqrt(ex * ex + ey * ey + ez * ez) - (row[13] + t * (row[14] - row[13]))
    qx = row[4] * px + row[5] * py + row[6] * pz
    qy = row[7] * px + row[8] * py + row[9] * pz
    qz = row[10] * px + row[11] * py + row[12] * pz
    if row[0] == 0.0:
        ux, uy, uz = qx / row[13], qy / row[14], qz / row[15]
        k0 = np.sqrt(ux * ux + uy * uy + uz * uz)
        wx, wy, wz = ux / row[13], uy / row[14], uz / row[15]
        k1 = np.sqrt(wx * wx + wy * wy + wz * wz)
        if k1 < 1e-9:
            return -min(row[13], min(row[14], row[15]))
        return k0 * (k0 - 1.0) / k1
    r = row[16]
    ax, ay, az = abs(qx) - row[13] + r, abs(qy) - row[14] + r, abs(qz) - row[15] + r
    outside = np.sqrt(max(ax, 0.0) ** 2 + max(ay, 0.0) ** 2 + max(az, 0.0) ** 2)
    return outside + min(max(ax, max(ay, az)), 0.0) - r


@njit(nogil=NOGIL, cache=True, fastmath=True, parallel=True)
def _paint(distance: Array, value: Array, rows: Array, origin: Array, spacing: float, margin: float) -> None:
    for z in prange(distance.shape[0]):
        pz = origin[2] + z * spacing
        for k in range(rows.shape[0]):
            row = rows[k]
            reach = row[20] + margin
            if abs(pz - row[3]) > reach:
                continue
            y0 = max(0, int((row[2] - reach - origin[1]) / spacing))
            y1 = min(distance.shape[1] - 1, int((row[2] + reach - origin[1]) / spacing) + 1)
            x0 = max(0, int((row[1] - reach - origin[0]) / spacing))
            x1 = min(distance.shape[2] - 1, int((row[1] + reach - origin[0]) / spacing) + 1)
            for y in range(y0, y1 + 1):
                for x in range(x0, x1 + 1):
                    d = _shape_distance(row, origin[0] + x * spacing, origin[1] + y * spacing, pz)
                    old = distance[z, y, x]
                    if row[18] == 1.0:
                        if -d > old:
                            distance[z, y, x] = -d
                    elif d < old or (row[19] > 0.0 and d < old + row[19]):
                        blend = row[19]
                        new = min(d, old)
                        if blend > 0.0:
                            h = max(blend - abs(d - old), 0.0) / blend
                            new -= h * h * blend * 0.25
                        if d < old:
                            value[z, y, x] = row[17]
                        distance[z, y, x] = new
