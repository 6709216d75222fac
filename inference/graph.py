"""The vessel tree as a graph: junctions and ends, and the branches between them with length, radius and tortuosity."""

# mypy: disable-error-code="untyped-decorator,no-any-return"

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from inference.beside import Beside
from inference.centrelines.coarse import coarse_mask
from inference.centrelines.pieces import pieces_of
from inference.geometry import Geometry
from inference.lattice import MOST_VOXELS, Lattice, lattice_of
from inference.thinning import thin, tips_of

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Node:
    """A place where branches end or meet.

    Parameters
    ----------
    point_mm : tuple of float
        LPS (x, y, z). [mm]
    degree : int
        Branches that meet here; 1 at an end.
    radius_mm : float
        Distance to the wall. [mm]
    """

    point_mm: tuple[float, float, float]
    degree: int
    radius_mm: float


@dataclass(frozen=True)
class Edge:
    """A branch between two nodes.

    Parameters
    ----------
    start, end : int
        Numbers of the nodes; equal for a closed loop.
    points_mm : numpy.ndarray
        LPS points (n, 3) from start to end. [mm]
    radius_mm : numpy.ndarray
        Distance to the wall at each point (n,). [mm]
    """

    start: int
    end: int
    points_mm: Array
    radius_mm: Array

    @property
    def length_mm(self) -> float:
        """Length along the branch. [mm]"""
        return float(np.linalg.norm(np.diff(self.points_mm, axis=0), axis=1).sum())

    @property
    def tortuosity(self) -> float | None:
        """Length over the distance between the ends; None for a loop."""
        chord = float(np.linalg.norm(self.points_mm[-1] - self.points_mm[0]))
        return self.length_mm / chord if chord > 1e-6 else None


@dataclass(frozen=True)
class VesselGraph:
    """Nodes and edges of a vessel mask.

    Parameters
    ----------
    nodes : tuple of Node
        Ends and junctions.
    edges : tuple of Edge
        Branches.
    """

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Nodes and edges as numbers and lists, ready for JSON."""
        nodes = [{"point_mm": list(node.point_mm), "degree": node.degree, "radius_mm": round(node.radius_mm, 3)} for node in self.nodes]
        edges = [
            {
                "start": edge.start,
                "end": edge.end,
                "length_mm": round(edge.length_mm, 3),
                "mean_radius_mm": round(float(edge.radius_mm.mean()), 3),
                "minimum_radius_mm": round(float(edge.radius_mm.min()), 3),
                "tortuosity": None if edge.tortuosity is None else round(edge.tortuosity, 4),
                "points_mm": edge.points_mm.round(2).tolist(),
                "radius_mm": edge.radius_mm.round(3).tolist(),
            }
            for edge in self.edges
        ]
        return {"frame": "LPS millimetres (x, y, z)", "nodes": nodes, "edges": edges}

    def write_json(self, path: Path | str) -> Path:
        """Write the graph as one JSON object."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(self.to_dict()), encoding="utf-8")
        return target


def _around(lattice: Lattice, skeleton: Array) -> list[list[int]]:
    """Places in the skeleton that touch each skeleton voxel."""
    place = np.full(len(lattice), -1, np.int64)
    place[skeleton] = np.arange(len(skeleton))
    near = lattice.near[skeleton]
    table = np.where(near >= 0, place[near], -1)
    table[:, 13] = -1
    return [[int(other) for other in row if other >= 0] for row in table]


def _clusters(near: list[list[int]]) -> tuple[list[int], int]:
    """Number of the junction that a voxel belongs to (touching junction voxels are one), ends included; −1 along a branch."""
    cluster, count = [-1] * len(near), 0
    for seed in range(len(near)):
        if cluster[seed] >= 0 or len(near[seed]) == 2:
            continue
        cluster[seed], waiting = count, [seed]
        while waiting:
            here = waiting.pop()
            for other in near[here] if len(near[here]) > 2 else ():
                if cluster[other] < 0 and len(near[other]) > 2:
                    cluster[other] = count
                    waiting.append(other)
        count += 1
    followed: set[int] = set()
    for seed in range(len(near)):
        if cluster[seed] < 0 and seed not in followed and _is_ring(seed, near, cluster, followed):
            cluster[seed], count = count, count + 1
    return cluster, count


def _is_ring(seed: int, near: list[list[int]], cluster: list[int], followed: set[int]) -> bool:
    """Whether a voxel lies on a closed ring without any node; what was followed on the way is of the same kind."""
    before, here = seed, near[seed][0]
    while here != seed:
        if cluster[here] >= 0:
            return False
        followed.add(here)
        onward = [other for other in near[here] if other != before]
        before, here = here, onward[0]
    return True


def _branches(near: list[list[int]], cluster: list[int]) -> list[list[int]]:
    """Chains of voxels from node voxel to node voxel, each once."""
    found, seen = [], set()
    for seed in range(len(near)):
        if cluster[seed] < 0:
            continue
        for first in near[seed]:
            chain, before, here = [seed], seed, first
            while cluster[here] < 0:
                chain.append(here)
                onward = [other for other in near[here] if other != before]
                before, here = here, onward[0]
            chain.append(here)
            if len(chain) == 2 and cluster[seed] == cluster[here]:
                continue
            key = min(tuple(chain), tuple(reversed(chain)))
            if key not in seen:
                seen.add(key)
                found.append(chain)
    return found


