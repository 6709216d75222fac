"""Vessels too narrow to hold an even voxel: bright lines that run for centimetres and nowhere exceed the lumen's HU.

A narrow vessel is a ridge of brightness: along two directions the HU falls off, along the third it does not. Edges and
trabeculae of bone make ridges too, but short ones, or with something denser than lumen beside them.

References
----------
Sato et al., Med Image Anal 1998;2:143-168, doi:10.1016/S1361-8415(98)80009-1 (line filters from Hessian eigenvalues).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.segmentation.lumen import SOFT_TISSUE_HU, FloatArray, Lumen
from inference.segmentation.morphology import BoolMask, Spacing, label


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
    from scipy.ndimage import find_objects, maximum_filter

    settings = settings or RidgeSettings()
    if not lumen.enhanced:
        return np.zeros(array.shape, bool)
    contrast = lumen.hu - SOFT_TISSUE_HU
    densest = lumen.hu + 0.25 * contrast + lumen.noise_hu
    lines = label(_ridges(array, lumen, spacing_mm, settings, densest), connectivity=26)
    count = lines.counts.size
    beside = np.where(lines.labels == 0, maximum_filter(lines.labels, 3), 0)
    around = np.maximum(np.bincount(beside.ravel(), minlength=count), 1)
    dense = np.bincount(beside[array > densest], minlength=count) / around
    extent = np.zeros(count)
    for index, box in enumerate(find_objects(lines.labels.astype(np.int32)), start=1):
        if box is not None:
            extent[index] = np.linalg.norm([(side.stop - side.start) * step for side, step in zip(box, spacing_mm, strict=True)])
    bright = lines.mean(array) > SOFT_TISSUE_HU + settings.least_share * contrast
    return lines.choose((extent > settings.least_extent_mm) & (dense < settings.most_dense_around) & bright)


def _ridges(array: FloatArray, lumen: Lumen, spacing_mm: Spacing, settings: RidgeSettings, densest: float) -> BoolMask:
    """Voxels of lumen brightness at which brightness falls off in two directions and not in the third."""
    from scipy.ndimage import gaussian_filter

    contrast = lumen.hu - SOFT_TISSUE_HU
    here = (array > lumen.lower_hu) & (array < densest)
    held = np.clip(array, -100.0, lumen.hu + 0.5 * contrast)  # air and cortex would drown the lumen's own slopes
    sigma = [max(0.8, settings.width_mm / step) for step in spacing_mm]
    hessian: npt.NDArray[np.float32] = np.empty((int(np.count_nonzero(here)), 3, 3), np.float32)
    for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)):
        order = [int(axis == i) + int(axis == j) for axis in range(3)]
        slope = gaussian_filter(held, sigma, order=order, truncate=3.0)[here] * (sigma[i] * sigma[j])
        hessian[:, i, j] = hessian[:, j, i] = slope
    _, across, along = np.linalg.eigvalsh(hessian).T
    out = np.zeros(array.shape, bool)
    out[here] = (-across > settings.least_fall * contrast) & (np.abs(along) < settings.most_along * -across)
    return out
