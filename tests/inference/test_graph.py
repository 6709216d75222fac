"""The vessel graph: the right branches with the right figures, and no crash on garbage."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.centrelines.coarse import coarse_mask
from inference.geometry import Geometry
from inference.graph import component_count, vessel_graph
from inference.lattice import OFFSETS, lattice_of


def cross_tree():
    """A stem of 40 mm that splits into two straight legs, 1 mm voxels, radius about 2."""
    mask = np.zeros((70, 60, 20), np.uint8)
    mask[2:40, 28:32, 8:12] = 1
    for step in range(25):
        mask[38 + step, 28 - step : 32 - step, 8:12] = 1
        mask[38 + step, 28 + step : 32 + step, 8:12] = 1
    return mask, Geometry(mask.shape, (1.0, 1.0, 1.0))


def test_a_fork_has_one_junction_three_ends_and_lengths_known_on_paper():
    graph = vessel_graph(*cross_tree())
    assert sorted(node.degree for node in graph.nodes) == [1, 1, 1, 3]
    lengths = sorted(edge.length_mm for edge in graph.edges)
    assert len(lengths) == 3
    # the stem is 38 voxels, each leg 25 steps of √2; ends lose about a radius
    assert lengths[0] == pytest.approx(25 * 2**0.5, abs=5)
    assert lengths[2] == pytest.approx(38, abs=5)
    assert all(1.0 < edge.radius_mm.mean() < 2.5 for edge in graph.edges)
    assert all(edge.tortuosity == pytest.approx(1.0, abs=0.12) for edge in graph.edges)


def test_the_graph_is_written_as_json_with_numbers_only(tmp_path):
    path = vessel_graph(*cross_tree()).write_json(tmp_path / "tree.json")
    read = json.loads(path.read_text())
    assert {"start", "end", "length_mm", "mean_radius_mm", "tortuosity"} <= set(read["edges"][0])
    assert all(0 <= edge["start"] < len(read["nodes"]) for edge in read["edges"])


def test_a_ring_is_one_loop_without_tortuosity():
    y, x = np.mgrid[:60, :60]
    away = np.hypot(y - 30, x - 30)
    mask = np.zeros((9, 60, 60), np.uint8)
    mask[3:6] = (away > 18) & (away < 22)
    graph = vessel_graph(mask, Geometry(mask.shape, (1.0, 1.0, 1.0)))
    assert len(graph.edges) == 1
    assert graph.edges[0].start == graph.edges[0].end
    assert graph.edges[0].tortuosity is None
    assert graph.edges[0].length_mm == pytest.approx(2 * np.pi * 20, rel=0.1)


def test_a_coarse_mask_loses_no_thin_vessel_and_keeps_its_place():
    mask = np.zeros((20, 21, 22), np.uint8)
    mask[:, 11, 13] = 1
    grid = Geometry(mask.shape, (0.8, 0.4, 0.4), (5.0, 6.0, 7.0))
    coarse, place = coarse_mask(mask, grid, 0.8)
    assert coarse.any(axis=(1, 2)).all()
    fine, rough = grid.points(np.argwhere(mask)).mean(axis=0), place.points(np.argwhere(coarse)).mean(axis=0)
    assert np.abs(fine - rough).max() <= 0.4
    assert place.spacing_mm == (0.8, 0.8, 0.8)


def test_pieces_are_counted_over_corners():
    mask = np.zeros((4, 4, 4), np.uint8)
    mask[0, 0, 0] = mask[1, 1, 1] = mask[3, 3, 3] = 1
    assert component_count(mask) == 2


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 1.0), st.integers(1, 14))
def test_random_masks_never_break_the_graph(seed, share, size):
    mask = np.random.default_rng(seed).random((size, size + 2, size + 1)) < share
    graph = vessel_graph(mask, Geometry(mask.shape, (0.9, 0.5, 0.5)))
    for edge in graph.edges:
        assert 0 <= edge.start < len(graph.nodes)
        assert 0 <= edge.end < len(graph.nodes)
        assert len(edge.points_mm) >= 2


def test_every_neighbour_in_a_lattice_is_the_voxel_that_lies_there():
    rng = np.random.default_rng(0)
    for shape, share in (((6, 7, 8), 0.5), ((1, 5, 9), 0.8), ((9, 1, 1), 1.0), ((7, 8, 5), 0.05)):
        mask = rng.random(shape) < share
        lattice = lattice_of(mask, Geometry(shape, (1.0, 1.0, 1.0)))
        where = np.argwhere(mask)
        number = np.full(np.array(shape) + 2, -1)
        number[tuple((where + 1).T)] = np.arange(len(where))
        assert np.array_equal(lattice.where, where)
        assert np.array_equal(lattice.near, number[tuple(np.moveaxis(where[:, None] + 1 + OFFSETS, -1, 0))])
