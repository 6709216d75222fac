"""CT images that keep HU: the bone-removed slices and the MIPs, each with its own place in the patient."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.dicom.common import Series, decimal, new_instance, refer_to
from inference.geometry import Geometry
from inference.volume import Volume

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
INTERCEPT = -1024


def write_slices(volume: Volume, series: Series, folder: Path, *, source: Volume, kilovolts: float | None = None) -> list[Path]:
    """A volume as axial CT slices from the feet up, each referring to the source slice it replaces.

    Parameters
    ----------
    volume : Volume
        int16 HU.
    source : Volume
        The scan it was made from.
    kilovolts : float, optional
        Tube voltage of the source. [kV]
    """
    folder.mkdir(parents=True, exist_ok=True)
    origins = volume.geometry.points(np.array([[k, 0, 0] for k in range(volume.shape[0])]))
    same_slices = len(source.source.instance_uids) == volume.shape[0]
    paths = []
    for index, origin in enumerate(origins):
        dataset = _image(series, index + 1, volume.array[index], kilovolts=kilovolts)
        dataset.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
        _place(dataset, volume.geometry.direction, origin, volume.spacing_mm[1], volume.spacing_mm[2], volume.spacing_mm[0])
        if same_slices:
            refer_to(dataset, sop_class=source.source.sop_class_uid or CT_IMAGE, instances=[source.source.instance_uids[index]])
        paths.append(_save(dataset, folder, index))
    return paths


@dataclass(frozen=True)
class Plane:
    """Where a picture lies in the patient.

    Parameters
    ----------
    direction : sequence of float
        Row, column and normal direction as the columns of a matrix, row by row; the normal is not used.
    origin_mm : numpy.ndarray
        Centre of the first pixel, LPS. [mm]
    pixel_mm, thickness_mm : float
        Edge of a pixel; what one picture stands for across. [mm]
    """

    direction: Sequence[float]
    origin_mm: npt.NDArray[np.float64]
    pixel_mm: float
    thickness_mm: float


def projection_plane(geometry: Geometry, *, angle_degrees: float, rows: int, columns: int, pixel_mm: float) -> Plane:
    """The plane through the middle of the field that a turn about the long axis projects onto."""
    turn = np.deg2rad(angle_degrees)
    across = np.array([np.cos(turn), np.sin(turn), 0.0])
    down = np.array([0.0, 0.0, -1.0])
    middle = geometry.points((np.asarray(geometry.shape)[None] - 1) / 2)[0]
    corner = middle - across * pixel_mm * (columns - 1) / 2 - down * pixel_mm * (rows - 1) / 2
    direction = (across[0], down[0], 0.0, across[1], down[1], 0.0, across[2], down[2], 0.0)
    return Plane(direction, corner, pixel_mm, float(max(geometry.extent_mm[1:])))


def write_planes(
    frames: Sequence[npt.NDArray[np.int16]],
    series: Series,
    folder: Path,
    *,
    planes: Sequence[Plane],
    source: Volume,
    image_type: tuple[str, str],
    comments: Sequence[str] = (),
    derivation: str = "",
) -> list[Path]:
    """Pictures as CT images, HU kept, each with its own plane.

    Parameters
    ----------
    image_type : tuple of str
        Third and fourth value of Image Type.
    comments : sequence of str, optional
        One image comment per picture.
    derivation : str, optional
        How the pictures were made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, (frame, plane) in enumerate(zip(frames, planes, strict=True)):
        dataset = _image(series, index + 1, frame, kilovolts=None)
        dataset.ImageType = ["DERIVED", "SECONDARY", *image_type]
        _place(dataset, plane.direction, plane.origin_mm, plane.pixel_mm, plane.pixel_mm, plane.thickness_mm)
        refer_to(dataset, sop_class=source.source.sop_class_uid or CT_IMAGE, instances=source.source.instance_uids[:1])
        if comments:
            dataset.ImageComments = comments[index]
        if derivation:
            dataset.DerivationDescription = derivation
        paths.append(_save(dataset, folder, index))
    return paths


def _image(series: Series, index: int, pixels: npt.NDArray[np.int16], *, kilovolts: float | None) -> Any:
    dataset: Any = new_instance(series, index=index, sop_class=CT_IMAGE)
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 1
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = "1", "0", "HU"
    dataset.KVP = decimal(kilovolts) if kilovolts else ""
    dataset.AcquisitionNumber, dataset.PatientPosition = "", dataset.get("PatientPosition", "HFS")
    dataset.WindowCenter, dataset.WindowWidth = "300", "700"
    dataset.PixelData = np.ascontiguousarray(pixels, "<i2").tobytes()
    return dataset


def _place(dataset: Any, direction: Sequence[float], origin: npt.ArrayLike, row_mm: float, column_mm: float, thickness_mm: float) -> None:
    d = [float(value) for value in direction]
    dataset.ImageOrientationPatient = [decimal(value) for value in (d[0], d[3], d[6], d[1], d[4], d[7])]
    dataset.ImagePositionPatient = [decimal(float(value)) for value in np.asarray(origin, float)]
    dataset.PixelSpacing = [decimal(row_mm), decimal(column_mm)]
    dataset.SliceThickness = decimal(thickness_mm)
    dataset.PositionReferenceIndicator = dataset.get("PositionReferenceIndicator", "")


def _save(dataset: Any, folder: Path, index: int) -> Path:
    path = folder / f"{index + 1:04d}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path
