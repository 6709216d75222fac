"""A line follows its artery to the end of its trunk, past side branches that are longer but thinner."""

from itertools import pairwise

import numpy as np
import pytest

from inference.centrelines import trace, trace_path
from inference.geometry import Geometry
from inference.phantom.tubes import tube_field
from inference.volume import Volume

GRID = Geometry((120, 120, 120), (0.5, 0.5, 0.5))


def drawn(*tubes):
    """Mask of tubes, each (points (x, y, z), radius at both ends)."""
    parts = []
    for points, (first, last) in tubes:
        corners = np.asarray(points, float)
        way = np.concatenate([np.linspace(a, b, 60, endpoint=False) for a, b in pairwise(corners)])
        parts.append((way, np.linspace(first, last, len(way)), np.ones(len(way))))
    field = tube_field(parts, shape=GRID.shape, spacing_mm=GRID.spacing_mm, origin_mm=GRID.origin_mm)
    return field.distance_mm <= 0


TRUNK = ((30, 30, 5), (30, 30, 40))


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_wider_of_two_ways_goes_on_though_the_other_is_longer(mirrored):
    wide, thin = ((30, 30, 30), (22, 30, 42), (20, 30, 50)), ((30, 30, 30), (40, 30, 40), (50, 30, 48), (54, 40, 54))
    if mirrored:
        wide, thin = (tuple((60 - x, y, z) for x, y, z in way) for way in (wide, thin))
    line = trace_path(drawn(((*TRUNK[:1], (30, 30, 30)), (2.2, 2.0)), (wide, (1.7, 1.5)), (thin, (1.1, 0.8))), GRID, start=(30, 30, 5))
    assert np.linalg.norm(line.points_mm[-1] - np.array(wide[-1])) < 3.0


def test_of_two_ways_alike_the_straighter_goes_on():
    straight, aside = ((30, 30, 25), (30, 30, 50)), ((30, 30, 25), (48, 30, 40), (52, 30, 52))
    line = trace_path(
        drawn((((30, 30, 5), (30, 30, 25)), (1.6, 1.6)), (straight, (1.4, 1.2)), (aside, (1.4, 1.2))), GRID, start=(30, 30, 5)
    )
    assert np.linalg.norm(line.points_mm[-1] - np.array(straight[-1])) < 3.0


def test_a_wide_stump_does_not_end_the_line():
    stump, onward = ((30, 30, 30), (33, 30, 33)), ((30, 30, 30), (26, 30, 52))
    line = trace_path(drawn((((30, 30, 5), (30, 30, 30)), (2.0, 2.0)), (stump, (2.2, 2.2)), (onward, (1.2, 1.0))), GRID, start=(30, 30, 5))
    assert np.linalg.norm(line.points_mm[-1] - np.array(onward[-1])) < 3.0


def test_an_artery_that_ends_in_another_is_led_to_its_middle():
    arteries = np.zeros(GRID.shape, np.uint8)
    arteries[drawn((((30, 30, 30), (30, 30, 55)), (1.8, 1.8)))] = 13
    for label, x in ((11, 14), (12, 46)):
        arteries[drawn((((x, 30, 5), (30, 30, 30)), (1.4, 1.4))) & (arteries == 0)] = label
    lines = trace(arteries, Volume(np.zeros(GRID.shape, np.int16), GRID))
    for name in ("vertebral_r", "vertebral_l"):
        assert np.linalg.norm(lines["basilar"].points_mm - lines[name].points_mm[-1], axis=1).min() < 0.3


def test_a_crumb_at_the_origin_is_not_the_trunk():
    arteries = np.zeros(GRID.shape, np.uint8)
    arteries[drawn((((20, 30, 5), (20, 30, 30)), (2.0, 2.0)))] = 7
    arteries[drawn((((20, 32, 29), (20, 38, 29)), (0.6, 0.6))) & (arteries == 0)] = 16
    arteries[drawn((((20, 24, 34), (20, 15, 40), (20, 25, 56)), (1.2, 0.8)))] = 16
    line = trace(arteries, Volume(np.zeros(GRID.shape, np.int16), GRID))["anterior_cerebral_r"]
    assert line.length_mm > 20.0
    assert np.linalg.norm(line.points_mm - np.array((20.0, 15.0, 40.0)), axis=1).min() < 1.5
    assert np.linalg.norm(line.points_mm[-1] - np.array((20.0, 25.0, 56.0))) < 3.0


def test_the_middle_cerebral_line_goes_to_the_side_and_up_rather_than_back():
    arteries = np.zeros(GRID.shape, np.uint8)
    arteries[drawn((((10, 10, 5), (10, 10, 20)), (2.0, 2.0)))] = 8
    up, back = ((24, 20, 26), (40, 24, 50)), ((24, 20, 26), (28, 50, 42))
    tubes = (((10, 10, 20), (24, 20, 26)), (1.4, 1.3)), (up, (1.1, 0.8)), (back, (1.1, 0.8))
    arteries[drawn(*tubes) & (arteries == 0)] = 15
    line = trace(arteries, Volume(np.zeros(GRID.shape, np.int16), GRID))["middle_cerebral_l"]
    assert np.linalg.norm(line.points_mm[-1] - np.array(up[-1])) < 3.0


