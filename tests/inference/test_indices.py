"""Where a mask is true: as numpy says."""

import numpy as np
import pytest

from inference.indices import indices


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int16, np.float32])
def test_indices_are_those_of_numpy_for_every_kind_of_mask(kind):
    rng = np.random.default_rng(0)
    for shape in ((1, 1, 1), (5, 7, 9), (40, 3, 2)):
        for share in (0.0, 0.1, 1.0):
            mask = (rng.random(shape) < share).astype(kind)
            assert np.array_equal(indices(mask), np.argwhere(mask))


def test_a_part_of_a_larger_array_will_do():
    mask = np.random.default_rng(1).random((8, 9, 10)) < 0.3
    part = mask[2:7, 1::2, ::-1]
    assert np.array_equal(indices(part), np.argwhere(part))
