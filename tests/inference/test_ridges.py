"""Narrow vessels are found as lines; edges and grains of bone are not."""

import numpy as np

from inference.segmentation.lumen import Lumen
from inference.segmentation.ridges import narrow_lumen

SHAPE, SPACING = (50, 40, 40), (1.0, 1.0, 1.0)


def contrast(hu: float = 350.0, *, enhanced: bool = True) -> Lumen:
    return Lumen(10.0, hu, 140.0, hu + 200, np.zeros(SHAPE, bool), 1.0, enhanced)


def blurred(array: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return (gaussian_filter(array, 0.6) + np.random.default_rng(0).normal(0, 8, SHAPE)).astype(np.float32)


def test_a_vessel_of_one_millimetre_radius_is_followed_along_its_length() -> None:
    z, y, x = np.indices(SHAPE)
    tube = (y - 20 - 4 * np.sin(z / 8)) ** 2 + (x - 18) ** 2 < 1.5**2
    found = narrow_lumen(blurred(np.where(tube, 350.0, 40.0)), contrast(), SPACING)
    assert len(np.unique(np.nonzero(found)[0])) > 40
    assert found[~tube].sum() < 0.1 * found.sum()


def test_a_sheet_of_the_same_brightness_is_no_line() -> None:
    x = np.indices(SHAPE)[2]
    assert not narrow_lumen(blurred(np.where(abs(x - 18) < 1.5, 350.0, 40.0)), contrast(), SPACING).any()


def test_a_short_piece_and_a_rim_of_dense_bone_are_left_out() -> None:
    z, y, x = np.indices(SHAPE)
    tube = (y - 20) ** 2 + (x - 18) ** 2 < 1.5**2
    short = blurred(np.where(tube & (abs(z - 25) < 5), 350.0, 40.0))
    assert not narrow_lumen(short, contrast(), SPACING).any()
    beside_bone = blurred(np.where(tube, 350.0, np.where((x > 19) & (x < 26) & (abs(y - 20) < 3), 1300.0, 40.0)))
    assert not narrow_lumen(beside_bone, contrast(), SPACING).any()


def test_an_unenhanced_scan_has_none() -> None:
    _, y, x = np.indices(SHAPE)
    tube = (y - 20) ** 2 + (x - 18) ** 2 < 1.5**2
    assert not narrow_lumen(blurred(np.where(tube, 350.0, 40.0)), contrast(enhanced=False), SPACING).any()
