"""Where a voxel is seen in a MIP: linear maps from voxels to pixels, and back to the voxels behind a pixel."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.pictures.mip import pixel_size, view_width
from inference.volume import Volume

Array = npt.NDArray[Any]
LEAST_ROWS = 512


@dataclass(frozen=True)
class View:
    """How a MIP was made: a linear map from voxels to its pixels.

    Parameters
    ----------
    name : str
        Name of the picture.
    to_pixel : numpy.ndarray
        (2, 4): rows give x and y of the pixel from (z, y, x, 1) of the voxel.
    pixel_mm : float
        Edge of a pixel. [mm]
    shape : tuple of int
        Rows and columns of the picture.
    """

    name: str
    to_pixel: Array
    pixel_mm: float
    shape: tuple[int, int]

    def project(self, voxels: npt.ArrayLike) -> Array:
        """Pixels (n, 2) as (x, y) of voxels (n, 3) as (z, y, x)."""
        index = np.atleast_2d(np.asarray(voxels, float))
        pixels: Array = index @ self.to_pixel[:, :3].T + self.to_pixel[:, 3]
        return pixels

    def ray(self, x: float, y: float, *, grid: tuple[int, int, int], reach_mm: float) -> Array:
        """Voxels (n, 3) whose middle is seen within `reach_mm` of a pixel, and half a voxel more."""
        half = 0.5 * np.abs(self.to_pixel[:, :3]).sum(axis=1) + reach_mm / self.pixel_mm
        z, rows, columns = (np.arange(count) for count in grid)
        plane = np.ones((len(rows), len(columns)), bool)
        along = np.ones(len(z), bool)
        for place, aim in ((0, x), (1, y)):
            step_z, step_y, step_x, start = self.to_pixel[place]
            if step_z:
                along &= np.abs(step_z * z + start - aim) <= half[place]
            else:
                plane &= np.abs(step_y * rows[:, None] + step_x * columns[None, :] + start - aim) <= half[place]
        at, inside = np.flatnonzero(along), np.argwhere(plane)
        return np.column_stack((np.repeat(at, len(inside)), np.tile(inside, (len(at), 1))))


def turning_view(volume: Volume, angle_degrees: float, *, name: str = "") -> View:
    """The view from an angle about the head-foot axis, as `inference.pictures.mip.rotating` draws it.

    Examples
    --------
    >>> from inference import Geometry
    >>> scan = Volume(np.zeros((600, 101, 101), np.int16), Geometry((600, 101, 101), (1.0, 1.0, 1.0)))
    >>> view = turning_view(scan, 90.0)
    >>> view.shape, view.project([(0, 50, 50)]).round(3).tolist()
    ((600, 145), [[72.0, 599.0]])
    """
    pixel, width = pixel_size(volume), view_width(volume, pixel_size(volume))
    _, rows, columns = volume.shape
    step_z, step_y, step_x = volume.spacing_mm
    angle = np.deg2rad(angle_degrees)
    across_x, across_y = np.cos(angle) * step_x / pixel, np.sin(angle) * step_y / pixel
    start = (width - 1) / 2 - across_x * (columns - 1) / 2 - across_y * (rows - 1) / 2
    high = max(1, round(volume.shape[0] * step_z / pixel))
    return _enlarged(np.array([[0.0, across_y, across_x, start], _from_foot(volume.shape[0], high)]), (high, width), pixel, name)


def fixed_view(volume: Volume, axis: str, *, name: str = "") -> View:
    """The view along one axis, as `inference.pictures.mip.whole` draws it."""
    pixel, counts = pixel_size(volume), volume.shape
    high, deep, wide = (max(1, round(count * step / pixel)) for count, step in zip(counts, volume.spacing_mm, strict=True))
    (scale_y, start_y), (scale_x, start_x) = _stretch(counts[1], deep), _stretch(counts[2], wide)
    back, side, head = [0.0, scale_y, 0.0, start_y], [0.0, 0.0, scale_x, start_x], _from_foot(counts[0], high)
    across, down, shape = {
        "axial": (side, back, (deep, wide)),
        "coronal": (side, head, (high, wide)),
        "sagittal": (back, head, (high, deep)),
    }[axis]
    return _enlarged(np.array([across, down]), shape, pixel, name)


def _stretch(old: int, new: int) -> tuple[float, float]:
    """Scale and offset of places when a line of pixels gets another number of pixels over the same length."""
    return new / old, 0.5 * new / old - 0.5


def _from_foot(slices: int, rows: int) -> list[float]:
    """Row of the picture from the slice, the head on top."""
    scale, start = _stretch(slices, rows)
    return [-scale, 0.0, 0.0, rows - 1 - start]


def _enlarged(to_pixel: Array, shape: tuple[int, int], pixel_mm: float, name: str) -> View:
    """The same map after `inference.pictures.image_sets.enlarged`."""
    if shape[0] >= LEAST_ROWS:
        return View(name, to_pixel, pixel_mm, shape)
    new = (LEAST_ROWS, round(shape[1] * LEAST_ROWS / shape[0]))
    out = to_pixel.copy()
    for place, (old_count, new_count) in enumerate(((shape[1], new[1]), (shape[0], new[0]))):
        scale, start = _stretch(old_count, new_count)
        out[place] *= scale
        out[place, 3] += start
    return View(name, out, pixel_mm * shape[0] / new[0], new)


def coverage(view: View, voxels: Array) -> Array:
    """Which pixels of a view some voxels cover, 0 to 1, soft at the edge (rows, columns)."""
    from scipy.ndimage import binary_closing, gaussian_filter

    covered = np.zeros(view.shape, bool)
    corners = np.array([(z, y, x) for z in (-0.25, 0.25) for y in (-0.25, 0.25) for x in (-0.25, 0.25)])
    for corner in corners:
        place = np.rint(view.project(voxels + corner)).astype(int)
        inside = ((place >= 0) & (place < np.array(view.shape)[::-1])).all(axis=1)
        covered[place[inside, 1], place[inside, 0]] = True
    gap = int(np.ceil(0.5 * np.abs(view.to_pixel[:, :3]).max()))
    return np.asarray(gaussian_filter(binary_closing(covered, iterations=max(1, gap)).astype(np.float32), 0.6))
