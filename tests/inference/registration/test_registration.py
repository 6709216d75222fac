"""Registration finds motions that are known, and leaves still things still."""

import numpy as np
import pytest

from inference.phantom import Motion, make_phantom
from inference.registration import Local, register_local, register_rigid
from inference.registration.local import remaining_mm
from inference.registration.pyramid import level_of
from inference.registration.resample import warp
from inference.registration.transform import Rigid, rotation_of
from inference.volume import Volume

MOTION = Motion(shift_mm=(1.6, -1.1, 0.8), turn_degrees=(0.6, -0.4, 1.0))


def _pair(motion, **options):
    return make_phantom(preset="head", seed=3, spacing_mm=1.5, paired=True, motion=motion, lesions=(), **options)


def _bone(phantom):
    return phantom.volume.geometry.points(np.argwhere(phantom.bone > 0)[::101])


@pytest.fixture(scope="module")
def rigid_pair():
    return _pair(MOTION)


@pytest.fixture(scope="module")
def jaw_pair():
    motion = Motion(shift_mm=(0.5, 0.0, 0.0), jaw_mm=5.0)
    return make_phantom(preset="head-neck", seed=3, spacing_mm=2.0, paired=True, motion=motion, lesions=())


def test_a_known_motion_is_found_to_a_twentieth_of_a_millimetre(rigid_pair):
    found = register_rigid(rigid_pair.volume, rigid_pair.unenhanced)
    points = _bone(rigid_pair)
    error = np.linalg.norm(found.apply(points) - MOTION.forward(points), axis=1)
    before = np.linalg.norm(points - MOTION.forward(points), axis=1)
    assert before.mean() > 1.5
    assert error.mean() < 0.05
    assert error.max() < 0.1


def test_a_scan_lies_on_itself(rigid_pair):
    found = register_rigid(rigid_pair.volume, rigid_pair.volume)
    assert np.abs(found.shift_mm).max() < 1e-3
    assert found.turn_degrees < 1e-3


def test_scans_on_different_grids_are_registered(rigid_pair):
    twin = rigid_pair.unenhanced
    part = Volume(twin.array[4:, 10:-6, 8:], twin.geometry.crop((4, 10, 8), (twin.shape[0] - 4, twin.shape[1] - 16, twin.shape[2] - 8)))
    found = register_rigid(rigid_pair.volume, part)
    points = _bone(rigid_pair)
    assert np.linalg.norm(found.apply(points) - MOTION.forward(points), axis=1).mean() < 0.06


def test_local_registration_follows_the_jaw_better_than_rigid(jaw_pair):
    rigid = register_rigid(jaw_pair.volume, jaw_pair.unenhanced)
    local = register_local(jaw_pair.volume, jaw_pair.unenhanced, rigid)
    points = _bone(jaw_pair)
    truth = jaw_pair.motion.forward(points)
    before = np.linalg.norm(rigid.apply(points) - truth, axis=1)
    after = np.linalg.norm(local.apply(points) - truth, axis=1)
    moving = before > 0.6
    assert moving.sum() > 20
    assert after[moving].mean() < 0.75 * before[moving].mean()
    assert np.percentile(after[~moving], 95) < 0.3


def test_what_remains_is_reported_smaller_after_than_before(rigid_pair):
    scans = (rigid_pair.volume, rigid_pair.unenhanced)
    before = remaining_mm(*scans, Local.none(Rigid.identity()))
    after = remaining_mm(*scans, Local.none(register_rigid(*scans)))
    assert after[0] < 0.1 < before[0]


def test_warping_by_a_whole_voxel_gives_the_neighbour_back():
    array = np.random.default_rng(0).integers(100, 900, (12, 14, 16)).astype(np.int16)
    volume = Volume(array, _pair_grid(array.shape))
    values, _slope = warp(volume, volume, Local.none(Rigid(np.eye(3), np.array([2.0, 0.0, 0.0]))), least_hu=-2000.0)
    assert np.array_equal(values[3:-3, 3:-3, 3:-5], array[3:-3, 3:-3, 4:-4])


def test_darker_voxels_are_left_out():
    array = np.full((6, 6, 6), 50, np.int16)
    volume = Volume(array, _pair_grid(array.shape))
    values, slope = warp(volume, volume, Local.none(Rigid.identity()), least_hu=60.0)
    assert np.all(values == -1024)
    assert np.all(slope == 0)


def test_pyramid_levels_keep_the_place_of_things():
    array = np.zeros((8, 16, 16), np.int16)
    array[4:6, 8:10, 4:6] = 1000
    level = level_of(Volume(array, _pair_grid(array.shape)), 4.0)
    weight = level.array - level.array.min()
    index = np.argwhere(weight > 0)
    centre = (level.points(index) * weight[tuple(index.T)][:, None]).sum(axis=0) / weight.sum()
    assert centre == pytest.approx((9.0, 17.0, 9.0))


def test_turning_by_a_vector_is_orthonormal():
    turned = rotation_of([0.1, -0.2, 0.3])
    assert np.allclose(turned @ turned.T, np.eye(3))


def _pair_grid(shape):
    from inference.geometry import Geometry

    return Geometry(shape, (2.0, 2.0, 2.0))
