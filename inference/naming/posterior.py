"""Vertebral, basilar and posterior cerebral arteries."""

from typing import Any

import numpy as np
import numpy.typing as npt

from inference.naming.landmarks import Landmarks, arc_of, shared_start

Array = npt.NDArray[Any]


class PosteriorRules(Landmarks):
    """The confluence of the vertebral arteries, and what leaves the basilar artery above it."""

    def find_confluence(self) -> None:
        """The lowest node near the midline that two trunks from both sides reach from below, with a third going up."""
        nodes, options = self.tree.nodes_mm, []
        walked = self.tree.walk(self.roots)
        for node in np.flatnonzero(self.tree.degree >= 3):
            if abs(self.left(int(node))) > 16.0 or node in self.roots or nodes[node, 2] < self.arch_top_mm() + 70.0:
                continue
            if self._midline_run_up(int(node), set()) is None:
                continue  # with legs to leave out there would be none either, and legs take long
            legs = self._legs(int(node), *walked)
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

    def _legs(self, node: int, cost: Array, by: Array) -> list[tuple[str, int, float, list[int]]]:
        """Ways from a node down to a root, one per branch that leaves it: side, first branch, cost, path from the root.

        Parameters
        ----------
        cost, by : numpy.ndarray
            From `walk(roots)`.
        """
        tree, found = self.tree, []
        cost, by = tree.walk_round(node, cost, by)
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
            found.append(("l" if aside > 0 else "r", number, float(cost[there]), path))
        if {leg[0] for leg in found} != {"l", "r"}:
            return []  # no confluence, whatever the ways feed
        # what feeds much is a carotid artery on its way to the anterior communicating artery
        return [leg for leg in found if not self._feeds_much(leg[3], node)]

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
