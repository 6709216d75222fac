"""Whose study the results belong to: the patient and study attributes of the scan, or a research study of its own."""

import os
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.dicom.uids import stable_uid
from inference.volume import Volume

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

KEPT = (
    "SpecificCharacterSet", "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "PatientAge",
    "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "StudyDescription", "AccessionNumber", "ReferringPhysicianName",
    "FrameOfReferenceUID", "PositionReferenceIndicator", "PatientPosition", "PatientIdentityRemoved", "DeidentificationMethod",
)  # fmt: skip
EMPTY_ALLOWED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
HEADER_BYTES = 4 << 20
MOST_FILES = 20_000


def identity_of(volume: Volume, scan: Path | None) -> "Dataset":
    """Patient and study attributes for everything written from a scan.

    Parameters
    ----------
    volume : Volume
        The scan as read.
    scan : Path, optional
        Folder, file or zip it was read from.

    Returns
    -------
    pydicom.Dataset
        The source's own attributes where it is DICOM and still there; else a study of its own, named `Research^Gilbreth`, whose UIDs
        follow from the voxels.
    """
    found = _from_source(volume, scan) if volume.source.kind == "dicom" else None
    dataset = found if found is not None else _research(volume)
    for name in EMPTY_ALLOWED:
        if name not in dataset:
            setattr(dataset, name, "")
    return dataset


def _research(volume: Volume) -> "Dataset":
    from pydicom.dataset import Dataset

    from inference.reconstruction import fingerprint

    key = fingerprint(volume)
    dataset: Any = Dataset()
    dataset.PatientName, dataset.PatientID, dataset.PatientSex = "Research^Gilbreth", key[:16], "O"
    dataset.StudyInstanceUID = volume.source.study_uid or stable_uid(key, "study")
    dataset.FrameOfReferenceUID = volume.source.frame_of_reference_uid or stable_uid(key, "frame of reference")
    dataset.StudyDate, dataset.StudyTime, dataset.StudyDescription = (
        datetime.now(UTC).strftime("%Y%m%d"),
        "000000",
        "Research reconstruction",
    )
    found: Dataset = dataset
    return found


def _from_source(volume: Volume, scan: Path | None) -> "Dataset | None":
    import pydicom

    wanted = set(volume.source.instance_uids)
    for file in _files(volume, scan):
        try:
            header = pydicom.dcmread(file, stop_before_pixels=True, force=True, specific_tags=[*KEPT, "SOPInstanceUID"])
        except Exception:  # noqa: S112 - a stray file beside the series is no reason to fail; the series itself was read before
            continue
        if header.get("SOPInstanceUID") in wanted:
            dataset = pydicom.Dataset()
            for name in KEPT:
                if name in header:
                    dataset[name] = header[name]
            if "FrameOfReferenceUID" not in dataset:
                dataset.FrameOfReferenceUID = stable_uid(volume.source.series_uid, "frame of reference")
            return dataset
    return None


def _files(volume: Volume, scan: Path | None) -> Iterator[Any]:
    yield from (path for path in volume.source.files[:1] if os.path.isfile(path))
    if scan is None or not scan.exists():
        return
    if scan.is_dir():
        yield from sorted(path for path in scan.rglob("*") if path.is_file())[:MOST_FILES]
    elif zipfile.is_zipfile(scan):
        yield from _zip_heads(scan)
    else:
        yield scan


def _zip_heads(scan: Path) -> Iterator[Any]:
    """The first bytes of each member: enough for the header, never a whole bomb."""
    import io

    with zipfile.ZipFile(scan) as archive:
        for entry in archive.infolist()[:MOST_FILES]:
            if not entry.is_dir():
                with archive.open(entry) as file:
                    yield io.BytesIO(file.read(HEADER_BYTES))
