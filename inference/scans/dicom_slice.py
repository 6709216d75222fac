"""One CT slice as its header states it: numbers checked, text reduced to code strings and UIDs."""

import hashlib
import math
import re
import struct
from dataclasses import dataclass

from inference.scans.codes import rejected
from inference.scans.dicom_header import Header
from inference.scans.words import clean, code_string

TAGS = {
    0x00080008: "ImageType",
    0x00080016: "SOPClassUID",
    0x00080018: "SOPInstanceUID",
    0x00080060: "Modality",
    0x00080070: "Manufacturer",
    0x0008103E: "SeriesDescription",
    0x00081090: "ManufacturerModelName",
    0x00100020: "PatientID",
    0x00100040: "PatientSex",
    0x00101010: "PatientAge",
    0x00180010: "ContrastBolusAgent",
    0x00180050: "SliceThickness",
    0x00180060: "KVP",
    0x00180088: "SpacingBetweenSlices",
    0x00181210: "ConvolutionKernel",
    0x00185100: "PatientPosition",
    0x00189345: "CTDIvol",
    0x0020000D: "StudyInstanceUID",
    0x0020000E: "SeriesInstanceUID",
    0x00200011: "SeriesNumber",
    0x00200012: "AcquisitionNumber",
    0x00200013: "InstanceNumber",
    0x00200032: "ImagePositionPatient",
    0x00200037: "ImageOrientationPatient",
    0x00200052: "FrameOfReferenceUID",
    0x00280002: "SamplesPerPixel",
    0x00280004: "PhotometricInterpretation",
    0x00280008: "NumberOfFrames",
    0x00280010: "Rows",
    0x00280011: "Columns",
    0x00280030: "PixelSpacing",
    0x00280100: "BitsAllocated",
    0x00280101: "BitsStored",
    0x00280102: "HighBit",
    0x00280103: "PixelRepresentation",
    0x00280120: "PixelPaddingValue",
    0x00280121: "PixelPaddingRangeLimit",
    0x00280301: "BurnedInAnnotation",
    0x00281052: "RescaleIntercept",
    0x00281053: "RescaleSlope",
    0x00281054: "RescaleType",
    0x00282110: "LossyImageCompression",
}
WANTED = frozenset(TAGS)
_NUMBERS = {name: tag for tag, name in TAGS.items()}
_PROJECTION = re.compile(r"(?<![A-Za-z])(MIP|MINIP|VRT|SSD|3D)(?![A-Za-z])", re.IGNORECASE)
_UID = re.compile(r"[0-9][0-9.]{0,63}")


@dataclass(slots=True)
class Slice:
    """What is needed of one frame: where it lies, how its pixels are stored, what its values mean.

    `position`, `row`, `column` are LPS, spacing is (row distance, column distance). [mm] Missing values are None or empty.
    """

    file: int
    frame: int = 0
    frames: int = 1
    syntax: str = ""
    big_endian: bool = False
    pixel_tag: int = 0
    pixel_offset: int = 0
    pixel_length: int = 0
    deflated: bool = False
    sop_class: str = ""
    instance_uid: str = ""
    study_uid: str = ""
    series_uid: str = ""
    frame_uid: str = ""
    modality: str = ""
    image_type: tuple[str, ...] = ()
    patient: str = ""
    series_number: int | None = None
    acquisition: int | None = None
    instance: int | None = None
    position: tuple[float, ...] | None = None
    orientation: tuple[float, ...] | None = None
    spacing: tuple[float, ...] | None = None
    thickness: float | None = None
    between: float | None = None
    rows: int = 0
    columns: int = 0
    samples: int = 1
    photometric: str = ""
    allocated: int = 16
    stored: int = 16
    high_bit: int = 15
    signed: bool = False
    slope: float | None = None
    intercept: float | None = None
    rescale_type: str = ""
    padding: tuple[int, int] | None = None
    burned_in: bool = False
    lossy: bool = False
    contrast: bool = False
    called_projection: bool = False


