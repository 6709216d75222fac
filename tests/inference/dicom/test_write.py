"""Results as DICOM: same study and frame of reference, HU kept, positions true, stable UIDs."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from inference import Geometry, Volume
from inference.bone_removal import remove_bone
from inference.centrelines import Centreline
from inference.dicom import write_dicom
from inference.dicom.colours import cielab_of, colour_of
from inference.dicom.uids import stable_uid
from inference.phantom.dicom import write_series
from inference.qc import Verdict
from inference.reconstruction import Reconstruction, Request, fingerprint
from inference.scans.load import load
from inference.segmentation.result import Segmentation
from inference.stages import Stage

SHAPE = (12, 40, 36)


def scan() -> Volume:
    rng = np.random.default_rng(0)
    array = rng.normal(40, 8, SHAPE).astype(np.int16)
    array[:, 8:12, 8:12] = 350
    array[:, 20:30, 18:28] = 900
    return Volume(array, Geometry(SHAPE, (1.0, 0.7, 0.7), (-12.0, -14.0, 50.0)))


def reconstruction(volume: Volume, recipe: str = "full") -> Reconstruction:
    vessel, bone, arteries = (np.zeros(SHAPE, np.uint8) for _ in range(3))
    vessel[:, 8:12, 8:12], bone[:, 20:30, 18:28] = 1, 1
    arteries[:6, 8:12, 8:12] = 8
    segmentation = Segmentation(vessel, np.zeros(SHAPE, np.uint8), bone, arteries)
    pictures = {f"vr/rotate_{angle:03d}.png": np.full((16, 16, 3), angle // 10, np.uint8) for angle in range(0, 360, 10)}
    request = Request("threshold", recipe, "", fingerprint(volume), "")
    engine = {"device": "cpu", "engine": "numba", "model": {"name": "rules", "version": "1", "sha256": "0" * 64}}
    bone_removed = remove_bone(volume, vessel, bone, noise_hu=8.0)
    ends = volume.geometry.points(np.array([[0.0, 9.5, 9.5], [11.0, 9.5, 9.5]]))
    lines = {"internal_carotid_l": Centreline(ends, np.full(2, 1.4), "internal_carotid_l")}
    return Reconstruction(
        volume, segmentation, bone_removed, Verdict(), request, (Stage("x", 0.1, 1.0),), engine, pictures, centrelines=lines
    )


@pytest.fixture
def series(tmp_path: Path) -> Path:
    folder = tmp_path / "scan"
    write_series(scan(), folder, name="write-test", seed=1, number=2, description="CTA head and neck", contrast=True)
    return folder


def read(folder: Path) -> dict[str, list[Any]]:
    return {part.name: [pydicom.dcmread(path) for path in sorted(part.glob("*.dcm"))] for part in folder.iterdir()}


def test_every_series_stays_in_the_study_and_frame_of_reference_of_its_source(series: Path, tmp_path: Path) -> None:
    write_dicom(reconstruction(load(series)), tmp_path / "out", scan=series)
    source = pydicom.dcmread(next(series.glob("*.dcm")))
    found = read(tmp_path / "out")
    assert set(found) == {"bone_removed", "mip", "cpr", "vr", "seg"}
    for name, datasets in found.items():
        for dataset in datasets:
            assert dataset.StudyInstanceUID == source.StudyInstanceUID
            assert dataset.PatientID == source.PatientID
            assert dataset.SeriesInstanceUID != source.SeriesInstanceUID
            if name != "vr":
                assert dataset.FrameOfReferenceUID == source.FrameOfReferenceUID


def test_bone_removed_slices_load_back_at_the_same_place_with_the_same_hu(series: Path, tmp_path: Path) -> None:
    made = reconstruction(load(series))
    write_dicom(made, tmp_path / "out", scan=series)
    back = load(tmp_path / "out" / "bone_removed")
    assert back.geometry.same_grid(made.volume.geometry, tolerance_mm=1e-3)
    np.testing.assert_array_equal(back.array, made.bone_removed.array)


def test_the_same_reconstruction_has_the_same_uids_and_another_model_has_others(series: Path, tmp_path: Path) -> None:
    made = reconstruction(load(series))
    other = replace(made, engine={**made.engine, "model": {"name": "rules", "version": "2", "sha256": "1" * 64}})
    uids = []
    for number, item in enumerate((made, made, other)):
        write_dicom(item, tmp_path / str(number), scan=series)
        uids.append([d.SOPInstanceUID for part in sorted(read(tmp_path / str(number)).items()) for d in part[1]])
    assert uids[0] == uids[1]
    assert not set(uids[0]) & set(uids[2])


def test_a_reconstruction_without_bridges_has_uids_of_its_own_that_stay_the_same(series: Path, tmp_path: Path) -> None:
    made = reconstruction(load(series))
    without = replace(made, request=replace(made.request, bridges=False))
    uids = []
    for number, item in enumerate((made, without, without)):
        write_dicom(item, tmp_path / str(number), scan=series)
        found = [dataset for datasets in read(tmp_path / str(number)).values() for dataset in datasets]
        uids.append({uid for dataset in found for uid in (dataset.SOPInstanceUID, dataset.SeriesInstanceUID)})
    assert not uids[0] & uids[1]  # a PACS keeps both
    assert uids[1] == uids[2]


@pytest.mark.parametrize("flipped", ["columns", "rows", "both"])
def test_negated_orientations_come_back_where_they_were_as_ct_and_as_segments(tmp_path: Path, flipped: str) -> None:
    import highdicom as hd

    base, folder = scan(), tmp_path / "turned"
    write_series(base, folder, name="turned", seed=2, number=2, description="CTA", contrast=True)
    for path in folder.glob("*.dcm"):
        _flip(path, columns=flipped != "rows", rows=flipped != "columns")
    turned = load(folder)
    np.testing.assert_array_equal(turned.array, base.array)
    write_dicom(reconstruction(turned), tmp_path / "out", scan=folder)
    back = load(tmp_path / "out" / "bone_removed")
    assert back.geometry.same_grid(base.geometry, tolerance_mm=1e-3)
    seg = hd.seg.segread(tmp_path / "out" / "seg" / "segmentation.dcm")
    assert set(seg.get_source_image_uids()) <= {
        (d.StudyInstanceUID, d.SeriesInstanceUID, d.SOPInstanceUID) for d in read(tmp_path)["turned"]
    }
    assert_in_place(seg, reconstruction(base))


def _flip(path: Path, *, columns: bool, rows: bool) -> None:
    """Store a slice the other way round: pixels reversed, cosines negated, the position at the other corner."""
    dataset = pydicom.dcmread(path)
    position, cosines = np.array(dataset.ImagePositionPatient, float), np.array(dataset.ImageOrientationPatient, float)
    pixels, spacing = dataset.pixel_array, [float(value) for value in dataset.PixelSpacing]
    if columns:
        position = position + cosines[:3] * spacing[1] * (dataset.Columns - 1)
        cosines[:3], pixels = -cosines[:3], pixels[:, ::-1]
    if rows:
        position = position + cosines[3:] * spacing[0] * (dataset.Rows - 1)
        cosines[3:], pixels = -cosines[3:], pixels[::-1]
    dataset.ImageOrientationPatient, dataset.ImagePositionPatient = [f"{v:g}" for v in cosines], [f"{v:.6f}" for v in position]
    dataset.PixelData = np.ascontiguousarray(pixels).tobytes()
    dataset.save_as(path)


def assert_in_place(seg: Any, made: Reconstruction) -> None:
    """The carotid of the Segmentation covers the same points of the patient as the mask."""
    labels = {d.segment_label: d.segment_number for d in (seg.get_segment_description(n) for n in seg.segment_numbers)}
    volume = seg.get_volume(combine_segments=True, relabel=False)
    places = np.argwhere(volume.array == labels["internal_carotid_l"])
    found = (volume.affine @ np.column_stack((places, np.ones(len(places)))).T)[:3].T
    expected = made.volume.geometry.points(np.argwhere(made.segmentation.arteries == 8).astype(float))
    order = [np.lexsort(np.round(points, 2).T) for points in (found, expected)]
    np.testing.assert_allclose(found[order[0]], expected[order[1]], atol=1e-3)


def test_curved_reformats_keep_hu_and_show_the_vessel_at_its_place(series: Path, tmp_path: Path) -> None:
    made = reconstruction(load(series))
    write_dicom(made, tmp_path / "out", scan=series)
    pages = read(tmp_path / "out")["cpr"]
    assert len(pages) == 4
    assert {page.SeriesDescription for page in pages} == {"AI CPR (research)"}
    assert len({(page.Rows, page.Columns) for page in pages}) == 1
    page = pages[0]  # rows from right to left, as in an axial slice
    assert page.RescaleSlope == 1
    assert page.ImageType[-1] == "CPR"
    assert "carotid l, rows at 0 degrees" in page.ImageComments
    line = made.volume.geometry.points(np.array([[5.5, 9.5, 9.5]]))[0]
    right, down = np.array(page.ImageOrientationPatient[:3]), np.array(page.ImageOrientationPatient[3:])
    offset = line - np.array(page.ImagePositionPatient)
    row, column = round(offset @ down / page.PixelSpacing[0]), round(offset @ right / page.PixelSpacing[1])
    assert page.pixel_array[row, column] == pytest.approx(350, abs=40)
    assert page.pixel_array[row, column + 8] == pytest.approx(40, abs=40)


def test_segments_come_back_where_they_were(series: Path, tmp_path: Path) -> None:
    import highdicom as hd

    made = reconstruction(load(series))
    for binary in (False, True):
        out = tmp_path / f"out{binary}"
        write_dicom(made, out, scan=series, recipe="standard", binary=binary)
        seg = hd.seg.segread(out / "seg" / "segmentation.dcm")
        described = [seg.get_segment_description(number) for number in seg.segment_numbers]
        assert {d.segment_label for d in described} == {"internal_carotid_l", "bone", "vessel"}
        assert len({tuple(d.RecommendedDisplayCIELabValue) for d in described}) == 3
        assert_in_place(seg, made)


def test_display_colours_are_those_an_independent_converter_gives() -> None:
    skimage = pytest.importorskip("skimage.color")
    for name in ("bone", "vein", "vessel", "vertebral_l", "aortic_arch"):
        expected = skimage.rgb2lab(np.array(colour_of(name), float)[None, None] / 255)[0, 0]
        np.testing.assert_allclose(cielab_of(name), expected, atol=0.05)


def test_a_scan_that_is_no_dicom_gets_a_research_identity(tmp_path: Path) -> None:
    write_dicom(reconstruction(scan()), tmp_path / "out")
    dataset = read(tmp_path / "out")["bone_removed"][0]
    assert dataset.PatientName == "Research^Gilbreth"
    assert dataset.StudyInstanceUID == stable_uid(fingerprint(scan()), "study")


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
@pytest.mark.parametrize("binary", [True])
def test_an_independent_validator_finds_no_error(series: Path, tmp_path: Path, binary: bool) -> None:
    for path in write_dicom(reconstruction(load(series)), tmp_path / "out", scan=series, binary=binary):
        done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        assert [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")] == [], path.parent.name
