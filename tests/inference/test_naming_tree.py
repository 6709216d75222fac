"""The tree that naming walks: the shortcuts give what the plain walks give, on random graphs."""

import numpy as np
import pytest

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
