"""Names by graph and position: which branch of the tree is which artery.

A rule that does not find its landmark gives no name.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from inference.anatomy import LABELS, NUMBERS
from inference.naming.anterior import AnteriorRules
from inference.naming.landmarks import SHORTEST_FIELD_MM, SIDES, shared_start
from inference.naming.tree import Branch

Array = npt.NDArray[Any]

GROWS_ALONG = {"external_carotid", "middle_cerebral", "anterior_cerebral", "posterior_cerebral"}
"""Arteries whose side branches carry their name; side branches of the others stay unnamed."""

ACROSS_MM = 6.0
"""A branch this far beyond the midline is not named after an artery of the other side. [mm]"""


class Namer(AnteriorRules):
    """Gives labels to the branches of one tree, landmark by landmark."""

    def name_chest(self) -> None:
        """Brachiocephalic trunk, subclavian and common carotid arteries, and the vertebrals up to the confluence."""
        vertebral = {side: list(self.spines.get(f"vertebral_{side}", [])) for side in SIDES}
        carotid = {side: list(self.spines.get(f"common_carotid_{side}", [])) for side in SIDES}
        arm = {side: self._arm_path(side) for side in SIDES}
        if self.arch:
            self._name_trunks(arm, carotid, vertebral)
        for side in SIDES:
            self.give(f"common_carotid_{side}", carotid[side])
            self.give(f"vertebral_{side}", self._beyond(vertebral[side]))
        self.notes["arms"] = [side for side in SIDES if arm[side]]

    def _beyond(self, path: list[int]) -> list[int]:
        """The part of a path after its last named branch."""
        last = max((place for place, number in enumerate(path) if self.label[number]), default=-1)
        return path[last + 1 :]

    def _arm_path(self, side: str) -> list[int]:
        """The way from the arch to the end that lies farthest to the side, low in the field."""
        if not self.arch:
            return []
        tree, sign, top = self.tree, (1.0 if side == "l" else -1.0), self.arch_top_mm()
        cost, by = tree.walk(self.roots, without_branches=set(self._posterior_branches()))
        best: tuple[float, list[int]] = (40.0, [])
        for leaf in tree.leaves:
            place = tree.nodes_mm[leaf]
            if np.isfinite(cost[leaf]) and abs(place[2] - top) < 90.0 and sign * self.left(int(leaf)) > best[0]:
                path = tree.path(by, int(leaf))
                if path and float(np.median([tree.branches[number].radius_mm for number in path])) > 1.8:
                    best = (sign * self.left(int(leaf)), path)
        return best[1]

    def _name_trunks(self, arm: dict[str, list[int]], carotid: dict[str, list[int]], vertebral: dict[str, list[int]]) -> None:
        """What two ways from the arch share is the trunk; the first of the right side is the brachiocephalic."""
        for side in SIDES:
            arm[side] = [number for number in arm[side] if number not in self.arch]
            carotid[side] = [number for number in carotid[side] if number not in self.arch]
            vertebral[side] = [number for number in vertebral[side] if number not in self.arch]
        low = {side: arm[side] or vertebral[side] for side in SIDES}
        trunk = shared_start(low["r"], carotid["r"])
        self.give("brachiocephalic_trunk", trunk)
        for side in SIDES:
            whole = [number for number in arm[side] if not self.label[number]]
            if not whole:  # the arm is cut off: what leads to the vertebral before it narrows is subclavian
                whole = self._wide_start([number for number in vertebral[side] if not self.label[number]])
            self.give(f"subclavian_{side}", whole)

    def _wide_start(self, path: list[int]) -> list[int]:
        wide = []
        for number in path:
            if self.tree.branches[number].radius_mm < 2.6:
                break
            wide.append(number)
        return wide

    def grow(self) -> None:
        """Side branches take the name of the artery they hang on where that is the custom; the rest stays unnamed."""
        tree = self.tree
        custom = [NUMBERS[f"{name}_{side}"] for name in GROWS_ALONG for side in SIDES]
        named = self.nodes_in(np.flatnonzero(self.label).tolist())
        strange = set(self.roots) - named
        cost, by = tree.walk(sorted(named | strange), without_branches=set(np.flatnonzero(self.label).tolist()))
        owner = tree.roots_of(sorted(named | strange), cost, by)
        changed = True
        while changed:
            changed = False
            for number, branch in enumerate(tree.branches):
                if self.label[number] or branch.jump or {int(owner[branch.start]), int(owner[branch.end])} & strange:
                    continue  # a vessel that comes into the field by itself and only touches a named one
                around = {int(self.label[other]) for node in (branch.start, branch.end) for other in tree.at[node] if self.label[other]}
                if len(around) == 1 and next(iter(around)) in custom and not self._is_across(branch, LABELS[next(iter(around))]):
                    self.label[number] = next(iter(around))
                    changed = True

    def _is_across(self, branch: Branch, name: str) -> bool:
        """Whether a branch lies on the other side of the midline than the artery it would be named after."""
        sign = 1.0 if name.endswith("_l") else -1.0
        return float(np.median(sign * self.midline.left_of(branch.points_mm))) < -ACROSS_MM

    def run(self) -> Array:
        """All rules in order; labels of the branches (n,), 0 where no rule speaks."""
        if not self.roots or self.top_mm - self.bottom_mm < SHORTEST_FIELD_MM:
            return self.label
        self.find_confluence()
        self.name_posterior()
        self.find_carotids()
        if not self.termini and self.confluence is None:
            from inference.naming.neck import name_neck

            name_neck(self)
        self.name_chest()
        self.name_anterior()
        self.name_posterior_communicating()
        self.grow()
        return self.label
