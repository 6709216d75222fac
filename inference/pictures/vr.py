"""Shaded volume rendering on the CPU: rays that jump over empty space and stop at a smooth wall.

Rows run from head to foot; a view from angle 0 looks at the patient from the front, 90 from the patient's left, as in
`inference.pictures.mip`. No window system, no OpenGL.
"""

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from inference.pictures.surface import LEVEL, Surface
from inference.pictures.window import Picture

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Parts = tuple[Bytes, Bytes, Bytes, Floats, Floats]

EMPTY = np.zeros((1, 1, 1), np.uint8)


@dataclass(frozen=True)
class Material:
    """Colours of a surface, red, green and blue from 0 to 1.

    Parameters
    ----------
    rim, face, bright : tuple of float
        Colour where the surface turns away, where it faces the viewer, and of its densest parts (calcium, cortex).
    """

    rim: tuple[float, float, float]
    face: tuple[float, float, float]
    bright: tuple[float, float, float]


VESSEL = Material(rim=(0.42, 0.03, 0.02), face=(0.98, 0.56, 0.27), bright=(1.0, 0.93, 0.74))
BONE = Material(rim=(0.42, 0.37, 0.29), face=(0.86, 0.81, 0.69), bright=(1.0, 0.98, 0.92))


def render(
    vessel: Surface | None, bone: Surface | None, views: list[float], *, size: int = 512, field_mm: float, antialias: bool = True
) -> list[Picture]:
    """Shaded views of a vessel surface, of a bone surface, or of both.

    Parameters
    ----------
    vessel, bone : Surface or None
        What to show; None leaves it out.
    views : list of float
        Angles. [degrees]
    size : int
        Rows and columns of the pictures.
    field_mm : float
        Edge of the field shown, about the middle of the scan. [mm]
    antialias : bool
        Cast three more rays through every pixel on an edge.

    Returns
    -------
    list of numpy.ndarray
        uint8 (size, size, 3), on black.
    """
    pictures = []
    first, second = _parts(vessel, VESSEL), _parts(bone, BONE)
    pixel = field_mm / size
    for view in views:
        angle = np.deg2rad(view)
        geometry = (np.float32(np.cos(angle)), np.float32(np.sin(angle)), np.float32(pixel), field_mm)
        frame = np.zeros((size, size, 3), np.float32)
        depth = np.full((size, size), np.float32(1e9))
        _render(*first, *second, *geometry, depth, frame)
        if antialias:
            soft = frame.copy()
            _smooth_edges(*first, *second, *geometry, depth, frame, soft)
            frame = soft
        pictures.append(np.asarray(np.clip(frame * 255.0 + 0.5, 0, 255), np.uint8))
    return pictures


def _parts(shown: Surface | None, material: Material) -> Parts:
    colours = np.array([material.rim, material.face, material.bright], np.float32)
    if shown is None:
        return EMPTY, EMPTY, EMPTY, np.zeros(4, np.float32), colours
    place = np.array([shown.step_mm, *shown.centre_mm], np.float32)
    return shown.field, shown.distance, shown.hu, place, colours


@numba.njit(fastmath=True, cache=True)
def _sample(field, z, y, x):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Trilinear value; 0 outside."""
    depth, rows, columns = field.shape
    if z < 0 or y < 0 or x < 0 or z >= depth - 1 or y >= rows - 1 or x >= columns - 1:
        return np.float32(0)
    k, j, i = int(z), int(y), int(x)
    a, b, c = np.float32(z - k), np.float32(y - j), np.float32(x - i)
    near = (1 - b) * (field[k, j, i] + c * (np.float32(field[k, j, i + 1]) - field[k, j, i]))
    near += b * (field[k, j + 1, i] + c * (np.float32(field[k, j + 1, i + 1]) - field[k, j + 1, i]))
    far = (1 - b) * (field[k + 1, j, i] + c * (np.float32(field[k + 1, j, i + 1]) - field[k + 1, j, i]))
    far += b * (field[k + 1, j + 1, i] + c * (np.float32(field[k + 1, j + 1, i + 1]) - field[k + 1, j + 1, i]))
    return near + a * (far - near)


@numba.njit(fastmath=True, cache=True)
def _hit(field, distance, z, y, x, dy, dx, limit):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Voxels along the ray to the surface, or -1. The ray runs in an axial plane, from (z, y, x) along (dy, dx)."""
    depth, rows, columns = field.shape
    if z < 0 or z >= depth - 1:
        return np.float32(-1)
    # enter and leave the box
    t, stop = np.float32(0), limit
    for origin, slope, size in ((y, dy, rows), (x, dx, columns)):
        if abs(slope) < 1e-6:
            if origin < 0 or origin > size - 1:
                return np.float32(-1)
        else:
            one, two = -origin / slope, (size - 1 - origin) / slope
            t, stop = max(t, min(one, two)), min(stop, max(one, two))
    k = int(z + np.float32(0.5))
    before = np.float32(0)
    while t < stop:
        py, px = y + t * dy, x + t * dx
        j, i = min(max(int(py + 0.5), 0), rows - 1), min(max(int(px + 0.5), 0), columns - 1)
        gap = distance[k, j, i]
        if gap > 3:
            t += gap - np.float32(2.6)
            before = np.float32(0)
            continue
        value = _sample(field, z, py, px)
        if value >= LEVEL:
            if before > 0:  # linear between the last two samples
                return t - np.float32(0.75) * (value - LEVEL) / max(value - before, np.float32(1e-3))
            return t
        before = value
        t += np.float32(0.75)
    return np.float32(-1)


