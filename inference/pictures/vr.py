"""Shaded volume rendering on the CPU: rays that jump over empty space and stop at a smooth wall.

Rows run from head to foot; a view from angle 0 looks at the patient from the front, 90 from the patient's left, as in
`inference.pictures.mip`. No window system, no OpenGL.

All rays of a row of pixels, in every view, run in one axial plane. So that plane is worked out once for all views; tiles of it through
which no surface passes are jumped over, and pixels in front of which there is none cost nothing.
"""

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from inference.compilation import NOGIL
from inference.pictures.surface import LEVEL, Surface
from inference.pictures.window import Picture

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Parts = tuple[Bytes, Bytes, Floats, Floats]

EMPTY = np.zeros((1, 1, 1), np.uint8)
TILE = 4  # voxels
STRIDE = np.float32(0.75)  # of a ray where there may be a surface, in voxels
NOTHING = np.float32(1e9)


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
    radians, pixel = np.deg2rad(np.asarray(views, np.float64)), np.float32(field_mm / size)
    turn = np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)
    scene = (*_parts(vessel, VESSEL), *_parts(bone, BONE), turn, pixel, np.float32(field_mm))
    depth = np.full((len(views), size, size), NOTHING)
    frames = np.zeros((len(views), size, size, 3), np.uint8)
    _render(*scene, depth, frames)
    if antialias:
        _smooth_edges(*scene, depth, frames)
    return list(frames)


def _parts(shown: Surface | None, material: Material) -> Parts:
    colours = np.array([material.rim, material.face, material.bright], np.float32)
    if shown is None:
        return EMPTY, EMPTY, np.zeros(4, np.float32), colours
    place = np.array([shown.step_mm, *shown.centre_mm], np.float32)
    return shown.field, shown.hu, place, colours


@numba.njit(nogil=True, fastmath=True, cache=True)
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


