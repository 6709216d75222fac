"""The fused kernel gives what a general interpolator gives."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from inference import Geometry, Volume
from inference.resample import block_means, nearest, resample


def test_linear_values_match_a_general_interpolator() -> None:
    array = np.random.default_rng(0).integers(-1000, 2000, (9, 14, 11)).astype(np.int16)
    volume = Volume(array, Geometry(array.shape, (2.0, 0.7, 0.9)))
    out = resample(volume, (1.3, 1.0, 0.6))
    at = [np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1) for new, old in zip(out.shape, array.shape, strict=True)]
    expected = map_coordinates(array.astype(float), np.meshgrid(*at, indexing="ij"), order=1)
    assert np.abs(out.array - expected).max() <= 0.51


def test_the_field_stays_where_it_is() -> None:
    volume = Volume(np.zeros((10, 20, 20), np.int16), Geometry((10, 20, 20), (2.0, 1.0, 1.0), (5.0, 6.0, 7.0)))
    out = resample(volume, (1.0, 2.0, 2.0))
    assert out.geometry.extent_mm == volume.geometry.extent_mm
    assert out.geometry.origin_mm == (5.5, 6.5, 6.5)


def test_labels_come_back_whole_from_a_coarser_grid() -> None:
    labels = np.random.default_rng(1).integers(0, 23, (6, 7, 8)).astype(np.uint8)
    assert np.array_equal(nearest(nearest(labels, (12, 14, 16)), (6, 7, 8)), labels)
    assert nearest(labels, (6, 7, 8)) is labels


@pytest.mark.parametrize("block", [(1, 1, 1), (2, 3, 4), (5, 1, 2), (60, 60, 60)])
@pytest.mark.parametrize("kind", [np.int16, bool])
def test_means_of_blocks_are_numpys_to_the_last_bit(block, kind):
    rng = np.random.default_rng(3)
    array = rng.integers(-1024, 3071, (60, 60, 120)).astype(np.int16) if kind is np.int16 else rng.random((60, 60, 120)) < 0.4
    shape = [part for count, step in zip(array.shape, block, strict=True) for part in (count // step, step)]
    assert np.array_equal(block_means(array, block), array.reshape(shape).mean((1, 3, 5)).astype(np.float32))
