"""Maximum intensity projections: rotating about the head-foot axis, along the three axes, whole or in thick slabs.

A view from angle 0 looks at the patient from the front, 90 from the patient's left, 180 from the back. Rows run from head
to foot; pixels are square.
"""

import numba
import numpy as np
import numpy.typing as npt

from inference.compilation import NOGIL, dealt
from inference.volume import Volume

HuPicture = npt.NDArray[np.int16]
BACKGROUND_HU = -1000
TILE = 8  # voxels of a slice that are looked at together


def angles(views: int) -> list[float]:
    """Evenly spaced angles of a full turn. [degrees]

    Examples
    --------
    >>> angles(4)
    [0.0, 90.0, 180.0, 270.0]
    """
    return [360.0 * view / views for view in range(views)]


def pixel_size(volume: Volume) -> float:
    """Pixel of the projections: the finest voxel edge, but no finer than gives a picture of 1,024 rows. [mm]"""
    return max(min(volume.spacing_mm), volume.geometry.extent_mm[0] / 1024.0)


def rotating(volume: Volume, views: list[float], *, above_hu: float, pixel_mm: float | None = None) -> list[HuPicture]:
    """Views of the voxels above a threshold, by splatting: for volumes that are mostly dark, as after bone removal.

    Parameters
    ----------
    volume : Volume
        Scan. [HU]
    views : list of float
        Angles. [degrees]
    above_hu : float
        Voxels at or below this are left out; give the black of the window they will be shown in. [HU]
    pixel_mm : float, optional
        Pixel edge; `pixel_size(volume)` by default. [mm]

    Returns
    -------
    list of numpy.ndarray
        One int16 picture per view, all of one size. [HU]

    Notes
    -----
    A voxel covers every pixel under its projected footprint in full, so that rotated rows of voxels leave no pin-holes,
    and fades over one further pixel, so that edges are smooth. A maximum seen from behind is the mirror image of the one seen from
    the front, so that of two opposite views one is drawn. Slices are dealt out to the processors in turn, for those of the neck hold more.

    Examples
    --------
    >>> from inference import Geometry
    >>> dot = np.full((3, 5, 5), -1000, np.int16)
    >>> dot[1, 2, 2] = 500
    >>> picture = rotating(Volume(dot, Geometry((3, 5, 5), (1.0, 1.0, 1.0))), [30.0], above_hu=0)[0]
    >>> int(picture.max()), picture.shape[0]
    (500, 3)
    """
    pixel = pixel_mm or pixel_size(volume)
    _, step_y, step_x = volume.spacing_mm
    fronts, drawn_as = _fronts(views)
    radians = np.deg2rad(np.asarray(fronts, np.float64))
    out = np.full((len(fronts), volume.shape[0], view_width(volume, pixel)), np.int16(above_hu), np.int16)
    turns = dealt(volume.shape[0])
    _splat(np.ascontiguousarray(volume.array), turns, np.cos(radians), np.sin(radians), step_x, step_y, pixel, np.int16(above_hu), out)
    return _turned([_head_up(frame, volume.spacing_mm[0], pixel) for frame in out], drawn_as)


def _fronts(views: list[float]) -> tuple[list[float], list[tuple[int, bool]]]:
    """The different angles below 180 degrees, and for every view the number of its angle and whether it is seen from behind.

    Examples
    --------
    >>> _fronts([0.0, 90.0, 180.0, 270.0])
    ([0.0, 90.0], [(0, False), (1, False), (0, True), (1, True)])
    """
    fronts = sorted({view % 180.0 for view in views})
    return fronts, [(fronts.index(view % 180.0), view % 360.0 >= 180.0) for view in views]


def _turned(frames: list[HuPicture], drawn_as: list[tuple[int, bool]]) -> list[HuPicture]:
    return [np.ascontiguousarray(frames[number][:, ::-1]) if behind else frames[number] for number, behind in drawn_as]


def rotating_dense(volume: Volume, views: list[float], *, pixel_mm: float | None = None) -> list[HuPicture]:
    """Views of every voxel by casting rays, bilinear in the axial plane: for the raw scan with its bone.

    The same pictures as `rotating`, parameters and all, but for the threshold.
    """
    pixel = pixel_mm or pixel_size(volume)
    array = np.ascontiguousarray(volume.array, np.int16)
    _, step_y, step_x = volume.spacing_mm
    fronts, drawn_as = _fronts(views)
    out = []
    for view in fronts:
        frame = np.empty((volume.shape[0], view_width(volume, pixel)), np.int16)
        angle = np.deg2rad(view)
        _cast(array, np.float32(np.cos(angle)), np.float32(np.sin(angle)), step_x, step_y, pixel, frame)
        out.append(_head_up(frame, volume.spacing_mm[0], pixel))
    return _turned(out, drawn_as)


