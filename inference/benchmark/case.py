"""The case that is timed: a phantom of the size asked for, with its truth, and as a DICOM series where a stage reads."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.geometry import Geometry
from inference.segmentation.result import Segmentation
from inference.volume import Volume

SPACING_MM = (0.6, 0.45, 0.45)
SLICES = 600  # of a whole head and neck
LIFE_SIZE = 256  # rows and columns from which on the phantom is one of life size
SEED = 7


@dataclass
class BenchmarkCase:
    """A phantom's head and neck of 360 mm, cut to the number of slices asked for, or continued by its mirror image.

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
        return self._life_size() if self.size >= LIFE_SIZE else self._miniature()

    def _life_size(self) -> Volume:
        """A phantom as the scanner of `inference.phantom` sees it, a quarter of a minute to make."""
        from inference.phantom import make_phantom

        phantom = make_phantom(preset="head-neck", seed=SEED, spacing_mm=self._spacing_mm)
        for name in ("vessel", "bone", "arteries"):
            self._kept[name] = self._as_long(np.ascontiguousarray(getattr(phantom, name)).astype(np.uint8))
        array = self._as_long(phantom.volume.array)
        return Volume(array, Geometry(array.shape, phantom.volume.spacing_mm))

    def _miniature(self) -> Volume:
        """The small phantom stretched, for a first look at whether everything runs."""
        from inference.phantom import make_phantom
        from inference.resample import nearest, resample

        phantom = make_phantom(preset="small", seed=SEED)
        whole, spacing = (SLICES, self.size, self.size), self._spacing_mm
        coarse_mm = tuple(n * step / m for n, step, m in zip(whole, spacing, phantom.volume.shape, strict=True))
        coarse = Volume(phantom.volume.array, Geometry(phantom.volume.shape, (coarse_mm[0], coarse_mm[1], coarse_mm[2])))
        array = self._as_long(resample(coarse, spacing).array)
        for name in ("vessel", "bone", "arteries"):
            self._kept[name] = self._as_long(nearest(np.ascontiguousarray(getattr(phantom, name)).astype(np.uint8), whole))
        grain = np.random.default_rng(0).normal(0, 8, (7, self.size, self.size)).astype(np.int16)
        for plane in range(self.slices):
            array[plane] += grain[plane % len(grain)]
        return Volume(array, Geometry(array.shape, spacing))

    @property
    def _spacing_mm(self) -> tuple[float, float, float]:
        return SPACING_MM[0], SPACING_MM[1] * 512 / self.size, SPACING_MM[2] * 512 / self.size

    def _as_long(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The first slices, or the body and its mirror image on top of it, as often as needed."""
        if self.slices <= len(array):
            return array[: self.slices].copy()  # not a view, which would keep the whole
        times = -(-self.slices // (2 * len(array)))
        return np.concatenate([array, array[::-1]] * times)[: self.slices].copy()

    @cached_property
    def truth(self) -> Segmentation:
        """Masks of vessel and bone."""
        array = self.volume.array  # which makes the masks too
        vessel, none = self._kept["vessel"], np.zeros(array.shape, np.uint8)
        notes = {"lumen_hu": float(np.median(array[vessel > 0]))}
        return Segmentation(vessel, none, self._kept["bone"], self._kept["arteries"], notes=notes)

    @cached_property
    def bone_removed(self) -> Volume:
        """The scan without bone. [HU]"""
        from inference.bone_removal import remove_bone
        from inference.segmentation.lumen import noise_of

        return remove_bone(self.volume, self.truth.vessel, self.truth.bone, noise_hu=noise_of(self.volume))

    @cached_property
    def moved(self) -> tuple[Volume, Volume, Any]:
        """The scan as it would be after a motion with noise of its own, the scan, and the motion that takes the one into the other."""
        from inference.registration.resample import warp
        from inference.registration.transform import Local, Rigid

        centre = self.volume.geometry.points((np.array(self.volume.shape)[None] - 1) / 2)[0]
        motion = Rigid.identity().after(np.deg2rad([1.0, -0.7, 1.5]), np.array([1.3, -0.8, 0.9]), centre)
        array = warp(self.volume, self.volume, Local.none(motion), least_hu=-2000.0)[0]
        grain = np.random.default_rng(1).normal(0, 8, (7, self.size, self.size)).astype(np.int16)
        for plane in range(self.slices):
            array[plane] += grain[plane % len(grain)]
        return self.volume.with_array(array), self.volume, motion

    @cached_property
    def series(self) -> Path:
        """The scan as a DICOM series."""
        from inference.phantom.dicom import write_series

        folder = self.folder / "series"
        write_series(self.volume, folder, name="benchmark", seed=7, number=2, description="benchmark", contrast=True)
        return folder
