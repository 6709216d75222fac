"""A shut carotid artery keeps its names below and above the occlusion, on its own side; bridges are named before their neighbours."""

import numpy as np
import pytest

from inference.anatomy import NUMBERS
from inference.geometry import Geometry
from inference.naming import name_arteries
from inference.naming.tree import Branch, _by_node, _shut
from inference.phantom.arteries import Variants, grow_arteries
from inference.phantom.tubes import tube_field
from inference.segmentation.result import Segmentation
from inference.volume import Volume

SPACING = 0.75
SIDED = [(number, NUMBERS[name[:-2] + "_l"]) for name, number in NUMBERS.items() if name.endswith("_r")]


def body(seed, *, shut_mm=None, side="r"):
    """Arteries of a phantom person from arch to vertex; a stretch of one internal carotid artery has no lumen."""
    tubes, labels = [], [0]
    for branch in grow_arteries(np.random.default_rng(seed), variants=Variants()):
        open_ = np.ones(len(branch.points_mm))
        if branch.name == f"internal_carotid_{side}" and shut_mm is not None:
            open_ = np.where((branch.arc_mm > shut_mm[0]) & (branch.arc_mm < shut_mm[1]), 0.0, 1.0)
        stretches = np.split(np.arange(len(open_)), np.flatnonzero(np.diff(open_)) + 1)
        for part in stretches:
            if open_[part[0]] and len(part) > 1:
                tubes.append((branch.points_mm[part], branch.radius_mm[part], np.ones(len(part))))
                labels.append(branch.label)
    count = round(230 / SPACING)
    grid = Geometry((round(345 / SPACING), count, count), (SPACING,) * 3, (-115.0, -125.0, 0.0))
    field = tube_field(tubes, shape=grid.shape, spacing_mm=grid.spacing_mm, origin_mm=grid.origin_mm)
    truth = np.where(field.distance_mm <= 0, np.array(labels, np.uint8)[field.owner], 0).astype(np.uint8)
    empty = np.zeros(grid.shape, np.uint8)
    return Segmentation((truth > 0).astype(np.uint8), empty, empty, empty), Volume(np.zeros(grid.shape, np.int16), grid), truth


def dice(found, truth, name):
    one, other = found == NUMBERS[name], truth == NUMBERS[name]
    return 2 * (one & other).sum() / max(1, one.sum() + other.sum())


def swapped_share(found, truth):
    """Voxels named after the other side, against all."""
    swapped = sum(int(((found == a) & (truth == b)).sum() + ((found == b) & (truth == a)).sum()) for a, b in SIDED)
    return swapped / np.count_nonzero(truth)


@pytest.mark.slow
def test_a_carotid_occluded_over_20_mm_is_named_below_and_above():
    segmentation, volume, truth = body(812, shut_mm=(33.0, 53.0))
    found = name_arteries(segmentation, volume).arteries
    for name in ("common_carotid", "external_carotid", "internal_carotid", "middle_cerebral", "anterior_cerebral"):
        assert dice(found, truth, f"{name}_r") > 0.8, name
    assert swapped_share(found, truth) < 0.002


def test_ends_that_face_each_other_over_a_long_gap_are_one_vessel_and_others_are_not():
    nodes = np.array([(0, 0, 0), (0, 0, 30), (0, 0, 50), (0, 0, 80), (25, 0, 50), (25, 0, 80)], float)
    degree = np.ones(6, int)
    branches = [Branch(first, last, 30.0, 2.0, np.linspace(nodes[first], nodes[last], 40)) for first, last in ((0, 1), (2, 3), (4, 5))]
    found = _shut(nodes, degree, _by_node(branches))
    assert [(jump.start, jump.end, jump.jump) for jump in found] == [(1, 2, True)]
    thin = [Branch(b.start, b.end, b.length_mm, 0.6, b.points_mm) for b in branches]
    assert _shut(nodes, degree, _by_node(thin)) == []
