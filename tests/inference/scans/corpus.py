"""Every fault the reader must meet, as a case that makes its files in a folder; `outcomes.csv` says how each must end."""

import gzip
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from tests.inference.scans import makers as m

Build = Callable[[Path], Path]
CASES: dict[str, Build] = {}
TILT = (1.0, 0.0, 0.0, 0.0, 0.9659258, 0.2588190)  # 15 degrees about x
RAS = np.array([[-0.5, 0, 0, 5.0], [0, -0.6, 0, 7.0], [0, 0, 1.25, 3.0], [0, 0, 0, 1.0]])
LPS = np.diag([-1.0, -1.0, 1.0, 1.0]) @ RAS
SHAPE = (12, 20, 24)


def case(build: Build) -> Build:
    """Register a case under the name of its function."""
    CASES[build.__name__] = build
    return build


def _plain(folder: Path, **options: object) -> Path:
    return m.save_series(m.series(), folder, **options)  # type: ignore[arg-type]


def _change(folder: Path, change: Callable[[Dataset], None], **options: object) -> Path:
    return m.save_series(m.series(), folder, change=change, **options)  # type: ignore[arg-type]


def _tags(folder: Path, **tags: object) -> Path:
    return m.save_series(m.series(**tags), folder)  # type: ignore[arg-type]


# --- sound series ---------------------------------------------------------------------------------------------------


@case
def plain_series(folder: Path) -> Path:
    return _plain(folder)


@case
def implicit_little_endian(folder: Path) -> Path:
    return _plain(folder, syntax=ImplicitVRLittleEndian)


@case
def big_endian(folder: Path) -> Path:
    return _plain(folder, syntax=ExplicitVRBigEndian)


@case
def deflated(folder: Path) -> Path:
    return _plain(folder, syntax=DeflatedExplicitVRLittleEndian)


@case
def no_meta_explicit(folder: Path) -> Path:
    return _plain(folder, meta=False)


@case
def no_meta_implicit(folder: Path) -> Path:
    return _plain(folder, meta=False, syntax=ImplicitVRLittleEndian)


def _packed(folder: Path, syntax: str) -> Path:
    return m.save_series([m.compressed(data, syntax) for data in m.series()], folder, syntax=syntax)


@case
def rle(folder: Path) -> Path:
    return _packed(folder, "1.2.840.10008.1.2.5")


@case
def jpeg_ls(folder: Path) -> Path:
    return _packed(folder, "1.2.840.10008.1.2.4.80")


@case
def jpeg_2000(folder: Path) -> Path:
    return _packed(folder, "1.2.840.10008.1.2.4.90")


@case
def jpeg_lossless_sv1(folder: Path) -> Path:
    for number, data in enumerate(m.series()):
        copy, syntax = m.jpeg_lossless(data)
        m.save(copy, folder / f"IM{number:04d}.dcm", syntax=syntax)
    return folder


@case
def jpeg_lossless_process_14(folder: Path) -> Path:
    for number, data in enumerate(m.series()):
        copy, syntax = m.jpeg_lossless(data, selection=False)
        m.save(copy, folder / f"IM{number:04d}.dcm", syntax=syntax)
    return folder


@case
def enhanced_multiframe(folder: Path) -> Path:
    return m.save(m.enhanced(), folder / "enhanced.dcm")


@case
def enhanced_shuffled_frames(folder: Path) -> Path:
    return m.save(m.enhanced(order=[5, 2, 9, 0, 11, 3, 7, 1, 10, 4, 8, 6]), folder / "enhanced.dcm")


@case
def enhanced_frames_and_groups_differ(folder: Path) -> Path:
    data = m.enhanced()
    data.NumberOfFrames = 13
    return m.save(data, folder / "enhanced.dcm")


@case
def file_names_in_no_order(folder: Path) -> Path:
    slices = m.series()
    for name, data in zip("hxakqwbzmtcf", slices, strict=True):
        m.save(data, folder / f"{name}.dcm")
    return folder


@case
def reversed_series(folder: Path) -> Path:
    slices = m.series()
    for number, data in enumerate(reversed(slices)):
        data.InstanceNumber = number + 1
        m.save(data, folder / f"IM{number:04d}.dcm")
    return folder


