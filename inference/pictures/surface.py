"""Surfaces for rendering: smooth fields whose level set is the wall of a vessel or of bone.

The level set runs through the scan's own grey values inside the mask, not along its voxels, so that walls are smooth where
a mask has staircases; how far every voxel is from the surface is kept too, so that rays can jump over empty space.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.resample import resample
from inference.segmentation.morphology import dilated, distance_to
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
    distance : numpy.ndarray
        uint8: voxels to the nearest voxel inside, at most 255.
    hu : numpy.ndarray
        uint8: brightness of the material for its colour, 0 at its darkest to 255.
    step_mm : float
        Edge of a voxel. [mm]
    centre_mm : tuple of float
        Position of the field's middle from the scan's middle, along (z, y, x). [mm]
    """

    field: npt.NDArray[np.uint8]
    distance: npt.NDArray[np.uint8]
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
    from scipy.ndimage import gaussian_filter

    if not mask.any():
        return None
    box = _box(mask, margin=[max(2, int(np.ceil(2 * step_mm / spacing))) for spacing in volume.spacing_mm])
    part = volume.array[box]
    region = dilated(mask[box] > 0, 1.01 * max(volume.spacing_mm), volume.spacing_mm)
    held = np.where(region, np.clip(part, low_hu, 3000), low_hu).astype(np.int16)
    start = (box[0].start, box[1].start, box[2].start)
    cropped = Volume(held, volume.geometry.crop(start, held.shape))
    cubes = resample(cropped, (step_mm,) * 3)
    values = cubes.array.astype(np.float32)
    inside = np.clip((values - low_hu) * (255.0 / (high_hu - low_hu)), 0, 255)
    smooth = max(0.7, 0.55 * max(volume.spacing_mm) / step_mm)
    field = gaussian_filter(inside, smooth).astype(np.uint8)
    bright = gaussian_filter(np.clip((values - low_hu) * (255.0 / (bright_hu - low_hu)), 0, 255), 1.0).astype(np.uint8)
    away = distance_to(field >= LEVEL, (1.0, 1.0, 1.0))
    distance = np.minimum(away, 255).astype(np.uint8)
    corners = zip(box, cubes.shape, volume.shape, volume.spacing_mm, strict=True)
    # both grids share the corner of the box; the middle of the cubes is half their extent from it
    z, y, x = (side.start * spacing + count * step_mm / 2 - whole * spacing / 2 for side, count, whole, spacing in corners)
    return Surface(field, distance, bright, step_mm, (z, y, x))


def _box(mask: npt.NDArray[np.uint8], *, margin: list[int]) -> tuple[slice, slice, slice]:
    sides = []
    for axis in range(3):
        inside = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        start, stop = int(inside[0]) - margin[axis], int(inside[-1]) + 1 + margin[axis]
        sides.append(slice(max(start, 0), min(stop, mask.shape[axis])))
    return sides[0], sides[1], sides[2]