@numba.njit(nogil=True, fastmath=True, cache=True)
def _plane_at(field, z, plane, tiles):  # type: ignore[no-untyped-def]  # pragma: no cover
    """The field in an axial plane between two slices, and the tiles of it that a surface may pass through; whether there are any."""
    depth, rows, columns = field.shape
    if z < 0 or z >= depth - 1:
        return False
    k = int(z)
    above = np.float32(z - k)
    tiles[:] = False
    found = False
    for y in range(rows):
        line, lower, upper = plane[y], field[k, y], field[k + 1, y]
        most = np.float32(0)
        for x in range(columns):
            line[x] = lower[x] + above * (np.float32(upper[x]) - lower[x])
            most = max(most, line[x])
        if most < LEVEL:
            continue
        found = True
        for x in range(columns):
            if line[x] >= LEVEL:  # it is a corner of four cells
                for j in (max(y - 1, 0) // TILE, y // TILE):
                    for i in (max(x - 1, 0) // TILE, x // TILE):
                        tiles[j, i] = True
    return found


@numba.njit(nogil=True, fastmath=True, cache=True)
def _mark(tiles, place, shape, c, s, pixel, limit, first, last):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Where along the ray of every column the tiles begin and end that it may run through, in voxels; the first after the last: none."""
    rows, columns = shape
    count = first.size
    first[:], last[:] = NOTHING, -NOTHING
    step, middle = place[0], (count - 1) * np.float32(0.5)
    reach = np.float32(0.5 * TILE) * (abs(c) + abs(s))
    for j in range(tiles.shape[0]):
        y = (j * TILE + np.float32(0.5 * TILE) - (rows - 1) * np.float32(0.5)) * step + place[2]
        for i in range(tiles.shape[1]):
            if not tiles[j, i]:
                continue
            x = (i * TILE + np.float32(0.5 * TILE) - (columns - 1) * np.float32(0.5)) * step + place[3]
            u, t = (c * x + s * y) / pixel + middle, (c * y - s * x + limit) / step
            half = reach * step / pixel + np.float32(0.5)  # and half a pixel, for rays beside its middle
            for column in range(max(int(np.ceil(u - half)), 0), min(int(np.floor(u + half)), count - 1) + 1):
                first[column], last[column] = min(first[column], t - reach), max(last[column], t + reach)


@numba.njit(nogil=True, fastmath=True, cache=True)
def _march(plane, tiles, y, x, dy, dx, t, stop):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Voxels along the ray from (y, x) along (dy, dx) to the surface, or -1; t is where to begin."""
    rows, columns = plane.shape
    before = np.float32(-1)
    while t < stop:
        py, px = y + t * dy, x + t * dx
        if py < 0 or px < 0 or py >= rows - 1 or px >= columns - 1:
            before = np.float32(0)
            t += STRIDE
            continue
        j, i = int(py), int(px)
        if not tiles[j // TILE, i // TILE]:
            away = NOTHING
            if dy > 1e-6:
                away = min(away, ((j // TILE + 1) * TILE - py) / dy)
            elif dy < -1e-6:
                away = min(away, (j // TILE * TILE - py) / dy)
            if dx > 1e-6:
                away = min(away, ((i // TILE + 1) * TILE - px) / dx)
            elif dx < -1e-6:
                away = min(away, (i // TILE * TILE - px) / dx)
            t += max(away, np.float32(0)) + np.float32(0.01)
            before = np.float32(-1)
            continue
        b, a = py - j, px - i
        near = plane[j, i] + a * (plane[j, i + 1] - plane[j, i])
        far = plane[j + 1, i] + a * (plane[j + 1, i + 1] - plane[j + 1, i])
        value = near + b * (far - near)
        if value >= LEVEL:
            if before >= 0:  # linear between the last two samples
                return t - STRIDE * (value - LEVEL) / max(value - before, np.float32(1e-3))
            return t
        before = value
        t += STRIDE
    return np.float32(-1)


@numba.njit(nogil=True, fastmath=True, cache=True)
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


@numba.njit(nogil=True, fastmath=True, cache=True)
def _begin(place, shape, c, s, u, limit):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Where in the field (y, x) the ray of a column begins."""
    x = (c * u + s * limit - place[3]) / place[0] + (shape[1] - 1) * np.float32(0.5)
    y = (s * u - c * limit - place[2]) / place[0] + (shape[0] - 1) * np.float32(0.5)
    return y, x


@numba.njit(nogil=True, fastmath=True, cache=True)
def _fog(depth_mm, limit):  # type: ignore[no-untyped-def]  # pragma: no cover
    return 1 - np.float32(0.28) * min(max((depth_mm - limit * np.float32(0.55)) / (limit * np.float32(0.9)), np.float32(0)), np.float32(1))


@numba.njit(nogil=True, fastmath=True, cache=True)
def _byte(share):  # type: ignore[no-untyped-def]  # pragma: no cover
    return np.uint8(min(max(share * np.float32(255) + np.float32(0.5), np.float32(0)), np.float32(255)))


@numba.njit(nogil=True, fastmath=True, cache=True)
def _cut(field, place, v):  # type: ignore[no-untyped-def]  # pragma: no cover
    """The plane of a row of pixels at height v, its tiles, where it lies in the field, and whether a surface passes through it. [mm]"""
    _, rows, columns = field.shape
    plane, tiles = np.empty((rows, columns), np.float32), np.empty((rows // TILE + 1, columns // TILE + 1), np.bool_)
    z = np.float32((v - place[1]) / place[0] + (field.shape[0] - 1) * np.float32(0.5))
    return plane, tiles, z, _plane_at(field, z, plane, tiles)


@numba.njit(nogil=True, fastmath=True, cache=True)
def _ray(field, hu, colours, place, plane, tiles, z, c, s, u, begin, end, nearest, limit, colour):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Depth of the surface on the ray at u from the middle of its row, with its colour; what is known if that is no farther. [mm]"""
    y, x = _begin(place, plane.shape, c, s, u, limit)
    t = _march(plane, tiles, y, x, c, -s, max(begin, np.float32(0)), min(end, nearest / place[0]))
    if t < 0 or t * place[0] >= nearest:
        return nearest
    _shade(field, hu, colours, z, y, x, c, -s, t, s, c, colour)
    fog = _fog(t * place[0], limit)
    for channel in range(3):
        colour[channel] *= fog
    return t * place[0]


@numba.njit(nogil=NOGIL, parallel=True, fastmath=True, cache=True)
def _render(vf, vh, vp, vc, bf, bh, bp, bc, turn, pixel, limit, depth, frames):  # type: ignore[no-untyped-def]  # pragma: no cover
    views, rows, columns = depth.shape
    for row in numba.prange(rows):
        colour = np.zeros(3, np.float32)
        first, last = np.empty(columns, np.float32), np.empty(columns, np.float32)
        v = ((rows - 1) * np.float32(0.5) - row) * pixel
        for which in range(2):
            field, hu, place, colours = (vf, vh, vp, vc) if which == 0 else (bf, bh, bp, bc)
            if place[0] == 0:
                continue
            plane, tiles, z, some = _cut(field, place, v)
            if not some:
                continue
            for view in range(views):
                c, s = turn[view, 0], turn[view, 1]
                _mark(tiles, place, plane.shape, c, s, pixel, limit, first, last)
                for column in range(columns):
                    if first[column] > last[column]:
                        continue
                    u, known = (column - (columns - 1) * np.float32(0.5)) * pixel, depth[view, row, column]
                    found = _ray(field, hu, colours, place, plane, tiles, z, c, s, u, first[column], last[column], known, limit, colour)
                    if found < known:
                        depth[view, row, column] = found
                        for channel in range(3):
                            frames[view, row, column, channel] = _byte(colour[channel])


@numba.njit(nogil=True, fastmath=True, cache=True)
def _edges(depth, row, least, found):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Which columns of a row lie where the depth leaps, in every view; how many."""
    count = 0
    for view in range(depth.shape[0]):
        for column in range(1, depth.shape[2] - 1):
            here = depth[view, row, column]
            across = max(abs(depth[view, row, column - 1] - here), abs(depth[view, row, column + 1] - here))
            far = max(across, abs(depth[view, row - 1, column] - here), abs(depth[view, row + 1, column] - here))
            found[view, column] = far > least
            count += found[view, column]
    return count


@numba.njit(nogil=NOGIL, parallel=True, fastmath=True, cache=True)
def _smooth_edges(vf, vh, vp, vc, bf, bh, bp, bc, turn, pixel, limit, depth, frames):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Four rays for every pixel at an edge, a quarter of a pixel from its middle; the mean of their colours."""
    views, rows, columns = depth.shape
    for row in numba.prange(1, rows - 1):
        edge = np.zeros((views, columns), np.bool_)
        if not _edges(depth, row, 5 * pixel, edge):
            continue
        colour = np.zeros(3, np.float32)
        first, last = np.empty(columns, np.float32), np.empty(columns, np.float32)
        total = np.zeros((views, columns, 3), np.float32)
        near = np.empty((views, columns, 2), np.float32)
        shown = np.empty((views, columns, 2, 3), np.float32)
        for half in range(2):
            near[:], shown[:] = NOTHING, 0
            v = ((rows - 1) * np.float32(0.5) - row + half * np.float32(0.5) - np.float32(0.25)) * pixel
            for which in range(2):
                field, hu, place, colours = (vf, vh, vp, vc) if which == 0 else (bf, bh, bp, bc)
                if place[0] == 0:
                    continue
                plane, tiles, z, some = _cut(field, place, v)
                if not some:
                    continue
                for view in range(views):
                    c, s = turn[view, 0], turn[view, 1]
                    _mark(tiles, place, plane.shape, c, s, pixel, limit, first, last)
                    for column in range(1, columns - 1):
                        if not edge[view, column] or first[column] > last[column]:
                            continue
                        for side in range(2):
                            u = (column - (columns - 1) * np.float32(0.5) + side * np.float32(0.5) - np.float32(0.25)) * pixel
                            known = near[view, column, side]
                            found = _ray(
                                field, hu, colours, place, plane, tiles, z, c, s, u, first[column], last[column], known, limit, colour
                            )
                            if found < known:
                                near[view, column, side] = found
                                shown[view, column, side] = colour
            for view in range(views):
                for column in range(1, columns - 1):
                    if edge[view, column]:
                        total[view, column] += shown[view, column, 0] + shown[view, column, 1]
        for view in range(views):
            for column in range(1, columns - 1):
                if edge[view, column]:
                    for channel in range(3):
                        frames[view, row, column, channel] = _byte(total[view, column, channel] / 4)