class Values:
    """Typed access to the raw values of a header."""

    def __init__(self, header: Header) -> None:
        self.raw, self.order = header.values, ">" if header.big_endian else "<"

    def text(self, name: str) -> str:
        """The value as text without padding."""
        value = self.raw.get(_NUMBERS[name])
        return value.decode("latin-1").strip("\0 ") if value else ""

    def code(self, name: str) -> str:
        """A code string."""
        return code_string(self.text(name))

    def uid(self, name: str) -> str:
        """A UID, or an empty string when the text is none."""
        text = self.text(name)
        return text if _UID.fullmatch(text) else ""

    def decimals(self, name: str, count: int) -> tuple[float, ...] | None:
        """So many numbers; None when there are fewer, more or other things."""
        text = self.text(name)
        if not text:
            return None
        try:
            numbers = tuple(float(part) for part in text.split("\\"))
        except ValueError:
            return None
        return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else None

    def decimal(self, name: str) -> float | None:
        """One number, or None."""
        numbers = self.decimals(name, 1)
        return numbers[0] if numbers else None

    def whole(self, name: str) -> int | None:
        """One whole number written as text, or None."""
        number = self.decimal(name)
        return int(number) if number is not None and abs(number) < 2**53 else None

    def double(self, name: str) -> float | None:
        """A binary number of eight bytes, or None; text or another length is none."""
        value = self.raw.get(_NUMBERS[name], b"")
        number = float(struct.unpack_from(self.order + "d", value)[0]) if len(value) == 8 else math.nan
        return number if math.isfinite(number) else None

    def short(self, name: str, default: int) -> int:
        """An unsigned 16-bit value."""
        value = self.raw.get(_NUMBERS[name], b"")
        return int(struct.unpack_from(self.order + "H", value)[0]) if len(value) >= 2 else default

    def pixel_value(self, name: str, *, signed: bool, stored: int) -> int | None:
        """A stored pixel value, read with the sign of the pixels."""
        value = self.raw.get(_NUMBERS[name], b"")
        if len(value) < 2:
            return None
        number = int(struct.unpack_from(self.order + ("h" if signed else "H"), value)[0])
        return number & ((1 << stored) - 1) if not signed and stored < 16 else number


def read_slice(header: Header, file: int) -> Slice:
    """A slice from its header; what is missing stays empty and is judged later."""
    values = Values(header)
    one = Slice(file, syntax=header.syntax, big_endian=header.big_endian, deflated=header.inflated is not None)
    one.pixel_tag, one.pixel_offset, one.pixel_length = header.pixel_tag, header.pixel_offset, header.pixel_length
    one.sop_class, one.instance_uid = values.uid("SOPClassUID"), values.uid("SOPInstanceUID")
    one.study_uid, one.series_uid = values.uid("StudyInstanceUID"), values.uid("SeriesInstanceUID")
    one.frame_uid, one.modality = values.uid("FrameOfReferenceUID"), values.code("Modality")
    one.image_type = tuple(code_string(part) for part in values.text("ImageType").split("\\")) if values.text("ImageType") else ()
    one.patient = hashlib.sha256(values.text("PatientID").encode()).hexdigest()[:12] if values.text("PatientID") else ""
    one.series_number, one.acquisition = values.whole("SeriesNumber"), values.whole("AcquisitionNumber")
    one.instance, one.frames = values.whole("InstanceNumber"), max(1, values.whole("NumberOfFrames") or 1)
    one.position, one.orientation = values.decimals("ImagePositionPatient", 3), values.decimals("ImageOrientationPatient", 6)
    one.spacing, one.thickness = values.decimals("PixelSpacing", 2), values.decimal("SliceThickness")
    one.between, one.contrast = values.decimal("SpacingBetweenSlices"), bool(values.text("ContrastBolusAgent"))
    one.called_projection = bool(called_projection(values.text("SeriesDescription")))
    _pixel_values(one, values)
    one.burned_in, one.lossy = values.code("BurnedInAnnotation") == "YES", values.code("LossyImageCompression") == "01"
    return one


