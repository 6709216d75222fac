"""Lines that cross soft tissue tell contrast from bone where no vessel is wide."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from inference.phantom import make_phantom
from inference.segmentation.threshold import segment_threshold
from inference.segmentation.tubes import free_tubes
from tests.study.scans import neck

SHAPE, SPACING = (60, 60, 60), (1.0, 1.0, 1.0)
Z, Y, X = np.indices(SHAPE)
TUBE = (Y - 30 - 4 * np.sin(Z / 9)) ** 2 + (X - 30) ** 2 < 1.6**2


def blurred(array: np.ndarray) -> np.ndarray:
    return (gaussian_filter(array.astype(float), 0.6) + np.random.default_rng(0).normal(0, 8, SHAPE)).astype(np.float32)


@pytest.mark.parametrize("hu", [250.0, 600.0])
def test_a_tube_in_soft_tissue_is_found_with_its_length_and_near_its_own_hu(hu: float) -> None:
    found = free_tubes(blurred(np.where(TUBE, hu, 40.0)), SPACING)
    assert found.length_mm == pytest.approx(60, abs=4)
    assert found.hu == pytest.approx(hu, rel=0.2)
    assert found.mask[~TUBE].sum() < 0.1 * found.mask.sum()


@pytest.mark.parametrize(
    "around",
    [
        pytest.param(np.where(abs(X - 34) < 2, 900.0, 40.0), id="a plate of bone beside it"),
        pytest.param(np.where(X > 32, -1000.0, 40.0), id="air beside it"),
        pytest.param(np.full(SHAPE, 230.0), id="marrow around it"),
    ],
)
def test_a_line_in_or_on_something_else_does_not_stand_free(around: np.ndarray) -> None:
    assert free_tubes(blurred(np.where(TUBE, 400.0, around)), SPACING).length_mm == 0.0


def test_the_tubes_that_are_alike_outvote_a_single_one_of_bone() -> None:
    bone = (Y - 10) ** 2 + (X - 10) ** 2 < 1.6**2
    second = (Y - 50) ** 2 + (X - 40) ** 2 < 1.6**2
    found = free_tubes(blurred(np.where(TUBE | second, 300.0, np.where(bone, 800.0, 40.0))), SPACING)
    assert found.length_mm == pytest.approx(120, abs=8)
    assert not (found.mask & bone).any()


def test_a_head_alone_is_enhanced_with_contrast_and_not_without() -> None:
    phantom = make_phantom(preset="head", seed=5_000_000, spacing_mm=1.0, paired=True)
    assert phantom.unenhanced is not None
    found, plain = segment_threshold(phantom.volume), segment_threshold(phantom.unenhanced)
    assert found.notes["enhanced"] is True
    assert found.notes["lumen_hu"] == pytest.approx(np.percentile(phantom.volume.array[phantom.arteries > 0], 80), rel=0.2)
    assert found.vessel[phantom.arteries > 0].mean() > 0.4
    assert found.vessel[phantom.bone > 0].mean() < 0.01
    assert plain.notes["enhanced"] is False
    assert not plain.vessel.any()


def test_a_neck_alone_is_enhanced_by_its_wide_carotids_and_not_without_contrast() -> None:
    assert segment_threshold(neck()).notes["enhanced"]
    assert not segment_threshold(neck(lumen_hu=60.0)).notes["enhanced"]
