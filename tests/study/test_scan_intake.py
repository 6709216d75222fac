"""A scan at the door: judged by the protocol, its exclusion reason kept as data, copied without a name."""

import json
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from study.errors import RejectedInput
from study.protocol import load_protocol
from study.scan_intake import baseline_facts, scan_hash, take_in
from tests.study.scans import neck, write_neck

KEY = b"k" * 32
PROTOCOL = load_protocol("head_neck_cta")


def enter(path: Path, tmp_path: Path, **changes):
    quality = PROTOCOL.qc.model_copy(update=changes)
    return take_in(path, scans=tmp_path / "scans", key=KEY, protocol=PROTOCOL.model_copy(update={"qc": quality}))


def codes(intake) -> dict[str, str]:
    return {code: severity for code, severity, _ in json.loads(intake.remark)["findings"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("neck") / "Jane Doe"
    write_neck(place, PatientName="Doe^Jane", PatientID="MRN77", PatientSex="F", PatientAge="067Y", CTDIvol=12.5, Manufacturer="Maker",
               ManufacturerModelName="One")  # fmt: skip
    return place


def test_an_enhanced_scan_is_taken_in_with_what_the_baseline_table_needs(folder, tmp_path):
    intake = enter(folder, tmp_path)
    assert (intake.accepted, intake.reasons) == (True, ())
    wanted = {"sex": "F", "age_band": "60-69", "scanner": "Maker One", "ctdi_vol_mgy": 12.5}
    assert {name: intake.facts[name] for name in wanted} == wanted
    assert json.loads(intake.remark)["verdict"] == "review"
    assert codes(intake)["thick_slices"] == "review"  # 2.6 mm against the protocol's 1.5


def test_the_copy_holds_the_same_voxels_under_no_name(folder, tmp_path):
    from inference import load

    copy = Path(enter(folder, tmp_path).facts["scan_path"])
    before, after = load(folder), load(copy)
    assert np.array_equal(before.array, after.array)
    assert before.geometry.same_grid(after.geometry)
    assert not [path for path in copy.rglob("*") if path.is_file() and (b"Doe" in path.read_bytes() or b"MRN77" in path.read_bytes())]
    assert "Doe" not in str(copy.relative_to(tmp_path))
    assert [path.name for path in (tmp_path / "scans").iterdir()] == [copy.name]


def test_the_copy_keeps_the_choice_between_an_enhanced_and_a_longer_plain_series(tmp_path):
    from inference import load
    from inference.phantom.dicom import write_series

    both = tmp_path / "both"
    write_series(neck(lumen_hu=50.0, slices=110), both / "plain", name="door", seed=3, number=1, description="plain", contrast=False)
    write_series(neck(slices=100), both / "cta", name="door", seed=3, number=2, description="CTA", contrast=True)
    copy = Path(enter(both, tmp_path).facts["scan_path"])
    assert load(copy).array.shape == (100, 80, 80)


def test_an_unenhanced_scan_is_excluded_in_the_words_of_the_protocol(tmp_path):
    write_neck(tmp_path / "plain", lumen_hu=50.0)
    intake = enter(tmp_path / "plain", tmp_path)
    assert (intake.accepted, intake.reasons) == (False, ("unenhanced",))


def test_a_scan_shorter_than_the_protocol_asks_for_is_incomplete_and_the_protocol_sets_the_length(folder, tmp_path):
    assert enter(folder, tmp_path, min_coverage_mm=300.0).reasons == ("incomplete",)
    assert enter(folder, tmp_path, min_coverage_mm=200.0).accepted


def test_the_protocol_sets_slice_distance_and_contrast(folder, tmp_path):
    assert "thick_slices" not in codes(enter(folder, tmp_path, max_slice_mm=3.0))
    assert "weak_contrast" not in codes(enter(folder, tmp_path))
    assert codes(enter(folder, tmp_path, min_arterial_hu=500.0))["weak_contrast"] == "review"


def test_a_nifti_is_copied_under_no_name(tmp_path):
    from inference import load
    from inference.save import save_nifti

    scan = neck()
    path = save_nifti(scan.array, scan, tmp_path / "Jane_Doe.nii.gz")
    intake = enter(path, tmp_path)
    assert intake.accepted
    assert np.array_equal(load(intake.facts["scan_path"]).array, load(path).array)
    assert "Doe" not in intake.facts["scan_path"].removeprefix(str(tmp_path))


def test_the_dose_length_product_comes_from_the_report_beside_the_scan_and_the_report_stays_out(folder, tmp_path):
    beside = tmp_path / "Jane"
    shutil.copytree(folder, beside)
    report = pydicom.dcmread(next(beside.iterdir()))
    name, value, item, part = Dataset(), Dataset(), Dataset(), Dataset()
    name.CodeValue, value.NumericValue, report.Modality, report.SOPInstanceUID = "113813", "612.5", "SR", "1.2.3"
    item.ConceptNameCodeSequence, item.MeasuredValueSequence = [name], [value]
    part.ContentSequence, report.SOPClassUID = [item], pydicom.uid.XRayRadiationDoseSRStorage
    report.ContentSequence = [part]
    report.file_meta.MediaStorageSOPClassUID, report.file_meta.MediaStorageSOPInstanceUID = report.SOPClassUID, "1.2.3"
    del report.PixelData
    report.save_as(beside / "dose.dcm")
    intake = enter(beside, tmp_path)
    assert intake.facts["dlp_mgy_cm"] == 612.5
    assert len(list(Path(intake.facts["scan_path"]).rglob("*.dcm"))) == 100


def entry(code: str, *, number: float | None = None, means: str | None = None, inside: list[Dataset] | None = None) -> Dataset:
    """One line of a structured report."""
    name, item = Dataset(), Dataset()
    name.CodeValue, item.ConceptNameCodeSequence = code, [name]
    if number is not None:
        value = Dataset()
        value.NumericValue, item.MeasuredValueSequence = str(number), [value]
    if means is not None:
        meaning = Dataset()
        meaning.CodeValue, item.ConceptCodeSequence = means, [meaning]
    if inside is not None:
        item.ContentSequence = inside
    return item


def acquisition(kind: str, length_mm: float | None) -> Dataset:
    parameters = [] if length_mm is None else [entry("113822", inside=[entry("113825", number=length_mm)])]
    return entry("113819", inside=[entry("113820", means=kind), *parameters])


LOCALIZER, STATIONARY, SPIRAL = "113805", "113806", "116152004"


@pytest.mark.parametrize(
    ("acquisitions", "scans"),
    [
        ([(LOCALIZER, 700.0), (STATIONARY, 5.0), (SPIRAL, 380.0)], 1),  # overview, timing of the bolus, the scan
        ([(LOCALIZER, 700.0), (SPIRAL, 380.0), (STATIONARY, 5.0), (SPIRAL, 380.0)], 2),  # unenhanced for subtraction as well
        ([(LOCALIZER, None), (STATIONARY, None), (SPIRAL, None)], 1),  # without lengths spiral scans count
        ([(LOCALIZER, 700.0)], None),
    ],
)
def test_the_dose_report_tells_how_many_scans_the_exam_had(folder, tmp_path, acquisitions, scans):
    beside = tmp_path / "Jane"
    shutil.copytree(folder, beside)
    report = pydicom.dcmread(next(beside.iterdir()))
    report.Modality, report.SOPInstanceUID, report.SOPClassUID = "SR", "1.2.3", pydicom.uid.XRayRadiationDoseSRStorage
    report.ContentSequence = [entry("113811", inside=[entry("113813", number=900.0)]), *(acquisition(*one) for one in acquisitions)]
    report.file_meta.MediaStorageSOPClassUID, report.file_meta.MediaStorageSOPInstanceUID = report.SOPClassUID, "1.2.3"
    del report.PixelData
    report.save_as(beside / "dose.dcm")
    intake = enter(beside, tmp_path)
    assert (intake.facts.get("scans"), intake.facts["dlp_mgy_cm"]) == (scans, 900.0)


def test_two_scans_among_the_files_are_two_and_one_proves_nothing(tmp_path):
    from inference.phantom.dicom import write_series

    both = tmp_path / "both"
    write_series(neck(lumen_hu=50.0, slices=100), both / "plain", name="door", seed=3, number=1, description="plain", contrast=False)
    write_series(neck(slices=100), both / "cta", name="door", seed=3, number=2, description="CTA", contrast=True)
    for place, time in (("plain", "101500.0"), ("cta", "101640.0")):
        for file in (both / place).iterdir():
            data = pydicom.dcmread(file)
            data.AcquisitionTime, data.ImageType = time, ["ORIGINAL", "PRIMARY", "AXIAL"]
            data.save_as(file)
    assert enter(both, tmp_path / "a").facts["scans"] == 2
    assert "scans" not in enter(both / "cta", tmp_path / "b").facts


def test_what_is_no_scan_is_excluded_by_its_code_and_not_copied(tmp_path):
    (tmp_path / "note.txt").write_text("no scan")
    intake = enter(tmp_path / "note.txt", tmp_path)
    assert (intake.accepted, intake.reasons) == (False, ("not_an_image",))
    assert not (tmp_path / "scans").exists()


def test_nothing_at_the_path_is_told_without_the_path(tmp_path):
    with pytest.raises(RejectedInput) as refused:
        enter(tmp_path / "Jane Doe", tmp_path)
    assert "Doe" not in str(refused.value)


def test_a_full_disk_leaves_no_half_copy_and_names_no_file(folder, tmp_path, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "/somewhere/Jane Doe/1.dcm")

    monkeypatch.setattr("pydicom.Dataset.save_as", full)
    with pytest.raises(RejectedInput) as refused:
        enter(folder, tmp_path)
    assert "Doe" not in str(refused.value)
    assert list((tmp_path / "scans").iterdir()) == []


def test_the_hash_of_a_scan_knows_neither_names_nor_order(folder, tmp_path):
    for number, path in enumerate(sorted(folder.iterdir(), reverse=True)):
        (tmp_path / f"{number}.bin").write_bytes(path.read_bytes())
    assert scan_hash(tmp_path) == scan_hash(folder)


def test_a_header_that_states_nothing_gives_no_facts():
    assert baseline_facts(neck()) == {"scanner": None}