@case
def negated_row_cosines(folder: Path) -> Path:
    return m.save_series(m.series(orientation=(-1.0, 0, 0, 0, 1.0, 0), origin=(6.0, -7.0, 3.0)), folder)


@case
def prone(folder: Path) -> Path:
    return m.save_series(m.series(orientation=(-1.0, 0, 0, 0, -1.0, 0), origin=(6.0, 5.0, 3.0)), folder)


@case
def coronal_slices(folder: Path) -> Path:
    return m.save_series(m.series(orientation=(1.0, 0, 0, 0, 0, -1.0), origin=(-5.0, -7.0, 9.0)), folder)


@case
def sagittal_slices(folder: Path) -> Path:
    return m.save_series(m.series(orientation=(0, 1.0, 0, 0, 0, -1.0), origin=(-5.0, -7.0, 9.0)), folder)


@case
def oblique_slices(folder: Path) -> Path:
    return m.save_series(m.series(orientation=(0.9848078, 0.1736482, 0, -0.1710101, 0.9698463, 0.1736482)), folder)


@case
def gantry_tilt(folder: Path) -> Path:
    """The table moves along z while the slices are tilted: each slice is shifted down its columns."""
    normal = np.cross(TILT[:3], TILT[3:])
    step = m.STEP * normal[2]
    return m.save_series(m.series(orientation=TILT, step=step, shear=(0.0, m.STEP * TILT[5])), folder)


@case
def sheared_by_hand(folder: Path) -> Path:
    return m.save_series(m.series(shear=(0.31, -0.42)), folder)


@case
def slope_and_intercept_per_slice(folder: Path) -> Path:
    slices = m.series()
    for number, data in enumerate(slices):
        hu = m.pixels(data).astype(int) - 1024
        data.RescaleIntercept = str(-1024 - number)
        m.set_pixels(data, (hu + 1024 + number).astype("<u2"))
    return m.save_series(slices, folder)


@case
def slope_of_one_half(folder: Path) -> Path:
    def change(data: Dataset) -> None:
        m.set_pixels(data, (m.pixels(data) * 2).astype("<u2"))
        data.RescaleSlope = "0.5"

    return _change(folder, change)


@case
def signed_pixels(folder: Path) -> Path:
    def change(data: Dataset) -> None:
        m.set_pixels(data, (m.pixels(data).astype(int) - 1024).astype("<i2"))
        data.PixelRepresentation, data.RescaleIntercept = 1, "0"

    return _change(folder, change)


@case
def twelve_bits_with_overlay_bits(folder: Path) -> Path:
    """12 stored bits; the four above hold marks that must not become HU."""

    def change(data: Dataset) -> None:
        stored = m.pixels(data) | np.uint16(0xA000)
        m.set_pixels(data, stored)
        data.BitsStored, data.HighBit = 12, 11

    return _change(folder, change)


