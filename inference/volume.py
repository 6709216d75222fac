"""An immutable array with its geometry: what every step takes and gives back."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy.typing as npt

from inference.errors import GeometryMismatch
from inference.geometry import Geometry


@dataclass(frozen=True)
class Orientation:
    """How the file's index axes were turned to give a volume in LPS order, so that results go back onto the file's own grid.

    Parameters
    ----------
    axes : tuple of int
        `array = stored.transpose(axes)` before flipping; axes of the stored array (z, y, x).
    flips : tuple of bool
        Axes of the transposed array that were reversed.
    """

    axes: tuple[int, int, int] = (0, 1, 2)
    flips: tuple[bool, bool, bool] = (False, False, False)


@dataclass(frozen=True)
class Source:
    """Where a volume came from: enough to write results beside it, nothing that names a patient outside `datasets`.

    Parameters
    ----------
    kind : str
        `dicom`, `nifti`, `nrrd`, `metaimage`, `phantom` or `memory`.
    orientation : Orientation
        Turn from the stored array to this one.
    header : dict
        Technical values only, never identifiers: `modality`, `manufacturer`, `model`, `kernel`, `kvp`, `slice_thickness_mm`, `sex`,
        `age_band`, `tilt_corrected_degrees`, ...
    files : tuple of str
        Paths of the slices in volume order (DICOM), `archive.zip!member` in a zip; `inference.scans.headers` reads their headers.
    warnings : tuple of str
        What the reader noticed and let pass, each as `code: text`.
    study_uid, series_uid, frame_of_reference_uid, sop_class_uid : str
        UIDs of the source (DICOM), empty otherwise.
    instance_uids : tuple of str
        SOP instance UIDs in the order of `files` (DICOM).
    """

    kind: str = "memory"
    orientation: Orientation = Orientation()
    header: dict[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    study_uid: str = ""
    series_uid: str = ""
    frame_of_reference_uid: str = ""
    sop_class_uid: str = ""
    instance_uids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Volume:
    """A scan, a mask or a label map on a regular grid.

    Parameters
    ----------
    array : numpy.ndarray
        Values (z, y, x); made read-only. HU for scans. [HU]
    geometry : Geometry
        The grid, in LPS millimetres.
    source : Source
        Where it came from.

    Raises
    ------
    GeometryMismatch
        If the array's shape is not the grid's.

    Examples
    --------
    >>> import numpy as np
    >>> volume = Volume(np.zeros((4, 5, 6), np.int16), Geometry((4, 5, 6), (1.0, 0.5, 0.5)))
    >>> volume.shape, volume.spacing_mm
    ((4, 5, 6), (1.0, 0.5, 0.5))
    >>> volume.array[0, 0, 0] = 1
    Traceback (most recent call last):
    ValueError: assignment destination is read-only
    """

    array: npt.NDArray[Any]
    geometry: Geometry
    source: Source = Source()

    def __post_init__(self) -> None:
        if tuple(self.array.shape) != tuple(self.geometry.shape):
            raise GeometryMismatch(self.geometry.shape, tuple(self.array.shape))
        view = self.array.view()
        view.flags.writeable = False
        object.__setattr__(self, "array", view)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (z, y, x)."""
        return self.geometry.shape

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centres along (z, y, x). [mm]"""
        return self.geometry.spacing_mm

    def with_array(self, array: npt.NDArray[Any]) -> "Volume":
        """Another array on the same grid, from the same source."""
        return replace(self, array=array)

    def require_same_grid(self, other: "Volume") -> None:
        """Raise `GeometryMismatch` unless `other` lies on this grid."""
        if not self.geometry.same_grid(other.geometry):
            raise GeometryMismatch(self.geometry, other.geometry)
