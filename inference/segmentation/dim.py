"""Dim masses among the vessels: glands that have taken up contrast, and veins that hardly have."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.segmentation.filters import box_mean
from inference.segmentation.lumen import SOFT_TISSUE_HU
from inference.segmentation.morphology import closed, dilated, eroded, label

BoolMask = npt.NDArray[np.bool_]
Spacing = tuple[float, float, float]

CLOSING_MM, LEAST_HU = 1.5, 85.0
"""A vein near the least HU of lumen comes out in grains, which are closed over first; the core of a mass has none of less HU."""


@dataclass(frozen=True)
class DimRules:
    """Which dim masses are no enhanced lumen.

    Parameters
    ----------
    share : float
        Dim is what has less than this share of the way from soft tissue to the lumen of the scan.
    core_mm : float
        A mass has voxels farther than this from what is not dim: a vessel that is only thin, or the edge of one, has none. [mm]
    least_ml : float
        Smaller cores are left alone. [ml]
    unfilled_hu : float
        A mass with less than this on average is blood without contrast. [HU]
    longest_mm, most_slender : float
        A mass no longer than this, and no more than so many times as long as it is wide, is a gland: a vein is a tube. [mm]
    """

    share: float = 0.45
    core_mm: float = 1.5
    least_ml: float = 0.25
    unfilled_hu: float = 110.0
    longest_mm: float = 65.0
    most_slender: float = 3.5


def dim_masses(
    hu: npt.NDArray[np.int16], vessel: BoolMask, spacing_mm: Spacing, *, lumen_hu: float, rules: DimRules | None = None
) -> BoolMask:
    """Voxels of a vessel mask that belong to a dim mass which is no enhanced lumen.

    Parameters
    ----------
    hu : numpy.ndarray
        int16 (z, y, x). [HU]
    vessel : numpy.ndarray
        Boolean (z, y, x).
    spacing_mm : tuple of float
        Of both. [mm]
    lumen_hu : float
        What certain lumen of the scan has. [HU]
    rules : DimRules, optional
        The usual ones when absent.
    """
    rules, none = rules or DimRules(), np.zeros(vessel.shape, bool)
    edge_hu = SOFT_TISSUE_HU + rules.share * (lumen_hu - SOFT_TISSUE_HU)
    smooth = box_mean(hu.astype(np.float32), 3)
    dim = closed(vessel, CLOSING_MM, spacing_mm) & (smooth < edge_hu) & (smooth > LEAST_HU)
    core = eroded(dim, rules.core_mm, spacing_mm)
    if not core.any():
        return none
    voxel_ml = float(np.prod(spacing_mm)) / 1000
    parts = label(core, connectivity=26)
    length_mm, width_mm = (axis + 2 * rules.core_mm for axis in parts.axes_mm(spacing_mm))
    gland = length_mm <= np.minimum(rules.longest_mm, rules.most_slender * width_mm)
    masses = parts.choose((parts.counts * voxel_ml >= rules.least_ml) & (gland | (parts.mean(smooth) < rules.unfilled_hu)))
    if not masses.any():
        return none
    return vessel & (smooth < edge_hu) & dilated(masses, 2 * rules.core_mm, spacing_mm)