def whole(volume: Volume, view: str, *, pixel_mm: float | None = None) -> HuPicture:
    """The maximum of the whole volume seen along one axis: `axial` from the feet, `coronal` from the front, `sagittal` from the left."""
    return slabs(volume, view, thickness_mm=np.inf, pixel_mm=pixel_mm)[0][1]


def slabs(
    volume: Volume, view: str, *, thickness_mm: float, step_mm: float | None = None, pixel_mm: float | None = None
) -> list[tuple[float, HuPicture]]:
    """Maxima of thick slabs along one axis.

    Parameters
    ----------
    volume : Volume
        Scan. [HU]
    view : {"axial", "coronal", "sagittal"}
        Axis to look along.
    thickness_mm, step_mm : float
        Thickness of a slab, and distance from one to the next (half the thickness by default). [mm]
    pixel_mm : float, optional
        Pixel edge. [mm]

    Returns
    -------
    list of (float, numpy.ndarray)
        Distance of each slab's centre from the first voxel along the axis [mm], and its picture. [HU]
    """
    axis = {"axial": 0, "coronal": 1, "sagittal": 2}[view]
    pixel = pixel_mm or pixel_size(volume)
    spacing, count = volume.spacing_mm[axis], volume.shape[axis]
    thick = count if not np.isfinite(thickness_mm) else int(np.clip(round(thickness_mm / spacing), 1, count))
    step = max(1, round((step_mm or thickness_mm / 2) / spacing)) if np.isfinite(thickness_mm) else count
    starts = list(range(0, count - thick + 1, step))
    left = [spacing_mm for other, spacing_mm in enumerate(volume.spacing_mm) if other != axis]
    pictures = []
    for start in starts:
        part = volume.array[tuple(slice(start, start + thick) if other == axis else slice(None) for other in range(3))]
        flat = part.max(axis=axis)
        picture = _isotropic(flat, left[0], left[1], pixel)
        pictures.append(((start + (thick - 1) / 2) * spacing, picture if axis == 0 else np.ascontiguousarray(picture[::-1])))
    return pictures


def view_width(volume: Volume, pixel_mm: float) -> int:
    """Columns of a turning view: the diagonal of a slice and a little more."""
    _, height_mm, width_mm = volume.geometry.extent_mm
    return int(np.ceil(np.hypot(height_mm, width_mm) / pixel_mm)) + 2


def _head_up(frame: HuPicture, step_mm: float, pixel_mm: float) -> HuPicture:
    return np.ascontiguousarray(_isotropic(frame, step_mm, pixel_mm, pixel_mm)[::-1])


def _isotropic(flat: npt.NDArray[np.int16], row_mm: float, column_mm: float, pixel_mm: float) -> HuPicture:
    """Stretch a picture linearly to square pixels."""
    rows, columns = (max(1, round(count * step / pixel_mm)) for count, step in zip(flat.shape, (row_mm, column_mm), strict=True))
    if (rows, columns) == flat.shape:
        return np.asarray(flat, np.int16)
    stretched = _stretched(_stretched(flat.astype(np.float32), rows).T, columns).T
    return np.rint(stretched).astype(np.int16)


def _stretched(picture: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float32]:
    """A picture with that many rows, linear between its own."""
    old = len(picture)
    if count == old:
        return picture
    at = np.clip((np.arange(count) + 0.5) * old / count - 0.5, 0, old - 1)
    low = np.minimum(at.astype(int), max(old - 2, 0))
    weight = (at - low).astype(np.float32)[:, None]
    lower = picture[low]
    return np.asarray(lower + weight * (picture[np.minimum(low + 1, old - 1)] - lower))