@dataclass
class _Tree:
    """A graph under construction: chains of voxel numbers between clusters."""

    points_mm: Array
    depth: Array
    cluster: list[int]
    chains: list[list[int]]

    def ends(self, chain: list[int]) -> tuple[int, int]:
        return self.cluster[chain[0]], self.cluster[chain[-1]]

    def length(self, chain: list[int]) -> float:
        return float(np.linalg.norm(np.diff(self.points_mm[chain], axis=0), axis=1).sum())

    def degrees(self) -> dict[int, int]:
        count: dict[int, int] = {}
        for chain in self.chains:
            for end in self.ends(chain):
                count[end] = count.get(end, 0) + 1
        return count

    def drop_spurs(self, least_mm: float) -> None:
        """Remove end branches that do not leave the lumen they spring from, bristles shorter than `least_mm`, and such loops."""
        degree = self.degrees()
        kept = []
        for chain in self.chains:
            a, b = self.ends(chain)
            hangs = (degree[a] == 1) != (degree[b] == 1)
            root = chain[-1] if degree[a] == 1 else chain[0]
            least = max(least_mm, 1.8 * float(self.depth[root])) * (3 if a == b else 1)
            kept += [] if (hangs or a == b) and self.length(chain) < least else [chain]
        self.chains = kept

    def merge_through(self) -> None:
        """Join two branches that meet at a node where nothing else ends."""
        degree = self.degrees()
        at: dict[int, list[int]] = {}
        for number, chain in enumerate(self.chains):
            for end in self.ends(chain):
                at.setdefault(end, []).append(number)
        for node, numbers in at.items():
            if degree[node] != 2 or len(set(numbers)) != 2:
                continue
            first, second = (self.chains[number] for number in numbers)
            first = first if self.ends(first)[1] == node else first[::-1]
            second = second if self.ends(second)[0] == node else second[::-1]
            self.chains[numbers[0]], self.chains[numbers[1]] = first + second, []
            far = self.ends(first + second)[1]
            at[far] = [numbers[0] if number == numbers[1] else number for number in at[far]]
        self.chains = [chain for chain in self.chains if chain]


@dataclass(frozen=True)
class Skeleton:
    """A vessel graph with the lattice it was drawn from.

    Parameters
    ----------
    graph : VesselGraph
        Nodes and branches.
    lattice : Lattice
        Voxels of the mask.
    depth_mm : numpy.ndarray
        Depth of every voxel of the lattice (n,). [mm]
    chains : tuple of numpy.ndarray
        For every edge of the graph, the numbers of its voxels in the lattice.
    """

    graph: VesselGraph
    lattice: Lattice
    depth_mm: Array
    chains: tuple[Array, ...]


def vessel_graph(mask: Array, geometry: Geometry, *, shortest_mm: float = 2.0) -> VesselGraph:
    """Skeleton of a vessel mask as nodes and branches.

    Parameters
    ----------
    mask : numpy.ndarray
        Not zero inside vessels (z, y, x).
    geometry : Geometry
        The mask's grid.
    shortest_mm : float
        Shorter end branches are bristles of the skeleton and left out. [mm]

    Returns
    -------
    VesselGraph
        Empty for an empty mask and for specks without a length.

    Notes
    -----
    Distance-ordered thinning between the tips of the tree, see `inference.thinning.thin`; loops are kept.

    Examples
    --------
    >>> tube = np.zeros((30, 9, 9), np.uint8); tube[2:28, 3:6, 3:6] = 1
    >>> graph = vessel_graph(tube, Geometry((30, 9, 9), (1.0, 1.0, 1.0)))
    >>> len(graph.nodes), len(graph.edges), 20 < graph.edges[0].length_mm < 30
    (2, 1, True)
    """
    return skeleton_of(mask, geometry, shortest_mm=shortest_mm).graph


def skeleton_of(mask: Array, geometry: Geometry, *, shortest_mm: float = 2.0) -> Skeleton:
    """The vessel graph together with the voxels it stands for. Masks beyond all reason are made coarser first."""
    binary, grid = np.asarray(mask) != 0, geometry
    while np.count_nonzero(binary) > MOST_VOXELS:
        binary, grid = coarse_mask(binary, grid, 2.0 * min(grid.spacing_mm))
    lattice = lattice_of(binary, grid)
    with Beside() as beside:
        measuring = beside.start(lattice.depth_mm)
        tips = tips_of(lattice) if len(lattice) else None
        wall = measuring()
    skeleton = thin(lattice, wall, tips=tips)
    near = _around(lattice, skeleton)
    cluster, _ = _clusters(near)
    tree = _Tree(grid.points(lattice.where[skeleton]), wall[skeleton], cluster, _branches(near, cluster))
    for _ in range(3):
        tree.drop_spurs(shortest_mm)
        tree.merge_through()
    return Skeleton(_finished(tree), lattice, wall, tuple(skeleton[chain] for chain in tree.chains))


def _finished(tree: _Tree) -> VesselGraph:
    """Nodes and edges in LPS millimetres, chains smoothed by one voxel."""
    members: dict[int, list[int]] = {}
    for voxel, number in enumerate(tree.cluster):
        if number >= 0:
            members.setdefault(number, []).append(voxel)
    degree, order = tree.degrees(), {}
    nodes: list[Node] = []
    for number in sorted(degree):
        order[number] = len(nodes)
        x, y, z = (round(float(value), 3) for value in tree.points_mm[members[number]].mean(axis=0))
        nodes.append(Node((x, y, z), degree[number], float(tree.depth[members[number]].max())))
    edges = []
    for chain in tree.chains:
        a, b = tree.ends(chain)
        inner = ndimage.gaussian_filter1d(tree.points_mm[chain], 1.0, axis=0, mode="nearest")
        points = np.concatenate(([nodes[order[a]].point_mm], inner[1:-1], [nodes[order[b]].point_mm]))
        edges.append(Edge(order[a], order[b], points, tree.depth[chain]))
    return VesselGraph(tuple(nodes), tuple(edges))


def component_count(mask: Array) -> int:
    """Number of 26-connected pieces of a mask."""
    return pieces_of(np.asarray(mask)).count
