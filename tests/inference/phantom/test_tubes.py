"""Tubes become distance fields: answers known on paper."""

import numpy as np
import pytest

from inference.phantom.tubes import FAR_MM, coverage, segments_of, thin_tube, tube_field

STRAIGHT = ([[0.0, 0.0, -20.0], [0.0, 0.0, 20.0]], [3.0, 3.0], [100.0, 300.0])


def _field(tubes, **options):
    return tube_field(tubes, shape=(21, 31, 41), spacing_mm=(1.0, 0.8, 0.5), origin_mm=(-10.0, -12.0, -10.0), **options)


def test_the_distance_to_a_straight_tube_is_the_distance_to_its_axis_less_its_radius():
    field = _field([STRAIGHT], margin_mm=3.0)
    y, x = np.mgrid[:31, :41]
    expected = np.hypot(-12.0 + 0.8 * y, -10.0 + 0.5 * x) - 3.0
    inside = expected <= 3.0
    assert np.allclose(field.distance_mm[10][inside], expected[inside], atol=1e-5)
    assert np.all(field.distance_mm[10][~inside] == FAR_MM)


def test_the_value_runs_linearly_along_the_tube():
    field = _field([STRAIGHT])
    assert np.allclose(field.value[:, 15, 20], 100.0 + 200.0 * (np.arange(-10.0, 11.0) + 20.0) / 40.0, atol=1e-3)


def test_the_closest_wall_owns_the_voxel_in_either_order():
    other = ([[6.0, 0.0, -20.0], [6.0, 0.0, 20.0]], [1.0, 1.0], [50.0, 50.0])
    first, second = _field([STRAIGHT, other]), _field([other, STRAIGHT])
    assert np.array_equal(first.distance_mm, second.distance_mm)
    assert first.owner[10, 15, 20] == 1
    assert second.owner[10, 15, 20] == 2
    assert first.owner[10, 15, 32] == 2


def test_threads_change_nothing():
    serial, threaded = _field([STRAIGHT]), _field([STRAIGHT], parallel=True)
    assert np.array_equal(serial.distance_mm, threaded.distance_mm)
    assert np.array_equal(serial.owner, threaded.owner)


def test_coverage_keeps_the_volume_of_a_ball():
    field = tube_field([([[20.0, 20.0, 20.0]], [7.3], [1.0])], shape=(41, 41, 41), spacing_mm=(1.0, 1.0, 1.0))
    assert coverage(field.distance_mm, voxel_mm=1.0).sum() == pytest.approx(4 / 3 * np.pi * 7.3**3, rel=0.01)


def test_a_tube_thinner_than_a_voxel_keeps_its_area_times_contrast():
    radius, value = thin_tube([0.2], [400.0], voxel_mm=1.0, surround=0.0)
    assert radius[0] ** 2 * value[0] == pytest.approx(0.2**2 * 400.0)


def test_no_tubes_is_an_empty_field():
    assert segments_of([]).shape == (0, 11)
    assert _field([]).owner.max() == 0
