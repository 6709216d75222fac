"""Anterior cerebral arteries and the communicating arteries."""

from typing import Any

import numpy as np
import numpy.typing as npt

from inference.naming.carotids import BRIDGE_MM
from inference.naming.landmarks import SIDES
from inference.naming.occlusion import OcclusionRules
from inference.naming.tree import Branch

Array = npt.NDArray[Any]


BEHIND_MM, LOW_MM = 2.0, 15.0
"""What lies behind a carotid terminus is anterior cerebral artery only if it climbs higher than this above it. [mm]"""


class AnteriorRules(OcclusionRules):
    """The front of the circle of Willis and its bridges."""

    def name_anterior(self) -> None:
        """Anterior cerebral arteries, each up to where the other terminus is nearer, and what joins them at the midline."""
        tree = self.tree
        if not self.termini:
            return
        blocked = set(np.flatnonzero(self.label).tolist()) | self._not_anterior()
        bridge = self._anterior_bridge(blocked)
        if bridge is not None:
            self.give("anterior_communicating", [bridge])
            blocked.add(bridge)
        reach = {side: tree.walk([node], without_branches=blocked, by_length=True)[0] for side, node in self.termini.items()}
        far = np.full(len(tree.nodes_mm), np.inf)
        right, left = reach.get("r", far), reach.get("l", far)
        bridges = []
        for number, branch in enumerate(tree.branches):
            ends = [branch.start, branch.end]
            if number in blocked or (branch.points_mm[-1, 1] > branch.points_mm[0, 1] + 15.0 and self._at_terminus(branch)):
                continue  # the anterior choroidal artery goes back
            if not np.isfinite(np.minimum(right[ends], left[ends])).any():
                continue
            nearer = {"r" if right[node] <= left[node] else "l" for node in ends}
            middle = float(np.abs(self.midline.left_of(branch.points_mm)).max())
            if len(nearer) == 2 and branch.length_mm < 14.0 and middle < 14.0:
                bridges.append((branch.length_mm, number))
            else:
                start = "r" if right[ends].min() <= left[ends].min() else "l"
                self.give(f"anterior_cerebral_{start}", [number])
        if bridges and bridge is None:
            self.give("anterior_communicating", [number for _, number in sorted(bridges)[:1]])

    def _not_anterior(self) -> set[int]:
        """Branches too far aside, behind and below for an anterior cerebral artery, or on a side whose terminus is not known."""
        signs = {"l": 1.0, "r": -1.0}
        unknown = [signs[side] for side in SIDES if side not in self.termini]
        found = set()
        for number, branch in enumerate(self.tree.branches):
            left = self.midline.left_of(branch.points_mm)
            astray = any(float(np.median(sign * left)) > 5.0 for sign in unknown)
            if float(np.abs(left).max()) > 32.0 or astray or self._is_behind(branch):
                found.add(number)
        return found

    def _is_behind(self, branch: Branch) -> bool:
        """Whether a branch lies low and behind the terminus of its side: a crumb of the anterior choroidal artery."""
        side = "l" if float(np.median(self.midline.left_of(branch.points_mm))) > 0 else "r"
        if side not in self.termini:
            return False
        _, y, z = self.tree.nodes_mm[self.termini[side]]
        points = branch.points_mm
        return bool(points[:, 1].min() > y - BEHIND_MM and points[:, 1].mean() > y + BEHIND_MM and points[:, 2].max() < z + LOW_MM)

    def _anterior_bridge(self, blocked: set[int]) -> int | None:
        """The short branch across the midline whose ends hang on different termini when it is taken away."""
        tree, best = self.tree, (12.0, -1)
        if len(self.termini) < 2:
            return None
        for number, branch in enumerate(tree.branches):
            way = tree.nodes_mm[branch.end] - tree.nodes_mm[branch.start]
            across = abs(float(way[0])) >= 0.6 * float(np.linalg.norm(way))
            if number in blocked or branch.jump or not across or branch.length_mm >= best[0]:
                continue
            if float(np.abs(self.midline.left_of(branch.points_mm)).max()) > 14.0:
                continue
            left_end, right_end = (branch.end, branch.start) if way[0] > 0 else (branch.start, branch.end)
            shut = blocked | {number}
            cost = {side: tree.walk([node], without_branches=shut, by_length=True)[0] for side, node in self.termini.items()}
            fed = cost["l"][left_end] < 60.0 and cost["r"][right_end] < 60.0
            if fed and cost["l"][left_end] < cost["r"][left_end] and cost["r"][right_end] < cost["l"][right_end]:
                best = (branch.length_mm, number)
        return best[1] if best[1] >= 0 else None

    def _at_terminus(self, branch: Branch) -> bool:
        """Whether a branch runs from a carotid terminus to a free end."""
        return any(branch.start == node and self.tree.degree[branch.end] == 1 for node in self.termini.values())

    def name_posterior_communicating(self) -> None:
        """The short way between an internal carotid and the posterior cerebral artery of its side."""
        for side in SIDES:
            carotid = self.nodes_in(self.named(f"internal_carotid_{side}"))
            cerebral = self.nodes_in(self.named(f"posterior_cerebral_{side}"))
            if not carotid or not cerebral:
                continue
            blocked = set(np.flatnonzero(self.label).tolist())
            cost, by = self.tree.walk(sorted(carotid), without_branches=blocked)
            node = min(cerebral, key=lambda item: cost[item])
            path = self.tree.path(by, node) if np.isfinite(cost[node]) else []
            if path and self.tree.length(path) <= BRIDGE_MM:
                self.give(f"posterior_communicating_{side}", path)