@numba.njit(nogil=True, cache=True)
def _gather(plane, dark, first, most, u, v, value, step_y, step_x):  # type: ignore[no-untyped-def]  # pragma: no cover
    """The voxels of a slice above a threshold, tile by tile: place from the middle, value, largest value of each tile."""
    rows, columns = plane.shape
    across = (columns + TILE - 1) // TILE
    first[:], most[:] = 0, dark
    for y in range(rows):
        for x in range(columns):
            if plane[y, x] > dark:
                tile = y // TILE * across + x // TILE
                first[tile + 1] += 1
                most[tile] = max(most[tile], plane[y, x])
    for tile in range(most.size):
        first[tile + 1] += first[tile]
    place = first[:-1].copy()
    for y in range(rows):
        for x in range(columns):
            if plane[y, x] > dark:
                tile = y // TILE * across + x // TILE
                n = place[tile]
                u[n], v[n] = np.float32((x - (columns - 1) / 2) * step_x), np.float32((y - (rows - 1) / 2) * step_y)
                value[n] = plane[y, x]
                place[tile] += 1


@numba.njit(nogil=NOGIL, parallel=True, fastmath=True, cache=True)
def _splat(array, turns, cosines, sines, step_x, step_y, pixel, dark, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Bright tiles of a slice first: one under whose footprint everything is as bright already has nothing to add."""
    depth, rows, columns = array.shape
    width = out.shape[2]
    middle = np.float32((width - 1) / 2)
    across = (columns + TILE - 1) // TILE
    tiles = (rows + TILE - 1) // TILE * across
    for turn in numba.prange(depth):
        z = turns[turn]
        first, most = np.empty(tiles + 1, np.int64), np.empty(tiles, np.int16)
        u, v, value = np.empty(rows * columns, np.float32), np.empty(rows * columns, np.float32), np.empty(rows * columns, np.int16)
        _gather(array[z], dark, first, most, u, v, value, step_y, step_x)
        order = np.argsort(most)
        for view in range(out.shape[0]):
            c, s = np.float32(cosines[view] / pixel), np.float32(sines[view] / pixel)
            half = np.float32(0.5) * (step_x * abs(c) + step_y * abs(s))
            reach = TILE * half + 1
            frame = out[view, z]
            for n in range(tiles - 1, -1, -1):
                tile = order[n]
                if most[tile] <= dark:
                    break
                tile_u = (tile % across * TILE + (TILE - columns) / 2) * step_x
                tile_v = (tile // across * TILE + (TILE - rows) / 2) * step_y
                centre = c * tile_u + s * tile_v + middle
                least = most[tile]
                for column in range(max(int(np.floor(centre - reach)), 0), min(int(np.ceil(centre + reach)), width - 1) + 1):
                    least = min(least, frame[column])
                if least >= most[tile]:
                    continue
                for i in range(first[tile], first[tile + 1]):
                    hu = value[i]
                    if hu <= least:
                        continue
                    place = c * u[i] + s * v[i] + middle
                    low, high = int(np.ceil(place - half - 1)), int(np.floor(place + half + 1))
                    for column in range(max(low, 0), min(high, width - 1) + 1):
                        if hu > frame[column]:
                            outside = abs(column - place) - half
                            shown = hu if outside <= 0 else np.int16(dark + (1 - outside) * (hu - dark))
                            if shown > frame[column]:
                                frame[column] = shown


@numba.njit(nogil=NOGIL, parallel=True, fastmath=True, cache=True)
def _cast(array, c, s, step_x, step_y, pixel, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    depth, rows, columns = array.shape
    width = out.shape[1]
    reach = int(np.ceil(width / 2))
    for z in numba.prange(depth):
        plane, line = array[z], out[z]
        for column in range(width):
            line[column] = -32768
        for t in range(-reach, reach + 1):
            # u = c x + s y across the picture, t = -s x + c y along the ray
            x0 = (columns - 1) / 2 + (-s * t - c * (width - 1) / 2) * pixel / step_x
            y0 = (rows - 1) / 2 + (c * t - s * (width - 1) / 2) * pixel / step_y
            dx, dy = c * pixel / step_x, s * pixel / step_y
            for column in range(width):
                x, y = x0 + dx * column, y0 + dy * column
                if x >= 0 and y >= 0 and x < columns - 1 and y < rows - 1:
                    i, j = int(x), int(y)
                    wx, wy = x - i, y - j
                    upper = plane[j, i] + wx * (plane[j, i + 1] - plane[j, i])
                    lower = plane[j + 1, i] + wx * (plane[j + 1, i + 1] - plane[j + 1, i])
                    value = np.int16(upper + wy * (lower - upper))
                    if value > line[column]:
                        line[column] = value
        for column in range(width):
            if line[column] == -32768:
                line[column] = -1000
