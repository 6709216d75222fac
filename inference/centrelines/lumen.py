"""A mask seen as a smooth lumen: where its wall lies between voxels, and how far the wall is in any direction."""

# mypy: disable-error-code="untyped-decorator,no-any-return"

import math
from dataclasses import dataclass
from typing import Any

import edt
import numba as nb
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from inference.geometry import Geometry

Array = npt.NDArray[Any]

MARGIN = 3
"""Empty voxels kept around a crop, so that neighbours and filters never leave it."""

WALL = 0.5
"""Value of the smoothed mask at the wall."""

BLUR_VOXELS = 0.6
"""Blur that takes the staircase off a mask; its inward shift of a curved wall is undone in `wall_correction`."""


@dataclass(frozen=True)
class Lumen:
    """A padded crop of a mask with its fields. Places in it are local millimetres (z, y, x) from its first voxel.

    Parameters
    ----------
    mask : numpy.ndarray
        bool (z, y, x).
    depth_mm : numpy.ndarray
        Distance to the nearest voxel outside. [mm]
    smooth : numpy.ndarray
        Blurred mask; the wall is at `WALL`.
    geometry : Geometry
        Grid of the crop.
    """

    mask: Array
    depth_mm: Array
    smooth: Array
    geometry: Geometry

    def to_local(self, points_mm: npt.ArrayLike) -> Array:
        """Local millimetres (n, 3) as (z, y, x) of LPS points (n, 3)."""
        return self.geometry.indices(points_mm) * np.asarray(self.geometry.spacing_mm)

    def to_lps(self, local_mm: npt.ArrayLike) -> Array:
        """LPS points (n, 3) of local millimetres (n, 3) as (z, y, x)."""
        return self.geometry.points(np.atleast_2d(np.asarray(local_mm, float)) / np.asarray(self.geometry.spacing_mm))


def make_lumen(mask: Array, geometry: Geometry, box: tuple[slice, slice, slice]) -> Lumen:
    """The lumen of the part of a mask in a box. `geometry` is the whole mask's grid."""
    part = np.pad(mask[box] != 0, MARGIN)
    z, y, x = (place.start - MARGIN for place in box)
    depth = edt.edt(part, anisotropy=geometry.spacing_mm, black_border=True, parallel=1)
    smooth = ndimage.gaussian_filter(part.astype(np.float32), BLUR_VOXELS, truncate=3.0)
    return Lumen(part, depth, smooth, geometry.crop((z, y, x), part.shape))


def wall_correction(radius_mm: Array, spacing_mm: tuple[float, float, float]) -> Array:
    """Radius before the blur: a Gaussian of width s moves a cylinder's half level inwards by about s²/2r."""
    blur = BLUR_VOXELS * float(np.mean(spacing_mm))
    return radius_mm + blur**2 / (2.0 * np.maximum(radius_mm, blur))


@nb.njit(cache=True, nogil=True)
def sample(field: Array, z: float, y: float, x: float) -> float:
    """Trilinear value at a fractional index; 0 outside."""
    k, j, i = math.floor(z), math.floor(y), math.floor(x)
    if k < 0 or j < 0 or i < 0 or k + 1 >= field.shape[0] or j + 1 >= field.shape[1] or i + 1 >= field.shape[2]:
        return 0.0
    c, b, a = z - k, y - j, x - i
    low = (field[k, j, i] * (1 - a) + field[k, j, i + 1] * a) * (1 - b) + (field[k, j + 1, i] * (1 - a) + field[k, j + 1, i + 1] * a) * b
    k += 1
    high = (field[k, j, i] * (1 - a) + field[k, j, i + 1] * a) * (1 - b) + (field[k, j + 1, i] * (1 - a) + field[k, j + 1, i + 1] * a) * b
    return low * (1 - c) + high * c


@nb.njit(cache=True, nogil=True)
def wall_distances(field: Array, spacing: Array, centres: Array, across: Array, beside: Array, reach: Array, rays: int) -> Array:
    """Distance to the wall (n, rays) in the plane spanned by two unit vectors at each centre, at most `reach`. [mm]"""
    found = np.zeros((len(centres), rays))
    step = 0.25 * spacing.min()
    for n in range(len(centres)):
        for ray in range(rays):
            angle = 2.0 * math.pi * ray / rays
            heading = math.cos(angle) * across[n] + math.sin(angle) * beside[n]
            place = centres[n] / spacing
            last, travelled = sample(field, place[0], place[1], place[2]), 0.0
            if last < WALL:
                continue
            while travelled < reach[n]:
                travelled += step
                place = (centres[n] + travelled * heading) / spacing
                here = sample(field, place[0], place[1], place[2])
                if here < WALL:
                    travelled -= step * (WALL - here) / max(last - here, 1e-9)
                    break
                last = here
            found[n, ray] = travelled
    return found
