"""200 planted identifiers appear nowhere: not in files, names, messages or logs; what the study needs stays."""

import itertools
import logging

import numpy as np
import pydicom
import pytest
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset

from inference.errors import RejectedScan
from inference.scans.deface import deface
from inference.scans.deidentify import deidentify
from inference.scans.inspect import inspect
from inference.scans.load import load
from inference.scans.pseudonyms import keyed_id
from tests.inference.scans import makers as m

KEY = b"0123456789abcdef0123456789abcdef"
_TEXT = {"PN": "Zq{}^Ann", "LO": "Zq{} lo", "SH": "Zq{}", "LT": "Zq{} long", "ST": "Zq{} st", "UT": "Zq{} ut", "AE": "Zq{}", "UC": "Zq{}"}


def plant(data: Dataset) -> int:
    """Identifiers in 150 standard text tags, 25 private tags and 25 nested places; returns how many."""
    count = 0
    skip = {"Manufacturer", "ManufacturerModelName", "ConvolutionKernel", "SpecificCharacterSet", "RescaleType"}
    tags = (
        (tag, row) for tag, row in DicomDictionary.items() if row[0] in _TEXT and row[1] == "1" and row[4] not in skip and tag >> 16 > 7
    )
    for tag, row in itertools.islice(tags, 0, 604, 4):
        data.add_new(tag, row[0], _TEXT[row[0]].format(f"x{count:03d}x"))
        count += 1
    block = data.private_block(0x0009, "VENDOR ZqxPRIVATEx", create=True)
    for number in range(25):
        block.add_new(number, "LO", f"Zqx{count:03d}x private")
        count += 1
    for number in range(25):
        inner, outer = Dataset(), Dataset()
        inner.PatientName, inner.PatientID = f"Zqx{count:03d}x^Nested", f"Zqx{count:03d}x"
        outer.ReferencedStudySequence = [inner]
        sequence = ("RequestAttributesSequence", "PatientInsurancePlanCodeSequence", "SourceImageSequence", "ProcedureCodeSequence")[
            number % 4
        ]
        setattr(data, sequence, [*(data.get(sequence) or []), outer])
        count += 1
    return count


@pytest.fixture
def planted(tmp_path):
    """A series full of identifiers in folders and files named after a patient."""
    folder = tmp_path / "Zqfolder_Anna" / "Zqx-1962"
    slices = m.series(PatientID="Zqx-MRN", PatientName="Zqx^Anna", PatientSex="F", PatientAge="067Y", StudyDate="20260309")
    for number, data in enumerate(slices):
        planted_here = plant(data)
        data.PatientID, data.PatientBirthDate = "Zqx-MRN", "19590101"
        m.save(data, folder / f"Zqx_Anna_{number}.dcm")
    assert planted_here >= 200
    return folder


@pytest.mark.filterwarnings("ignore")
def test_200_planted_identifiers_appear_nowhere(planted, tmp_path, caplog, capsys):
    out = tmp_path / "out"
    with caplog.at_level(logging.DEBUG):
        done = deidentify(planted, out, key=KEY)
        volume = load(planted)
    assert len(done.files) == 12
    for path in out.rglob("*"):
        assert "zq" not in str(path.relative_to(out)).lower()
        if path.is_file():
            assert b"zq" not in path.read_bytes().lower().replace(path.read_bytes()[-m.ROWS * m.COLUMNS * 2 :].lower(), b"")
    facts = repr((volume.source.header, volume.source.warnings, volume.source.series_uid)).lower()
    out_text, err_text = capsys.readouterr()
    for text in (facts, caplog.text.lower(), out_text.lower(), err_text.lower()):
        assert "zq" not in text


