"""Names by graph and position: which branch of the tree is which artery.

LPS: x grows to the patient's left, y to the back, z to the head. A rule that does not find its landmark gives no name.
"""

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.anatomy import NUMBERS
from inference.naming.midline import Midline
from inference.naming.tree import Branch, VesselTree

Array = npt.NDArray[Any]
SIDES = ("r", "l")

ARCH_RADIUS_MM = 6.9
"""Narrower trunks are branches of the arch."""

SHORTEST_FIELD_MM = 40.0
"""In a shorter field no landmark is certain and no name is given."""

ARCH_SHARE = 0.62
GROWS_ALONG = {"external_carotid", "middle_cerebral", "anterior_cerebral", "posterior_cerebral"}
"""Arteries whose side branches carry their name; side branches of the others stay unnamed."""


class Namer:
    """Gives labels to the branches of one tree, landmark by landmark."""

    def __init__(self, tree: VesselTree, midline: Midline, *, bottom_mm: float, top_mm: float) -> None:
        self.tree, self.midline, self.bottom_mm, self.top_mm = tree, midline, bottom_mm, top_mm
        self.label = np.zeros(len(tree.branches), int)
        self.notes: dict[str, Any] = {}
        self.arch = self._find_arch()
        self.roots = self._find_roots()
        self.confluence: int | None = None
        self.basilar_top: int | None = None
        self.termini: dict[str, int] = {}
        self.spines: dict[str, list[int]] = {}

    # helpers -------------------------------------------------------------------------------------------------------

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

    # arch and roots ------------------------------------------------------------------------------------------------

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

    # vertebrals and basilar ----------------------------------------------------------------------------------------

    def find_confluence(self) -> None:
        """The lowest node near the midline that two trunks from both sides reach from below, with a third going up."""
        nodes, options = self.tree.nodes_mm, []
        for node in np.flatnonzero(self.tree.degree >= 3):
            if abs(self.left(int(node))) > 16.0 or node in self.roots or nodes[node, 2] < self.arch_top_mm() + 70.0:
                continue
            legs = self._legs(int(node))
            right = [leg for leg in legs if leg[0] == "r"]
            left = [leg for leg in legs if leg[0] == "l"]
            up = self._midline_run_up(int(node), {leg[1] for leg in legs})
            if right and left and up is not None:
                options.append(
                    (float(nodes[node, 2]), int(node), min(right, key=lambda leg: leg[2]), min(left, key=lambda leg: leg[2]), up)
                )
        if not options:
            self._find_single_vertebral()
            return
        _, self.confluence, right_leg, left_leg, up = min(options, key=lambda option: option[0])
        for side, leg in (("r", right_leg), ("l", left_leg)):
            self.spines[f"vertebral_{side}"] = leg[3]
        self.notes["confluence"] = True

    def _find_single_vertebral(self) -> None:
        """With one vertebral artery only: the way to where two branches swing to both sides and back, near the midline."""
        tree = self.tree
        best: tuple[float, int, list[int]] = (np.inf, -1, [])
        cost, by = tree.walk(self.roots)
        for node in np.flatnonzero(tree.degree >= 3).tolist():
            if abs(self.left(node)) > 16.0 or not np.isfinite(cost[node]) or tree.nodes_mm[node, 2] < self.arch_top_mm() + 70.0:
                continue
            path = tree.path(by, int(node))
            track = tree.track(path, int(node))[::-1]
            run = track[arc_of(track) < 22.0]
            straight = abs(self.midline.left_of(run) - self.left(int(node))).max() < 7.0 and run[0, 2] - run[-1, 2] > 12.0
            if straight and run[-1, 1] > run[0, 1] and not self._feeds_much(path, int(node)) and cost[node] < best[0]:
                best = (float(cost[node]), int(node), path)
        _, node, path = best
        if not path:
            return
        nodes, place = tree.nodes_of(path, node), len(path)
        while place > 0 and tree.length(path[place - 1 :]) < 40.0:
            if abs(self.midline.left_of(tree.branches[path[place - 1]].points_mm) - self.left(node)).max() > 8.0:
                break
            place -= 1
        self.confluence = nodes[place]
        side = "l" if self._aside(path[:place][::-1], nodes[0]) > self.left(node) else "r"
        self.spines["vertebral_r"], self.spines["vertebral_l"] = [], []
        self.spines[f"vertebral_{side}"] = path[:place]
        self.notes["confluence"] = "one vertebral"

    def _legs(self, node: int) -> list[tuple[str, int, float, list[int]]]:
        """Ways from a node down to a root, one per branch that leaves it: side, first branch, cost, path from the root."""
        tree, found = self.tree, []
        cost, by = tree.walk(self.roots, without_nodes={node})
        for number in tree.at[node]:
            there = tree.branches[number].other(node)
            if there == node or not np.isfinite(cost[there]):
                continue
            path = [*tree.path(by, there), number]
            track = tree.track(path, node)[::-1]
            near = track[arc_of(track) < 45.0]
            drop = float(track[0, 2] - near[:, 2].min())
            aside = float(np.median(self.midline.left_of(near))) - self.left(node)
            reaches_bottom = track[:, 2].min() < self.bottom_mm + 6.0
            if drop < (8.0 if reaches_bottom else 15.0) or abs(self.midline.left_of(near) - self.left(node)).max() < 5.0:
                continue
            if near[:, 1].mean() < track[0, 1] - 6.0:
                continue  # a vertebral artery comes from behind or from the side, never from the front
            if self._feeds_much(path, node):
                continue  # a carotid artery on its way to the anterior communicating artery
            found.append(("l" if aside > 0 else "r", number, float(cost[there]), path))
        return found

    def _feeds_much(self, path: list[int], end: int) -> bool:
        """Whether long side trees hang on the upper half of a path: external carotid or middle cerebral artery."""
        tree, nodes = self.tree, self.tree.nodes_of(path, end)
        start, top = float(tree.nodes_mm[nodes, 2].min()), float(tree.nodes_mm[end, 2])
        floor = max(start + 0.45 * (top - start), self.arch_top_mm() + 50.0)
        parts = tree.side_parts(path, blocked=set(tree.at[end]) - set(path))
        return any(tree.length(parts.get(node, [])) > 220.0 for node in nodes[:-1] if tree.nodes_mm[node, 2] > floor)

    def _midline_run_up(self, node: int, legs: set[int]) -> int | None:
        """A branch that leaves upwards and stays near the midline."""
        tree = self.tree
        for number in tree.at[node]:
            branch = tree.branches[number]
            if number in legs and len(tree.at[node]) <= 3:
                continue
            points = branch.points_mm if branch.start == node else branch.points_mm[::-1]
            near = points[arc_of(points) < 25.0]
            rise = float(near[-1, 2] - near[0, 2])
            if rise > 2.0 and abs(self.midline.left_of(near) - self.left(node)).max() < 9.0:
                return number
        return None

    def name_posterior(self) -> None:
        """Basilar and posterior cerebral arteries above the confluence."""
        if self.confluence is None:
            return
        tree, nodes = self.tree, self.tree.nodes_mm
        below = set(self.spines["vertebral_r"]) | set(self.spines["vertebral_l"])
        blocked = below | self.named("aortic_arch")
        cost, by = tree.walk([self.confluence], without_branches=blocked)
        base = nodes[self.confluence]
        ways = []
        for leaf in tree.leaves:
            path = tree.path(by, int(leaf))
            if np.isfinite(cost[leaf]) and 0.0 < tree.length(path) <= 260.0:
                track = tree.track(path, int(leaf))
                if self._is_posterior(track, base):
                    ways.append((float(track[-1, 1]), int(leaf), path))
        self._split_basilar(self._pair_of_ways(ways))

    def _pair_of_ways(self, ways: list[tuple[float, int, list[int]]]) -> dict[str, list[int]]:
        """The way that goes farthest back, and the one that goes farthest back on the other side of it."""
        if not ways:
            return {}
        ways, tree, base = sorted(ways, reverse=True), self.tree, self.confluence or 0
        _, leaf, first = ways[0]
        aside = {}
        for place, (_, end, path) in enumerate(ways[1:], start=1):
            fork = len(shared_start(first, path))
            parting = tree.nodes_of(path, end)[fork]
            if abs(self.left(parting) - self.left(base)) > 9.0:
                continue  # a branch of the first way, not its counterpart
            apart = self._aside(path[fork:], end) - self._aside(first[fork:], leaf)
            if abs(apart) > 10.0:
                aside[place] = apart
        if not aside:
            return {"l" if self._aside(first[1:] or first, leaf) > 0 else "r": first}
        place = min(aside)
        return {"l": ways[place][2], "r": first} if aside[place] > 0 else {"r": ways[place][2], "l": first}

    def _aside(self, path: list[int], end: int) -> float:
        """Mean distance to the left of the first 45 mm of the end of a path. [mm]"""
        track = self.tree.track(path, end)
        return float(self.midline.left_of(track[arc_of(track) < 45.0]).mean())

    def _is_posterior(self, track: Array, base: Array) -> bool:
        """Whether a way from the confluence climbs 12 mm or more, swings to a side and then goes back past where it began."""
        climbs = track[:, 2].max() > base[2] + 10.0
        return bool(climbs and track[-1, 1] > base[1] + 15.0 and np.abs(self.midline.left_of(track)).max() < 45.0)

    def _split_basilar(self, paths: dict[str, list[int]]) -> None:
        """Basilar artery up to where the two ways part, posterior cerebral arteries from there."""
        tree, end = self.tree, self.confluence
        assert end is not None
        if len(paths) == 2:
            trunk = shared_start(paths["r"], paths["l"])
        else:
            trunk = self._midline_trunk(next(iter(paths.values()))) if paths else self._climb(end)
        self.give("basilar", trunk)
        for number in trunk:
            end = tree.branches[number].other(end)
        self.basilar_top = end
        for side, path in paths.items():
            self.spines[f"posterior_cerebral_{side}"] = path[len(trunk) :]
            self.give(f"posterior_cerebral_{side}", path[len(trunk) :])
            self.give(f"posterior_cerebral_{side}", self._single_ends(path[len(trunk) + 1 :]))

    def _single_ends(self, spine: list[int]) -> list[int]:
        """Branches that leave a path and end freely, 20 mm or longer."""
        tree, found = self.tree, []
        for node in self.nodes_in(spine):
            for number in tree.at[node]:
                branch = tree.branches[number]
                if not branch.jump and tree.degree[branch.other(node)] == 1 and branch.length_mm > 20.0:
                    found.append(number)
        return found

    def _midline_trunk(self, path: list[int]) -> list[int]:
        """The first branches of a path, as long as they stay within 6 mm of the midline of the confluence."""
        assert self.confluence is not None
        trunk, middle = [], self.left(self.confluence)
        for number in path:
            if abs(self.midline.left_of(self.tree.branches[number].points_mm) - middle).max() > 7.0:
                break
            trunk.append(number)
        return trunk

    def _climb(self, node: int) -> list[int]:
        """Upwards from the confluence along the widest branches near the midline, at most 45 mm."""
        trunk: list[int] = []
        used = set(self.spines["vertebral_r"]) | set(self.spines["vertebral_l"])
        while self.tree.length(trunk) < 45.0:
            onward = [
                number
                for number in self.tree.at[node]
                if number not in used
                and not self.tree.branches[number].jump
                and self.tree.nodes_mm[self.tree.branches[number].other(node), 2] > self.tree.nodes_mm[node, 2]
                and abs(self.midline.left_of(self.tree.branches[number].points_mm) - self.left(node)).max() < 7.0
            ]
            if not onward:
                break
            number = max(onward, key=lambda item: self.tree.branches[item].radius_mm)
            trunk.append(number)
            used.add(number)
            node = self.tree.branches[number].other(node)
        return trunk

    # carotids ------------------------------------------------------------------------------------------------------

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
        terminus = int(np.linalg.norm(tree.nodes_mm[nodes] - goal, axis=1).argmin())
        parts = tree.side_parts(path, blocked=named | self._posterior_branches(), rivals=self.roots)
        self.give(f"middle_cerebral_{side}", path[terminus:])
        for node in nodes[terminus + 1 :]:
            self.give(f"middle_cerebral_{side}", parts.get(node, []))
        self._name_below_terminus(side, path, nodes, parts, terminus)

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
        parts = self.tree.side_parts(spine, blocked=self._posterior_branches() | self.named("aortic_arch"), rivals=self.roots)
        terminus = self._terminus(side, nodes, parts)
        if terminus is None:
            return
        self.give(f"middle_cerebral_{side}", self._lateral_part(side, nodes[terminus], parts[nodes[terminus]]))
        self.spines[f"anterior_cerebral_{side}"] = spine[terminus:]
        self._name_below_terminus(side, spine, nodes, parts, terminus)

    def _name_below_terminus(self, side: str, spine: list[int], nodes: list[int], parts: dict[int, list[int]], terminus: int) -> None:
        """Common, internal and external carotid on a way whose terminus is known."""
        self.termini[side] = nodes[terminus]
        fork = self._carotid_fork(nodes[: terminus + 1], parts)
        start = fork if fork is not None else self._last_certain(nodes, terminus)
        self.give(f"internal_carotid_{side}", spine[start:terminus])
        self.spines[f"common_carotid_{side}"] = spine[:fork] if fork is not None else []
        if fork is None:
            return
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
            if rises < 12.0 or (self.arch and tree.nodes_mm[node, 2] < self.arch_top_mm() + 45.0):
                continue
            if tree.length(part) > best[0]:
                best = (tree.length(part), place)
        return self._below_loop(nodes, parts, best[1])

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

    def arch_top_mm(self) -> float:
        """z of the highest point of the arch, minus infinity without one. [mm]"""
        return max((float(self.tree.branches[number].points_mm[:, 2].max()) for number in self.arch), default=-np.inf)

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
        """Branches too far aside for an anterior cerebral artery, or on a side whose carotid terminus is not known."""
        signs = {"l": 1.0, "r": -1.0}
        unknown = [signs[side] for side in SIDES if side not in self.termini]
        found = set()
        for number, branch in enumerate(self.tree.branches):
            left = self.midline.left_of(branch.points_mm)
            astray = any(float(np.median(sign * left)) > 5.0 for sign in unknown)
            if float(np.abs(left).max()) > 32.0 or astray:
                found.add(number)
        return found

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
            if path and self.tree.length(path) <= 40.0:
                self.give(f"posterior_communicating_{side}", path)

    # chest ---------------------------------------------------------------------------------------------------------

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

    # the rest ------------------------------------------------------------------------------------------------------

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
                if len(around) == 1 and next(iter(around)) in custom:
                    self.label[number] = next(iter(around))
                    changed = True

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
