"""The vessel graph as naming walks it: nodes, branches, cheap paths, and short jumps over gaps."""

import heapq
import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from inference.graph import Skeleton

Array = npt.NDArray[Any]

JUMP_MM = 12.0
"""Ends of two pieces are taken for neighbours over at most this gap, for naming only; no voxel is added."""

FACING_MM, FACING_COSINE, FACING_RADIUS_MM, FACING_RATIO = 32.0, 0.85, 1.2, 1.6
"""Two wide ends that face each other are one vessel that is shut in between, over at most this gap. [mm]"""

JUMP_PRICE = 4.0


@dataclass
class Branch:
    """An edge of the graph while names are given.

    `jump` marks a gap between two pieces. `radius_mm` is the median along the branch.
    """

    start: int
    end: int
    length_mm: float
    radius_mm: float
    points_mm: Array
    jump: bool = False

    def other(self, node: int) -> int:
        """The node at the other end."""
        return self.end if node == self.start else self.start

    @property
    def price(self) -> float:
        """Cost of walking along: thin branches and jumps are dearer, so that paths keep to trunks."""
        if self.jump:
            return JUMP_PRICE * self.length_mm + 5.0
        return self.length_mm * (1.0 + (0.9 / max(self.radius_mm, 0.3)) ** 2)


