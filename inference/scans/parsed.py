"""What a reader hands back: the stored array with its grid, and what was noticed on the way."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from inference.geometry import Geometry


class Allocate(Protocol):
    """Gives an empty array, after checking that it is not too large."""

    def __call__(self, shape: tuple[int, int, int], kind: str) -> npt.NDArray[Any]:
        """An array (z, y, x) of a numpy type."""
        ...


Progress = Callable[[int, int], None]


@dataclass
class Parsed:
    """A scan in the order of its file.

    Parameters
    ----------
    array : numpy.ndarray
        Stored order (z, y, x).
    geometry : Geometry
        Grid of the stored array.
    kind : str
        `dicom`, `nifti`, `nrrd` or `metaimage`.
    header : dict
        Technical values.
    uids : dict
        `study`, `series`, `frame_of_reference`, `sop_class` (DICOM).
    files, instances : list
        Per slice of the stored first axis: file and SOP instance UID (DICOM).
    warnings : list of str
        `code: text`.
    series, left_out : list of dict
        Groups found, and files that are not part of the scan.
    """

    array: npt.NDArray[Any]
    geometry: Geometry
    kind: str
    header: dict[str, Any] = field(default_factory=dict)
    uids: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    instances: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    series: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[dict[str, str]] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """Everything but the array, ready for JSON."""
        g = self.geometry
        grid = {"shape": g.shape, "spacing_mm": g.spacing_mm, "origin_mm": g.origin_mm, "direction": g.direction}
        return {
            "geometry": grid, "kind": self.kind, "header": self.header, "uids": self.uids, "files": self.files,
            "instances": self.instances, "warnings": self.warnings, "series": self.series, "left_out": self.left_out,
            "dtype": np.dtype(self.array.dtype).name,
        }  # fmt: skip
