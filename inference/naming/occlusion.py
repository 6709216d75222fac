"""A carotid artery that is shut somewhere: its upper part fed through the circle of Willis, and its stump in the neck."""

from typing import Any

import numpy as np
import numpy.typing as npt

from inference.naming.carotids import CarotidRules

Array = npt.NDArray[Any]

WIDE_END_MM = 1.1
"""The cut end of a carotid artery is at least this wide (radius). [mm]"""

SKULL_BASE_MM = 80.0
"""The cut end lies at most this far below the inside of the skull. [mm]"""

NEAR_MIRROR_MM = 18.0
"""The fork of the shut side lies within this distance of the other one's mirror image. [mm]"""

STUMP_MM, TOUCH_SHARE = 70.0, 0.5
"""A stump is at most this long, and what it touches at its end at most this wide against it. [mm]"""


class OcclusionRules(CarotidRules):
    """What is left of a carotid artery that no way leads through."""

    def find_carotids(self) -> None:
        """The carotids as `CarotidRules` finds them, then those that are shut on the way, each by the example of its twin."""
        super().find_carotids()
        for side, other in (("r", "l"), ("l", "r")):
            if side not in self.termini and other in self.termini:
                self._find_from_above(side)
            if side in self.termini and side not in self.forks and other in self.forks:
                self._name_stump(side, other)

    def _find_from_above(self, side: str) -> None:
        """The way from a wide cut end at the skull base to the front of the midline, as if blood entered there."""
        tree, floor, sign = self.tree, self.head_floor_mm(), (1.0 if side == "l" else -1.0)
        shut = set(np.flatnonzero(self.label).tolist()) | self._posterior_branches()
        best: tuple[float, int, list[int]] = (0.0, -1, [])
        for end in tree.leaves.tolist():
            width = max((tree.branches[number].radius_mm for number in tree.at[end] if not tree.branches[number].jump), default=0.0)
            height = float(tree.nodes_mm[end, 2])
            if width < WIDE_END_MM or sign * self.left(end) < 5.0 or not floor - SKULL_BASE_MM < height < floor:
                continue
            leaf, path = self._front_from(end, shut)
            if path and self._carotid_side(tree.track(path, leaf), floor) == side and width > best[0]:
                best = (width, leaf, path)
        if best[2]:
            self._split_carotid(side, best[2], best[1])

    def _front_from(self, end: int, shut: set[int]) -> tuple[int, list[int]]:
        """The leaf farthest up and to the front near the midline that a way from an end leads to, and that way."""
        tree = self.tree
        cost, by = tree.walk([end], without_branches=shut)
        score, found = -np.inf, -1
        for leaf in tree.leaves.tolist():
            place = tree.nodes_mm[leaf]
            fit = np.isfinite(cost[leaf]) and place[2] > self.head_floor_mm() and abs(self.left(leaf)) < 14.0
            if fit and place[2] - place[1] > score:
                score, found = float(place[2] - place[1]), leaf
        return found, tree.path(by, found) if found >= 0 else []

    def _name_stump(self, side: str, other: str) -> None:
        """Common and external carotid, and what is left of the internal one, on the way that passes the mirrored fork of the other."""
        tree, sign = self.tree, (1.0 if side == "l" else -1.0)
        goal = self.midline.mirrored(tree.nodes_mm[self.forks[other]])
        shut = (set(np.flatnonzero(self.label).tolist()) - self.arch) | self._posterior_branches()
        cost, by = tree.walk(self.roots, without_branches=shut)
        away = np.where(np.isfinite(cost), np.linalg.norm(tree.nodes_mm - goal, axis=1), np.inf)
        away[sign * self.midline.left_of(tree.nodes_mm) < 5.0] = np.inf
        fork = int(away.argmin())
        path = tree.path(by, fork)
        if away[fork] > NEAR_MIRROR_MM or not path:
            return
        self.spines[f"common_carotid_{side}"] = path
        parts = tree.side_parts(path, blocked=shut | self.arch, rivals=self.roots).get(fork, [])
        stump = self._stump(fork, parts)
        self.give(f"internal_carotid_{side}", stump)
        self.give(f"external_carotid_{side}", [number for number in parts if number not in stump])

    def _stump(self, fork: int, parts: list[int]) -> list[int]:
        """The hind one of two or more branches at a fork, if it is wide and ends blindly, or only touches what is far narrower."""
        tree = self.tree
        first = [number for number in tree.at[fork] if number in parts and not tree.branches[number].jump]
        if len(first) < 2:
            return []
        back = max(first, key=lambda number: float(tree.branches[number].points_mm[:, 1].mean()))
        branch = tree.branches[back]
        beyond = [tree.branches[number].radius_mm for number in tree.at[branch.other(fork)] if number != back]
        blind = max(beyond, default=0.0) < TOUCH_SHARE * branch.radius_mm
        return [back] if blind and branch.radius_mm > WIDE_END_MM and branch.length_mm < STUMP_MM else []