@dataclass
class VesselTree:
    """Nodes (n, 3) in LPS millimetres and branches; paths are lists of branch numbers."""

    nodes_mm: Array
    degree: Array
    branches: list[Branch]
    at: list[list[int]] = field(default_factory=list)
    _steps: list[list[tuple[int, int, float, float]]] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self.at, self._steps = [[] for _ in range(len(self.nodes_mm))], [[] for _ in range(len(self.nodes_mm))]
        for number, branch in enumerate(self.branches):
            for node in {branch.start, branch.end}:
                self.at[node].append(number)
                self._steps[node].append((number, branch.other(node), branch.price, branch.length_mm))

    @property
    def leaves(self) -> Array:
        """Numbers of the end nodes."""
        return np.flatnonzero(self.degree == 1)

    def walk(
        self,
        sources: Iterable[int],
        *,
        without_nodes: Collection[int] = (),
        without_branches: Collection[int] = (),
        by_length: bool = False,
    ) -> tuple[Array, Array]:
        """Cheapest cost to every node (infinite where not reached) and the branch it is reached by (−1 at sources)."""
        shut, gone = frozenset(without_branches), frozenset(without_nodes)
        cost, by = [math.inf] * len(self.nodes_mm), [-1] * len(self.nodes_mm)  # lists: numpy's single items are slow to reach
        queue = [(0.0, int(source)) for source in sources]
        for _, source in queue:
            cost[source] = 0.0
        heapq.heapify(queue)
        while queue:
            paid, here = heapq.heappop(queue)
            if paid > cost[here]:
                continue
            for number, there, price, length in self._steps[here]:
                onward = paid + (length if by_length else price)
                if onward < cost[there] and number not in shut and there not in gone:
                    cost[there], by[there] = onward, number
                    heapq.heappush(queue, (onward, there))
        return np.array(cost), np.array(by, int)

    def walk_round(self, node: int, cost: Array, by: Array) -> tuple[Array, Array]:
        """What `walk` with `without_nodes={node}` finds, from a walk with that node: only what was reached by way of it is walked anew."""
        beyond, stack = {node}, [node]
        while stack:
            reached = {there for number, there, _, _ in self._steps[stack.pop()] if by[there] == number} - beyond
            beyond |= reached
            stack += reached
        cost, by = cost.copy(), by.copy()
        lost = sorted(beyond)
        cost[lost], by[lost] = math.inf, -1
        queue: list[tuple[float, int]] = []
        for here in lost:
            for number, there, price, _ in self._steps[here]:
                if here != node and there not in beyond and cost[there] + price < cost[here]:
                    cost[here], by[here] = cost[there] + price, number
            if cost[here] < math.inf:
                heapq.heappush(queue, (float(cost[here]), here))
        while queue:
            paid, here = heapq.heappop(queue)
            if paid > cost[here]:
                continue
            for number, there, price, _ in self._steps[here]:
                if there in beyond and there != node and paid + price < cost[there]:
                    cost[there], by[there] = paid + price, number
                    heapq.heappush(queue, (paid + price, there))
        return cost, by

    def path(self, by: Array, end: int) -> list[int]:
        """Branches from the source to `end`, as found by `walk`."""
        way: list[int] = []
        while by[end] >= 0:
            way.append(int(by[end]))
            end = self.branches[way[-1]].other(end)
        return way[::-1]

    def nodes_of(self, path: list[int], end: int) -> list[int]:
        """Nodes along a path in order; `end` is its last."""
        nodes = [end]
        for number in reversed(path):
            nodes.append(self.branches[number].other(nodes[-1]))
        return nodes[::-1]

    def track(self, path: list[int], end: int) -> Array:
        """LPS points along a path (n, 3), from the source to `end`."""
        nodes, parts = self.nodes_of(path, end), []
        for number, first in zip(path, nodes, strict=False):
            branch = self.branches[number]
            parts.append(branch.points_mm if branch.start == first else branch.points_mm[::-1])
        return np.concatenate(parts) if parts else self.nodes_mm[[end]]

    def side_parts(self, spine: Collection[int], *, blocked: Collection[int] = (), rivals: Collection[int] = ()) -> dict[int, list[int]]:
        """What hangs on each node of a path, when the path's own branches are taken away.

        A branch goes to the node of the path that is nearest along the tree, so that two side trees that touch far out are
        still two.

        Parameters
        ----------
        spine : collection of int
            Branches of the path.
        blocked : collection of int
            Branches that belong to others already.
        rivals : collection of int
            Nodes where other vessels begin: what is nearer to one of these does not hang on the path.

        Returns
        -------
        dict of int to list of int
            Branches by node; a branch that leads from the path straight back to it hangs on its lower end.
        """
        on_spine = sorted({node for number in spine for node in (self.branches[number].start, self.branches[number].end)})
        closed = set(spine) | set(blocked)
        sources = sorted({*on_spine, *(int(node) for node in rivals)})
        cost, by = self.walk(sources, without_branches=closed)
        root, paid, reached = self.roots_of(sources, cost, by).tolist(), cost.tolist(), by.tolist()
        parts: dict[int, list[int]] = {}
        for number, branch in enumerate(self.branches):
            start, end = branch.start, branch.end
            if number in closed or min(paid[start], paid[end]) == math.inf:
                continue
            far = end if paid[start] < paid[end] < math.inf or paid[start] == math.inf else start
            if reached[far] >= 0:
                hangs_on = root[far]
            else:
                hangs_on = min((node for node in (start, end) if paid[node] < math.inf), key=lambda node: float(self.nodes_mm[node, 2]))
            parts.setdefault(hangs_on, []).append(number)
        wanted = set(on_spine)
        return {node: part for node, part in parts.items() if node in wanted}

    def roots_of(self, sources: Collection[int], cost: Array, by: Array) -> Array:
        """The source that every node was reached from by `walk` (n,), −1 where none was."""
        root, reached = [-1] * len(self.nodes_mm), by.tolist()
        for source in sources:
            root[source] = source
        for node in np.argsort(cost, kind="stable").tolist():
            if reached[node] >= 0:
                root[node] = root[self.branches[reached[node]].other(node)]
        return np.array(root, int)

    def length(self, numbers: Iterable[int]) -> float:
        """Total length of branches without jumps. [mm]"""
        return sum(self.branches[number].length_mm for number in numbers if not self.branches[number].jump)


def tree_of(skeleton: Skeleton, *, scale: float = 1.0) -> VesselTree:
    """The naming tree of a skeleton: its graph and jumps between the ends of separate pieces.

    Parameters
    ----------
    skeleton : Skeleton
        Graph to walk.
    scale : float
        Size of the body against an adult's; lengths are divided by it, for the rules are written for adults.
    """
    graph = skeleton.graph
    nodes = np.array([node.point_mm for node in graph.nodes], float).reshape(-1, 3) / scale
    degree = np.array([node.degree for node in graph.nodes], int)
    branches = [
        Branch(edge.start, edge.end, max(edge.length_mm, 0.1) / scale, float(np.median(edge.radius_mm)) / scale, edge.points_mm / scale)
        for edge in graph.edges
    ]
    return VesselTree(nodes, degree, branches + _jumps(nodes, degree, branches))


