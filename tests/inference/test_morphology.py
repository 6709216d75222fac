"""The fast filters and masks give what scipy, edt and scikit-image give, voxel for voxel."""

import edt
import numpy as np
import pytest
from scipy import ndimage

from inference.segmentation.filters import box_mean, box_moments, gaussian_derivatives
from inference.segmentation.flooding import flood
from inference.segmentation.morphology import closed, dilated, distance_to, eroded, label, largest_around

SHAPES = [(30, 41, 53), (1, 20, 130), (5, 3, 70), (12, 64, 128)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("radius_mm", [0.0, 0.5, 1.6, 3.0, 6.5])
def test_balls_grow_and_shrink_masks_by_the_distance_to_them(shape: tuple[int, int, int], radius_mm: float) -> None:
    rng, spacing = np.random.default_rng(shape[1]), (0.6, 0.45, 0.45)
    for share in (0.002, 0.3, 0.99):
        mask = rng.random(shape) < share
        away = edt.edt(~mask, anisotropy=spacing, black_border=False)
        inwards = edt.edt(mask, anisotropy=spacing, black_border=False)
        assert (dilated(mask, radius_mm, spacing) == (away <= radius_mm)).all()
        assert (eroded(mask, radius_mm, spacing) == (inwards > radius_mm)).all()


def test_a_ball_too_wide_for_bits_is_drawn_by_distance() -> None:
    mask = np.zeros((40, 60, 60), bool)
    mask[20, 30, 30] = True
    inside = dilated(mask, 27.0, (1.0, 1.0, 1.0))
    assert inside[20, 30, 57]
    assert not inside[20, 30, 58]
    assert not inside[0, 50, 30]


def test_an_empty_mask_stays_empty_and_a_full_one_full() -> None:
    empty, spacing = np.zeros((4, 5, 70), bool), (1.0, 1.0, 1.0)
    assert not dilated(empty, 3.0, spacing).any()
    assert eroded(~empty, 3.0, spacing).all()
    assert not closed(empty, 3.0, spacing).any()


def test_closing_fills_a_gap_and_nothing_outside() -> None:
    mask = np.zeros((5, 9, 80), bool)
    mask[:, :, 10:30], mask[:, :, 33:60] = True, True
    filled = closed(mask, 2.0, (1.0, 1.0, 1.0))
    assert filled[2, 4, 30:33].all()
    assert not filled[:, :, :10].any()
    assert not filled[:, :, 60:].any()


@pytest.mark.parametrize("shape", SHAPES)
def test_box_filters_equal_scipys_to_the_last_bit(shape: tuple[int, int, int]) -> None:
    array = np.random.default_rng(2).normal(100, 80, shape).astype(np.float32)
    mean = ndimage.uniform_filter(array, 3, mode="nearest")
    spread = ndimage.uniform_filter(array * array, 3, mode="nearest")
    spread = np.sqrt(np.maximum(spread - mean * mean, 0))
    found = box_moments(array, 3)
    assert (found[0] == mean).all()
    assert (found[1] == spread).all()
    assert (box_mean(array, 5) == ndimage.uniform_filter(array, 5, mode="nearest")).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("sigma", "truncate"), [((1.43, 1.2, 0.8), 3.0), ((0.7, 0.7, 0.7), 4.0)])
def test_derivatives_at_chosen_voxels_equal_scipys_to_the_last_bit(
    shape: tuple[int, int, int], sigma: tuple[float, float, float], truncate: float
) -> None:
    rng = np.random.default_rng(3)
    array, where = rng.normal(100, 80, shape).astype(np.float32), rng.random(shape) < 0.1
    orders = [(2, 0, 0), (0, 2, 0), (0, 0, 2), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 0, 0), (0, 0, 0)]
    found = gaussian_derivatives(array, where, sigma, orders, truncate=truncate)
    for place, order in enumerate(orders):
        assert (found[:, place] == ndimage.gaussian_filter(array, sigma, order=order, truncate=truncate)[where]).all()


def test_the_flood_is_scikit_images_watershed() -> None:
    from skimage.segmentation import watershed

    rng = np.random.default_rng(4)
    for shape in SHAPES:
        image = ndimage.gaussian_filter(rng.normal(size=shape), 1.0).astype(np.float32)
        seeds = np.zeros(shape, np.uint8)
        seeds[rng.random(shape) < 0.02], seeds[rng.random(shape) < 0.02] = 1, 2
        mask = rng.random(shape) < 0.8
        assert (flood(image, seeds, mask) == watershed(image, seeds.astype(np.int32), mask=mask)).all()


def test_figures_per_component_are_those_of_its_voxels() -> None:
    rng = np.random.default_rng(5)
    mask, values = rng.random((20, 30, 40)) < 0.15, rng.normal(size=(20, 30, 40)).astype(np.float32)
    parts, also = label(mask, connectivity=6), rng.random((20, 30, 40)) < 0.5
    numbers = np.arange(1, parts.counts.size)
    assert parts.counts.sum() == mask.size
    assert np.allclose(parts.mean(values)[1:], ndimage.mean(values, parts.labels, numbers), atol=1e-5)
    assert np.allclose(parts.share(also)[1:], ndimage.mean(also, parts.labels, numbers))
    assert np.allclose(parts.most(values)[1:], np.maximum(ndimage.maximum(values, parts.labels, numbers), 0))
    assert parts.share(also)[0] == pytest.approx(also[~mask].mean())
    assert (largest_around(parts.labels, 2) == ndimage.maximum_filter(parts.labels, 5, mode="constant")).all()
    assert (parts.choose(parts.counts > 3) == (mask & (parts.counts[parts.labels] > 3))).all()


@pytest.mark.parametrize("shape", [*SHAPES, (1, 1, 1), (40, 1, 17)])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.6, 0.45, 0.45), (3.0, 0.4, 0.9)])
def test_distances_are_those_of_another_library(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(shape[0])
    for share in (0.0005, 0.02, 0.6):
        mask = rng.random(shape) < share
        mask.flat[mask.size // 3] = True
        assert np.allclose(distance_to(mask, spacing), ndimage.distance_transform_edt(~mask, sampling=spacing), atol=1e-4)


def test_distance_is_infinite_where_there_is_nothing() -> None:
    assert np.isinf(distance_to(np.zeros((2, 2, 2), bool), (1.0, 1.0, 1.0))).all()
