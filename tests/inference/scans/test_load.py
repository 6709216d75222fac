"""Volumes lie where their files say, whatever the order and direction of the file's axes."""

import itertools
import threading

import numpy as np
import pydicom
import pytest

from inference.errors import RejectedScan
from inference.geometry import Geometry
from inference.scans.load import load
from inference.scans.lps import stored_geometry, towards_lps, turn, turn_back
from tests.inference.scans import makers as m
from tests.inference.scans.test_corpus import off_field

SHAPE = (9, 10, 11)
FLIPS = list(itertools.product((1, -1), repeat=3))


def lps_affine(order: tuple[int, ...], signs: tuple[int, ...]) -> np.ndarray:
    """Index axis i runs along world axis order[i], forwards or backwards."""
    affine = np.eye(4)
    affine[:3, :3] = 0.0
    for axis in range(3):
        affine[order[axis], axis] = signs[axis] * (0.5, 0.6, 1.25)[axis]
    affine[:3, 3] = (3.0, -2.0, 5.0)
    return affine


@pytest.mark.parametrize("signs", FLIPS)
def test_every_axis_flip_of_a_nifti_lies_where_it_should(tmp_path, signs):
    lps = lps_affine((0, 1, 2), signs)
    (tmp_path / "a.nii").write_bytes(m.nifti(m.volume_array(SHAPE, lps), np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps))
    volume = load(tmp_path / "a.nii")
    assert np.nanmax(off_field(volume)) <= 0.501
    assert np.allclose(np.reshape(volume.geometry.direction, (3, 3)), np.eye(3))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_every_order_of_axes_of_a_nifti_lies_where_it_should(tmp_path, order):
    lps = lps_affine(order, (1, -1, 1))
    (tmp_path / "a.nii").write_bytes(m.nifti(m.volume_array(SHAPE, lps), np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps))
    assert np.nanmax(off_field(load(tmp_path / "a.nii"))) <= 0.501


@pytest.mark.parametrize("signs", FLIPS)
@pytest.mark.parametrize("suffix", ["nrrd", "mha"])
def test_every_axis_flip_that_simpleitk_writes_is_read_alike(tmp_path, signs, suffix):
    import SimpleITK as sitk

    lps = lps_affine((1, 2, 0), signs)
    image = sitk.GetImageFromArray(m.volume_array(SHAPE, lps))
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    sitk.WriteImage(image, str(tmp_path / f"a.{suffix}"), True)
    assert np.nanmax(off_field(load(tmp_path / f"a.{suffix}"))) <= 0.501


def test_nrrd_spaces_differ_by_the_sign_of_their_axes(tmp_path):
    for space, signs in (("left-posterior-superior", (1, 1)), ("right-anterior-superior", (-1, -1)), ("left-anterior-superior", (1, -1))):
        lps = lps_affine((0, 1, 2), (1, 1, 1))
        own = np.diag([*signs, 1, 1]) @ lps
        axes = " ".join("(" + ",".join(str(v) for v in own[:3, i]) + ")" for i in range(3))
        head = f"NRRD0005\ntype: int16\ndimension: 3\nspace: {space}\nsizes: 11 10 9\nspace directions: {axes}\nendian: little\n"
        head += f"encoding: raw\nspace origin: ({','.join(str(v) for v in own[:3, 3])})\n\n"
        (tmp_path / "a.nrrd").write_bytes(head.encode() + m.volume_array(SHAPE, lps).tobytes())
        assert np.nanmax(off_field(load(tmp_path / "a.nrrd"))) <= 0.501


def test_turning_back_undoes_the_turn_for_all_48_orders_and_flips():
    stored = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    for order, signs in itertools.product(itertools.permutations(range(3)), FLIPS):
        affine = lps_affine(order, signs)
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        direction = tuple((affine[:3, :3] / spacing).ravel().tolist())
        grid = Geometry(SHAPE, tuple(spacing[::-1].tolist()), tuple(affine[:3, 3].tolist()), direction)
        orientation, turned = towards_lps(grid)
        array = turn(stored, orientation)
        assert array.shape == turned.shape
        assert np.allclose(np.reshape(turned.direction, (3, 3)), np.eye(3))
        index = (3, 4, 5)
        place = np.argwhere(stored == array[index])[0]
        assert np.allclose(grid.points(place[None]), turned.points(np.array([index])))
        assert (turn_back(array, orientation) == stored).all()
        assert stored_geometry(turned, orientation).same_grid(grid)


