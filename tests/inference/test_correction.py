"""A click on the MIP finds the voxel it means, changes that piece and nothing else, and is taken back byte for byte."""

import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from inference import Geometry, Volume, load
from inference.bone_removal import remove_bone
from inference.checks import judge
from inference.correction import (
    Click,
    CorrectionRefused,
    apply,
    confirm,
    corrections_of,
    export_corrections,
    open_case,
    preview,
    preview_picture,
    undo,
)
from inference.correction import journal as journal_of_steps
from inference.correction.views import view_of
from inference.pictures.image_sets import axis_mips, rotating_mips
from inference.pictures.mip import rotating, whole
from inference.pictures.views import fixed_view, turning_view
from inference.reconstruction import Reconstruction, Request, fingerprint
from inference.segmentation.result import Segmentation
from inference.stages import Stage

SHAPE, SPACING = (96, 64, 64), (1.0, 0.8, 0.8)
NOTES = {"lumen_hu": 380.0, "lower_hu": 180.0, "ceiling_hu": 650.0, "noise_hu": 8.0}


class Planted:
    """A trunk, a branch that was taken for bone, a spine, and a tooth that bone removal left."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        z, y, x = np.indices(SHAPE)
        self.trunk = (y - 30) ** 2 + (x - 26) ** 2 < 3.5**2
        self.branch = ((y - 22 - 0.1 * abs(z - 48)) ** 2 + (x - 44) ** 2 < 2.3**2) & (z > 30) & (z < 70)
        self.spine = ((y - 48) ** 2 + (x - 32) ** 2 < 9**2) & (z % 20 < 14)
        self.tooth = (y - 12) ** 2 + (x - 18) ** 2 + (z - 60) ** 2 < 4.5**2
        array = np.where((y - 32) ** 2 + (x - 32) ** 2 < 31**2, 45.0, -1000.0)
        for mask, hu in ((self.spine, 900.0), (self.trunk, 380.0), (self.branch, 360.0), (self.tooth, 1200.0)):
            array = np.where(mask, hu, array)
        array = array + rng.normal(0, 8, SHAPE)
        self.scan = Volume(np.clip(np.rint(array), -1024, 3071).astype(np.int16), Geometry(SHAPE, SPACING, (-25.0, -25.0, 10.0)))

    def result(self) -> Reconstruction:
        vessel, bone = self.trunk.astype(np.uint8), (self.spine | self.branch).astype(np.uint8)
        segmentation = Segmentation(vessel, vessel * 0, bone, vessel * np.uint8(5), notes=NOTES)
        bone_removed = remove_bone(self.scan, vessel, bone, noise_hu=8.0)
        pictures, pixel_mm = rotating_mips(bone_removed, lumen_hu=380.0, views=4)
        pictures |= axis_mips(bone_removed, lumen_hu=380.0)
        engine = {"device": "cpu", "engine": "numba", "model": {"name": "planted", "version": "1", "sha256": "0" * 64}}
        request = Request("threshold", "masks", "", fingerprint(self.scan))
        verdict = judge(self.scan, segmentation, bone_removed)
        return Reconstruction(
            self.scan, segmentation, bone_removed, verdict, request, (Stage("segment", 1.0, 10.0),), engine, pictures, pixel_mm=pixel_mm
        )


KNOWN = Planted()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return KNOWN.result().write(tmp_path_factory.mktemp("planted") / "case")


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "case")


def hashes(folder) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and "corrections" not in path.parts]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def pixel(folder, view: str, voxel: tuple[float, float, float]) -> tuple[float, float]:
    x, y = view_of(load(folder / "volumes" / "bone_removed.nii.gz"), view, folder=folder / "mip").project([voxel])[0]
    return float(x), float(y)


def mask(folder, name: str) -> np.ndarray:
    return load(folder / "masks" / f"{name}.nii.gz").array > 0


@pytest.mark.parametrize("angle", [0.0, 40.0, 90.0, 200.0])
@pytest.mark.parametrize("slices", [40, 520])
def test_the_projection_of_a_voxel_is_where_the_mip_shows_it(angle: float, slices: int) -> None:
    geometry, voxel = Geometry((slices, 60, 50), (1.2, 0.7, 0.9)), (slices // 3, 41, 12)
    array = np.full(geometry.shape, -1000, np.int16)
    array[voxel] = 1000
    volume = Volume(array, geometry)
    view = turning_view(volume, angle)
    from inference.pictures.image_sets import enlarged
    from inference.pictures.window import Window

    picture, _ = enlarged(Window(0, 2000).grey(rotating(volume, [angle], above_hu=-1000)[0]), 0.7)
    assert picture.shape == view.shape
    rows, columns = np.nonzero(picture > 0.5 * picture.max())
    assert np.abs(np.array([columns.mean(), rows.mean()]) - view.project([voxel])[0]).max() <= 0.75


@pytest.mark.parametrize("axis", ["axial", "coronal", "sagittal"])
def test_the_views_along_the_axes_are_mapped_as_well(axis: str) -> None:
    geometry, voxel = Geometry((600, 60, 50), (1.2, 0.7, 0.9)), (200, 41, 12)
    array = np.full(geometry.shape, -1000, np.int16)
    array[voxel] = 1000
    volume = Volume(array, geometry)
    from inference.pictures.image_sets import enlarged
    from inference.pictures.window import Window

    view = fixed_view(volume, axis)
    picture, _ = enlarged(Window(0, 2000).grey(whole(volume, axis)), 0.7)
    assert picture.shape == view.shape
    rows, columns = np.nonzero(picture > 0.5 * picture.max())
    assert np.abs(np.array([columns.mean(), rows.mean()]) - view.project([voxel])[0]).max() <= 1.0


def test_a_click_on_a_remnant_of_bone_removes_it_and_nothing_else(folder) -> None:
    case = open_case(folder)
    seen = preview(case, Click("rotate_090", *pixel(folder, "rotate_090", (60, 12, 18))))
    assert (seen.name, seen.becomes) == ("bone", "bone")
    event = apply(case, seen)
    removed, before = load(folder / "volumes" / "bone_removed.nii.gz").array, KNOWN.result().bone_removed.array
    assert removed[KNOWN.tooth].max() < 150
    far = ~(np.abs(np.indices(SHAPE) - np.array([60, 12, 18])[:, None, None, None]).max(axis=0) < 9)
    assert np.array_equal(removed[far], before[far])
    assert np.array_equal(mask(folder, "vessel"), KNOWN.trunk)
    assert (mask(folder, "bone") & ~KNOWN.spine & ~KNOWN.branch).sum() == pytest.approx(KNOWN.tooth.sum(), rel=0.02)
    assert event["before"]["sha256"]["masks/vessel.nii.gz"]
    assert "masks/vessel.nii.gz" not in event["after"]["sha256"]
    assert event["after"]["bone_ml"] - event["before"]["bone_ml"] == pytest.approx(event["volume_ml"], abs=1e-3)


def test_the_mips_are_drawn_again_without_the_remnant(folder) -> None:
    x, y = pixel(folder, "rotate_000", (60, 12, 18))
    from PIL import Image

    before = np.asarray(Image.open(folder / "mip" / "rotate_000.png"))
    event = apply(folder, preview(folder, Click("rotate_000", x, y)))
    after = np.asarray(Image.open(folder / "mip" / "rotate_000.png"))
    assert before[round(y), round(x)] > 200 > after[round(y), round(x)]
    assert {"mip/rotate_000.png", "mip/whole_axial.png"} <= set(event["changed"])
    assert "mip/slab_axial_0010mm.png" not in event["changed"], "a slab far from the remnant looks as before"


def test_a_click_on_a_branch_that_was_taken_for_bone_adds_it_back(folder) -> None:
    case = open_case(folder, scan=KNOWN.scan)
    seen = preview(case, Click("rotate_000", *pixel(folder, "rotate_000", (50, 22, 44)), action="add"))
    event = apply(case, seen)
    vessel = mask(folder, "vessel")
    added = vessel & ~KNOWN.trunk
    assert 2 * (added & KNOWN.branch).sum() / (added.sum() + KNOWN.branch.sum()) > 0.95
    assert not (vessel & mask(folder, "bone")).any()
    assert load(folder / "volumes" / "bone_removed.nii.gz").array[KNOWN.branch].mean() > 300
    assert event["after"]["components"] == event["before"]["components"] + 1


def test_adding_what_bone_removal_took_needs_the_scan_and_the_right_one(folder) -> None:
    click = Click("rotate_000", *pixel(folder, "rotate_000", (50, 22, 44)), action="add")
    with pytest.raises(CorrectionRefused, match="needs_scan"):
        preview(folder, click)
    other = KNOWN.scan.with_array(KNOWN.scan.array + np.int16(1))
    with pytest.raises(CorrectionRefused, match="other_scan"):
        preview(open_case(folder, scan=other), click)


def test_undo_gives_identical_bytes_after_several_corrections(folder) -> None:
    first = hashes(folder)
    case = open_case(folder, scan=KNOWN.scan)
    apply(case, preview(case, Click("rotate_090", *pixel(folder, "rotate_090", (60, 12, 18)))))
    second = hashes(folder)
    apply(case, preview(case, Click("rotate_000", *pixel(folder, "rotate_000", (50, 22, 44)), action="add")))
    assert len(corrections_of(folder)) == 2
    undo(case)
    assert hashes(folder) == second
    undo(case)
    assert hashes(folder) == first
    with pytest.raises(CorrectionRefused, match="nothing_to_undo"):
        undo(case)


def test_a_named_artery_is_removed_by_its_name_and_the_masks_of_the_machine_are_kept(folder) -> None:
    case = open_case(folder)
    seen = preview(case, Click("rotate_000", *pixel(folder, "rotate_000", (48, 30, 26))))
    assert (seen.name, seen.becomes, seen.what.endswith("right common carotid")) == ("common_carotid_r", "background", True)
    apply(case, seen)
    assert not mask(folder, "vessel").any()
    assert np.array_equal(load(folder / "corrections" / "original" / "masks" / "vessel.nii.gz").array > 0, KNOWN.trunk)
    assert json.loads((folder / "case.json").read_text())["qc"]["verdict"] == "reject", "no vessel is left"


def test_the_preview_colours_the_piece_and_changes_no_file(folder) -> None:
    before = hashes(folder)
    x, y = pixel(folder, "rotate_000", (60, 12, 18))
    seen = preview(folder, Click("rotate_000", x, y))
    picture = preview_picture(folder, seen)
    red, green, _ = picture[round(y), round(x)].astype(int)
    assert red > green + 60
    assert hashes(folder) == before


def test_a_click_on_nothing_is_refused(folder) -> None:
    with pytest.raises(CorrectionRefused, match="nothing_there"):
        preview(folder, Click("rotate_000", 3, 3))
    with pytest.raises(CorrectionRefused, match="no_such_view"):
        preview(folder, Click("../../rotate_000", 3, 3))


def test_a_preview_of_an_earlier_state_is_not_applied(folder) -> None:
    tooth = preview(folder, Click("rotate_090", *pixel(folder, "rotate_090", (60, 12, 18))))
    apply(folder, tooth)
    with pytest.raises(CorrectionRefused, match="changed_meanwhile"):
        apply(folder, tooth)


@pytest.mark.parametrize("moves", [0, 1, 4, 9])
def test_a_crash_while_files_are_moved_is_finished_on_the_next_opening(folder, monkeypatch, moves: int) -> None:
    untouched = hashes(folder)
    seen = preview(folder, Click("rotate_090", *pixel(folder, "rotate_090", (60, 12, 18))))
    real, left = journal_of_steps._link_or_copy, [moves]

    def failing(old, new) -> None:
        if "original" not in str(new) and new.parent.name != "masks":
            left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        real(old, new)

    monkeypatch.setattr(journal_of_steps, "_link_or_copy", failing)
    with pytest.raises(KeyboardInterrupt):
        apply(folder, seen)
    monkeypatch.undo()
    case = open_case(folder)
    assert len(corrections_of(folder)) == 1
    assert case.bone_removed.array[KNOWN.tooth].max() < 150
    undo(case)
    assert hashes(folder) == untouched


def test_a_crash_while_files_are_prepared_leaves_the_case_as_it_was(folder, monkeypatch) -> None:
    untouched = hashes(folder)
    seen = preview(folder, Click("rotate_090", *pixel(folder, "rotate_090", (60, 12, 18))))
    monkeypatch.setattr("inference.correction.steps.journal.commit", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        apply(folder, seen)
    monkeypatch.undo()
    assert hashes(folder) == untouched
    assert corrections_of(folder) == []
    assert open_case(folder).folder == folder
    assert not list((folder / "corrections").glob(".partial*"))


def test_confirming_makes_anew_what_was_withdrawn_and_undo_reopens_the_case(folder) -> None:
    first = hashes(folder)
    record = json.loads((folder / "case.json").read_text())
    (folder / "centrelines").mkdir()
    (folder / "centrelines" / "common_carotid_r.csv").write_text("stale")
    record["outputs"].append("centrelines/common_carotid_r.csv")
    (folder / "case.json").write_text(json.dumps(record))
    case = open_case(folder, scan=KNOWN.scan)
    event = apply(case, preview(case, Click("rotate_000", *pixel(folder, "rotate_000", (50, 22, 44)), action="add")))
    assert event["withdrawn"] == ["centrelines/common_carotid_r.csv"]
    assert not (folder / "centrelines" / "common_carotid_r.csv").exists()
    told = confirm(case)
    assert told["remade"] == ["centrelines/common_carotid_r.csv"]
    assert told["not_remade"] == {}
    assert (folder / "centrelines" / "common_carotid_r.csv").read_text().startswith("x_mm")
    assert json.loads((folder / "case.json").read_text())["review"]["state"] == "confirmed"
    undo(case)
    again = hashes(folder)
    assert {name: again[name] for name in first if name != "case.json"} == {name: first[name] for name in first if name != "case.json"}
    assert (folder / "centrelines" / "common_carotid_r.csv").read_text() == "stale"


def test_confirming_a_case_without_faults_is_one_call_and_touches_only_the_record(folder) -> None:
    before = hashes(folder)
    event = confirm(folder)
    assert (event["corrections"], event["remade"]) == (0, [])
    assert [name for name, value in hashes(folder).items() if before.get(name) != value] == ["case.json"]


def test_confirmed_corrections_are_exported_as_training_data(folder, tmp_path) -> None:
    case = open_case(folder, scan=KNOWN.scan)
    apply(case, preview(case, Click("rotate_000", *pixel(folder, "rotate_000", (50, 22, 44)), action="add")))
    told = export_corrections([folder], tmp_path / "set", scans={"case": KNOWN.scan})
    assert told["left_out"] == {"case": "the corrections are not confirmed"}
    confirm(case)
    told = export_corrections([folder], tmp_path / "set", scans={"case": KNOWN.scan})
    assert told == {"cases": ["case"], "left_out": {}}
    image, labels = (load(tmp_path / "set" / name).array for name in ("imagesTr/case_0000.nii.gz", "labelsTr/case.nii.gz"))
    assert np.array_equal(image, KNOWN.scan.array)
    assert np.array_equal(labels == 1, mask(folder, "vessel"))
    assert np.array_equal(labels == 3, mask(folder, "bone"))
    from inference.network.labelled import open_nnunet_folder

    assert len(open_nnunet_folder(tmp_path / "set", spacing_mm=1.0).images) == 1


def test_a_new_reconstruction_sets_corrections_of_the_old_one_aside(folder) -> None:
    apply(folder, preview(folder, Click("rotate_090", *pixel(folder, "rotate_090", (60, 12, 18)))))
    replace(KNOWN.result(), pictures={}).write(folder)
    assert corrections_of(folder) == []
    assert len(list(folder.glob("corrections-set-aside-*"))) == 1
