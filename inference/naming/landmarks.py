"""What all rules of naming share: the tree, the midline, the labels given so far, the arch and the roots.

LPS: x grows to the patient's left, y to the back, z to the head.
"""

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.anatomy import NUMBERS
from inference.naming.midline import Midline
from inference.naming.tree import VesselTree

Array = npt.NDArray[Any]
SIDES = ("r", "l")

ARCH_RADIUS_MM = 6.9
"""Narrower trunks are branches of the arch."""

SHORTEST_FIELD_MM = 40.0
"""In a shorter field no landmark is certain and no name is given."""

ARCH_SHARE = 0.62


class Landmarks:
    """Labels of the branches of one tree, the arch, and where blood enters the field."""

    def __init__(self, tree: VesselTree, midline: Midline, *, bottom_mm: float, top_mm: float) -> None:
        self.tree, self.midline, self.bottom_mm, self.top_mm = tree, midline, bottom_mm, top_mm
        self.label = np.zeros(len(tree.branches), int)
        self.notes: dict[str, Any] = {}
        self.arch = self._find_arch()
        self.roots = self._find_roots()
        self.confluence: int | None = None
        self.basilar_top: int | None = None
        self.termini: dict[str, int] = {}
        self.forks: dict[str, int] = {}
        self.spines: dict[str, list[int]] = {}

    def left(self, node: int) -> float:
        """How far a node lies to the left of the midline. [mm]"""
        return float(self.midline.left_of(self.tree.nodes_mm[node])[0])

    def side_of(self, track: Array) -> str:
        """Side of most of a track."""
        return "l" if float(np.median(self.midline.left_of(track))) > 0 else "r"

    def give(self, name: str, numbers: Iterable[int]) -> None:
        """Name branches that have no name yet."""
        for number in numbers:
            if not self.label[number]:
                self.label[number] = NUMBERS[name]

    def named(self, *names: str) -> set[int]:
        """Branches that carry one of the names."""
        return set(np.flatnonzero(np.isin(self.label, [NUMBERS[name] for name in names])).tolist())

    def nodes_in(self, numbers: Iterable[int]) -> set[int]:
        """End nodes of branches."""
        return {node for number in numbers for node in (self.tree.branches[number].start, self.tree.branches[number].end)}

    def _find_arch(self) -> set[int]:
        """Branches as wide as an aorta, in the lower half of the tree."""
        radius = np.array([0.0 if branch.jump else branch.radius_mm for branch in self.tree.branches])
        if not len(radius) or radius.max() < ARCH_RADIUS_MM:
            return set()
        height = np.array([branch.points_mm[:, 2].mean() for branch in self.tree.branches])
        wide = radius >= max(ARCH_RADIUS_MM, ARCH_SHARE * radius.max())
        low = height < self.bottom_mm + 0.5 * (self.top_mm - self.bottom_mm)
        return set(np.flatnonzero(wide & low).tolist())

    def _find_roots(self) -> list[int]:
        """Where blood enters: the arch, else the lower ends of what is cut by the lower face, or of what is lowest."""
        self.give("aortic_arch", self.arch)
        if self.arch:
            return sorted(self.nodes_in(self.arch))
        nodes, leaves = self.tree.nodes_mm, self.tree.leaves
        if not len(leaves):
            return []
        cut = [int(leaf) for leaf in leaves if nodes[leaf, 2] < self.bottom_mm + 6.0]
        return cut or [int(leaves[nodes[leaves, 2].argmin()])]

    def arch_top_mm(self) -> float:
        """z of the highest point of the arch, minus infinity without one. [mm]"""
        return max((float(self.tree.branches[number].points_mm[:, 2].max()) for number in self.arch), default=-np.inf)


def arc_of(points: Array) -> Array:
    """Distance along a track (n,). [mm]"""
    return np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))))


def shared_start(first: Collection[int], second: Collection[int]) -> list[int]:
    """The branches at the start of two paths that are the same."""
    same = []
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        same.append(one)
    return same
