"""Write a phantom scan as a CT series: one study and frame of reference for both scans of a pair."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from inference.volume import Volume

# phantoms are made, not taken: a fixed day keeps files the same for the same seed
_DAY, _TIME = date(2020, 1, 1).strftime("%Y%m%d"), "120000"


def write_series(volume: Volume, folder: Path, *, name: str, seed: int, number: int, description: str, contrast: bool) -> list[Path]:
    """Write one slice per file, explicit little endian, HU with intercept −1024.

    Parameters
    ----------
    volume : Volume
        int16 HU on an axis-aligned grid.
    folder : Path
        Made if absent; files are `0001.dcm` and so on from the feet up.
    name : str
        What identifies the phantom (preset, spacing): the same name and seed give the same UIDs.
    seed, number : int
        Phantom seed; series number.
    description : str
        Series description.
    contrast : bool
        Whether a contrast agent is recorded.

    Returns
    -------
    list of Path
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    key = ["gilbreth phantom", name, str(seed)]
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index in range(volume.shape[0]):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = CTImageStorage, ExplicitVRLittleEndian
        meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[*key, str(number), str(index)])
        dataset = Dataset()
        dataset.file_meta = meta
        dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        dataset.StudyInstanceUID = generate_uid(entropy_srcs=[*key, "study"])
        dataset.SeriesInstanceUID = generate_uid(entropy_srcs=[*key, "series", str(number)])
        dataset.FrameOfReferenceUID = generate_uid(entropy_srcs=[*key, "frame"])
        _patient(dataset, seed)
        _series(dataset, number=number, description=description, contrast=contrast, spacing_mm=volume.spacing_mm[0])
        _plane(dataset, volume, index)
        path = folder / f"{index + 1:04d}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _patient(dataset: Any, seed: int) -> None:
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName, dataset.PatientID = f"Phantom^Seed {seed}", f"PHANTOM-{seed}"
    dataset.PatientBirthDate, dataset.PatientSex, dataset.StudyID, dataset.AccessionNumber = "", "O", "1", ""
    dataset.ReferringPhysicianName = ""
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = dataset.ContentDate = _DAY
    dataset.StudyTime = dataset.SeriesTime = dataset.AcquisitionTime = dataset.ContentTime = _TIME
    dataset.StudyDescription = "Simulated head and neck CTA"


def _series(dataset: Any, *, number: int, description: str, contrast: bool, spacing_mm: float) -> None:
    dataset.Modality, dataset.Manufacturer, dataset.ManufacturerModelName = "CT", "Gilbreth", "Procedural phantom"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.ImageComments = "Simulated; not a patient"
    dataset.SeriesNumber, dataset.SeriesDescription, dataset.AcquisitionNumber = number, description, number
    dataset.BodyPartExamined, dataset.PatientPosition = "HEADNECK", "HFS"
    dataset.KVP, dataset.ConvolutionKernel = "100", "simulated"
    dataset.SliceThickness = _decimal(spacing_mm)
    dataset.PositionReferenceIndicator = ""
    if contrast:
        dataset.ContrastBolusAgent = "simulated iodine"


def _plane(dataset: Any, volume: Volume, index: int) -> None:
    grid = volume.geometry
    position = grid.points(np.array([[index, 0, 0]]))[0]
    dataset.InstanceNumber = index + 1
    dataset.ImagePositionPatient = [_decimal(value) for value in position]
    dataset.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    dataset.PixelSpacing = [_decimal(grid.spacing_mm[1]), _decimal(grid.spacing_mm[2])]
    dataset.SliceLocation = _decimal(position[2])
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = grid.shape[1:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "-1024", "1", "HU"
    dataset.WindowCenter, dataset.WindowWidth = "250", "900"
    stored = np.clip(volume.array[index].astype(np.int32) + 1024, 0, 4095)
    dataset.PixelData = np.ascontiguousarray(stored, "<u2").tobytes()


def _decimal(value: float) -> str:
    """A decimal string of at most 16 characters."""
    return f"{round(float(value), 6):.10g}"