@case
def eight_bits(folder: Path) -> Path:
    def change(data: Dataset) -> None:
        m.set_pixels(data, np.clip(m.pixels(data).astype(int) // 8, 0, 255).astype(np.uint8))
        data.BitsAllocated, data.BitsStored, data.HighBit, data.RescaleSlope = 8, 8, 7, "8"
        data["PixelData"].VR = "OB"

    return _change(folder, change)


@case
def padding_minus_2000(folder: Path) -> Path:
    def change(data: Dataset) -> None:
        stored = (m.pixels(data).astype(int) - 1024).astype("<i2")
        stored[:4] = -2000
        m.set_pixels(data, stored)
        data.PixelRepresentation, data.RescaleIntercept = 1, "0"
        data.add_new(0x00280120, "SS", -2000)

    return _change(folder, change)


@case
def padding_of_the_value_of_tissue(folder: Path) -> Path:
    """Unsigned padding 63488 becomes 62464 HU when it is not replaced."""

    def change(data: Dataset) -> None:
        stored = m.pixels(data)
        stored[:4] = 63488
        m.set_pixels(data, stored)
        data.add_new(0x00280120, "US", 63488)

    return _change(folder, change)


@case
def series_beside_localizer_report_pdf(folder: Path) -> Path:
    _plain(folder)
    scout = m.one_slice(90, np.array([0.0, -100, 50]), (1.0, 0, 0, 0, 0, -1.0))
    scout.ImageType, scout.SeriesInstanceUID = ["ORIGINAL", "PRIMARY", "LOCALIZER"], f"{m.UID}.77"
    m.save(scout, folder / "SCOUT.dcm")
    for name, sop in (("SR.dcm", "1.2.840.10008.5.1.4.1.1.88.67"), ("PDF.dcm", "1.2.840.10008.5.1.4.1.1.104.1")):
        report = Dataset()
        report.SOPClassUID, report.SOPInstanceUID, report.Modality = sop, f"{m.UID}.9{len(name)}", "SR" if name == "SR.dcm" else "DOC"
        report.SeriesInstanceUID, report.PatientID = f"{m.UID}.9{len(name)}.1", "P1"
        m.save(report, folder / name)
    dose = m.one_slice(91, np.zeros(3))
    dose.SOPClassUID, dose.ImageType = "1.2.840.10008.5.1.4.1.1.7", ["DERIVED", "SECONDARY", "DOSE_INFO"]
    dose.SeriesInstanceUID = f"{m.UID}.78"
    m.save(dose, folder / "DOSE.dcm")
    (folder / "DIRFILE").write_bytes(b"not a DICOM file" * 40)
    (folder / "notes.txt").write_text("exported by hand")
    return folder


@case
def two_series(folder: Path) -> Path:
    _plain(folder / "a")
    other = m.series(5, step=5.0)
    for data in other:
        data.SeriesInstanceUID, data.SeriesNumber, data.SOPInstanceUID = f"{m.UID}.22", 1, data.SOPInstanceUID + ".9"
    m.save_series(other, folder / "b")
    return folder


@case
def identical_doubles(folder: Path) -> Path:
    _plain(folder / "a")
    m.save_series(m.series()[3:6], folder / "b")
    return folder


@case
def zipped_series(folder: Path) -> Path:
    return _zip(folder, [(p.name, p.read_bytes()) for p in sorted(_plain(folder / "s").iterdir())])


@case
def single_slice(folder: Path) -> Path:
    return m.save(m.series()[0], folder / "one.dcm")


@case
def lossless_file_that_was_lossy_once(folder: Path) -> Path:
    return _tags(folder, LossyImageCompression="01")


@case
def slices_with_gaps_between(folder: Path) -> Path:
    return _tags(folder, SliceThickness=0.5)


@case
def defined_length_nesting(folder: Path) -> Path:
    """Private sequences of defined length, five deep, are ordinary."""

    def change(data: Dataset) -> None:
        inner = Dataset()
        for _ in range(5):
            outer = Dataset()
            outer.RequestAttributesSequence = [inner]
            inner = outer
        data.RequestAttributesSequence = [inner]

    return _change(folder, change)


# --- geometry that must be refused ----------------------------------------------------------------------------------


@case
def missing_one_slice(folder: Path) -> Path:
    slices = m.series()
    del slices[5]
    return m.save_series(slices, folder)


@case
def missing_several_slices(folder: Path) -> Path:
    slices = m.series(20)
    for index in (15, 14, 13, 4, 3):
        del slices[index]
    return m.save_series(slices, folder)


@case
def thinned_to_every_second(folder: Path) -> Path:
    return m.save_series(m.series(24)[::2], folder)


@case
def thinned_where_spacing_tag_tells(folder: Path) -> Path:
    slices = m.series(24, SpacingBetweenSlices=m.STEP)[::2]
    for number, data in enumerate(slices):
        data.InstanceNumber = number + 1
    return m.save_series(slices, folder)


@case
def one_slice_out_of_step(folder: Path) -> Path:
    slices = m.series()
    slices[6].ImagePositionPatient[2] += 0.3
    return m.save_series(slices, folder)


@case
def growing_steps(folder: Path) -> Path:
    slices = m.series()
    for number, data in enumerate(slices):
        data.ImagePositionPatient[2] = 3.0 + 1.2 * number + 0.02 * number**2
    return m.save_series(slices, folder)


@case
def different_doubles(folder: Path) -> Path:
    slices = m.series()
    extra = m.one_slice(50, np.array(m.ORIGIN) + np.array([0, 0, 4 * m.STEP]))
    m.set_pixels(extra, m.pixels(extra) + np.uint16(7))
    return m.save_series([*slices, extra], folder)


@case
def three_slices_at_one_place(folder: Path) -> Path:
    slices = [m.one_slice(k, np.array(m.ORIGIN)) for k in range(3)]
    for number, data in enumerate(slices):
        m.set_pixels(data, m.pixels(data) + np.uint16(number))
    return m.save_series(slices, folder)


@case
def two_phases_in_one_series(folder: Path) -> Path:
    slices = m.series()
    for number, data in enumerate(m.series()):
        m.set_pixels(data, m.pixels(data) + np.uint16(100))
        data.SOPInstanceUID, data.AcquisitionNumber, data.InstanceNumber = f"{m.UID}.3.{200 + number}", 2, 200 + number
        slices.append(data)
    return m.save_series(slices, folder)


@case
def uneven_tilt(folder: Path) -> Path:
    slices = m.series()
    for number, data in enumerate(slices):
        data.ImagePositionPatient[1] = -7.0 + 0.1 * number**2
    return m.save_series(slices, folder)


@case
def one_slice_shifted_sideways(folder: Path) -> Path:
    slices = m.series()
    slices[5].ImagePositionPatient[0] += 2.0
    return m.save_series(slices, folder)


@case
def two_angles_in_one_series(folder: Path) -> Path:
    normal = np.cross(TILT[:3], TILT[3:])
    other = m.series(8, orientation=TILT, step=m.STEP * normal[2], shear=(0.0, m.STEP * TILT[5]), origin=(-5.0, -7.0, 30.0))
    return m.save_series([*m.series(), *other], folder)


@case
def shear_of_sixty_degrees(folder: Path) -> Path:
    return m.save_series(m.series(shear=(0.0, 2.2)), folder)


@case
def no_position(folder: Path) -> Path:
    return _tags(folder, ImagePositionPatient=None)


@case
def no_orientation_tag(folder: Path) -> Path:
    return _tags(folder, ImageOrientationPatient=None)


@case
def no_pixel_spacing(folder: Path) -> Path:
    return _tags(folder, PixelSpacing=None)


@case
def orientation_of_length_two(folder: Path) -> Path:
    return _tags(folder, ImageOrientationPatient=[2.0, 0, 0, 0, 2.0, 0])


@case
def orientation_not_at_right_angles(folder: Path) -> Path:
    return _tags(folder, ImageOrientationPatient=[1.0, 0, 0, 0.5, 0.8660254, 0])


@case
def pixel_spacing_of_zero(folder: Path) -> Path:
    return _tags(folder, PixelSpacing=[0.0, 0.0])


@case
def pixel_spacing_of_a_metre(folder: Path) -> Path:
    return _tags(folder, PixelSpacing=[1000.0, 1000.0])


@case
def position_not_a_number(folder: Path) -> Path:
    def change(data: Dataset) -> None:
        data.add_new(0x00200032, "LO", "nan\\nan\\nan")

    return _change(folder, change)


# --- not a CT scan --------------------------------------------------------------------------------------------------


@case
def wrong_modality(folder: Path) -> Path:
    return _tags(folder, Modality="MR", SOPClassUID="1.2.840.10008.5.1.4.1.1.4")


@case
def colour(folder: Path) -> Path:
    def change(data: Dataset) -> None:
        data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "RGB", 0
        data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7
        data.PixelData = b"\x40" * (m.ROWS * m.COLUMNS * 3)

    return _change(folder, change)


@case
def secondary_capture(folder: Path) -> Path:
    return _tags(folder, SOPClassUID="1.2.840.10008.5.1.4.1.1.7")


@case
def maximum_intensity_projection(folder: Path) -> Path:
    return _tags(folder, ImageType=["DERIVED", "SECONDARY", "AXIAL", "MIP"])


@case
def only_localizers(folder: Path) -> Path:
    return _tags(folder, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])


@case
def burned_in_annotation(folder: Path) -> Path:
    return _tags(folder, BurnedInAnnotation="YES")


@case
def two_patients(folder: Path) -> Path:
    _plain(folder / "a")
    m.save_series(m.series(PatientID="P2", SeriesInstanceUID=f"{m.UID}.55"), folder / "b")
    return folder


@case
def only_a_report(folder: Path) -> Path:
    report = Dataset()
    report.SOPClassUID, report.SOPInstanceUID, report.Modality = "1.2.840.10008.5.1.4.1.1.88.11", f"{m.UID}.8", "SR"
    m.save(report, folder / "SR.dcm")
    return folder


@case
def plain_ct_with_frames(folder: Path) -> Path:
    def change(data: Dataset) -> None:
        data.NumberOfFrames = 2
        data.PixelData = data.PixelData * 2

    return _change(folder, change)


# --- values ---------------------------------------------------------------------------------------------------------


@case
def no_rescale(folder: Path) -> Path:
    return _tags(folder, RescaleSlope=None, RescaleIntercept=None)


@case
def slope_zero(folder: Path) -> Path:
    return _tags(folder, RescaleSlope="0")


@case
def not_in_hu(folder: Path) -> Path:
    return _tags(folder, RescaleType="US")


@case
def every_pixel_zero(folder: Path) -> Path:
    return _change(folder, lambda data: m.set_pixels(data, np.zeros((m.ROWS, m.COLUMNS), "<u2")))


@case
def inverted_grey(folder: Path) -> Path:
    return _tags(folder, PhotometricInterpretation="MONOCHROME1")


@case
def unknown_transfer_syntax(folder: Path) -> Path:
    _plain(folder)
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.9.9.9\0", 1))
    return folder


@case
def bits_that_cannot_be(folder: Path) -> Path:
    return _tags(folder, BitsStored=40)


# --- broken and hostile files ---------------------------------------------------------------------------------------


@case
def nothing_there(folder: Path) -> Path:
    return folder / "absent"


@case
def empty_folder(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


@case
def text_file(folder: Path) -> Path:
    (folder / "notes.txt").write_text("There is no scan here.\n" * 30)
    return folder / "notes.txt"


@case
def empty_file(folder: Path) -> Path:
    (folder / "empty.dcm").write_bytes(b"")
    return folder / "empty.dcm"


@case
def one_slice_cut_short(folder: Path) -> Path:
    _plain(folder)
    path = folder / "IM0005.dcm"
    path.write_bytes(path.read_bytes()[:-500])
    return folder


@case
def one_header_cut_short(folder: Path) -> Path:
    _plain(folder)
    path = folder / "IM0005.dcm"
    path.write_bytes(path.read_bytes()[:600])
    return folder


@case
def compressed_stream_cut_short(folder: Path) -> Path:
    _packed(folder, "1.2.840.10008.1.2.4.90")
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:-300])
    return folder


