"""Small scans whose value at a point in space is known, so that a reader's geometry can be checked voxel by voxel.

The field is HU(x, y, z) = 10 x + 20 y + 30 z for LPS millimetres: no flip, swap, shift or wrong spacing leaves it unchanged.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
ROWS, COLUMNS, COUNT = 40, 44, 12
SPACING, STEP = (0.6, 0.5), 1.25
ORIGIN = (-5.0, -7.0, 3.0)
UID = "1.2.826.0.1.3680043.10.1234"


def field(points: np.ndarray) -> np.ndarray:
    """HU at LPS points (n, 3)."""
    return points @ np.array([10.0, 20.0, 30.0])


def one_slice(number: int, position: np.ndarray, orientation: tuple[float, ...] = AXIAL, **tags: Any) -> Dataset:
    """A CT slice of the field; `tags` overwrite or, when None, delete elements."""
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    r, c = np.mgrid[0:ROWS, 0:COLUMNS]
    points = position + (c[..., None] * SPACING[1]) * row + (r[..., None] * SPACING[0]) * column
    hu = np.rint(field(points.reshape(-1, 3))).reshape(ROWS, COLUMNS)
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, f"{UID}.3.{number + 1}"
    data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = f"{UID}.1", f"{UID}.2", f"{UID}.4"
    data.Modality, data.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.PatientID, data.PatientName = "P1", "Phantom^One"
    data.SeriesNumber, data.InstanceNumber, data.AcquisitionNumber = 2, number + 1, 1
    data.ImagePositionPatient = [f"{v:.6f}"[:16] for v in position]
    data.ImageOrientationPatient = [f"{v:.9f}"[:16] for v in orientation]
    data.PixelSpacing, data.SliceThickness = [SPACING[0], SPACING[1]], STEP
    data.Rows, data.Columns, data.SamplesPerPixel, data.PhotometricInterpretation = ROWS, COLUMNS, 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    data.RescaleSlope, data.RescaleIntercept, data.RescaleType = "1", "-1024", "HU"
    data.PixelData = (hu + 1024).astype("<u2").tobytes()
    data["PixelData"].VR = "OW"
    for name, value in tags.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    return data


def series(
    count: int = COUNT,
    *,
    orientation: tuple[float, ...] = AXIAL,
    step: float = STEP,
    shear: tuple[float, float] = (0.0, 0.0),
    origin: tuple[float, float, float] = ORIGIN,
    **tags: Any,
) -> list[Dataset]:
    """A series along the normal; `shear` moves each slice along its rows and columns. [mm]"""
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    move = step * np.cross(row, column) + shear[0] * row + shear[1] * column
    return [one_slice(k, np.array(origin) + k * move, orientation, **tags) for k in range(count)]


def pixels(data: Dataset) -> np.ndarray:
    """Stored values of an uncompressed slice, as a copy."""
    kind = {8: "1", 16: "2", 32: "4"}[data.BitsAllocated]
    return np.frombuffer(data.PixelData, f"<{'i' if data.PixelRepresentation else 'u'}{kind}").reshape(data.Rows, data.Columns).copy()


def set_pixels(data: Dataset, values: np.ndarray) -> None:
    """Replace the stored values."""
    data.PixelData = np.ascontiguousarray(values).tobytes()


def save(data: Dataset, path: Path, *, syntax: str = ExplicitVRLittleEndian, meta: bool = True) -> Path:
    """Write a data set in a transfer syntax; big endian pixels are swapped here, as pydicom leaves them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    copy = Dataset()
    copy.update(data)
    if syntax == ExplicitVRBigEndian and "PixelData" in copy:
        copy.PixelData = np.frombuffer(copy.PixelData, "<u2").astype(">u2").tobytes()
        copy["PixelData"].VR = "OW"
    if not meta:
        pydicom.dcmwrite(path, copy, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=syntax != ExplicitVRBigEndian)
        return path
    copy.file_meta = FileMetaDataset()
    copy.file_meta.TransferSyntaxUID = syntax
    copy.file_meta.MediaStorageSOPClassUID, copy.file_meta.MediaStorageSOPInstanceUID = copy.SOPClassUID, copy.SOPInstanceUID
    copy.preamble = b"\0" * 128
    pydicom.dcmwrite(path, copy, enforce_file_format=syntax != DeflatedExplicitVRLittleEndian)
    return path


def save_series(slices: list[Dataset], folder: Path, *, change: Callable[[Dataset], None] | None = None, **options: Any) -> Path:
    """Write slices as `IM0000.dcm`, ..., after an optional change to each."""
    for number, data in enumerate(slices):
        if change:
            change(data)
        save(data, folder / f"IM{number:04d}.dcm", **options)
    return folder


def compressed(data: Dataset, syntax: str) -> Dataset:
    """The same slice in RLE, JPEG-LS or JPEG 2000, by pydicom's encoders."""
    copy = Dataset()
    copy.update(data)
    copy.file_meta = FileMetaDataset()
    copy.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    copy.compress(syntax, encoding_plugin="pydicom" if syntax.endswith("1.2.5") else "", generate_instance_uid=False)
    return copy


