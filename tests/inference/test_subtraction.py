"""Two-scan subtraction on paired phantoms whose motion is known."""

import numpy as np
import pytest

from inference.errors import RejectedScan
from inference.geometry import Geometry
from inference.phantom import Lesion, Motion, make_phantom
from inference.segmentation.subtraction import SubtractionSettings, segment_subtraction
from inference.volume import Volume


def _dice(first, second):
    return 2.0 * np.count_nonzero(first & second) / (np.count_nonzero(first) + np.count_nonzero(second))


def _pair(size, **options):
    motion = Motion((0.55 * size, -0.5 * size, 0.5 * size), (0.3 * size, -0.2 * size, 0.4 * size), jaw_mm=size)
    options = {"lesions": (), "lumen_hu": 420.0} | options
    return make_phantom(preset="head", seed=8, spacing_mm=1.0, paired=True, motion=motion, **options)


@pytest.fixture(scope="module")
def moved():
    return _pair(3.0)


@pytest.fixture(scope="module")
def result(moved):
    return segment_subtraction(moved.volume, moved.unenhanced)


def test_three_millimetres_of_motion_are_undone(moved, result):
    assert _dice(result.vessel > 0, moved.vessel > 0) > 0.78
    large = (moved.arteries == 7) | (moved.arteries == 8) | (moved.arteries == 13)
    assert np.mean(result.vessel[large]) > 0.85
    assert np.mean(result.vessel[moved.bone > 0]) < 0.02


def test_bone_is_found_and_never_shared_with_vessel(moved, result):
    assert np.mean(result.bone[moved.bone > 0]) > 0.9
    assert not np.any(result.bone & result.vessel)


def test_the_motion_is_reported(moved, result):
    found = result.notes["registration"]
    middle = moved.volume.geometry.points(np.array([[n / 2 for n in moved.volume.shape]]))
    truth = (moved.motion.forward(middle) - middle)[0]
    assert found["shift_mm"] == pytest.approx(truth.tolist(), abs=0.15)
    assert 0.0 < found["residual_median_mm"] < 0.15
    carotid = moved.volume.array[(moved.arteries == 7) | (moved.arteries == 8)]
    assert result.notes["lumen_hu"] == pytest.approx(float(np.median(carotid)), abs=60.0)


def test_without_registration_the_same_pair_fails(moved):
    still = Volume(moved.unenhanced.array, moved.volume.geometry)
    naive = (moved.volume.array.astype(int) - still.array) > 100
    assert _dice(naive, moved.vessel > 0) < 0.5


def test_calcium_in_the_wall_stays_with_the_vessel():
    plaque = Lesion("plaque", "middle_cerebral_l", 0.12, amount=1200.0, length_mm=10.0)
    phantom = _pair(1.0, lesions=(plaque,))
    found = segment_subtraction(phantom.volume, phantom.unenhanced)
    assert phantom.plaque.sum() > 10
    assert np.mean(found.vessel[phantom.plaque > 0]) > 0.6


def test_an_unenhanced_scan_against_itself_has_no_vessels(moved):
    found = segment_subtraction(moved.unenhanced, moved.unenhanced, settings=SubtractionSettings(local=False))
    assert not found.vessel.any()
    assert found.notes["enhanced"] is False
    assert found.bone.any()


def test_a_missing_or_distant_second_scan_is_refused(moved):
    with pytest.raises(RejectedScan, match="no_unenhanced_scan"):
        segment_subtraction(moved.volume, None)
    away = Volume(moved.unenhanced.array, Geometry(moved.volume.shape, moved.volume.spacing_mm, (900.0, 0.0, 0.0)))
    with pytest.raises(RejectedScan, match="no_overlap"):
        segment_subtraction(moved.volume, away)
