"""Projections are true: right side, right size, right brightness, no holes."""

from collections.abc import Callable

import numpy as np
import pytest

from inference import Geometry, Volume
from inference.pictures.image_sets import more_mips, rotating_mips
from inference.pictures.mip import HuPicture, angles, rotating, rotating_dense, slabs, whole
from inference.pictures.window import Window, angiography_window, marked, png_bytes, sides


def volume_of(array: np.ndarray, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Volume:
    return Volume(array.astype(np.int16), Geometry(array.shape, spacing))


def middle_of_brightness(picture: np.ndarray, above: int) -> tuple[float, float]:
    rows, columns = np.nonzero(picture > above)
    return float(rows.mean()), float(columns.mean())


def test_the_front_view_is_the_maximum_along_the_front_to_back_axis() -> None:
    array = np.random.default_rng(0).integers(-900, 1500, (12, 20, 20))
    picture = rotating(volume_of(array), [0.0], above_hu=-1000)[0]
    inner = slice((picture.shape[1] - 20 + 1) // 2, (picture.shape[1] - 20 + 1) // 2 + 20)
    expected = array.max(axis=1)[::-1]
    shifted = [np.abs(picture[:, inner.start + k : inner.stop + k].astype(int) - expected).mean() for k in (-1, 0, 1)]
    # the footprint of a voxel fades over a neighbouring pixel, so that maxima spread a little
    assert min(shifted) < 120


@pytest.mark.parametrize("angle", [0, 17, 30, 45, 60, 90, 133, 270])
def test_a_solid_block_has_no_pin_holes_from_any_angle(angle: float) -> None:
    array = np.full((8, 40, 40), -1000)
    array[:, 8:32, 8:32] = 400
    picture = rotating(volume_of(array), [angle], above_hu=0)[0]
    for row in picture:
        lit = np.flatnonzero(row > 0)
        assert (row[lit[1] : lit[-1]] == 400).all()


@pytest.mark.parametrize("angle", [0, 20, 45, 90, 200, 315])
def test_splatting_and_ray_casting_agree(angle: float) -> None:
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(3)
    array = gaussian_filter(rng.normal(size=(10, 48, 48)), 2.0)
    array = array / array.max() * 900
    array[:, :6] = array[:, -6:] = array[:, :, :6] = array[:, :, -6:] = -1000
    volume = volume_of(array, (1.0, 0.8, 0.8))
    sparse, dense = rotating(volume, [angle], above_hu=-999)[0], rotating_dense(volume, [angle])[0]
    body = dense > 0
    assert sparse.shape == dense.shape
    assert np.corrcoef(sparse[body], dense[body])[0, 1] > 0.95


@pytest.mark.parametrize("draw", [lambda volume, views: rotating(volume, views, above_hu=-500), rotating_dense])
def test_a_view_from_behind_is_the_view_of_the_turned_patient_from_the_front(draw: Callable[..., list[HuPicture]]) -> None:
    array = np.random.default_rng(5).integers(-900, 1500, (6, 21, 30))
    volume, turned = volume_of(array, (1.0, 0.7, 0.9)), volume_of(array[:, ::-1, ::-1], (1.0, 0.7, 0.9))
    for mirrored, drawn in zip(draw(volume, [200.0, 310.0, 20.0]), draw(turned, [20.0, 130.0, 200.0]), strict=True):
        assert np.abs(mirrored.astype(int) - drawn).max() <= 1


def test_the_patients_left_is_on_the_right_from_the_front_and_the_front_is_on_the_left_from_the_left() -> None:
    array = np.full((20, 40, 40), -1000)
    array[15, 20, 35] = 1000  # high in the patient, to the left
    array[5, 5, 20] = 500  # low, in front
    volume = volume_of(array)
    front, left = rotating(volume, [0.0, 90.0], above_hu=0)
    row, column = middle_of_brightness(front, 700)
    assert row == pytest.approx(4, abs=0.6)
    assert column > front.shape[1] / 2 + 10
    rows, columns = np.nonzero((left > 300) & (left < 600))
    assert rows.mean() == pytest.approx(14, abs=0.6)
    assert columns.mean() < left.shape[1] / 2 - 10


def test_lengths_are_true_on_unequal_voxels() -> None:
    # A ball of 20 mm radius on voxels of 2 × 0.5 × 0.5 mm must be round in the picture.
    spacing = (2.0, 0.5, 0.5)
    z, y, x = np.indices((30, 120, 120))
    ball = ((z - 14.5) * 2) ** 2 + ((y - 59.5) * 0.5) ** 2 + ((x - 59.5) * 0.5) ** 2 < 20**2
    picture = rotating(volume_of(np.where(ball, 500, -1000), spacing), [40.0], above_hu=0, pixel_mm=0.5)[0]
    lit = picture > 250
    height, width = np.ptp(np.flatnonzero(lit.any(1))) + 1, np.ptp(np.flatnonzero(lit.any(0))) + 1
    assert height * 0.5 == pytest.approx(40, abs=2.5)
    assert width * 0.5 == pytest.approx(40, abs=2.0)


def test_whole_views_and_slabs_are_plain_maxima() -> None:
    array = np.random.default_rng(5).integers(-500, 1500, (10, 12, 14))
    volume = volume_of(array)
    assert np.array_equal(whole(volume, "axial"), array.max(0))
    assert np.array_equal(whole(volume, "coronal"), array.max(1)[::-1])
    assert np.array_equal(whole(volume, "sagittal"), array.max(2)[::-1])
    pieces = slabs(volume, "axial", thickness_mm=4.0)
    assert [centre for centre, _ in pieces] == [1.5, 3.5, 5.5, 7.5]
    assert np.array_equal(pieces[1][1], array[2:6].max(0))


def test_36_views_are_named_by_angle_and_have_one_size() -> None:
    array = np.full((20, 30, 30), -1000)
    array[:, 14:16, 14:16] = 400
    pictures, pixel_mm = rotating_mips(volume_of(array), lumen_hu=400.0)
    assert list(pictures) == [f"mip/rotate_{angle:03d}.png" for angle in range(0, 360, 10)]
    assert len({picture.shape for picture in pictures.values()}) == 1
    assert next(iter(pictures.values())).shape[0] * pixel_mm == pytest.approx(20.0)


def test_the_full_recipe_adds_whole_slab_and_raw_views() -> None:
    array = np.full((40, 30, 30), 40)
    volume = volume_of(array)
    names = more_mips(volume, volume, 400.0, views=4)
    assert {"mip/whole_axial.png", "mip/raw_whole_coronal.png", "mip/raw_rotate_090.png", "mip/slab_axial_0010mm.png"} <= set(names)


def test_the_window_maps_black_and_white_where_it_says() -> None:
    window = Window(level_hu=100, width_hu=200)
    assert window.grey(np.array([-500, 0, 50, 200, 3000])).tolist() == [0, 0, 64, 255, 255]
    assert angiography_window(480.0).grey(np.array([480]))[0] < 220 < angiography_window(480.0).grey(np.array([700]))[0]


def test_markers_name_the_sides_and_change_little_else() -> None:
    blank = np.zeros((512, 400), np.uint8)
    picture = marked(blank, "R", "L")
    assert picture.shape == blank.shape
    assert picture[:, :60].any()
    assert picture[:, -60:].any()
    assert not picture[:, 100:300].any()
    assert [sides(angle)[0] for angle in (0, 90, 180, 270)] == ["R", "A", "L", "P"]


def test_a_png_keeps_its_pixels_and_its_scale() -> None:
    import io

    from PIL import Image

    grey = np.random.default_rng(0).integers(0, 255, (20, 30)).astype(np.uint8)
    image = Image.open(io.BytesIO(png_bytes(grey, pixel_mm=0.5)))
    assert np.array_equal(np.asarray(image), grey)
    assert 25.4 / float(image.info["dpi"][0]) == pytest.approx(0.5, rel=1e-3)


def test_angles_are_even() -> None:
    assert np.allclose(np.diff(angles(36)), 10.0)


@pytest.mark.parametrize("angle", [0.0, 25.0, 90.0, 310.0])
def test_the_compiled_projection_is_the_plain_one(angle: float) -> None:
    rng = np.random.default_rng(5)
    array = np.where(rng.random((6, 16, 18)) < 0.1, rng.integers(100, 900, (6, 16, 18)), -1000)
    volume = volume_of(array, (0.7, 0.9, 0.7))
    pixel = 0.7  # as the slices, so that no row is stretched
    expected = np.full((6, int(np.ceil(np.hypot(16 * 0.9, 18 * 0.7) / pixel)) + 2), -100.0)
    cosine, sine = np.cos(np.deg2rad(angle)) / pixel, np.sin(np.deg2rad(angle)) / pixel
    half = 0.5 * (0.7 * abs(cosine) + 0.9 * abs(sine))
    for z, y, x in np.argwhere(array > -100):
        centre = cosine * (x - 8.5) * 0.7 + sine * (y - 7.5) * 0.9 + (expected.shape[1] - 1) / 2
        columns = np.arange(expected.shape[1])
        share = np.clip(1.0 - np.maximum(abs(columns - centre) - half, 0.0), 0.0, 1.0)  # the footprint, fading over one pixel
        expected[z] = np.maximum(expected[z], -100.0 + share * (array[z, y, x] + 100.0))
    found = rotating(volume, [angle], above_hu=-100, pixel_mm=pixel)[0][::-1]  # rows run from the head, slices from the feet
    assert found.shape == expected.shape
    assert np.abs(found - np.floor(expected)).max() <= 1.0