def jpeg_lossless(data: Dataset, *, selection: bool = True) -> tuple[Dataset, str]:
    """The same slice in JPEG lossless (first-order prediction when `selection`), and its transfer syntax."""
    from pydicom.encaps import encapsulate

    from tests.inference.scans.jpeg_lossless import encode

    copy = Dataset()
    copy.update(data)
    copy.PixelData = encapsulate([encode(pixels(data))])
    copy["PixelData"].VR = "OB"
    copy["PixelData"].is_undefined_length = True
    return copy, "1.2.840.10008.1.2.4.70" if selection else "1.2.840.10008.1.2.4.57"


def enhanced(count: int = COUNT, *, order: list[int] | None = None) -> Dataset:
    """The field as one enhanced multi-frame CT; `order` shuffles the frames."""
    frames = series(count)
    frames = [frames[i] for i in order] if order else frames
    data = Dataset()
    data.update(frames[0])
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"):
        delattr(data, name)
    for name in ("RescaleSlope", "RescaleIntercept", "RescaleType"):
        delattr(data, name)
    data.SOPClassUID, data.NumberOfFrames = "1.2.840.10008.5.1.4.1.1.2.1", count
    data.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    shared = Dataset()
    shared.PixelMeasuresSequence = [_dataset(PixelSpacing=list(SPACING), SliceThickness=STEP)]
    shared.PlaneOrientationSequence = [_dataset(ImageOrientationPatient=list(AXIAL))]
    shared.PixelValueTransformationSequence = [_dataset(RescaleSlope="1", RescaleIntercept="-1024", RescaleType="HU")]
    data.SharedFunctionalGroupsSequence = [shared]
    data.PerFrameFunctionalGroupsSequence = [
        _dataset(PlanePositionSequence=[_dataset(ImagePositionPatient=frame.ImagePositionPatient)]) for frame in frames
    ]
    data.PixelData = b"".join(frame.PixelData for frame in frames)
    return data


def _dataset(**tags: Any) -> Dataset:
    data = Dataset()
    for name, value in tags.items():
        setattr(data, name, value)
    return data


def volume_array(shape: tuple[int, int, int], affine_lps: np.ndarray) -> np.ndarray:
    """The field on a grid (z, y, x), int16."""
    index = np.indices(shape).reshape(3, -1)[::-1]
    points = (affine_lps[:3, :3] @ index + affine_lps[:3, 3:]).T
    return np.rint(field(points)).astype(np.int16).reshape(shape)


def nifti(
    array: np.ndarray,
    affine_ras: np.ndarray,
    *,
    version: int = 1,
    order: str = "<",
    sform: bool = True,
    qform: tuple[float, ...] | None = None,
    slope: tuple[float, float] = (1.0, 0.0),
    dim: tuple[int, ...] | None = None,
    datatype: int | None = None,
    units: int = 2,
    pixdim: tuple[float, ...] | None = None,
) -> bytes:
    """A NIfTI file written by hand: `qform` is (qfac, b, c, d, x, y, z)."""
    import struct

    codes = {"u1": 2, "i2": 4, "i4": 8, "f4": 16, "f8": 64, "u2": 512}
    kind = datatype or codes[array.dtype.str[1:]]
    dims = dim or (3, *array.shape[::-1], 1, 1, 1, 1)
    steps = pixdim or (*np.linalg.norm(affine_ras[:3, :3], axis=0), 1.0, 1.0, 1.0, 1.0)
    q = qform or (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    rows = affine_ras[:3].ravel() if sform else np.zeros(12)
    bits = array.dtype.itemsize * 8
    if version == 1:
        head = bytearray(352)
        struct.pack_into(order + "i", head, 0, 348)
        struct.pack_into(order + "8h", head, 40, *dims)
        struct.pack_into(order + "2h", head, 70, kind, bits)
        struct.pack_into(order + "8f", head, 76, q[0], *steps)
        struct.pack_into(order + "3f", head, 108, 352.0, *slope)
        head[123] = units
        struct.pack_into(order + "2h", head, 252, int(qform is not None), int(sform))
        struct.pack_into(order + "6f", head, 256, *q[1:])
        struct.pack_into(order + "12f", head, 280, *rows)
        head[344:348] = b"n+1\0"
    else:
        head = bytearray(544)
        struct.pack_into(order + "i", head, 0, 540)
        head[4:12] = b"n+2\0\r\n\x1a\n"
        struct.pack_into(order + "2h", head, 12, kind, bits)
        struct.pack_into(order + "8q", head, 16, *dims)
        struct.pack_into(order + "8d", head, 104, q[0], *steps)
        struct.pack_into(order + "q", head, 168, 544)
        struct.pack_into(order + "2d", head, 176, *slope)
        struct.pack_into(order + "2i", head, 344, int(qform is not None), int(sform))
        struct.pack_into(order + "6d", head, 352, *q[1:])
        struct.pack_into(order + "12d", head, 400, *rows)
        struct.pack_into(order + "i", head, 500, units)
    return bytes(head) + array.astype(array.dtype.newbyteorder(order)).tobytes()
