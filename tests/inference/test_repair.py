"""Repairs: bridged through contrast, never over an occlusion, each logged, and all of it can be switched off."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.geometry import Geometry
from inference.graph import component_count
from inference.repair import bridge_gaps
from inference.segmentation.result import Segmentation
from inference.volume import Volume

TISSUE, LUMEN = 50, 380


def cut_vessel(*, gap_slices=8, contrast=LUMEN, shift=0, turned=False):
    """A vertical vessel of radius 2 mm whose mask lacks some slices; the scan shows `contrast` there."""
    grid = Geometry((70, 50, 50), (0.6, 0.5, 0.5))
    y, x = np.mgrid[:50, :50] * 0.5
    disc = np.hypot(y - 12, x - 12) <= 2.0
    hu, mask = np.full(grid.shape, TISSUE, np.int16), np.zeros(grid.shape, np.uint8)
    low, high = 35 - gap_slices // 2, 35 + (gap_slices + 1) // 2
    for z in range(70):
        here = np.roll(disc, shift, axis=1) if z >= high else disc
        hu[z][here] = contrast if low <= z < high else LUMEN
        mask[z] = 0 if low <= z < high else here
    if turned:
        mask[high:] = 0
        mask[high : high + 8, 20:28, 24:48] = 1
    empty = np.zeros(grid.shape, np.uint8)
    return Segmentation(mask, empty, empty, empty), Volume(hu, grid)


def test_a_gap_with_contrast_is_bridged_and_logged():
    segmentation, volume = cut_vessel()
    made = bridge_gaps(segmentation, volume)
    assert component_count(made.vessel) == 1
    (repair,) = made.repairs
    assert repair.length_mm == pytest.approx(8 * 0.6, abs=1.5)
    assert repair.artery == "unnamed"
    assert "contrast" in repair.reason
    missing = 8 * segmentation.vessel[10].sum()
    assert made.vessel.sum() - segmentation.vessel.sum() > 0.7 * missing


def test_a_bright_way_round_through_bone_is_no_bridge():
    segmentation, volume = cut_vessel(contrast=TISSUE)
    array = volume.array.copy()
    for low, high, rows in ((30, 32, slice(24, 48)), (39, 41, slice(24, 48)), (30, 41, slice(45, 48))):
        array[low:high, rows, 22:27] = LUMEN  # a handle beside the gap, as bright as the lumen
    made = bridge_gaps(segmentation, volume.with_array(array), max_length_mm=10.0)
    assert all(repair.length_mm <= 10.0 for repair in made.repairs)
    assert not made.repairs
    (gap,) = made.notes["repair"]["left_open"]
    assert "not bridged" in gap["reason"]


def test_an_occlusion_is_told_and_left_open():
    segmentation, volume = cut_vessel(contrast=TISSUE)
    made = bridge_gaps(segmentation, volume)
    assert not made.repairs
    assert (made.vessel == segmentation.vessel).all()
    (gap,) = made.notes["repair"]["left_open"]
    assert "occlusion" in gap["reason"]
    assert gap["length_mm"] == pytest.approx(8 * 0.6, abs=1.5)


def test_a_gap_longer_than_allowed_is_left_alone():
    segmentation, volume = cut_vessel(gap_slices=20)
    assert not bridge_gaps(segmentation, volume, max_length_mm=8.0).repairs
    assert len(bridge_gaps(segmentation, volume, max_length_mm=14.0).repairs) == 1


def test_ends_that_do_not_face_each_other_are_not_joined():
    segmentation, volume = cut_vessel(gap_slices=4, shift=14)
    assert not bridge_gaps(segmentation, volume).repairs


def test_bridges_can_be_switched_off():
    segmentation, volume = cut_vessel()
    made = bridge_gaps(segmentation, volume, enabled=False)
    assert made.vessel is segmentation.vessel
    assert made.notes["repair"] == {"enabled": False}


def test_a_bridge_through_bone_takes_the_bone_away_and_keeps_a_name_that_both_ends_carry():
    segmentation, volume = cut_vessel()
    bone = np.zeros_like(segmentation.vessel)
    bone[32:38, 20:28, 20:28] = 1
    arteries = segmentation.vessel * 7
    made = bridge_gaps(Segmentation(segmentation.vessel, segmentation.veins, bone, arteries), volume)
    assert made.repairs[0].artery == "internal_carotid_r"
    assert not (made.bone & made.vessel).any()
    assert (made.arteries[34][made.vessel[34] > 0] == 7).all()


def test_specks_go_and_are_counted_but_a_mask_of_specks_alone_stays():
    segmentation, volume = cut_vessel(gap_slices=0)
    segmentation.vessel[5, 45, 45] = 1
    made = bridge_gaps(segmentation, volume)
    assert made.notes["repair"]["specks_dropped"] == 1
    assert made.vessel[5, 45, 45] == 0
    lone = np.zeros_like(segmentation.vessel)
    lone[5, 5, 5] = 1
    assert bridge_gaps(Segmentation(lone, lone * 0, lone * 0, lone * 0), volume).vessel.sum() == 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.6), st.integers(4, 16))
def test_random_masks_never_break_the_repair(seed, share, size):
    rng = np.random.default_rng(seed)
    shape = (size, size + 2, size + 1)
    vessel = (rng.random(shape) < share).astype(np.uint8)
    bone = ((rng.random(shape) < 0.3) & (vessel == 0)).astype(np.uint8)
    volume = Volume(rng.integers(-200, 700, shape).astype(np.int16), Geometry(shape, (1.0, 0.8, 0.8)))
    made = bridge_gaps(Segmentation(vessel, np.zeros(shape, np.uint8), bone, np.zeros(shape, np.uint8)), volume)
    assert not (made.bone & made.vessel).any()