@case
def compressed_stream_of_noise(folder: Path) -> Path:
    from pydicom.encaps import encapsulate

    noise = np.random.default_rng(0).integers(0, 256, 3000, dtype=np.uint8).tobytes()

    def change(data: Dataset) -> None:
        data.PixelData = encapsulate([noise])
        data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True

    return _change(folder, change, syntax="1.2.840.10008.1.2.4.70")


@case
def header_of_65535_squared(folder: Path) -> Path:
    return _tags(folder, Rows=65535, Columns=65535)


@case
def header_of_46341_squared_compressed(folder: Path) -> Path:
    slices = [m.compressed(data, "1.2.840.10008.1.2.5") for data in m.series()]
    for data in slices:
        data.Rows = data.Columns = 46341
    return m.save_series(slices, folder, syntax="1.2.840.10008.1.2.5")


@case
def header_of_30000_squared_compressed(folder: Path) -> Path:
    data = m.compressed(m.series()[0], "1.2.840.10008.1.2.5")
    data.Rows = data.Columns = 30000
    return m.save(data, folder / "IM.dcm", syntax="1.2.840.10008.1.2.5")


@case
def enhanced_of_a_million_frames(folder: Path) -> Path:
    data = m.enhanced()
    data.NumberOfFrames = 1_000_000
    return m.save(data, folder / "enhanced.dcm")