def _pixel_values(one: Slice, values: Values) -> None:
    one.rows, one.columns = values.short("Rows", 0), values.short("Columns", 0)
    one.samples, one.photometric = values.short("SamplesPerPixel", 1), values.code("PhotometricInterpretation")
    one.allocated = values.short("BitsAllocated", 16)
    one.stored = values.short("BitsStored", one.allocated)
    one.high_bit, one.signed = values.short("HighBit", one.stored - 1), values.short("PixelRepresentation", 0) == 1
    one.slope, one.intercept = values.decimal("RescaleSlope"), values.decimal("RescaleIntercept")
    one.rescale_type = values.code("RescaleType")
    low = values.pixel_value("PixelPaddingValue", signed=one.signed, stored=one.stored)
    if low is not None:
        high = values.pixel_value("PixelPaddingRangeLimit", signed=one.signed, stored=one.stored)
        one.padding = (min(low, low if high is None else high), max(low, low if high is None else high))


def technical(header: Header) -> dict[str, str | float]:
    """Values about scanner and acquisition, and sex and age band, for baseline tables; free text is cut to printable ASCII."""
    values = Values(header)
    found: dict[str, str | float] = {}
    for key, name in (("manufacturer", "Manufacturer"), ("model", "ManufacturerModelName"), ("kernel", "ConvolutionKernel")):
        if values.text(name):
            found[key] = clean(values.text(name), length=40)
    for key, name in (("kvp", "KVP"), ("slice_thickness_mm", "SliceThickness")):
        number = values.decimal(name)
        if number is not None:
            found[key] = number
    dose = values.double("CTDIvol")
    if dose is not None and 0.0 < dose < 1000.0:
        found["ctdi_vol_mgy"] = round(dose, 3)
    if values.code("PatientPosition"):
        found["patient_position"] = values.code("PatientPosition")
    if values.code("PatientSex") in ("M", "F", "O"):
        found["sex"] = values.code("PatientSex")
    if band := age_band(values.text("PatientAge")):
        found["age_band"] = band
    return found


def age_band(age: str) -> str:
    """The decade of a DICOM age string; everybody from 90 years is one band, and what is no age has none.

    Examples
    --------
    >>> age_band("067Y"), age_band("093Y"), age_band("011M"), age_band("")
    ('60-69', '90+', '0-9', '')
    """
    if not re.fullmatch(r"\d{3}[DWMY]", age):
        return ""
    years = int(age[:3]) if age[3] == "Y" else int(age[:3]) // {"D": 365, "W": 52, "M": 12}[age[3]]
    return "90+" if years >= 90 else f"{years // 10 * 10}-{years // 10 * 10 + 9}"


def called_projection(description: str) -> str:
    """The word in a series description that says that the images are projections or renderings; empty when there is none.

    Examples
    --------
    >>> called_projection("Anna MIP 10/3"), called_projection("CTA 0.6")
    ('MIP', '')
    """
    found = _PROJECTION.search(description)
    return found.group(1).upper() if found else ""


def check_pixels(one: Slice) -> None:
    """Refuse pixels that cannot be what the header says, before anything is allocated."""
    if one.allocated not in (8, 16, 32) or not 1 <= one.stored <= one.allocated or not one.stored - 1 <= one.high_bit < one.allocated:
        raise rejected("unsupported_pixels", f"{one.stored} of {one.allocated} bits are stored per pixel, up to bit {one.high_bit}")
    if one.rows < 2 or one.columns < 2:
        raise rejected("damaged", f"the image has {one.rows} rows and {one.columns} columns")
    if one.pixel_tag != 0x7FE00010:
        raise rejected("unsupported_pixels", "the pixels are stored as floating-point numbers")