@numba.njit(fastmath=True, cache=True)
def _shade(field, hu, colours, z, y, x, dy, dx, t, right_y, right_x, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Colour at a hit: a headlight a little from above, a soft highlight, darker in narrow places."""
    py, px = y + t * dy, x + t * dx
    gz = _sample(field, z + 1, py, px) - _sample(field, z - 1, py, px)
    gy = _sample(field, z, py + 1, px) - _sample(field, z, py - 1, px)
    gx = _sample(field, z, py, px + 1) - _sample(field, z, py, px - 1)
    size = np.sqrt(gz * gz + gy * gy + gx * gx) + np.float32(1e-4)
    nz, ny, nx = -gz / size, -gy / size, -gx / size
    facing = max(-(ny * dy + nx * dx), np.float32(0))
    # light from above, to the viewer's left, and from the viewer
    ly, lx, lz = -dy * 0.80 - right_y * 0.35, -dx * 0.80 - right_x * 0.35, np.float32(0.49)
    lambert = max(ny * ly + nx * lx + nz * lz, np.float32(0))
    hy, hx, hz = ly - dy, lx - dx, lz
    half = np.sqrt(hy * hy + hx * hx + hz * hz)
    shine = max((ny * hy + nx * hx + nz * hz) / half, np.float32(0)) ** 40
    around = np.float32(0)
    for reach in (3, 6, 10):
        around += _sample(field, z + nz * reach, py + ny * reach, px + nx * reach) / 255.0
    open_sky = 1 - np.float32(0.22) * min(around, np.float32(2.5))
    inner = _sample(hu, z - nz * 2, py - ny * 2, px - nx * 2) / 255.0
    dense = min(max((inner - 0.75) * 4, np.float32(0)), np.float32(1))
    blend = facing * np.sqrt(facing) * (0.55 + 0.45 * min(inner * 1.4, np.float32(1)))
    light = (0.30 + 0.86 * lambert) * open_sky
    for channel in range(3):
        colour = colours[0, channel] + blend * (colours[1, channel] - colours[0, channel])
        colour += dense * (colours[2, channel] - colour)
        out[channel] = colour * light + np.float32(0.28) * shine * open_sky


@numba.njit(fastmath=True, cache=True)
def _ray(vf, vd, vh, vp, vc, bf, bd, bh, bp, bc, c, s, u, v, field_mm, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Cast one ray at picture position (u, v) in mm from the middle; returns its depth in mm and writes its colour."""
    best = np.float32(1e9)
    limit = np.float32(field_mm)
    for which in range(2):
        field, distance, hu, place, colours = (vf, vd, vh, vp, vc) if which == 0 else (bf, bd, bh, bp, bc)
        step = place[0]
        if step == 0:
            continue
        start_x, start_y = c * u + s * limit, s * u - c * limit
        z = (v - place[1]) / step + (field.shape[0] - 1) * np.float32(0.5)
        y = (start_y - place[2]) / step + (field.shape[1] - 1) * np.float32(0.5)
        x = (start_x - place[3]) / step + (field.shape[2] - 1) * np.float32(0.5)
        t = _hit(field, distance, z, y, x, c, -s, min(2 * limit, best) / step)
        if t >= 0 and t * step < best:
            best = t * step
            _shade(field, hu, colours, z, y, x, c, -s, t, s, c, out)
    if best < 1e9:
        fog = 1 - np.float32(0.28) * min(max((best - limit * 0.55) / (limit * 0.9), np.float32(0)), np.float32(1))
        for channel in range(3):
            out[channel] *= fog
    return best


@numba.njit(parallel=True, fastmath=True, cache=True)
def _render(vf, vd, vh, vp, vc, bf, bd, bh, bp, bc, c, s, pixel, field_mm, depth, frame):  # type: ignore[no-untyped-def]  # pragma: no cover
    rows, columns = depth.shape
    for row in numba.prange(rows):
        colour = np.zeros(3, np.float32)
        v = ((rows - 1) * np.float32(0.5) - row) * pixel
        for column in range(columns):
            u = (column - (columns - 1) * np.float32(0.5)) * pixel
            depth[row, column] = _ray(vf, vd, vh, vp, vc, bf, bd, bh, bp, bc, c, s, u, v, field_mm, colour)
            if depth[row, column] < 1e9:
                frame[row, column] = colour


@numba.njit(parallel=True, fastmath=True, cache=True)
def _smooth_edges(vf, vd, vh, vp, vc, bf, bd, bh, bp, bc, c, s, pixel, field_mm, depth, frame, soft):  # type: ignore[no-untyped-def]  # pragma: no cover
    rows, columns = depth.shape
    for row in numba.prange(1, rows - 1):
        colour = np.zeros(3, np.float32)
        for column in range(1, columns - 1):
            here = depth[row, column]
            across = max(abs(depth[row, column - 1] - here), abs(depth[row, column + 1] - here))
            far = max(across, abs(depth[row - 1, column] - here), abs(depth[row + 1, column] - here))
            if far > 5 * pixel:
                total = np.zeros(3, np.float32)
                for ray in range(4):
                    u = (column - (columns - 1) * np.float32(0.5) + (ray % 2) * np.float32(0.5) - np.float32(0.25)) * pixel
                    v = ((rows - 1) * np.float32(0.5) - row + (ray // 2) * np.float32(0.5) - np.float32(0.25)) * pixel
                    if _ray(vf, vd, vh, vp, vc, bf, bd, bh, bp, bc, c, s, u, v, field_mm, colour) < 1e9:
                        total += colour
                soft[row, column] = total / 4