@case
def hundred_thousand_nested_sequences(folder: Path) -> Path:
    path = m.save(m.series()[0], folder / "IM.dcm")
    data = path.read_bytes()
    start = data.index(struct.pack("<HH", 0x7FE0, 0x0010))
    opening = struct.pack("<HH2sHI", 0x0040, 0x0275, b"SQ", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    path.write_bytes(data[:start] + opening * 100_000 + data[start:])
    return path


@case
def deflate_bomb(folder: Path) -> Path:
    import zlib

    path = m.save(m.series()[0], folder / "IM.dcm", syntax=DeflatedExplicitVRLittleEndian)
    data = path.read_bytes()
    start = data.index(b"1.2.840.10008.1.2.1.99") + 22
    while data[start : start + 2] == b"\x02\x00":
        start += 8 + struct.unpack_from("<H", data, start + 6)[0]
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = struct.pack("<HH2sHI", 0x0009, 0x1001, b"OB", 0, 96 << 20)
    body = engine.compress(head) + b"".join(engine.compress(bytes(1 << 20)) for _ in range(96)) + engine.flush()
    path.write_bytes(data[:start] + body)
    return path


@case
def escape_codes_in_the_header(folder: Path) -> Path:
    return _tags(folder, Modality="\x1b[31mCT", PatientName="\x1b]0;owned\x07", RescaleType="\x1b[2J")


# --- archives -------------------------------------------------------------------------------------------------------


def _zip(folder: Path, entries: list[tuple[str, bytes]], *, name: str = "scan.zip") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, data in entries:
            archive.writestr(entry, data)
    return folder / name


def _slices() -> list[tuple[str, bytes]]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return [(p.name, p.read_bytes()) for p in sorted(_plain(Path(folder)).iterdir())]


@case
def zip_that_climbs(folder: Path) -> Path:
    return _zip(folder, [*_slices(), ("../../escaped.dcm", b"x" * 100)])


@case
def zip_of_absolute_path(folder: Path) -> Path:
    return _zip(folder, [*_slices(), ("/tmp/escaped.dcm", b"x" * 100)])


@case
def zip_of_windows_path(folder: Path) -> Path:
    return _zip(folder, [*_slices(), ("..\\..\\escaped.dcm", b"x" * 100)])


@case
def zip_with_a_link(folder: Path) -> Path:
    path = _zip(folder, _slices())
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("link.dcm")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    return path


@case
def zip_bomb(folder: Path) -> Path:
    return _zip(folder, [("zeros.dcm", bytes(64 << 20))])


@case
def zip_of_too_many_entries(folder: Path) -> Path:
    return _zip(folder, [(f"{i}", b"") for i in range(20_001)])


@case
def zip_in_a_zip(folder: Path) -> Path:
    inner = _zip(folder / "in", _slices())
    return _zip(folder, [("inner.zip", inner.read_bytes())])


@case
def zip_cut_short(folder: Path) -> Path:
    path = _zip(folder, _slices())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


@case
def zip_of_wrong_checksum(folder: Path) -> Path:
    path = _zip(folder, _slices())
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0xFF
    path.write_bytes(bytes(data))
    return path


@case
def zip_that_understates_its_sizes(folder: Path) -> Path:
    path = _zip(folder, [("a.dcm", bytes(300_000) + b"1")])
    data = path.read_bytes().replace(struct.pack("<I", 300_001), struct.pack("<I", 100))
    path.write_bytes(data)
    return path


@case
def zip_of_nothing(folder: Path) -> Path:
    return _zip(folder, [])


@case
def text_named_zip(folder: Path) -> Path:
    (folder / "scan.zip").write_text("no zip")
    return folder / "scan.zip"


# --- NIfTI, NRRD, MetaImage -----------------------------------------------------------------------------------------


def _file(folder: Path, name: str, data: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(gzip.compress(data, 1) if name.endswith(".gz") else data)
    return folder / name


def _image() -> np.ndarray:
    return m.volume_array(SHAPE, LPS)


@case
def nifti_1_sform(folder: Path) -> Path:
    return _file(folder, "a.nii", m.nifti(_image(), RAS))


@case
def nifti_1_gzipped(folder: Path) -> Path:
    return _file(folder, "a.nii.gz", m.nifti(_image(), RAS))


@case
def nifti_1_qform(folder: Path) -> Path:
    """A half turn about z: −x, −y, +z in RAS, as quaternion (0, 0, 0, 1)."""
    return _file(folder, "a.nii", m.nifti(_image(), RAS, sform=False, qform=(1.0, 0.0, 0.0, 1.0, 5.0, 7.0, 3.0)))


@case
def nifti_2(folder: Path) -> Path:
    return _file(folder, "a.nii", m.nifti(_image(), RAS, version=2))


@case
def nifti_1_big_endian(folder: Path) -> Path:
    return _file(folder, "a.nii", m.nifti(_image(), RAS, order=">"))


@case
def nifti_float(folder: Path) -> Path:
    return _file(folder, "a.nii", m.nifti(_image().astype(np.float32), RAS))


@case
def nifti_scaled(folder: Path) -> Path:
    return _file(folder, "a.nii", m.nifti((_image() + 1000).astype(np.int16), RAS, slope=(1.0, -1000.0)))


@case
def nifti_pair(folder: Path) -> Path:
    data = bytearray(m.nifti(_image(), RAS))
    data[344:348] = b"ni1\0"
    struct.pack_into("<f", data, 108, 0.0)
    _file(folder, "a.img", bytes(data[352:]))
    return _file(folder, "a.hdr", bytes(data[:348]))


@case
def nifti_without_orientation(folder: Path) -> Path:
    return _file(folder, "a.nii", m.nifti(_image(), RAS, sform=False))


@case
def nifti_of_metres(folder: Path) -> Path:
    metres = RAS.copy()
    metres[:3] /= 1000.0
    return _file(folder, "a.nii", m.nifti(_image(), metres, units=1))


@case
def nifti_sheared(folder: Path) -> Path:
    sheared = RAS.copy()
    sheared[1, 2] = 0.4
    return _file(folder, "a.nii", m.nifti(_image(), sheared))


@case
def nifti_four_dimensional(folder: Path) -> Path:
    image = _image()
    return _file(folder, "a.nii", m.nifti(np.stack([image, image]), RAS, dim=(4, 24, 20, 12, 2, 1, 1, 1)))


@case
def nifti_of_colours(folder: Path) -> Path:
    return _file(folder, "a.nii", m.nifti(np.zeros((12, 20, 72), np.uint8), RAS, dim=(3, 24, 20, 12, 1, 1, 1, 1), datatype=128))


@case
def nifti_with_nan(folder: Path) -> Path:
    image = _image().astype(np.float32)
    image[3, 4, 5] = np.nan
    return _file(folder, "a.nii", m.nifti(image, RAS))


@case
def nifti_with_infinity(folder: Path) -> Path:
    image = _image().astype(np.float32)
    image[3, 4, 5] = np.inf
    return _file(folder, "a.nii", m.nifti(image, RAS))


@case
def nifti_cut_short(folder: Path) -> Path:
    return _file(folder, "a.nii", m.nifti(_image(), RAS)[:-1000])


@case
def nifti_gzip_cut_short(folder: Path) -> Path:
    path = _file(folder, "a.nii.gz", m.nifti(_image(), RAS))
    path.write_bytes(path.read_bytes()[:-200])
    return path


@case
def nifti_of_huge_dimensions(folder: Path) -> Path:
    return _file(folder, "a.nii", m.nifti(_image(), RAS, dim=(3, 32767, 32767, 32767, 1, 1, 1, 1)))


@case
def nifti_of_absurd_spacing(folder: Path) -> Path:
    return _file(folder, "a.nii", m.nifti(_image(), np.diag([-500.0, -600.0, 1250.0, 1.0])))


@case
def nifti_singular(folder: Path) -> Path:
    return _file(folder, "a.nii", m.nifti(_image(), np.diag([0.0, -0.6, 1.25, 1.0]), pixdim=(0.5, 0.6, 1.25, 1, 1, 1, 1)))


@case
def nifti_mask(folder: Path) -> Path:
    return _file(folder, "a.nii.gz", m.nifti((_image() > 200).astype(np.uint8), RAS))


@case
def nifti_of_no_header(folder: Path) -> Path:
    return _file(folder, "a.nii", b"\x01" * 5000)


def _nrrd(extra: str = "", *, space: str = "left-posterior-superior", encoding: str = "raw", data: bytes | None = None) -> bytes:
    axes = " ".join("(" + ",".join(f"{v:.6f}" for v in LPS[:3, i]) + ")" for i in range(3))
    origin = "(" + ",".join(f"{v:.6f}" for v in LPS[:3, 3]) + ")"
    head = f"NRRD0004\ntype: short\ndimension: 3\nspace: {space}\nsizes: 24 20 12\nspace directions: {axes}\n"
    head += f"kinds: domain domain domain\nendian: little\nencoding: {encoding}\nspace origin: {origin}\n{extra}"
    return head.encode() + (b"\n" + (_image().tobytes() if data is None else data) if data != b"-" else b"")


@case
def nrrd_attached(folder: Path) -> Path:
    return _file(folder, "a.nrrd", _nrrd())


@case
def nrrd_gzip(folder: Path) -> Path:
    return _file(folder, "a.nrrd", _nrrd(encoding="gzip", data=gzip.compress(_image().tobytes())))


@case
def nrrd_detached(folder: Path) -> Path:
    _file(folder, "a.raw", _image().tobytes())
    return _file(folder, "a.nhdr", _nrrd("data file: a.raw\n", data=b"-"))


@case
def nrrd_detached_outside(folder: Path) -> Path:
    _file(folder, "a.raw", _image().tobytes())
    return _file(folder / "in", "a.nhdr", _nrrd("data file: ../a.raw\n", data=b"-"))


@case
def nrrd_detached_absolute(folder: Path) -> Path:
    return _file(folder, "a.nhdr", _nrrd("data file: /etc/passwd\n", data=b"-"))


@case
def nrrd_cut_short(folder: Path) -> Path:
    return _file(folder, "a.nrrd", _nrrd()[:-500])


@case
def nrrd_unknown_space(folder: Path) -> Path:
    return _file(folder, "a.nrrd", _nrrd(space="scanner-xyz"))


def _meta(extra: str = "", *, file: str = "LOCAL", data: bytes | None = None, dims: str = "24 20 12") -> bytes:
    matrix = "1 0 0 0 1 0 0 0 1"
    head = f"ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n{extra}TransformMatrix = {matrix}\n"
    head += f"Offset = -5 -7 3\nElementSpacing = 0.5 0.6 1.25\nDimSize = {dims}\nElementType = MET_SHORT\nElementDataFile = {file}\n"
    return head.encode() + (_image().tobytes() if data is None else data)


@case
def metaimage_local(folder: Path) -> Path:
    return _file(folder, "a.mha", _meta())


@case
def metaimage_compressed(folder: Path) -> Path:
    import zlib

    return _file(folder, "a.mha", _meta("CompressedData = True\n", data=zlib.compress(_image().tobytes())))


@case
def metaimage_detached(folder: Path) -> Path:
    _file(folder, "a.raw", _image().tobytes())
    return _file(folder, "a.mhd", _meta(file="a.raw", data=b""))


@case
def metaimage_outside(folder: Path) -> Path:
    _file(folder, "a.raw", _image().tobytes())
    return _file(folder / "in", "a.mhd", _meta(file="../a.raw", data=b""))


@case
def metaimage_of_huge_dimensions(folder: Path) -> Path:
    return _file(folder, "a.mha", _meta(dims="65535 65535 65535"))


@case
def metaimage_cut_short(folder: Path) -> Path:
    return _file(folder, "a.mha", _meta()[:-100])


@case
def folder_of_one_nifti(folder: Path) -> Path:
    _file(folder, "a.nii.gz", m.nifti(_image(), RAS))
    return folder


@case
def folder_of_two_niftis(folder: Path) -> Path:
    _file(folder, "a.nii.gz", m.nifti(_image(), RAS))
    _file(folder, "b.nii.gz", m.nifti(_image(), RAS))
    return folder


@case
def scanner_changed_mode_half_way(folder: Path) -> Path:
    """Half the slices have another image type and another distance: together they are one uneven stack."""
    slices = m.series(8)
    for number in range(8):
        data = m.one_slice(20 + number, np.array([-5.0, -7.0, 3.0 + 7 * m.STEP + 2.1 * (number + 1)]))
        data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL", "ADD"]
        slices.append(data)
    return m.save_series(slices, folder)


@case
def image_types_alternate(folder: Path) -> Path:
    slices = m.series()
    for data in slices[::2]:
        data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL", "ADD"]
    return m.save_series(slices, folder)


@case
def one_damaged_file_beside_the_series(folder: Path) -> Path:
    """Its header does not say that it is no CT, so it may be a slice of the scan."""
    path = m.save(m.one_slice(99, np.zeros(3)), _plain(folder) / "IM9999.dcm")
    path.write_bytes(path.read_bytes()[:200])
    return folder


@case
def a_damaged_report_beside_the_series(folder: Path) -> Path:
    report = m.one_slice(99, np.zeros(3), SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", Modality="SR")
    path = m.save(report, _plain(folder) / "SR.dcm")
    path.write_bytes(path.read_bytes()[:700])
    return folder
