"""Deciding voxels: what is passed over for speed holds nothing."""

import numpy as np

from inference.compilation import dealt
from inference.network import lookup
from inference.network.lookup import EdgeRules, decide, edge_map


def test_rows_and_columns_that_are_passed_over_hold_nothing() -> None:
    rng, rules = np.random.default_rng(2), EdgeRules()
    coarse = (9, 14, 17)
    maps = np.zeros((4, *coarse), np.uint8)
    maps[0, 3:5, 4:8, 6:9], maps[1, 2:6, 9:12, 3:15], maps[2, 3:5, 4:6, 6:8] = 220, 240, 255
    hu = rng.integers(-200, 900, (18, 30, 40)).astype(np.int16)
    edges = edge_map(rng.integers(0, 500, coarse).astype(np.int16), maps[0], rules)
    found = decide(hu, maps, edges, ceiling_hu=600.0, rules=rules)
    everything = np.empty((*coarse[:2], 2), np.int32)
    everything[..., 0], everything[..., 1] = 0, coarse[2] - 1
    pairs = [lookup._table(new, old) for new, old in zip(hu.shape, coarse, strict=True)]
    whole = np.zeros(hu.shape, np.uint8)
    tables = tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)
    lookup._decide(
        hu, dealt(len(hu)), maps, edges, everything, *tables, 600.0, rules.rim_share, rules.least_vessel, rules.bone_hu, whole
    )  # fmt: skip
    assert np.array_equal(found, whole)
    assert set(np.unique(found)) == {lookup.NOTHING, lookup.LUMEN, lookup.RIM, lookup.DENSE, lookup.HARD_BONE}
