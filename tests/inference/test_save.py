"""A mask goes back onto the grid of the file its scan came from."""

import gzip
import itertools

import numpy as np
import pytest

from inference.errors import GeometryMismatch
from inference.geometry import Geometry
from inference.save import save_nifti
from inference.scans.load import load
from inference.volume import Volume
from tests.inference.scans import makers as m


def sitk_grid(path):
    import SimpleITK as sitk

    image = sitk.ReadImage(str(path))
    return image, np.array([*image.GetOrigin(), *image.GetSpacing(), *image.GetDirection()])


@pytest.mark.parametrize("signs", list(itertools.product((1, -1), repeat=3)))
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
def test_a_nifti_scan_and_its_mask_have_the_same_array_order_and_affine(tmp_path, order, signs):
    import SimpleITK as sitk

    affine = np.eye(4)
    affine[:3, :3] = 0.0
    for axis in range(3):
        affine[order[axis], axis] = signs[axis] * (0.5, 0.6, 1.25)[axis]
    affine[:3, 3] = (3.0, -2.0, 5.0)
    scan, mask = tmp_path / "scan.nii", tmp_path / "mask.nii.gz"
    scan.write_bytes(m.nifti(m.volume_array((9, 10, 11), affine), np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine))
    volume = load(scan)
    save_nifti(volume.array > 100, volume, mask)
    scanned, scanned_grid = sitk_grid(scan)
    masked, masked_grid = sitk_grid(mask)
    assert scanned.GetSize() == masked.GetSize()
    assert np.allclose(scanned_grid, masked_grid, atol=1e-5)
    assert np.array_equal(sitk.GetArrayFromImage(scanned) > 100, sitk.GetArrayFromImage(masked) == 1)
    head, original = gzip.decompress(mask.read_bytes())[:352], scan.read_bytes()[:352]
    assert np.allclose(np.frombuffer(head, "<f4", 12, 280), np.frombuffer(original, "<f4", 12, 280), atol=1e-6)


def test_an_oblique_dicom_series_is_written_where_it_lies(tmp_path):
    orientation = (0.9848078, 0.1736482, 0, -0.1710101, 0.9698463, 0.1736482)
    volume = load(m.save_series(m.series(orientation=orientation), tmp_path / "s"))
    again = load(save_nifti(volume.array, volume, tmp_path / "a.nii"))
    assert again.geometry.same_grid(volume.geometry, tolerance_mm=1e-3)
    assert np.array_equal(again.array, volume.array)


def test_an_odd_gzip_of_several_blocks_is_one_member_that_every_reader_reads(tmp_path):
    rng = np.random.default_rng(1)
    array = rng.integers(-1000, 1000, (150, 200, 301), dtype=np.int16)
    volume = Volume(array, Geometry(array.shape, (1.0, 0.5, 0.5)))
    path = save_nifti(array, volume, tmp_path / "a.nii.gz")
    data = gzip.decompress(path.read_bytes())
    assert data[352:] == array.tobytes()
    assert np.array_equal(load(path).array, array)


def test_types_are_kept_or_made_writable(tmp_path):
    volume = Volume(np.zeros((3, 4, 5), np.int16), Geometry((3, 4, 5), (1.0, 1.0, 1.0)))
    for kind, code in ((bool, 2), (np.uint8, 2), (np.int16, 4), (np.int64, 8), (np.float64, 16), (np.float32, 16)):
        path = save_nifti(np.ones((3, 4, 5), kind), volume, tmp_path / "a.nii")
        assert int.from_bytes(path.read_bytes()[70:72], "little") == code


def test_a_wrong_shape_or_name_is_refused_and_leaves_nothing_behind(tmp_path):
    volume = Volume(np.zeros((3, 4, 5), np.int16), Geometry((3, 4, 5), (1.0, 1.0, 1.0)))
    with pytest.raises(GeometryMismatch):
        save_nifti(np.zeros((3, 4, 6), np.uint8), volume, tmp_path / "a.nii.gz")
    with pytest.raises(ValueError, match="rename"):
        save_nifti(volume.array, volume, tmp_path / "a.png")
    with pytest.raises(ValueError, match="convert"):
        save_nifti(np.zeros((3, 4, 5), np.complex64), volume, tmp_path / "a.nii.gz")
    assert not list(tmp_path.iterdir())
