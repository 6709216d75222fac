"""The tree that naming walks, on random graphs, and rules on small trees made by hand."""

import numpy as np
import pytest

from inference.naming.midline import Midline
from inference.naming.rules import Namer
from inference.naming.tree import Branch, VesselTree


def random_tree(seed: int, *, nodes: int = 60, extra: int = 25) -> VesselTree:
    """A tree with some loops, double edges, jumps and a piece that hangs on nothing."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0.0, 100.0, (nodes, 3))
    pairs = [(int(rng.integers(0, node)), node) for node in range(1, nodes) if node != nodes - 5]
    pairs += [(int(a), int(b)) for a, b in rng.integers(0, nodes, (extra, 2))]
    branches = [
        Branch(a, b, float(rng.uniform(1, 30)), float(rng.uniform(0.2, 3)), places[[a, b]], jump=bool(rng.random() < 0.1)) for a, b in pairs
    ]
    degree = np.bincount(np.array(pairs).ravel(), minlength=nodes)
    return VesselTree(places, degree, branches)


@pytest.mark.parametrize("seed", range(8))
def test_a_walk_round_a_node_costs_what_a_walk_without_it_costs(seed: int) -> None:
    tree = random_tree(seed)
    roots = [0, 7]
    cost, by = tree.walk(roots)
    for node in set(range(len(tree.nodes_mm))) - set(roots):
        expected, _ = tree.walk(roots, without_nodes={node})
        found, way = tree.walk_round(node, cost, by)
        assert np.array_equal(found, expected)
        for end in np.flatnonzero(np.isfinite(found)).tolist():
            path = tree.path(way, end)
            assert node not in tree.nodes_of(path, end)
            assert sum(tree.branches[number].price for number in path) == pytest.approx(found[end])


@pytest.mark.parametrize("seed", range(8))
def test_a_side_branch_hangs_on_the_nearest_node_of_the_path(seed: int) -> None:
    tree = random_tree(seed)
    cost, by = tree.walk([0])
    end = max(np.flatnonzero(np.isfinite(cost)).tolist(), key=lambda node: len(tree.path(by, node)))
    path = tree.path(by, end)
    parts = tree.side_parts(path)
    on_path = set(tree.nodes_of(path, end))
    assert set(parts) <= on_path
    assert sorted(number for part in parts.values() for number in part) == sorted(
        number for number, branch in enumerate(tree.branches) if number not in path and np.isfinite(cost[branch.start])
    )
    away = {node: tree.walk([node], without_branches=path)[0] for node in on_path}
    for node, part in parts.items():
        for number in part:
            ends = [tree.branches[number].start, tree.branches[number].end]
            far = max(ends, key=lambda at: min(away[other][at] for other in on_path))
            assert far in on_path or away[node][far] == pytest.approx(min(away[other][far] for other in on_path))


def namer_of(nodes: list[tuple[float, float, float]], pairs: list[tuple[int, int]]) -> Namer:
    """The rules on a tree of straight branches."""
    places = np.array(nodes, float)
    branches = [Branch(a, b, float(np.linalg.norm(places[b] - places[a])), 2.0, np.linspace(places[a], places[b], 30)) for a, b in pairs]
    tree = VesselTree(places, np.bincount(np.array(pairs).ravel(), minlength=len(places)), branches)
    return Namer(tree, Midline(0.0, 0.0), bottom_mm=0.0, top_mm=330.0)


def test_the_subclavian_artery_of_a_trunk_that_divides_high_is_no_external_carotid() -> None:
    nodes = [(0, 0, 0), (-15, 0, 60), (-95, 5, 75), (-25, 0, 140), (-42, -15, 200), (-20, -20, 255)]
    namer = namer_of(nodes, [(0, 1), (1, 2), (1, 3), (3, 4), (3, 5)])
    way = [0, 2, 4]
    found = namer._carotid_fork([0, 1, 3, 5], namer.tree.side_parts(way))
    assert found == 2
    assert namer.tree.length([1]) > namer.tree.length([3])  # the arm is the longer side tree


@pytest.mark.parametrize(("front", "place"), [((-5, -70, 300), 2), ((-40, 10, 265), 1)])
def test_a_carotid_opposite_the_other_ends_where_the_way_up_the_front_leaves(front: tuple[float, float, float], place: int) -> None:
    nodes = [(-18, 0, 200), (-18, -23, 258), (-20, -22, 262), (-60, 30, 300), (-5, -50, 265) if place == 2 else (-30, -5, 263), front]
    namer = namer_of(nodes, [(0, 1), (1, 2), (2, 3), (2, 4), (4, 5)])
    assert namer._anterior_fork([0, 1, 2], [0, 1, 2, 3], np.array([-16.6, -21.0, 259.0])) == place
