"""Bone goes, vessel stays, and nothing marks the place."""

import numpy as np
import pytest

from inference.bone_removal import remove_bone, removed_voxels
from tests.inference.scenes import scene

KNOWN = scene(noise_hu=12.0)
OUT = remove_bone(KNOWN.volume, KNOWN.vessel.astype(np.uint8), KNOWN.bone.astype(np.uint8), noise_hu=12.0)


def test_bone_is_replaced_by_something_like_soft_tissue() -> None:
    inside = OUT.array[KNOWN.bone]
    assert np.median(inside) == pytest.approx(45, abs=15)
    assert np.percentile(inside, 99) < 110


def test_vessel_with_its_plaque_is_untouched() -> None:
    assert np.array_equal(OUT.array[KNOWN.vessel], KNOWN.volume.array[KNOWN.vessel])


def test_everything_away_from_bone_is_untouched() -> None:
    gone = removed_voxels(KNOWN.volume, KNOWN.vessel.astype(np.uint8), KNOWN.bone.astype(np.uint8))
    assert np.array_equal(OUT.array[~gone], KNOWN.volume.array[~gone])
    assert gone.sum() < 1.5 * KNOWN.bone.sum()


def test_no_dark_or_bright_rim_is_left_where_bone_was() -> None:
    from scipy.ndimage import binary_dilation

    rim = binary_dilation(KNOWN.bone, iterations=3) & ~KNOWN.bone & ~binary_dilation(KNOWN.vessel, iterations=2)
    assert np.percentile(OUT.array[rim], 1) > -40
    assert np.percentile(OUT.array[rim], 99) < 110


def test_what_is_filled_in_carries_the_noise_of_the_scan() -> None:
    inside = OUT.array[KNOWN.bone].astype(float)
    assert 6 < inside.std() < 24


def test_bone_in_air_becomes_air() -> None:
    from inference import Geometry, Volume

    array = np.full((20, 20, 20), -1000, np.int16)
    array[8:12, 8:12, 8:12] = 900
    mask = (array > 0).astype(np.uint8)
    out = remove_bone(Volume(array, Geometry((20, 20, 20), (1.0, 1.0, 1.0))), mask * 0, mask, noise_hu=5.0)
    assert out.array.max() < -900


def test_the_same_scan_gives_the_same_result() -> None:
    again = remove_bone(KNOWN.volume, KNOWN.vessel.astype(np.uint8), KNOWN.bone.astype(np.uint8), noise_hu=12.0)
    assert np.array_equal(again.array, OUT.array)
