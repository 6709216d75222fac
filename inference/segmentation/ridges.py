"""Vessels too narrow to hold an even voxel: bright lines that run for centimetres and nowhere exceed the lumen's HU.

A narrow vessel is a ridge of brightness: along two directions the HU falls off, along the third it does not. Edges and
trabeculae of bone make ridges too, but short ones, or with something denser than lumen beside them.

References
----------
Sato et al., Med Image Anal 1998;2:143-168, doi:10.1016/S1361-8415(98)80009-1 (line filters from Hessian eigenvalues).
"""

from dataclasses import dataclass

import numpy as np

from inference.segmentation.lumen import SOFT_TISSUE_HU, FloatArray, Lumen
from inference.segmentation.morphology import BoolMask, Labelled, Spacing, label, largest_around
from inference.segmentation.tubes import extents_mm, line_voxels


@dataclass(frozen=True)
class RidgeSettings:
    """Rules of `narrow_lumen`.

    Parameters
    ----------
    width_mm : float
        Standard deviation of the line filter; it answers best to vessels of about this radius. [mm]
    least_fall : float
        Least second derivative across the line, as a share of the lumen's contrast.
    most_along : float
        Largest second derivative along the line, as a share of the one across.
    least_extent_mm : float
        Lines shorter than this from end to end do not count. [mm]
    most_dense_around : float
        Largest share of voxels beside the line that are denser than lumen.
    least_share : float
        Least mean brightness of a line, as a share of the lumen's contrast.
    """

    width_mm: float = 1.0
    least_fall: float = 0.12
    most_along: float = 0.35
    least_extent_mm: float = 15.0
    most_dense_around: float = 0.06
    least_share: float = 0.65


def narrow_lumen(array: FloatArray, lumen: Lumen, spacing_mm: Spacing, *, settings: RidgeSettings | None = None) -> BoolMask:
    """Middle lines of narrow vessels, a voxel or two wide; none in an unenhanced scan.

    Parameters
    ----------
    array : numpy.ndarray
        float32 (z, y, x). [HU]
    lumen : Lumen
        Contrast of the scan.
    spacing_mm : tuple of float
        (z, y, x). [mm]
    settings : RidgeSettings, optional
        Rules.

    Returns
    -------
    numpy.ndarray
        bool (z, y, x).
    """
    settings = settings or RidgeSettings()
    if not lumen.enhanced:
        return np.zeros(array.shape, bool)
    contrast = lumen.hu - SOFT_TISSUE_HU
    densest = lumen.hu + 0.25 * contrast + lumen.noise_hu
    lines = label(_ridges(array, lumen, spacing_mm, settings, densest), connectivity=26)
    count = lines.counts.size
    beside = largest_around(lines.labels, 1)
    beside[lines.labels > 0] = 0
    dense = Labelled.of(beside, count - 1).share(array > densest)
    extent = extents_mm(lines, spacing_mm)
    bright = lines.mean(array) > SOFT_TISSUE_HU + settings.least_share * contrast
    return lines.choose((extent > settings.least_extent_mm) & (dense < settings.most_dense_around) & bright)


def _ridges(array: FloatArray, lumen: Lumen, spacing_mm: Spacing, settings: RidgeSettings, densest: float) -> BoolMask:
    """Voxels of lumen brightness at which brightness falls off in two directions and not in the third."""
    contrast = lumen.hu - SOFT_TISSUE_HU
    here = (array > lumen.lower_hu) & (array < densest)
    held = np.clip(array, -100.0, lumen.hu + 0.5 * contrast)  # air and cortex would drown the lumen's own slopes
    least = settings.least_fall * contrast
    return line_voxels(held, here, spacing_mm, width_mm=settings.width_mm, least_fall_hu=least, most_along=settings.most_along)
