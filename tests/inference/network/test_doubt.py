"""Pieces of the network's vessel: which stay, which are bone after all, and which are blood without contrast."""

import numpy as np
import pytest

from inference.segmentation.doubt import PieceRules, doubtful_bone, take_loose, take_unfilled
from inference.segmentation.result import Segmentation

SHAPE, EDGE_MM, LUMEN_HU = (60, 48, 48), (0.7, 0.7, 0.7), 350.0
RULES = PieceRules()


def _mask(*boxes):
    mask = np.zeros(SHAPE, np.uint8)
    for box in boxes:
        mask[tuple(slice(*side) for side in box)] = 1
    return mask


def _rival(bone, *, wide=True):
    none = np.zeros(SHAPE, np.uint8)
    return Segmentation(none, none, bone, none, notes={"wide": wide})


def _doubt(rival, vessel, hu):
    found = doubtful_bone(rival, vessel, hu.astype(np.int16), lumen_hu=LUMEN_HU, spacing_mm=EDGE_MM, rules=RULES)
    assert set(np.unique(found)) <= {0, 1}
    return found > 0


TUBE = ((0, 60), (20, 25), (20, 25))
BLOCK = ((18, 40), (10, 40), (10, 40))  # bone that the tube goes through
MARROW = ((24, 34), (30, 36), (30, 36))


def test_a_vessel_that_goes_on_outside_the_rivals_bone_is_believed_in_it_and_an_island_is_not():
    vessel, bone = _mask(TUBE, MARROW), _mask(BLOCK)
    doubted = _doubt(_rival(bone), vessel, np.where(vessel > 0, 300, 40))
    assert not doubted[_mask(TUBE) > 0].any()
    assert doubted[_mask(MARROW) > 0].all()


def test_what_goes_on_but_is_brighter_than_any_lumen_here_is_not_believed():
    vessel, bone = _mask(TUBE), _mask(BLOCK)
    doubted = _doubt(_rival(bone), vessel, np.where(vessel > 0, 420, 40))
    assert doubted[(vessel > 0) & (bone > 0)].all()


def test_a_rim_of_bone_along_a_vessel_is_not_believed():
    vessel, bone = _mask(TUBE, ((10, 50), (25, 26), (20, 25))), _mask(((0, 60), (25, 40), (10, 40)))
    doubted = _doubt(_rival(bone), vessel, np.where(vessel > 0, 300, 40))
    assert doubted[(vessel > 0) & (bone > 0)].all()


def test_a_large_piece_is_believed_wherever_it_lies():
    vein = ((5, 55), (5, 20), (5, 20))  # 3.9 ml
    assert not _doubt(_rival(_mask(vein)), _mask(vein), np.full(SHAPE, 200))[_mask(vein) > 0].any()


@pytest.mark.parametrize("wide", [True, False])
def test_a_clot_brighter_than_lumen_in_the_rivals_bone_is_bone_and_the_vessel_beside_it_stays(wide):
    clot = ((24, 34), (28, 34), (18, 28))
    vessel, bone, hu = _mask(TUBE, clot, ((24, 34), (25, 28), (20, 25))), _mask(BLOCK), np.full(SHAPE, 40)
    hu[vessel > 0] = 300
    hu[_mask(clot) > 0] = 520
    doubted = _doubt(_rival(bone, wide=wide), vessel, hu)
    assert doubted[_mask(clot) > 0].all()
    assert not doubted[_mask(TUBE) > 0].any()


def test_where_the_rival_knew_the_contrast_by_thin_tubes_nothing_else_of_its_bone_counts():
    vessel = _mask(TUBE, MARROW)
    assert not _doubt(_rival(_mask(BLOCK), wide=False), vessel, np.where(vessel > 0, 300, 40)).any()


def _loose(vessel, bone, hu, rival=None):
    ours, theirs = vessel.copy(), bone.copy()
    take_loose(ours, theirs, hu.astype(np.int16), rival, lumen_hu=LUMEN_HU, spacing_mm=EDGE_MM, rules=RULES)
    return ours, theirs


def test_a_loose_piece_in_bone_is_bone_and_one_away_from_it_is_vessel():
    free = ((4, 14), (4, 10), (4, 10))
    vessel, hu = _mask(MARROW, free), np.full(SHAPE, 300)
    ours, theirs = _loose(vessel, _mask(BLOCK) & ~_mask(MARROW) & 1, hu)
    assert np.array_equal(ours, _mask(free))
    assert theirs[_mask(MARROW) > 0].all()


def test_an_artery_cut_off_by_narrow_places_stays_vessel_in_its_canal():
    canal = ((8, 52), (20, 24), (20, 24))  # 31 mm long, 11 times its width
    ours, _ = _loose(_mask(canal), _mask(((0, 60), (10, 34), (10, 34))) & ~_mask(canal) & 1, np.full(SHAPE, 300))
    assert np.array_equal(ours, _mask(canal))


def test_a_loose_piece_that_the_rival_calls_bone_throughout_is_bone():
    vessel, none = _mask(MARROW), np.zeros(SHAPE, np.uint8)
    for bone, stays in ((_mask(BLOCK), False), (_mask(((24, 29), (30, 36), (30, 36))), True), (none, True)):
        ours, theirs = _loose(vessel, none, np.full(SHAPE, 300), _rival(bone))
        assert bool(ours.any()) is stays
        assert bool(theirs[vessel > 0].all()) is not stays


def test_a_loose_dim_piece_is_neither_vessel_nor_bone():
    vessel, none = _mask(MARROW), np.zeros(SHAPE, np.uint8)
    ours, theirs = _loose(vessel, none, np.full(SHAPE, 105))
    assert not ours.any()
    assert not theirs.any()
    assert _loose(vessel, none, np.full(SHAPE, 140))[0].any()


@pytest.mark.parametrize(("lumen_hu", "goes"), [(350.0, True), (130.0, False)])
def test_blood_without_contrast_is_no_vessel_however_grainy_its_mask_unless_the_bolus_is_weak(lumen_hu, goes):
    rng, vein, artery = np.random.default_rng(4), ((5, 55), (4, 16), (4, 16)), ((5, 55), (32, 40), (32, 40))
    hu = np.where(_mask(artery) > 0, lumen_hu, 98) + rng.normal(0, 12, SHAPE)
    vessel = ((_mask(vein, artery) > 0) & (hu > 90)).astype(np.uint8)
    before = vessel.copy()
    take_unfilled(vessel, hu.astype(np.int16), (42, 34, 34), lumen_hu=lumen_hu, rules=RULES)
    assert np.array_equal(vessel[_mask(artery) > 0], before[_mask(artery) > 0])
    assert bool(vessel[_mask(vein) > 0].mean() < 0.01) is goes
    assert before[_mask(vein) > 0].mean() > 0.7


def test_no_vessel_is_no_trouble():
    none = np.zeros(SHAPE, np.uint8)
    hu = np.zeros(SHAPE, np.int16)
    take_unfilled(none, hu, (42, 34, 34), lumen_hu=LUMEN_HU, rules=RULES)
    assert not _loose(none, _mask(BLOCK), hu)[0].any()
    assert np.array_equal(_doubt(_rival(_mask(BLOCK)), none, hu), _mask(BLOCK) > 0)
