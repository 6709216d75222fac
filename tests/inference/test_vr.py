"""Volume rendering without a screen: what is seen is where it should be, and smooth."""

import numpy as np
import pytest

from inference import Geometry, Volume
from inference.pictures.surface import Surface, surface
from inference.pictures.vr import render

SHAPE = (60, 60, 60)


def ball(centre: tuple[float, float, float], radius: float, hu: float = 400.0) -> tuple[Volume, np.ndarray]:
    z, y, x = np.indices(SHAPE)
    distance = np.sqrt((z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2)
    soft = np.clip(radius + 0.5 - distance, 0, 1)
    array = 40 + soft * (hu - 40)
    return Volume(np.rint(array).astype(np.int16), Geometry(SHAPE, (1.0, 1.0, 1.0))), (soft >= 0.5).astype(np.uint8)


def shown(volume: Volume, mask: np.ndarray, *, hu: float = 400.0) -> Surface | None:
    return surface(volume, mask, low_hu=60, high_hu=hu - 40, bright_hu=1200, step_mm=0.8)


def lit(picture: np.ndarray) -> np.ndarray:
    return np.asarray(picture.max(axis=2) > 20)


def test_a_ball_is_drawn_round_and_in_its_true_size() -> None:
    volume, mask = ball((29.5, 29.5, 29.5), 15.0)
    for picture in render(shown(volume, mask), None, [0.0, 35.0, 90.0], size=240, field_mm=60.0):
        seen = lit(picture)
        height, width = np.ptp(np.flatnonzero(seen.any(1))) + 1, np.ptp(np.flatnonzero(seen.any(0))) + 1
        assert height * 60 / 240 == pytest.approx(31, abs=2.0)
        assert width == pytest.approx(height, abs=4)
        rows, columns = np.nonzero(seen)
        assert (rows.mean(), columns.mean()) == pytest.approx((119.5, 119.5), abs=1.5)


def test_the_wall_is_smooth_where_the_mask_has_steps() -> None:
    volume, mask = ball((29.5, 29.5, 29.5), 15.0)
    seen = lit(render(shown(volume, mask), None, [0.0], size=480, field_mm=60.0)[0])
    rows, columns = np.nonzero(seen & ~np.roll(seen, 1, 0) | seen & ~np.roll(seen, -1, 0))
    radius = np.hypot(rows - rows.mean(), columns - columns.mean()) * 60 / 480
    assert radius.std() < 0.25  # a voxel is 1 mm


def test_left_is_on_the_right_from_the_front_and_head_is_up() -> None:
    volume, mask = ball((45.0, 30.0, 45.0), 8.0)
    rows, columns = np.nonzero(lit(render(shown(volume, mask), None, [0.0], size=200, field_mm=60.0)[0]))
    assert rows.mean() < 80
    assert columns.mean() > 120
    rows, columns = np.nonzero(lit(render(shown(volume, mask), None, [180.0], size=200, field_mm=60.0)[0]))
    assert columns.mean() < 80


def test_what_is_in_front_hides_what_is_behind() -> None:
    front, front_mask = ball((30.0, 12.0, 30.0), 9.0)
    back, back_mask = ball((30.0, 46.0, 30.0), 9.0)
    vessel, bone = shown(front, front_mask), shown(back, back_mask)
    from_front, from_back = render(vessel, bone, [0.0, 180.0], size=100, field_mm=60.0)
    red, ivory = from_front[50, 50].astype(int), from_back[50, 50].astype(int)
    assert red[0] - red[2] > 60  # vessel: red, hardly blue
    assert ivory[0] - ivory[2] < 60  # bone: nearly grey


def test_edges_are_antialiased() -> None:
    volume, mask = ball((29.5, 29.5, 29.5), 15.0)
    sharp = render(shown(volume, mask), None, [0.0], size=120, field_mm=60.0, antialias=False)[0]
    soft = render(shown(volume, mask), None, [0.0], size=120, field_mm=60.0)[0]
    changed = np.abs(sharp.astype(int) - soft.astype(int)).max(axis=2) > 3
    assert 20 < changed.sum() < 2000


def test_nothing_gives_a_black_picture_and_no_surface() -> None:
    volume, mask = ball((29.5, 29.5, 29.5), 15.0)
    assert shown(volume, mask * 0) is None
    assert not render(None, None, [0.0], size=32, field_mm=60.0)[0].any()


def test_a_surface_at_the_very_edge_of_the_scan_is_drawn() -> None:
    volume, mask = ball((0.0, 0.0, 0.0), 20.0)
    assert lit(render(shown(volume, mask), None, [0.0], size=100, field_mm=60.0)[0]).any()


@pytest.mark.parametrize("sigma", [0.7, 1.0, 1.4])
def test_smoothing_only_near_the_surface_is_smoothing_everywhere(sigma: float) -> None:
    from scipy.ndimage import gaussian_filter

    from inference.pictures.surface import _smoothed

    values = np.zeros((50, 44, 40), np.float32)
    values[12:20, 15:22, 10:30] = 200.0
    values[40, 5:30, 5] = 255.0  # a line one voxel wide, near an edge
    expected = gaussian_filter(values, sigma, mode="constant")
    assert np.abs(_smoothed(values, sigma).astype(float) - np.floor(expected)).max() <= 1.0  # both are cut to whole numbers


def test_rays_that_jump_over_empty_tiles_stop_at_the_first_wall() -> None:
    from scipy.ndimage import gaussian_filter, map_coordinates

    from inference.pictures.vr import LEVEL, TILE, _begin, _march, _mark, _plane_at

    rng = np.random.default_rng(4)
    field = np.clip(gaussian_filter(rng.normal(size=(3, 61, 70)), (0, 1.5, 1.5)) * 900 - 180, 0, 255).astype(np.uint8)
    shape = field.shape[1:]
    plane, tiles = np.empty(shape, np.float32), np.empty((shape[0] // TILE + 1, shape[1] // TILE + 1), np.bool_)
    assert _plane_at(field, np.float32(0.4), plane, tiles)
    assert 0.1 < tiles.mean() < 0.9
    place, pixel, limit, count = np.array([0.8, 0.0, 1.5, -2.0], np.float32), np.float32(0.6), np.float32(60.0), 200
    first, last = np.empty(count, np.float32), np.empty(count, np.float32)
    fine = np.arange(0, 2 * limit / 0.8, 0.02)
    found, missed, false = [], 0, 0
    for angle in np.deg2rad([0, 17, 90, 133, 201, 315]):
        c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        _mark(tiles, place, shape, c, s, pixel, limit, first, last)
        for column in range(count):
            y, x = _begin(place, shape, c, s, (column - (count - 1) / 2) * pixel, limit)
            inside = np.flatnonzero(map_coordinates(plane, [y + fine * c, x - fine * s], order=1, mode="constant", cval=0) >= LEVEL)
            stop = _march(plane, tiles, y, x, c, -s, max(first[column], np.float32(0)), last[column])
            if not len(inside):
                false += stop >= 0
            elif stop < 0:
                missed += 1
            else:
                found.append(stop - fine[inside[0]])
    assert len(found) > 400
    assert false == 0
    # a stride of 0.75 voxels steps over the corner of a blob now and then, with or without jumps
    assert missed < 0.03 * len(found)
    assert np.min(found) > -0.75  # never a stride before the wall
    assert np.mean(np.array(found) < 0.75) > 0.92
