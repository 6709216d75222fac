"""CT images that keep HU: the bone-removed slices and the MIPs, each with its own place in the patient."""

from collections.abc import Iterator, Sequence
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


def write_projections(
    frames: Sequence[npt.NDArray[np.int16]], series: Series, folder: Path, *, places: Sequence["Place"], source: Volume
) -> list[Path]:
    """Projections as CT images, HU kept, each with the plane through the centre of the field that it was projected onto."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, (frame, place) in enumerate(zip(frames, places, strict=True)):
        dataset = _image(series, index + 1, frame, kilovolts=None)
        dataset.ImageType = ["DERIVED", "SECONDARY", "PROJECTION", "MIP"]
        _place(dataset, place.direction, place.origin_mm, place.pixel_mm, place.pixel_mm, place.thickness_mm)
        refer_to(dataset, sop_class=source.source.sop_class_uid or CT_IMAGE, instances=source.source.instance_uids[:1])
        paths.append(_save(dataset, folder, index))
    return paths


class Place:
    """Where a projection lies: its row and column directions, its corner and its pixel edge."""

    def __init__(self, geometry: Geometry, *, angle_degrees: float, rows: int, columns: int, pixel_mm: float) -> None:
        turn = np.deg2rad(angle_degrees)
        across = np.array([np.cos(turn), np.sin(turn), 0.0])
        down = np.array([0.0, 0.0, -1.0])
        middle = geometry.points((np.asarray(geometry.shape)[None] - 1) / 2)[0]
        corner = middle - across * pixel_mm * (columns - 1) / 2 - down * pixel_mm * (rows - 1) / 2
        self.direction = (across[0], down[0], 0.0, across[1], down[1], 0.0, across[2], down[2], 0.0)
        self.origin_mm, self.pixel_mm, self.thickness_mm = corner, pixel_mm, float(max(geometry.extent_mm[1:]))


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


def _place(dataset: Any, direction: Sequence[float], origin: Sequence[float], row_mm: float, column_mm: float, thickness_mm: float) -> None:
    d = [float(value) for value in direction]
    dataset.ImageOrientationPatient = [decimal(value) for value in (d[0], d[3], d[6], d[1], d[4], d[7])]
    dataset.ImagePositionPatient = [decimal(float(value)) for value in origin]
    dataset.PixelSpacing = [decimal(row_mm), decimal(column_mm)]
    dataset.SliceThickness = decimal(thickness_mm)
    dataset.PositionReferenceIndicator = dataset.get("PositionReferenceIndicator", "")


def _save(dataset: Any, folder: Path, index: int) -> Path:
    path = folder / f"{index + 1:04d}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


def instances_of(paths: Sequence[Path]) -> Iterator[str]:
    """SOP instance UIDs of written files."""
    import pydicom

    for path in paths:
        yield str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)