@pytest.mark.filterwarnings("ignore")
def test_no_rejection_repeats_a_name_of_the_patient_or_the_file(planted):
    (planted / "Zqx_broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"Zqx" * 50)
    answer = inspect(planted)
    assert not answer.accepted
    assert "zq" not in (answer.reason + answer.remedy).lower()


@pytest.mark.filterwarnings("ignore")
def test_what_the_study_needs_stays_and_the_method_is_named(planted, tmp_path):
    done = deidentify(planted, tmp_path / "out", key=KEY)
    before, after = load(planted), load(tmp_path / "out")
    assert np.array_equal(before.array, after.array)
    assert before.geometry.same_grid(after.geometry)
    data = pydicom.dcmread(done.files[0])
    assert data.PatientID == done.patient == keyed_id("Zqx-MRN", key=KEY)
    assert (data.PatientSex, data.PatientAge) == ("F", "060Y")
    assert data.PatientIdentityRemoved == "YES"
    assert data.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
    assert data.RecognizableVisualFeatures == "YES"
    assert "20240308" <= data.StudyDate < "20260309"
    assert data.StudyInstanceUID.startswith("2.25.")
    assert not any(element.tag.is_private for element in data)


@pytest.mark.filterwarnings("ignore")
def test_the_same_key_gives_the_same_ids_and_another_key_others(planted, tmp_path):
    first, again = deidentify(planted, tmp_path / "a", key=KEY), deidentify(planted, tmp_path / "b", key=KEY)
    other = deidentify(planted, tmp_path / "c", key=KEY[::-1])
    assert [path.name for path in first.files] == [path.name for path in again.files]
    assert other.patient != first.patient
    assert {p.name for p in other.files}.isdisjoint(p.name for p in first.files)
    with pytest.raises(ValueError, match="key"):
        deidentify(planted, tmp_path / "d", key=b"short")


@pytest.mark.filterwarnings("ignore")
def test_pixels_that_may_show_text_are_withheld(tmp_path):
    folder = m.save_series(m.series(), tmp_path / "s")
    for number, tags in enumerate(
        (
            {"BurnedInAnnotation": "YES"},
            {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"},
            {"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]},
        )
    ):
        m.save(
            m.one_slice(50 + number, np.array([0.0, 0.0, 400.0]), SeriesInstanceUID=f"{m.UID}.6{number}", **tags), folder / f"x{number}.dcm"
        )
    (folder / "notes.txt").write_text("no image")
    done = deidentify(folder, tmp_path / "out", key=KEY)
    assert (len(done.files), done.quarantined, done.left_out) == (12, 3, 1)


def test_a_refused_scan_is_not_copied(tmp_path):
    folder = m.save_series(m.series(BurnedInAnnotation="YES"), tmp_path / "s")
    with pytest.raises(RejectedScan):
        deidentify(folder, tmp_path / "out", key=KEY)
    assert not (tmp_path / "out").exists()


def test_the_free_text_of_a_nifti_header_and_its_name_are_gone(tmp_path):
    head = bytearray(m.nifti(m.volume_array((9, 10, 11), np.eye(4)), np.diag([-1.0, -1.0, 1.0, 1.0])))
    head[148:160] = b"Zqx^Anna1962"
    (tmp_path / "Zqx_Anna.nii").write_bytes(bytes(head))
    done = deidentify(tmp_path / "Zqx_Anna.nii", tmp_path / "out", key=KEY)
    import gzip

    assert b"Zqx" not in gzip.decompress(done.files[0].read_bytes())
    assert "Zqx" not in str(done.files[0].relative_to(tmp_path))


def test_defacing_takes_the_nose_and_leaves_the_middle_of_the_head():
    from inference.geometry import Geometry
    from inference.volume import Volume

    z, y, x = np.indices((60, 100, 90)).astype(float) * 2.0
    head = ((z - 60) / 70) ** 2 + ((y - 110) / 80) ** 2 + ((x - 90) / 70) ** 2 < 1
    nose = (abs(z - 60) < 14) & (abs(x - 90) < 10) & (y > 8) & (y < 40)
    array = np.where(head | nose, 40, -1000).astype(np.int16)
    bare = deface(Volume(array, Geometry(array.shape, (2.0, 2.0, 2.0))))
    assert (bare.array[nose & ~head] < -900).mean() > 0.95
    middle = ((z - 60) / 50) ** 2 + ((y - 110) / 55) ** 2 + ((x - 90) / 50) ** 2 < 1
    assert (bare.array[middle] == 40).all()
    assert bare.source.header["defaced"] is True
