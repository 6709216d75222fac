"""Counts and boxes of labels: what cc3d's statistics say, which are slower."""

import cc3d
import numpy as np
import pytest

from inference.label_figures import label_boxes


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.uint32])
def test_counts_and_boxes_are_those_of_cc3d(kind: type) -> None:
    rng = np.random.default_rng(3)
    labels = np.zeros((20, 31, 17), kind)
    for number in (1, 2, 5):
        z, y, x = rng.integers(0, 12, 3)
        labels[z : z + 6, y : y + 9, x : x + 4][rng.random((6, 9, 4)) < 0.3] = number
    counts, boxes = label_boxes(labels, 6)
    expected = cc3d.statistics(labels)
    assert counts[1:6].tolist() == expected["voxel_counts"][1:6].tolist()
    assert counts[6] == 0
    assert not labels[boxes[6]].size
    for number in (1, 2, 5):
        assert boxes[number] == expected["bounding_boxes"][number]
