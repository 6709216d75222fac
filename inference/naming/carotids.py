"""Common, internal and external carotid and middle cerebral arteries."""

from typing import Any

import numpy as np
import numpy.typing as npt

from inference.naming.posterior import PosteriorRules

Array = npt.NDArray[Any]

BRIDGE_MM = 30.0
"""A posterior communicating artery is at most this long. [mm]"""

SHOULDER_MM = 70.0
"""No branch of an external carotid lies this far from the midline below its fork, or less than 20 mm above. [mm]"""


class CarotidRules(PosteriorRules):
    """The ways from the chest to the carotid termini, their forks, and what leaves them."""

    def head_floor_mm(self) -> float:
        """z above which a vessel near the midline is inside the skull: 20 mm over the confluence, if that was found."""
        if self.confluence is not None:
            return float(self.tree.nodes_mm[self.confluence, 2]) + 20.0
        return float("inf")

    def find_carotids(self) -> None:
        """The ways from a root to the front of the midline inside the skull: common, internal and anterior cerebral in one.

        Where both anterior cerebral arteries hang on one carotid, the other one ends opposite the first one's terminus.
        """
        ahead = self._ways_to_front()
        for side, (_, leaf, path) in ahead.items():
            self._split_carotid(side, path, leaf)
        for side, other in (("r", "l"), ("l", "r")):
            if side not in self.termini and other in self.termini:
                self._find_opposite(side, other)

    def _ways_to_front(self) -> dict[str, tuple[float, int, list[int]]]:
        tree, floor = self.tree, self.head_floor_mm()
        cost, by = tree.walk(self.roots, without_branches=self._posterior_branches())
        ahead: dict[str, tuple[float, int, list[int]]] = {}
        for leaf in tree.leaves:
            place = tree.nodes_mm[leaf]
            if not np.isfinite(cost[leaf]) or place[2] < floor or abs(self.left(int(leaf))) > 14.0:
                continue
            path = tree.path(by, int(leaf))
            side = self._carotid_side(tree.track(path, int(leaf)), floor)
            score = float(place[2] - place[1])
            if side and score > ahead.get(side, (-np.inf, 0, []))[0]:
                ahead[side] = (score, int(leaf), path)
        return ahead

    def _find_opposite(self, side: str, other: str) -> None:
        """The carotid that passes within 15 mm of the mirrored terminus of the other one, on its way to the far side."""
        tree, sign = self.tree, (1.0 if side == "l" else -1.0)
        goal = self.midline.mirrored(tree.nodes_mm[self.termini[other]])
        named = set(np.flatnonzero(self.label).tolist()) - self.arch
        cost, by = tree.walk(self.roots, without_branches=named | self._posterior_branches())
        best: tuple[float, int, list[int]] = (22.0, -1, [])
        for leaf in tree.leaves:
            if not np.isfinite(cost[leaf]) or tree.nodes_mm[leaf, 2] < self.head_floor_mm() - 8.0:
                continue
            path = tree.path(by, int(leaf))
            away = np.linalg.norm(tree.nodes_mm[tree.nodes_of(path, int(leaf))] - goal, axis=1).min()
            reach = sign * self.left(int(leaf))
            if away < 15.0 and reach > best[0]:
                best = (reach, int(leaf), path)
        _, leaf, path = best
        if not path:
            return
        nodes = tree.nodes_of(path, leaf)
        terminus = self._anterior_fork(path, nodes, goal)
        self._bridge_back(side, path, nodes[: terminus + 1])
        parts = tree.side_parts(path, blocked=self._taken() | self._posterior_branches(), rivals=self.roots)
        self.give(f"middle_cerebral_{side}", path[terminus:])
        for node in nodes[terminus + 1 :]:
            self.give(f"middle_cerebral_{side}", parts.get(node, []))
        self._name_below_terminus(side, path, nodes, parts, terminus)

    def _anterior_fork(self, path: list[int], nodes: list[int], goal: npt.NDArray[np.float64]) -> int:
        """Place on a way, within 15 mm of a goal, where what leads up the front of the midline leaves; where none does, the nearest."""
        tree, away = self.tree, np.linalg.norm(self.tree.nodes_mm[nodes] - goal, axis=1)
        parts = tree.side_parts(path, blocked=self._taken() | self._posterior_branches(), rivals=self.roots)
        best = (25.0, int(away.argmin()))
        for place in np.flatnonzero(away < 15.0).tolist():
            numbers = parts.get(nodes[place])
            if not numbers:
                continue
            points = np.concatenate([tree.branches[number].points_mm for number in numbers])
            points = points[np.abs(self.midline.left_of(points)) < 14.0] - tree.nodes_mm[nodes[place]]
            rise = float((points[:, 2] - points[:, 1]).max(initial=0.0))
            best = max(best, (rise, place))
        return best[1]

    def _posterior_branches(self) -> set[int]:
        """Branches of the posterior circulation and, with a known confluence, all that touches it."""
        taken = self.named("basilar", "posterior_cerebral_r", "posterior_cerebral_l")
        return taken | (set(self.tree.at[self.confluence]) if self.confluence is not None else set())

    def _carotid_side(self, track: Array, floor_mm: float) -> str | None:
        """Side of the part of a way that climbs through the skull base, or None when it does not come from below."""
        climb = track[(track[:, 2] < floor_mm) & (track[:, 2] > floor_mm - 70.0)]
        if len(climb) < 20 or np.ptp(climb[:, 2]) < 10.0:
            return None
        return self.side_of(climb)

    def _split_carotid(self, side: str, spine: list[int], leaf: int) -> None:
        """Terminus and bifurcation on a way to the front; names common, internal, external, middle and anterior."""
        nodes = self.tree.nodes_of(spine, leaf)
        parts = self.tree.side_parts(spine, blocked=self._posterior_branches() | self._taken(), rivals=self.roots)
        terminus = self._terminus(side, nodes, parts)
        if terminus is None:
            return
        if self._bridge_back(side, spine, nodes[: terminus + 1]):
            parts = self.tree.side_parts(spine, blocked=self._posterior_branches() | self._taken(), rivals=self.roots)
        self.give(f"middle_cerebral_{side}", self._lateral_part(side, nodes[terminus], parts[nodes[terminus]]))
        self.spines[f"anterior_cerebral_{side}"] = spine[terminus:]
        self._name_below_terminus(side, spine, nodes, parts, terminus)

    def _taken(self) -> set[int]:
        """Branches that have a name."""
        return set(np.flatnonzero(self.label).tolist())

    def _bridge_back(self, side: str, spine: list[int], nodes: list[int]) -> bool:
        """Name the short way from the upper internal carotid to the posterior cerebral artery of its side, before others claim it."""
        tree, floor = self.tree, self.head_floor_mm() - 8.0
        cerebral = self.nodes_in(self.named(f"posterior_cerebral_{side}"))
        upper = [node for node in nodes if tree.nodes_mm[node, 2] > floor]
        if not cerebral or not upper:
            return False
        cost, by = tree.walk(upper, without_branches=self._taken() | set(spine))
        node = min(cerebral, key=lambda item: cost[item])
        path = tree.path(by, node) if np.isfinite(cost[node]) else []
        if not path or tree.length(path) > BRIDGE_MM:
            return False
        self.give(f"posterior_communicating_{side}", path)
        return True

    def _name_below_terminus(self, side: str, spine: list[int], nodes: list[int], parts: dict[int, list[int]], terminus: int) -> None:
        """Common, internal and external carotid on a way whose terminus is known."""
        self.termini[side] = nodes[terminus]
        fork = self._carotid_fork(nodes[: terminus + 1], parts)
        start = fork if fork is not None else self._last_certain(nodes, terminus)
        self.give(f"internal_carotid_{side}", spine[start:terminus])
        self.spines[f"common_carotid_{side}"] = spine[:fork] if fork is not None else []
        if fork is None:
            return
        self.forks[side] = nodes[fork]
        for node in nodes[fork:terminus]:
            # the internal carotid has no branch in the neck: what seems to hang on it there is the external one touching it
            if node == nodes[fork] or self.tree.nodes_mm[node, 2] < self.head_floor_mm() - 25.0:
                self.give(f"external_carotid_{side}", parts.get(node, []))

    def _carotid_fork(self, nodes: list[int], parts: dict[int, list[int]]) -> int | None:
        """Place on the way where the external carotid leaves: the longest side tree between root and skull base."""
        tree = self.tree
        best: tuple[float, int | None] = (25.0, None)
        floor = self.head_floor_mm()
        for place, node in enumerate(nodes[1:-1], start=1):
            part = parts.get(node)
            if not part or tree.nodes_mm[node, 2] > floor - 25.0:
                continue
            points = np.concatenate([tree.branches[number].points_mm for number in part])
            rises = points[:, 2].max() - tree.nodes_mm[node, 2]
            low = self.arch and tree.nodes_mm[node, 2] < self.arch_top_mm() + 45.0
            if rises < 12.0 or low or self._reaches_arm(points, float(tree.nodes_mm[node, 2])):
                continue
            if tree.length(part) > best[0]:
                best = (tree.length(part), place)
        return self._below_loop(nodes, parts, best[1])

    def _reaches_arm(self, points: Array, height_mm: float) -> bool:
        """Whether a side tree runs out to the shoulder: the subclavian artery of a trunk that divides high, not the external carotid."""
        aside = np.abs(self.midline.left_of(points)) > SHOULDER_MM
        return bool((aside & (points[:, 2] < height_mm + 20.0)).any())

    def _below_loop(self, nodes: list[int], parts: dict[int, list[int]], fork: int | None) -> int | None:
        """The true fork where the external carotid first runs against the internal one and leaves again higher up.

        The external carotid leaves wide; the branches of it that touch the common carotid lower down are narrow.
        """
        tree = self.tree
        for place in range(1, fork or 0):
            node = nodes[place]
            if fork is None or tree.nodes_mm[nodes[fork], 2] - tree.nodes_mm[node, 2] > 45.0:
                continue
            leaving = [tree.branches[n] for n in parts.get(node, []) if node in (tree.branches[n].start, tree.branches[n].end)]
            if any(not branch.jump and branch.length_mm > 8.0 and branch.radius_mm > 1.25 for branch in leaving):
                return place
        return fork

    def _terminus(self, side: str, nodes: list[int], parts: dict[int, list[int]]) -> int | None:
        """Place on the way where the part that reaches farthest to the side leaves: the middle cerebral artery."""
        sign, floor = (1.0 if side == "l" else -1.0), self.head_floor_mm() - 8.0
        best: tuple[float, int | None] = (22.0, None)
        for place, node in enumerate(nodes[:-1]):
            if self.tree.nodes_mm[node, 2] < floor or not parts.get(node):
                continue
            points = np.concatenate([self.tree.branches[number].points_mm for number in parts[node]])
            reach = float((sign * self.midline.left_of(points)).max())
            if reach > best[0]:
                best = (reach, place)
        return best[1]

    def _lateral_part(self, side: str, root: int, part: list[int]) -> list[int]:
        """The part without single end branches at its root that stay medial: the anterior choroidal artery leaves there."""
        sign, tree, kept = (1.0 if side == "l" else -1.0), self.tree, []
        for number in part:
            branch = tree.branches[number]
            single = root in (branch.start, branch.end) and tree.degree[branch.other(root)] == 1
            reach = float((sign * self.midline.left_of(branch.points_mm)).max()) - sign * self.left(root)
            if not (single and branch.length_mm < 45.0 and reach < 20.0):
                kept.append(number)
        return kept

    def _last_certain(self, nodes: list[int], terminus: int) -> int:
        """Without a bifurcation in the field, only the last 90 mm below the terminus are surely internal carotid."""
        place, length = terminus, 0.0
        while place > 0 and length < 90.0:
            place -= 1
            length += float(np.linalg.norm(self.tree.nodes_mm[nodes[place + 1]] - self.tree.nodes_mm[nodes[place]]))
        return place
