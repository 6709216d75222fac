"""A scan goes in, and the folder that the contract promises comes out, or one clear refusal."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest

from inference import Geometry, Volume, load
from inference.errors import RejectedScan
from inference.pictures.views import turning_view
from inference.pipeline import WrongRequest, finished, in_hu, reconstruct, request_for
from inference.qc import Finding, QcSettings
from inference.reconstruction import Reconstruction
from tests.inference.scenes import scene

KNOWN = scene(shape=(72, 60, 60))


@pytest.fixture(scope="module")
def masks_only() -> Reconstruction:
    return reconstruct(KNOWN.volume, method="threshold", recipe="masks")


@pytest.fixture(scope="module")
def standard() -> Reconstruction:
    return reconstruct(KNOWN.volume, method="threshold")


def test_the_folder_holds_what_the_contract_lists(standard, tmp_path) -> None:
    folder = standard.write(tmp_path / "case")
    record = json.loads((folder / "case.json").read_text())
    for name in ("vessel", "veins", "bone", "arteries"):
        mask = load(folder / "masks" / f"{name}.nii.gz")
        assert mask.geometry.same_grid(KNOWN.volume.geometry)
        assert mask.shape == KNOWN.volume.shape
    assert np.array_equal(load(folder / "volumes" / "bone_removed.nii.gz").array, standard.bone_removed.array)
    assert len(list((folder / "mip").glob("rotate_*.png"))) == 36
    assert len(list((folder / "vr").glob("rotate_*.png"))) == 36
    assert {"input", "geometry", "device", "engine", "model", "stages", "qc", "vessels", "repairs", "outputs"} <= set(record)
    assert {"name", "version", "sha256"} <= set(record["model"])
    assert all({"name", "seconds", "peak_rss_mb"} <= set(stage) for stage in record["stages"])
    assert record["qc"]["verdict"] in ("accept", "review", "reject")
    assert sorted(record["outputs"]) == sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_masks_are_zeros_and_ones_and_do_not_overlap(masks_only) -> None:
    vessel, bone = masks_only.segmentation.vessel, masks_only.segmentation.bone
    assert set(np.unique(vessel)) <= {0, 1}
    assert not (vessel & bone).any()
    assert vessel[KNOWN.vessel].mean() > 0.95


def test_every_stage_is_timed_and_told_in_order() -> None:
    told: list[str] = []
    result = reconstruct(KNOWN.volume, method="threshold", recipe="masks", progress=told.append)
    assert [stage.name for stage in result.stages] == told
    assert {"check scan", "segment", "remove bone", "judge"} <= set(told)
    assert all(stage.seconds >= 0 and stage.peak_rss_mb > 10 for stage in result.stages)


def test_a_crop_of_32_slices_goes_through_for_review_with_the_reason() -> None:
    crop = Volume(KNOWN.volume.array[:32], Geometry((32, 60, 60), (1.0, 1.0, 1.0)))
    result = reconstruct(crop, method="threshold", recipe="masks")
    assert result.verdict.verdict in ("review", "reject")
    assert any(finding.code == "crop" and "32 slices" in finding.text for finding in result.verdict.findings)


def test_an_unenhanced_scan_is_processed_and_rejected_by_the_verdict() -> None:
    result = reconstruct(scene(contrast=False).volume, method="threshold", recipe="masks")
    assert result.verdict.verdict == "reject"
    assert "unenhanced" in {finding.code for finding in result.verdict.findings}
    assert result.segmentation.bone.any()


def test_thick_slices_are_processed_and_rejected_by_the_verdict() -> None:
    thick = Volume(KNOWN.volume.array[::5], Geometry((15, 60, 60), (5.0, 1.0, 1.0)))
    result = reconstruct(thick, method="threshold", recipe="masks")
    assert result.verdict.verdict == "reject"
    assert "thick_slices" in {finding.code for finding in result.verdict.findings}


@pytest.mark.parametrize("slices", [1, 3])
def test_a_few_slices_are_refused(slices: int) -> None:
    few = Volume(KNOWN.volume.array[:slices], Geometry((slices, 60, 60), (1.0, 1.0, 1.0)))
    with pytest.raises(RejectedScan) as refusal:
        reconstruct(few, method="threshold")
    assert refusal.value.code == "too_few_slices"


def test_a_mask_is_refused() -> None:
    mask = KNOWN.volume.with_array(KNOWN.vessel.astype(np.uint8))
    with pytest.raises(RejectedScan) as refusal:
        reconstruct(mask, method="threshold")
    assert refusal.value.code == "not_hu"


def test_options_that_cannot_be_meant_are_wrong_usage() -> None:
    for options in ({"method": "magic"}, {"recipe": "everything"}, {"method": "subtraction"}):
        with pytest.raises(WrongRequest) as refusal:
            reconstruct(KNOWN.volume, **options)
        assert refusal.value.exit_status == 2


def test_float_scans_are_rounded_to_hu() -> None:
    array = KNOWN.volume.array.astype(np.float32) + 0.2
    array[0, 0, 0] = np.nan
    scan = in_hu(KNOWN.volume.with_array(array))
    assert scan.array.dtype == np.int16
    assert np.array_equal(scan.array[1:], KNOWN.volume.array[1:])


def test_drafts_of_killed_writes_are_swept_and_those_of_living_ones_stay(masks_only, tmp_path) -> None:
    case = tmp_path / "case"
    for owner in (2**22 + 1, os.getpid()):
        (case / f".partial-{owner}-x").mkdir(parents=True)
    (case / ".partial-oldname").mkdir()
    os.utime(case / ".partial-oldname", (0, 0))
    masks_only.write(case)
    assert [path.name for path in case.glob(".partial-*")] == [f".partial-{os.getpid()}-x"]


def test_the_limits_of_a_protocol_reach_the_verdict_and_are_part_of_what_was_asked_for(masks_only, tmp_path) -> None:
    folder = masks_only.write(tmp_path / "case")
    strict = QcSettings(least_slices=1000)
    asked = {"unenhanced": None, "method": "threshold", "model": None, "recipe": "masks"}
    assert finished(folder, request_for(KNOWN.volume, **asked, settings=strict)) is None
    made = reconstruct(KNOWN.volume, method="threshold", recipe="masks", settings=strict)
    record = json.loads((made.write(tmp_path / "strict") / "case.json").read_text())
    assert record["qc"]["limits"]["least_slices"] == 1000
    assert "crop" in {finding["code"] for finding in record["qc"]["findings"]}


def test_findings_with_a_place_are_drawn_on_the_mip(standard) -> None:
    from inference.pictures.marks import marked_findings

    found = Finding("bone_left", "review", "Bone.", points_mm=((22.0, 30.0, 36.0),))
    plain = standard.pictures["mip/rotate_000.png"]
    drawn = marked_findings(standard.pictures, standard.bone_removed, standard.segmentation.arteries, [Finding("a", "note", "b"), found])
    assert set(drawn) == {"qc/findings_000.png", "qc/findings_090.png"}
    picture = drawn["qc/findings_000.png"]
    assert picture.shape == (*plain.shape, 3)
    x, y = turning_view(standard.bone_removed, 0.0).project(standard.bone_removed.geometry.indices([(22.0, 30.0, 36.0)]))[0]
    around = picture[round(y) - 12 : round(y) + 12, round(x) - 12 : round(x) + 12].astype(int)
    assert ((around[..., 0] > 240) & (around[..., 2] < 60)).any(), "a circle in the colour of review"
    assert marked_findings(standard.pictures, standard.bone_removed, standard.segmentation.arteries, [Finding("a", "note", "b")]) == {}


def test_files_made_beside_other_work_are_those_that_writing_alone_gives(standard, tmp_path) -> None:
    bone_removed = "volumes/bone_removed.nii.gz"
    assert {name for name in standard.pictures if not name.startswith("qc/")} | {bone_removed} == set(standard.encoded)
    ahead, alone = standard.write(tmp_path / "ahead"), replace(standard, encoded={}).write(tmp_path / "alone")
    for name in (*standard.pictures, bone_removed):
        assert (ahead / name).read_bytes() == (alone / name).read_bytes(), name


def test_finished_work_is_known_by_scan_method_model_and_recipe(masks_only, tmp_path) -> None:
    folder = masks_only.write(tmp_path / "case")
    asked = {"unenhanced": None, "method": "threshold", "model": None, "recipe": "masks"}
    assert finished(folder, request_for(KNOWN.volume, **asked)) is not None
    assert finished(folder, request_for(KNOWN.volume, **{**asked, "recipe": "standard"})) is None
    assert finished(folder, request_for(KNOWN.volume, **{**asked, "method": "network"})) is None
    other = KNOWN.volume.with_array(KNOWN.volume.array + np.int16(1))
    assert finished(folder, request_for(other, **asked)) is None
    (folder / "masks" / "bone.nii.gz").unlink()
    assert finished(folder, request_for(KNOWN.volume, **asked)) is None
    assert finished(tmp_path / "nowhere", request_for(KNOWN.volume, **asked)) is None


def test_bridges_can_be_left_out_and_that_is_another_request(masks_only, tmp_path) -> None:
    without = reconstruct(KNOWN.volume, method="threshold", recipe="masks", bridges=False)
    assert "bridge gaps" in [stage.name for stage in masks_only.stages]
    assert "bridge gaps" not in [stage.name for stage in without.stages]
    assert not without.segmentation.repairs
    folder = without.write(tmp_path / "case")
    asked = {"unenhanced": None, "method": "threshold", "model": None, "recipe": "masks"}
    assert finished(folder, request_for(KNOWN.volume, **asked)) is None
    assert finished(folder, request_for(KNOWN.volume, **asked, bridges=False)) is not None


def test_a_record_that_does_not_speak_of_bridges_had_them(masks_only, tmp_path) -> None:
    folder = masks_only.write(tmp_path / "case")
    record = json.loads((folder / "case.json").read_text())
    del record["request"]["bridges"]
    (folder / "case.json").write_text(json.dumps(record))
    asked = {"unenhanced": None, "method": "threshold", "model": None, "recipe": "masks"}
    assert finished(folder, request_for(KNOWN.volume, **asked)) is not None
    assert finished(folder, request_for(KNOWN.volume, **asked, bridges=False)) is None


def test_an_interrupted_write_leaves_no_case_record(masks_only, tmp_path, monkeypatch) -> None:
    folder = masks_only.write(tmp_path / "case")
    (folder / "notes.txt").write_text("mine")

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("inference.reconstruction._replace", fail)
    with pytest.raises(OSError, match="no space"):
        masks_only.write(folder)
    assert not (folder / "case.json").exists()
    assert (folder / "notes.txt").read_text() == "mine"
    assert not list(folder.glob(".partial*"))


def test_writing_again_replaces_the_old_result(masks_only, standard, tmp_path) -> None:
    standard.write(tmp_path / "case")
    folder = masks_only.write(tmp_path / "case")
    record = json.loads((folder / "case.json").read_text())
    assert record["recipe"] == "masks"
    assert all((folder / name).exists() for name in record["outputs"])


def test_a_stage_that_fails_costs_only_itself(monkeypatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr("inference.pipeline.rotating_vr", fail)
    result = reconstruct(KNOWN.volume, method="threshold")
    assert any(name.startswith("mip/") for name in result.pictures)
    assert any(finding.code == "stage_failed" and "planted" in finding.text for finding in result.verdict.findings)


def test_results_lie_on_the_grid_of_the_file_whatever_way_it_is_stored(tmp_path) -> None:
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(np.ascontiguousarray(KNOWN.volume.array[::-1, :, ::-1]))
    image.SetDirection((-1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, -1.0))
    image.SetSpacing((0.9, 0.9, 1.1))
    image.SetOrigin((3.0, 4.0, 5.0))
    sitk.WriteImage(image, str(tmp_path / "scan.nii.gz"))
    folder = reconstruct(load(tmp_path / "scan.nii.gz"), method="threshold", recipe="masks").write(tmp_path / "out")
    mask = sitk.ReadImage(str(folder / "masks" / "vessel.nii.gz"))
    assert mask.GetSize() == image.GetSize()
    assert np.allclose(mask.GetDirection(), image.GetDirection())
    assert np.allclose(mask.GetOrigin(), image.GetOrigin(), atol=1e-4)
    stored = sitk.GetArrayFromImage(mask)[::-1, :, ::-1]
    assert stored[KNOWN.vessel].mean() > 0.95


def test_the_case_sheet_tells_verdict_and_findings_without_reading_text_as_markup(standard, tmp_path) -> None:
    from inference.pictures.case_sheet import case_sheet_html, write_case_sheet
    from inference.qc import Finding, Verdict

    planted = replace(standard, verdict=Verdict((Finding("x", "review", "<b>& odd</b>"),)))
    page = case_sheet_html(planted.record(), {})
    assert "&lt;b&gt;&amp; odd&lt;/b&gt;" in page
    assert ">review<" in page
    files = write_case_sheet(planted, tmp_path, pdf=True)
    assert (tmp_path / "case_sheet.html").stat().st_size > 20_000  # the pictures are inside
    assert all(path.read_bytes()[:4] == b"%PDF" for path in files if path.suffix == ".pdf")
