"""What a phantom is: a scan, its truth, and how it was made."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.phantom.pose import Motion
from inference.volume import Volume

Mask = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Centreline:
    """The middle of one vessel, proximal to distal.

    Parameters
    ----------
    points_mm : numpy.ndarray
        (n, 3) LPS (x, y, z). [mm]
    radius_mm : numpy.ndarray
        (n,) lumen radius. [mm]
    label : int
        Artery label, `inference.anatomy`.
    patent : numpy.ndarray
        (n,) false where the lumen is occluded.
    """

    points_mm: npt.NDArray[np.float64]
    radius_mm: npt.NDArray[np.float64]
    label: int
    patent: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Phantom:
    """A phantom CTA with truth. Research use; not a medical device.

    Parameters
    ----------
    volume : Volume
        int16 HU (z, y, x).
    vessel : numpy.ndarray
        uint8 0/1: all enhanced lumen, arteries and veins, with wall calcium and stent struts.
    veins : numpy.ndarray
        uint8 0/1: the venous part of `vessel` (veins enhanced to 110 HU or more).
    bone : numpy.ndarray
        uint8 0/1, disjoint from `vessel`; air cells excluded.
    arteries : numpy.ndarray
        uint8 labels of `inference.anatomy`. Children carry their artery's label (M2 to M4 the middle cerebral's, facial and
        occipital the external carotid's); ophthalmic, choroidal, cerebellar, thyrocervical and thoracic branches carry 99.
    plaque : numpy.ndarray
        uint8: 1 wall calcium, 2 stent.
    centrelines : dict of str to Centreline
        By artery name; children as `artery.child`. Clipped to the field of view.
    unenhanced : Volume or None
        The twin without contrast, moved, with its own noise.
    motion : Motion or None
        How the patient moved between the two.
    notes : dict
        Seed, preset, variants, lesions, scanner, lumen HU: ready for JSON.
    """

    volume: Volume
    vessel: Mask
    veins: Mask
    bone: Mask
    arteries: Mask
    plaque: Mask
    centrelines: dict[str, Centreline]
    unenhanced: Volume | None = None
    motion: Motion | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """Counts and settings, ready for JSON."""
        voxel_ml = self.volume.geometry.voxel_ml
        return {
            "shape": list(self.volume.shape),
            "spacing_mm": list(self.volume.spacing_mm),
            "vessel_ml": round(float(self.vessel.sum()) * voxel_ml, 2),
            "veins_ml": round(float(self.veins.sum()) * voxel_ml, 2),
            "bone_ml": round(float(self.bone.sum()) * voxel_ml, 1),
            "arteries": sorted(name for name in self.centrelines if "." not in name),
            **self.notes,
        }