def test_a_real_tilted_series_lies_where_its_headers_say(shared_data, tmp_path):
    import zipfile

    with zipfile.ZipFile(shared_data("dicom_tilt/head_phantom_tilt_plus16p5_58slices.zip")) as archive:
        archive.extractall(tmp_path)
    volume = load(tmp_path)
    assert [w.split(":")[0] for w in volume.source.warnings] == ["tilt_corrected"]
    assert volume.source.header["tilt_corrected_degrees"] == pytest.approx(16.5, abs=0.01)
    rng = np.random.default_rng(0)
    off = []
    for number in (10, 250, 580):
        data = pydicom.dcmread(tmp_path / f"I{number}")
        hu = data.pixel_array.astype(int) - 1024
        orientation, spacing = np.array(data.ImageOrientationPatient, float), np.array(data.PixelSpacing, float)
        rows, columns = rng.integers(5, 507, (2, 400))
        points = np.array(data.ImagePositionPatient, float) + np.outer(columns * spacing[1], orientation[:3])
        points += np.outer(rows * spacing[0], orientation[3:])
        z, y, x = volume.geometry.indices(points).T
        assert np.abs(z - np.rint(z)).max() < 1e-3
        assert np.abs(x - np.rint(x)).max() < 1e-3
        low = np.floor(y + 1e-6).astype(int)
        part = y - low
        zi, xi = np.rint(z).astype(int), np.rint(x).astype(int)
        found = (1 - part) * volume.array[zi, low, xi] + part * volume.array[zi, low + 1, xi]
        off.append(np.abs(found - hu[rows, columns]))
    assert np.median(np.concatenate(off)) <= 6
    assert volume.array.max() >= 700


def test_a_real_series_equals_what_simpleitk_reads(shared_data, tmp_path):
    import zipfile

    import SimpleITK as sitk

    path = shared_data("dicom_head_axial/head_phantom_5mm_28slices.zip")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path)))
    image = reader.Execute()
    volume = load(path)
    assert np.array_equal(volume.array, sitk.GetArrayFromImage(image))
    assert np.allclose(volume.geometry.origin_mm, image.GetOrigin(), atol=1e-4)
    assert np.allclose(volume.spacing_mm, image.GetSpacing()[::-1], atol=1e-6)
    assert len(volume.source.files) == len(volume.source.instance_uids) == 28


def test_a_lossless_slice_of_another_vendor_decodes_as_gdcm_does(shared_data):
    import SimpleITK as sitk

    path = shared_data("dicom_oddities/ct1_jpeg2000_lossless.dcm")
    expected = np.maximum(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), -1024)
    assert np.array_equal(load(path).array, expected)


def test_files_and_instances_follow_the_volume_from_foot_to_head(tmp_path):
    folder = m.save_series(m.series(orientation=(-1.0, 0, 0, 0, 1.0, 0), origin=(6.0, -7.0, 3.0)), tmp_path)
    volume = load(folder)
    heights = [float(pydicom.dcmread(file).ImagePositionPatient[2]) for file in volume.source.files]
    assert heights == sorted(heights)
    assert [pydicom.dcmread(file).SOPInstanceUID for file in volume.source.files] == list(volume.source.instance_uids)
    assert volume.source.series_uid == f"{m.UID}.2"
    assert volume.source.frame_of_reference_uid == f"{m.UID}.4"


def test_the_header_names_the_scanner_and_never_the_patient(tmp_path):
    folder = m.save_series(m.series(PatientName="Secret^Anna", PatientID="MRN778899", Manufacturer="Maker\x1b[31m"), tmp_path)
    source = load(folder).source
    assert "Secret" not in repr(source)
    assert "MRN778899" not in repr(source)
    assert source.header["manufacturer"] == "Maker?[31m"


def test_an_array_cannot_be_written_to_and_is_int16(tmp_path):
    volume = load(m.save_series(m.series(), tmp_path))
    assert volume.array.dtype == np.int16
    with pytest.raises(ValueError, match="read-only"):
        volume.array[0, 0, 0] = 1


def test_progress_is_told_and_threads_may_load_at_once(tmp_path):
    folder = m.save_series(m.series(), tmp_path)
    heard: list[tuple[int, int]] = []
    threads = [threading.Thread(target=lambda: load(folder, progress=lambda a, b: heard.append((a, b)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard
    assert all(0 <= done <= total for done, total in heard)


def test_a_rejection_names_code_finding_and_remedy(tmp_path):
    with pytest.raises(RejectedScan) as caught:
        load(tmp_path / "absent")
    assert caught.value.code == "not_found"
    assert str(caught.value).startswith("rejected [not_found]: ")
    assert caught.value.exit_status == 4
