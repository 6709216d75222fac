"""De-identify a scan at the door: PS3.15 profile, then a list of what may stay; everything that is not on it goes.

The profile is applied by dicom-anonymizer with our replacers. It treats the top level only and knows only the tags of its table, so
a second pass keeps nothing but listed elements, at every depth. Pixels that may show text are never copied.
"""

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.errors import MissingPart
from inference.save import save_nifti
from inference.scans.acquisitions import Acquisitions
from inference.scans.archive import unpack
from inference.scans.codes import rejected
from inference.scans.dicom_slice import age_band, called_projection
from inference.scans.dose import dose_length_mgy_cm, scans_of_exam
from inference.scans.limits import Limits
from inference.scans.load import load
from inference.scans.pseudonyms import keyed_id, keyed_uid, shifted_date
from inference.scans.read import listing
from inference.scans.words import code_string
from inference.volume import Volume

_UIDS = frozenset(
    {"SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "ConcatenationUID", "DimensionOrganizationUID"}
)
_DATES = frozenset({"StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"})
_CODES = frozenset(
    {"ImageType", "Modality", "PatientSex", "PatientPosition", "PhotometricInterpretation", "RescaleType", "LossyImageCompression"}
    | {"LossyImageCompressionMethod", "PixelPresentation", "VolumetricProperties", "FrameType", "BurnedInAnnotation"}
)
_SCANNER = frozenset({"Manufacturer", "ManufacturerModelName", "ConvolutionKernel"})
_NUMBERS = frozenset(
    {"SliceThickness", "KVP", "SpacingBetweenSlices", "GantryDetectorTilt", "ReconstructionDiameter", "ExposureTime", "XRayTubeCurrent"}
    | {"Exposure", "CTDIvol", "SpiralPitchFactor", "SeriesNumber", "AcquisitionNumber", "InstanceNumber", "ImagePositionPatient"}
    | {"ImageOrientationPatient", "SliceLocation", "SamplesPerPixel", "NumberOfFrames", "Rows", "Columns", "PixelSpacing", "BitsAllocated"}
    | {"BitsStored", "HighBit", "PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit", "WindowCenter", "WindowWidth"}
    | {"RescaleIntercept", "RescaleSlope", "PlanarConfiguration", "DimensionIndexValues", "InStackPositionNumber", "FrameAcquisitionNumber"}
)
_SEQUENCES = frozenset(
    {"SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "PixelMeasuresSequence", "PlaneOrientationSequence"}
    | {"PlanePositionSequence", "PixelValueTransformationSequence", "CTImageFrameTypeSequence", "FrameContentSequence"}
)
_KEPT = _UIDS | _DATES | _CODES | _SCANNER | _NUMBERS | _SEQUENCES | {"SOPClassUID", "PixelData", "PatientAge", "PatientID", "PatientName"}
_METHODS = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    ("113108", "Retain Patient Characteristics Option"),
    ("113109", "Retain Device Identity Option"),
)


@dataclass(frozen=True)
class Deidentified:
    """What came out.

    Parameters
    ----------
    patient : str
        Keyed pseudonym.
    files : tuple of Path
        Files written, named by keyed UIDs.
    quarantined, left_out : int
        Images withheld because their pixels may show text, and files that are no images.
    dlp_mgy_cm : float, optional
        Dose-length product that a dose report among the files states. [mGy·cm]
    scans : int, optional
        Scans of the exam: as its dose report counts them, or else two and more where their images lie among the files. One scan among the
        files is no proof that there was no other.
    """

    patient: str
    files: tuple[Path, ...]
    quarantined: int
    left_out: int
    dlp_mgy_cm: float | None = None
    scans: int | None = None


def deidentify(source: str | Path, out: str | Path, *, key: bytes, volume: Volume | None = None) -> Deidentified:
    """Write a de-identified copy of a DICOM folder, zip or file, or of a NIfTI, NRRD or MetaImage.

    Parameters
    ----------
    source : str or Path
        A scan that `load` accepts; what it refuses is refused here.
    out : str or Path
        Folder to write to.
    key : bytes
        The site key, at least 16 bytes, kept outside the database.
    volume : Volume, optional
        What `load` gave for the source, so that it is not read twice.

    Raises
    ------
    RejectedScan
        As `load`; `burned_in_text` when every image had to be withheld.
    MissingPart
        Without dicom-anonymizer.
    """
    volume = load(source) if volume is None else volume
    if volume.source.kind != "dicom":
        name = keyed_id(Path(source).resolve().name, key=key)
        return Deidentified(name, (save_nifti(volume.array, volume, Path(out) / name / f"{name}.nii.gz"),), 0, 0)
    with tempfile.TemporaryDirectory(prefix="scan-") as scratch:
        written: list[Path] = []
        patients, counts, dose = set(), {"quarantined": 0, "left_out": 0}, None
        seen, reported = Acquisitions(), None
        for data in _datasets(Path(source), scratch):
            if data is None or "PixelData" not in data:
                counts["left_out"] += 1
                dose = dose_length_mgy_cm(data) if data is not None and dose is None else dose
                reported = scans_of_exam(data) if data is not None and reported is None else reported
            elif may_show_text(data):
                counts["quarantined"] += 1
            else:
                seen.add(data)
                clean = deidentified(data, key=key)
                patients.add(clean.PatientID)
                written.append(_write(clean, Path(out)))
    if not written:
        raise rejected("burned_in_text", "every image was withheld because its pixels may show text")
    return Deidentified(min(patients), tuple(written), counts["quarantined"], counts["left_out"], dose, reported or _several(seen.scans()))


def _several(scans: int | None) -> int | None:
    return scans if scans is not None and scans > 1 else None


def may_show_text(data: Any) -> bool:
    """Whether pixels must be quarantined: declared text, secondary captures, colours, screens and dose pages."""
    kinds = {str(kind).upper() for kind in (data.get("ImageType") or [])}
    return (
        str(data.get("BurnedInAnnotation", "NO")).strip().upper() not in ("NO", "")
        or (str(data.get("SOPClassUID", "")) + ".").startswith("1.2.840.10008.5.1.4.1.1.7.")
        or int(data.get("SamplesPerPixel") or 1) != 1
        or bool(kinds & {"SECONDARY CAPTURE", "SCREEN SAVE", "DOSE", "DOSE_INFO", "LOCALIZER"})
    )


def deidentified(data: Any, *, key: bytes) -> Any:
    """A de-identified copy of a data set.

    Notes
    -----
    PS3.15 Annex E basic profile with the options named in (0012,0064): modified dates, patient characteristics (sex, decade of age),
    device identity (manufacturer, model, kernel; no serial numbers). `RecognizableVisualFeatures` is YES: a head CT renders a face.
    """
    import pydicom

    patient = str(data.get("PatientID") or data.get("StudyInstanceUID") or "")
    age = age_band(str(data.get("PatientAge") or ""))
    listed = pydicom.Dataset()
    for element in data:
        if element.keyword in _KEPT and element.keyword not in ("PatientName", "PatientID"):
            listed.add(element)
    copy = _deep(listed)
    _profile(copy, patient=patient, key=key)
    _keep_listed(copy)
    copy.PatientID = copy.PatientName = keyed_id(patient, key=key)
    copy.PatientBirthDate, copy.StudyTime, copy.AccessionNumber, copy.StudyID, copy.ReferringPhysicianName = "", "", "", "", ""
    # the choice of the series looks at these two: the words go, the facts stay
    if str(data.get("ContrastBolusAgent") or "").strip():
        copy.ContrastBolusAgent = "contrast agent"
    if word := called_projection(str(data.get("SeriesDescription") or "")):
        copy.SeriesDescription = word
    if age:
        copy.PatientAge = f"{int(age.split('-')[0].rstrip('+')):03d}Y"
    copy.PatientIdentityRemoved, copy.DeidentificationMethod = "YES", "Gilbreth: PS3.15 basic profile, allow-list, keyed, dates shifted"
    copy.DeidentificationMethodCodeSequence = [_code(value, meaning) for value, meaning in _METHODS]
    copy.LongitudinalTemporalInformationModified, copy.RecognizableVisualFeatures = "MODIFIED", "YES"
    copy.BurnedInAnnotation = "NO"
    copy.file_meta = pydicom.dataset.FileMetaDataset()
    copy.file_meta.TransferSyntaxUID = data.file_meta.get("TransferSyntaxUID", pydicom.uid.ImplicitVRLittleEndian)
    copy.file_meta.MediaStorageSOPClassUID, copy.file_meta.MediaStorageSOPInstanceUID = copy.SOPClassUID, copy.SOPInstanceUID
    copy.preamble = b"\0" * 128
    return copy


def _deep(data: Any) -> Any:
    """A copy whose sequences are copies too; pixels are shared, for they are not changed."""
    import pydicom

    copy = pydicom.Dataset()
    for element in data:
        if element.VR == "SQ":
            copy.add_new(element.tag, "SQ", [_deep(item) for item in element.value])
        else:
            copy.add(pydicom.DataElement(element.tag, element.VR, element.value))
            if element.keyword == "PixelData":
                copy["PixelData"].is_undefined_length = element.is_undefined_length
    return copy


def _profile(data: Any, *, patient: str, key: bytes) -> None:
    """The table of PS3.15 by dicom-anonymizer, at every depth, with keyed UIDs and shifted dates in place of its own."""
    try:
        from dicomanonymizer import anonymize_dataset
    except ImportError:
        raise MissingPart("de-identification needs dicom-anonymizer; pip install 'gilbreth[dicom]'") from None
    from pydicom.datadict import tag_for_keyword

    def shift(dataset: Any, tag: Any) -> None:
        if tag in dataset:
            dataset[tag].value = shifted_date(str(dataset[tag].value), patient=patient, key=key)

    def rename(dataset: Any, tag: Any) -> None:
        if tag in dataset:
            dataset[tag].value = keyed_uid(str(dataset[tag].value), key=key)

    def keep(dataset: Any, tag: Any) -> None:
        return None

    actions = dict.fromkeys(_DATES, shift) | dict.fromkeys(_UIDS, rename)
    actions |= dict.fromkeys(_CODES | _SCANNER | _NUMBERS | _SEQUENCES | {"PatientAge"}, keep)
    tags = {keyword: tag_for_keyword(keyword) for keyword in actions}
    rules = {(tag >> 16, tag & 0xFFFF): actions[keyword] for keyword, tag in tags.items() if tag is not None}
    anonymize_dataset(data, rules, delete_private_tags=True)
    for element in data:
        for item in element.value if element.VR == "SQ" else ():
            _profile(item, patient=patient, key=key)


def _keep_listed(data: Any) -> None:
    """Remove what is not on the list, and text on the list that is not what it should be."""
    for element in list(data):
        if element.keyword not in _KEPT or element.tag.is_private:
            del data[element.tag]
        elif element.VR == "SQ":
            for item in element.value:
                _keep_listed(item)
        elif element.keyword in _CODES:
            parts = element.value if isinstance(element.value, (list, tuple)) or hasattr(element.value, "insert") else [element.value]
            element.value = [part for part in (code_string(str(p)) for p in parts) if part != "?"] or ""
        elif element.keyword in _SCANNER:
            element.value = re.sub(r"[^A-Za-z0-9 ._/()+-]", "", str(element.value))[:40]


def _code(value: str, meaning: str) -> Any:
    import pydicom

    item = pydicom.Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _datasets(source: Path, scratch: str) -> Iterator[Any]:
    """Data sets of all files of an accepted scan; None for what is not DICOM. A file that breaks the reader is skipped, not copied."""
    import pydicom

    limits = Limits()
    if source.is_dir():
        files = listing(str(source), limits)[0]
    elif source.read_bytes()[:2] == b"PK":
        files = unpack(str(source), scratch, limits=limits, progress=lambda *_: None)[0]
    else:
        files = [str(source)]
    for file in files:
        try:
            data = pydicom.dcmread(file)
        except Exception:
            data = None
        yield data


def _write(data: Any, out: Path) -> Path:
    path = out / str(data.PatientID) / str(data.SeriesInstanceUID) / f"{data.SOPInstanceUID}.dcm"
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path
