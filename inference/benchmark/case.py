"""The case that is timed: a phantom of the size asked for, with its truth, and as a DICOM series where a stage reads."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from inference.geometry import Geometry
from inference.segmentation.result import Segmentation
from inference.volume import Volume

SPACING_MM = (0.6, 0.45, 0.45)


@dataclass
class BenchmarkCase:
    """A synthetic head and neck: the phantom's middle, repeated or cut to the number of slices asked for.

    Parameters
    ----------
    slices, size : int
        Voxels along z, and along y and x. 600 and 512 are the size of a clinical scan.
    folder : Path
        Where the DICOM series is written when a stage needs it.
    """

    slices: int
    size: int
    folder: Path
    _kept: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def volume(self) -> Volume:
        """The scan. [HU]"""
        from inference.phantom import make_phantom

        phantom = make_phantom(preset="small", seed=7)
        shape = (self.slices, self.size, self.size)
        index = [np.minimum(np.arange(n) * m // n, m - 1) for n, m in zip(shape, phantom.volume.shape, strict=True)]
        self._kept["vessel"] = np.ascontiguousarray(phantom.vessel[np.ix_(*index)]).astype(np.uint8)
        self._kept["bone"] = np.ascontiguousarray(phantom.bone[np.ix_(*index)]).astype(np.uint8)
        self._kept["arteries"] = np.ascontiguousarray(phantom.arteries[np.ix_(*index)]).astype(np.uint8)
        noise = np.random.default_rng(0).normal(0, 6, shape[1:]).astype(np.int16)
        array = phantom.volume.array[np.ix_(*index)].astype(np.int16) + noise
        return Volume(np.ascontiguousarray(array), Geometry(shape, SPACING_MM))

    @cached_property
    def truth(self) -> Segmentation:
        """Masks of vessel and bone."""
        shape = self.volume.shape
        return Segmentation(
            self._kept["vessel"], np.zeros(shape, np.uint8), self._kept["bone"], self._kept["arteries"], notes={"lumen_hu": 350.0}
        )

    @cached_property
    def bone_removed(self) -> Volume:
        """The scan without bone. [HU]"""
        from inference.bone_removal import remove_bone

        return remove_bone(self.volume, self.truth.vessel, self.truth.bone, noise_hu=8.0)

    @cached_property
    def series(self) -> Path:
        """The scan as a DICOM series."""
        from inference.phantom.dicom import write_series

        folder = self.folder / "series"
        write_series(self.volume, folder, name="benchmark", seed=7, number=2, description="benchmark", contrast=True)
        return folder
