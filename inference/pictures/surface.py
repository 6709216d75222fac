"""Surfaces for rendering: smooth fields whose level set is the wall of a vessel or of bone.

The level set runs through the scan's own grey values inside the mask, not along its voxels, so that walls are smooth where
a mask has staircases.
"""

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from inference.compilation import NOGIL
from inference.resample import resample
from inference.segmentation.filters import at, gaussian_derivatives
from inference.segmentation.morphology import dilated
from inference.volume import Volume

LEVEL = 90
"""Value of the field at the surface, of 255."""


@dataclass(frozen=True)
class Surface:
    """A field on cubic voxels, and what rays need to know about it.

    Parameters
    ----------
    field : numpy.ndarray
        uint8 (z, y, x); inside where it is `LEVEL` or more.
    hu : numpy.ndarray
        uint8: brightness of the material for its colour, 0 at its darkest to 255.
    step_mm : float
        Edge of a voxel. [mm]
    centre_mm : tuple of float
        Position of the field's middle from the scan's middle, along (z, y, x). [mm]
    """

    field: npt.NDArray[np.uint8]
    hu: npt.NDArray[np.uint8]
    step_mm: float
    centre_mm: tuple[float, float, float]


def surface(
    volume: Volume, mask: npt.NDArray[np.uint8], *, low_hu: float, high_hu: float, bright_hu: float, step_mm: float
) -> Surface | None:
    """The surface of a mask through the scan's grey values.

    Parameters
    ----------
    volume : Volume
        The scan. [HU]
    mask : numpy.ndarray
        0/1 on its grid; grown by one voxel, for the wall lies in the partial volume around it.
    low_hu, high_hu : float
        HU taken as wholly outside and wholly inside. [HU]
    bright_hu : float
        HU shown in the brightest colour of the material. [HU]
    step_mm : float
        Edge of the field's cubic voxels. [mm]

    Returns
    -------
    Surface or None
        None where the mask is empty.
    """
    if not mask.any():
        return None
    box = _box(mask, margin=[max(2, int(np.ceil(2 * step_mm / spacing))) for spacing in volume.spacing_mm])
    part = volume.array[box]
    region = dilated(mask[box] > 0, 1.01 * max(volume.spacing_mm), volume.spacing_mm)
    held: npt.NDArray[np.int16] = np.empty((part.shape[0], part.shape[1], part.shape[2]), np.int16)
    _hold(part, region, low_hu, held)
    start = (box[0].start, box[1].start, box[2].start)
    cropped = Volume(held, volume.geometry.crop(start, (held.shape[0], held.shape[1], held.shape[2])))
    cubes = resample(cropped, (step_mm,) * 3)
    smooth = max(0.7, 0.55 * max(volume.spacing_mm) / step_mm)
    field = _smoothed(_scaled(cubes.array, low_hu, high_hu), smooth)
    bright = _smoothed(_scaled(cubes.array, low_hu, bright_hu), 1.0)
    corners = zip(box, cubes.shape, volume.shape, volume.spacing_mm, strict=True)
    # both grids share the corner of the box; the middle of the cubes is half their extent from it
    z, y, x = (side.start * spacing + count * step_mm / 2 - whole * spacing / 2 for side, count, whole, spacing in corners)
    return Surface(field, bright, step_mm, (z, y, x))


def _smoothed(values: npt.NDArray[np.float32], sigma: float) -> npt.NDArray[np.uint8]:
    """Values under a Gaussian, worked out only within its reach of what is not 0."""
    near = dilated(values > 0, 1.74 * int(4.0 * sigma + 0.5), (1.0, 1.0, 1.0))  # a ball that holds the filter's cube
    smooth = gaussian_derivatives(values, near, (sigma,) * 3, [(0, 0, 0)], truncate=4.0)
    return at(near, smooth[:, 0].astype(np.uint8))


def _scaled(array: npt.NDArray[np.int16], low_hu: float, high_hu: float) -> npt.NDArray[np.float32]:
    """HU as 0 at the low value to 255 at the high one."""
    out = np.empty(array.shape, np.float32)
    _scale(array, np.float32(low_hu), np.float32(255.0 / (high_hu - low_hu)), out)
    return out


@numba.njit(nogil=NOGIL, parallel=True, cache=True)
def _hold(part, region, low, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    for z in numba.prange(out.shape[0]):
        for y in range(out.shape[1]):
            for x in range(out.shape[2]):
                out[z, y, x] = min(max(part[z, y, x], low), 3000) if region[z, y, x] else low


@numba.njit(nogil=NOGIL, parallel=True, cache=True)
def _scale(array, low, factor, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    for z in numba.prange(out.shape[0]):
        for y in range(out.shape[1]):
            for x in range(out.shape[2]):
                out[z, y, x] = min(max((np.float32(array[z, y, x]) - low) * factor, np.float32(0)), np.float32(255))


def _box(mask: npt.NDArray[np.uint8], *, margin: list[int]) -> tuple[slice, slice, slice]:
    sides = []
    for axis in range(3):
        inside = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        start, stop = int(inside[0]) - margin[axis], int(inside[-1]) + 1 + margin[axis]
        sides.append(slice(max(start, 0), min(stop, mask.shape[axis])))
    return sides[0], sides[1], sides[2]
