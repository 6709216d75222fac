"""What every method of segmentation gives back, on the grid of the volume it was given."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Repair:
    """A gap that was bridged. A bridge can hide an occlusion, so each is kept, shown and reversible.

    Parameters
    ----------
    start_mm, end_mm : tuple of float
        LPS points (x, y, z) that were joined. [mm]
    length_mm : float
        Length of the bridge. [mm]
    artery : str
        Name of the artery, `unnamed` if unknown.
    reason : str
        Why the two ends were taken for one vessel.
    """

    start_mm: tuple[float, float, float]
    end_mm: tuple[float, float, float]
    length_mm: float
    artery: str
    reason: str


@dataclass(frozen=True)
class Segmentation:
    """Masks of one scan.

    Parameters
    ----------
    vessel : numpy.ndarray
        uint8 0/1 (z, y, x): all enhanced lumen, arteries and veins, with wall calcium.
    veins : numpy.ndarray
        uint8 0/1: the venous part of `vessel`; all zero where the method cannot tell.
    bone : numpy.ndarray
        uint8 0/1; disjoint from `vessel`.
    arteries : numpy.ndarray
        uint8 labels of `inference.anatomy.LABELS`; all zero until named.
    repairs : tuple of Repair
        Gaps bridged.
    notes : dict
        Method-specific figures (thresholds, residuals, share of blocks seen), ready for JSON.
    """

    vessel: Mask
    veins: Mask
    bone: Mask
    arteries: Mask
    repairs: tuple[Repair, ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)