def test_a_branch_springs_from_where_it_heads_and_not_from_where_its_label_begins():
    arteries = np.zeros(GRID.shape, np.uint8)
    arteries[drawn((((30, 30, 5), (30, 30, 55)), (5.0, 5.0)))] = 2
    arteries[drawn((((30, 30, 20), (52, 30, 42)), (1.6, 1.6))) & (arteries == 0)] = 5
    line = trace(arteries, Volume(np.zeros(GRID.shape, np.int16), GRID))["common_carotid_r"]
    assert np.linalg.norm(line.points_mm[0] - np.array((30.0, 30.0, 20.0))) < 2.5


def test_what_lies_beyond_a_gap_begins_near_it_and_not_at_the_end_of_its_own_branch():
    arteries = np.zeros(GRID.shape, np.uint8)
    arteries[drawn((((10, 30, 5), (10, 30, 15)), (2.2, 2.2)))] = 13
    arteries[drawn((((12, 30, 14), (20, 30, 20)), (1.4, 1.4))) & (arteries == 0)] = 19
    on, aside = ((30, 30, 30), (44, 50, 34)), ((30, 30, 30), (44, 10, 44))
    arteries[drawn((((23, 30, 24), (30, 30, 30)), (1.3, 1.2)), (on, (1.2, 1.0)), (aside, (1.2, 1.0))) & (arteries == 0)] = 19
    line = trace(arteries, Volume(np.zeros(GRID.shape, np.int16), GRID))["posterior_cerebral_l"]
    assert np.linalg.norm(line.points_mm[0] - np.array((10.0, 30.0, 14.0))) < 4.0
    assert np.linalg.norm(line.points_mm[-1] - np.array((44.0, 50.0, 34.0))) < 3.0
    assert np.linalg.norm(np.diff(line.points_mm, axis=0), axis=1).max() < 5.0, "it jumps the gap and nothing else"


def test_a_piece_of_a_side_branch_goes_neither_before_the_origin_nor_far_beyond_the_end():
    arteries = np.zeros(GRID.shape, np.uint8)
    arteries[drawn((((30, 30, 5), (30, 30, 20)), (2.5, 2.5)))] = 6
    arteries[drawn((((32, 30, 19), (44, 30, 50)), (1.6, 1.2))) & (arteries == 0)] = 10
    arteries[drawn((((28, 36, 20), (20, 50, 30)), (1.0, 1.0))) & (arteries == 0)] = 10  # cut off from the origin by a few voxels
    arteries[drawn((((10, 10, 52), (12, 10, 54)), (0.7, 0.7))) & (arteries == 0)] = 10
    line = trace(arteries, Volume(np.zeros(GRID.shape, np.int16), GRID))["external_carotid_l"]
    assert np.linalg.norm(line.points_mm[0] - np.array((30.0, 30.0, 18.0))) < 4.0
    assert np.linalg.norm(line.points_mm[-1] - np.array((44.0, 30.0, 50.0))) < 3.0
    assert line.length_mm < 45.0


def test_two_ends_of_a_fork_begin_at_the_fork_though_the_label_of_the_trunk_goes_on_into_one():
    arteries = np.zeros(GRID.shape, np.uint8)
    arteries[drawn((((30, 30, 5), (30, 30, 25)), (4.0, 4.0)), (((30, 30, 25), (35, 30, 30)), (3.0, 3.0)))] = 2
    arteries[drawn((((35, 30, 30), (46, 30, 52)), (2.5, 2.5))) & (arteries == 0)] = 5
    arteries[drawn((((30, 30, 25), (10, 30, 30)), (3.0, 3.0))) & (arteries == 0)] = 3
    lines = trace(arteries, Volume(np.zeros(GRID.shape, np.int16), GRID))
    for name in ("common_carotid_r", "subclavian_r"):
        assert np.linalg.norm(lines[name].points_mm[0] - np.array((30.0, 30.0, 25.0))) < 3.0
    assert np.linalg.norm(np.diff(lines["common_carotid_r"].points_mm, axis=0), axis=1).max() < 1.5


def test_a_wide_arch_is_followed_to_both_ends_past_the_bump_of_a_branch():
    grid, turn = Geometry((66, 70, 70), (1.5, 1.5, 1.5)), np.linspace(0, np.pi, 80)
    way = np.stack([50 - 28 * np.cos(turn), np.full(80, 50.0), 30 + 28 * np.sin(turn)], axis=-1)
    up = np.stack([np.full(20, 22.0), np.full(20, 50.0), np.linspace(0, 30, 20)], axis=-1)
    down = up[::-1] + np.array((56.0, 0.0, 0.0))
    bump = np.stack([np.full(20, 66.8), np.full(20, 50.0), np.linspace(52.4, 77.4, 20)], axis=-1)
    parts = [
        (line, np.full(len(line), radius), np.ones(len(line))) for line, radius in ((np.concatenate([up, way, down]), 15.0), (bump, 8.0))
    ]
    field = tube_field(parts, shape=grid.shape, spacing_mm=grid.spacing_mm, origin_mm=grid.origin_mm)
    line = trace((field.distance_mm <= 0).astype(np.uint8), Volume(np.zeros(grid.shape, np.int16), grid))["aortic_arch"]
    ends = np.array(sorted(line.points_mm[[0, -1]].tolist()))
    assert np.linalg.norm(ends - np.array([[22, 50, 0], [78, 50, 0]]), axis=1).max() < 8.0