def _by_node(branches: list[Branch]) -> dict[int, list[Branch]]:
    """The branches that begin or end at every node."""
    found: dict[int, list[Branch]] = {}
    for branch in branches:
        for node in {branch.start, branch.end}:
            found.setdefault(node, []).append(branch)
    return found


def _outward(at: dict[int, list[Branch]], node: int) -> Array:
    """Unit direction in which an end node's only branch leaves it."""
    if node not in at:
        return np.zeros(3)
    branch = at[node][0]
    points = branch.points_mm if branch.end == node else branch.points_mm[::-1]
    heading = points[-1] - points[max(0, len(points) - 12)]
    size = float(np.linalg.norm(heading))
    unit: Array = heading / size if size > 0 else heading
    return unit


def _component(count: int, branches: list[Branch]) -> Array:
    """Number of the connected piece of every node."""
    piece = np.arange(count)

    def root(node: int) -> int:
        while piece[node] != node:
            piece[node] = piece[piece[node]]
            node = int(piece[node])
        return node

    for branch in branches:
        piece[root(branch.start)] = root(branch.end)
    return np.array([root(node) for node in range(count)])


def _are_one_trunk(at: dict[int, list[Branch]], degree: Array, end: int, near: int, gap: Array) -> bool:
    """Whether two ends of one piece are a trunk that is cut: both free, both wide, of like width, and not back to back."""
    if degree[near] > 1 or float(-gap @ _outward(at, near)) < 0.3 * float(np.linalg.norm(gap)):
        return False
    width = [branch.radius_mm for node in (end, near) for branch in at.get(node, [])]
    return min(width) >= 0.8 and max(width) <= 1.8 * min(width)


def _jumps(nodes: Array, degree: Array, branches: list[Branch]) -> list[Branch]:
    """From every end to the nearest node of another piece that lies ahead of it."""
    if len(nodes) < 2:
        return []
    piece, tree, found, at = _component(len(nodes), branches), cKDTree(nodes), [], _by_node(branches)
    for end in np.flatnonzero(degree == 1):
        heading = _outward(at, int(end))
        for near in tree.query_ball_point(nodes[end], JUMP_MM):
            gap = nodes[near] - nodes[end]
            size = float(np.linalg.norm(gap))
            if near == end or size < 1e-6 or float(gap @ heading) < 0.3 * size:
                continue
            if piece[near] == piece[end] and not _are_one_trunk(at, degree, int(end), int(near), gap):
                continue
            found.append(Branch(int(end), int(near), size, 0.5, np.stack([nodes[end], nodes[near]]), jump=True))
    return found + _shut(nodes, degree, at)


def _shut(nodes: Array, degree: Array, at: dict[int, list[Branch]]) -> list[Branch]:
    """Between wide ends that face each other over a longer gap, each the other's nearest: a vessel that is shut."""
    width = np.zeros(len(nodes))
    for node, touching in at.items():
        width[node] = max(branch.radius_mm for branch in touching)
    ends = np.flatnonzero((degree == 1) & (width >= FACING_RADIUS_MM)).tolist()
    heading = {end: _outward(at, end) for end in ends}
    across: dict[int, tuple[float, int]] = {}
    for end in ends:
        away = np.linalg.norm(nodes[ends] - nodes[end], axis=1)
        for near in np.array(ends, int)[(away > 0.9 * JUMP_MM) & (away < 1.1 * FACING_MM)].tolist():
            gap = nodes[near] - nodes[end]
            size = float(np.linalg.norm(gap))
            if near == end or not JUMP_MM < size <= FACING_MM or max(width[[end, near]]) > FACING_RATIO * min(width[[end, near]]):
                continue
            if min(float(gap @ heading[end]), float(-gap @ heading[near])) > FACING_COSINE * size:
                across[end] = min(across.get(end, (np.inf, -1)), (size, near))
    pairs = [(size, end, near) for end, (size, near) in across.items() if end < near and across.get(near, (0.0, -1))[1] == end]
    return [Branch(end, near, size, 0.5, np.stack([nodes[end], nodes[near]]), jump=True) for size, end, near in pairs]
