"""Phantoms on disk: what a reader finds, and what a second run does."""

import json

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from inference.phantom import make_phantom
from inference.phantom.save import finished, write_phantom
from study.cli import run


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(preset="small", seed=9, paired=True)


def test_nifti_holds_the_same_voxels_in_the_same_place(phantom, tmp_path):
    write_phantom(phantom, tmp_path)
    image = sitk.ReadImage(str(tmp_path / "ct.nii.gz"))
    assert np.array_equal(sitk.GetArrayFromImage(image), phantom.volume.array)
    line = phantom.centrelines["basilar"].points_mm
    index = phantom.volume.geometry.indices(line[:1])[0][::-1]
    assert image.TransformPhysicalPointToContinuousIndex(line[0].tolist()) == pytest.approx(index, abs=0.01)
    assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "truth" / "arteries.nii.gz"))), phantom.arteries)
    truth = json.loads((tmp_path / "truth" / "centrelines.json").read_text())
    assert np.allclose(truth["arteries"]["basilar"]["points_mm"], line, atol=1e-3)
    assert len(truth["motion"]["shift_mm"]) == 3


def test_dicom_is_one_study_in_one_frame_of_reference(phantom, tmp_path):
    write_phantom(phantom, tmp_path, form="dicom")
    enhanced = [pydicom.dcmread(path) for path in sorted((tmp_path / "dicom").iterdir())]
    plain = pydicom.dcmread(tmp_path / "unenhanced" / "0001.dcm")
    assert len(enhanced) == phantom.volume.shape[0]
    assert {item.StudyInstanceUID for item in enhanced} == {plain.StudyInstanceUID}
    assert {item.FrameOfReferenceUID for item in enhanced} == {plain.FrameOfReferenceUID}
    assert enhanced[0].SeriesInstanceUID != plain.SeriesInstanceUID
    assert len({item.SOPInstanceUID for item in enhanced}) == len(enhanced)
    middle = enhanced[80]
    hu = middle.pixel_array.astype(int) * int(middle.RescaleSlope) + int(middle.RescaleIntercept)
    assert np.array_equal(hu, np.clip(phantom.volume.array[80], -1024, 3071))
    assert [float(v) for v in middle.ImagePositionPatient] == pytest.approx(phantom.volume.geometry.points([[80, 0, 0]])[0], abs=1e-4)


def test_changing_the_format_leaves_nothing_stale(phantom, tmp_path):
    write_phantom(phantom, tmp_path, form="dicom")
    write_phantom(phantom, tmp_path, form="nifti")
    assert not (tmp_path / "dicom").exists()
    assert (tmp_path / "ct.nii.gz").exists()


def test_a_missing_file_means_unfinished(phantom, tmp_path):
    write_phantom(phantom, tmp_path, request={"seed": 9})
    assert finished(tmp_path, {"seed": 9})
    assert finished(tmp_path, {"seed": 8}) is None
    (tmp_path / "truth" / "bone.nii.gz").unlink()
    assert finished(tmp_path, {"seed": 9}) is None


def test_the_command_writes_once_and_skips_the_second_time(tmp_path, capsys):
    arguments = ["phantom", str(tmp_path / "p"), "--preset", "small", "--seed", "4", "--json"]
    assert run(arguments) == 0
    first = json.loads(capsys.readouterr().out)
    before = (tmp_path / "p" / "ct.nii.gz").stat().st_mtime_ns
    assert run(arguments) == 0
    second = json.loads(capsys.readouterr().out)
    assert (first["skipped"], second["skipped"]) == (False, True)
    assert (tmp_path / "p" / "ct.nii.gz").stat().st_mtime_ns == before
    assert {"vessel", "veins", "bone", "arteries"} <= {path.name.split(".")[0] for path in (tmp_path / "p" / "truth").iterdir()}


def test_the_command_refuses_what_it_cannot_make(tmp_path, capsys):
    assert run(["phantom", str(tmp_path), "--preset", "torso"]) == 2
    assert run(["phantom", str(tmp_path), "--preset", "small", "--lesion", "plaque:basilar:middle"]) == 2
    assert run(["phantom", str(tmp_path), "--preset", "small", "--lesion", "plaque:coronary"]) == 2
    (tmp_path / "file").write_text("x")
    assert run(["phantom", str(tmp_path / "file"), "--preset", "small"]) == 4
    assert "rejected [not_a_folder]" in capsys.readouterr().err
