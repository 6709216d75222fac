"""Carotid bifurcations and vertebral arteries where the field ends below the skull base and no landmark of the head is seen."""

from typing import Any

import numpy as np
import numpy.typing as npt

from inference.naming.landmarks import SIDES, Landmarks, arc_of, shared_start

Array = npt.NDArray[Any]

COMMON_RADIUS_MM = 1.9
DAUGHTER_RADIUS_MM = 1.1
APART_MM = 2.5
"""The internal carotid must lie this much behind the external one, else neither is named."""


def name_neck(namer: Landmarks) -> None:
    """Find the ways of both common carotid and both vertebral arteries; `Namer.name_chest` then names what is below."""
    ways = _ways_to_top(namer)
    for side in SIDES:
        _name_fork(namer, side, [way for way in ways if way[0] == side])
    for side in SIDES:
        _find_vertebral(namer, side, [way for way in ways if way[0] == side])


def _ways_to_top(namer: Landmarks) -> list[tuple[str, int, list[int], Array]]:
    """Side, end, path and track of every way from a root that climbs to the upper face of the field."""
    tree, found = namer.tree, []
    cost, by = tree.walk(namer.roots)
    for leaf in tree.leaves:
        if not np.isfinite(cost[leaf]) or tree.nodes_mm[leaf, 2] < namer.top_mm - 6.0:
            continue
        path = tree.path(by, int(leaf))
        track = tree.track(path, int(leaf))
        if len(track) < 5 or np.ptp(track[:, 2]) < 25.0:
            continue
        upper = track[track[:, 2] > track[:, 2].max() - 60.0]
        aside = float(np.median(namer.midline.left_of(upper)))
        if abs(aside) > 5.0:
            found.append(("l" if aside > 0 else "r", int(leaf), path, track))
    return found


def _name_fork(namer: Landmarks, side: str, ways: list[tuple[str, int, list[int], Array]]) -> None:
    """The widest pair of ways that part above a common trunk: the hind one is internal, the other one external."""
    tree, found = namer.tree, []
    for first in ways:
        for second in ways:
            trunk = shared_start(first[2], second[2])
            ends = (first[2][len(trunk) :], second[2][len(trunk) :])
            if first is second or not trunk or not all(ends) or tree.branches[trunk[-1]].radius_mm < COMMON_RADIUS_MM:
                continue
            start = tree.nodes_of(first[2], first[1])[len(trunk)]
            if namer.arch and tree.nodes_mm[start, 2] < namer.arch_top_mm() + 45.0:
                continue
            if min(tree.length(end) for end in ends) < 12.0:
                continue
            width = min(tree.branches[end[0]].radius_mm for end in ends)
            if width > DAUGHTER_RADIUS_MM:
                found.append((float(tree.nodes_mm[start, 2]), width, trunk, first, second))
    if not found:
        return
    # the trunk of arm and carotid parts at least 70 mm below the bifurcation; branches of the external one within 40 mm above
    highest = max(item[0] for item in found)
    _, _, trunk, first, second = max((item for item in found if item[0] > highest - 50.0), key=lambda item: item[1])
    depth = [float(_beginning(namer, way, len(trunk))[:, 1].mean()) for way in (first, second)]
    # without an arch a wide start may be the brachiocephalic trunk, and stays unnamed
    namer.spines[f"common_carotid_{side}"] = trunk if namer.arch else [n for n in trunk if tree.branches[n].radius_mm < 4.6]
    if abs(depth[0] - depth[1]) < APART_MM:
        return
    internal = first if depth[0] > depth[1] else second
    nodes = tree.nodes_of(internal[2], internal[1])
    namer.give(f"internal_carotid_{side}", internal[2][len(trunk) :])
    parts = tree.side_parts(internal[2], blocked=namer.arch)
    for node in nodes[len(trunk) :]:
        namer.give(f"external_carotid_{side}", parts.get(node, []))


def _beginning(namer: Landmarks, way: tuple[str, int, list[int], Array], start: int) -> Array:
    track = namer.tree.track(way[2][start:], way[1])
    return track[arc_of(track) < 40.0]


def _find_vertebral(namer: Landmarks, side: str, ways: list[tuple[str, int, list[int], Array]]) -> None:
    """The narrow, unbranched way behind and not lateral of the carotid artery of its side."""
    tree, carotid = namer.tree, namer.spines.get(f"common_carotid_{side}")
    if not carotid:
        return
    line = np.concatenate([tree.branches[number].points_mm for number in carotid])
    best: tuple[float, list[int]] = (np.inf, [])
    for _, _, path, _track in ways:
        free = [number for number in path if not namer.label[number] and number not in carotid]
        if not free or tree.length(free) < 30.0:
            continue
        own = np.concatenate([tree.branches[number].points_mm for number in free])
        nearest = np.abs(own[:, 2][:, None] - line[:, 2][None]).argmin(axis=1)
        level = np.abs(own[:, 2] - line[nearest, 2]) < 3.0
        radius = sum(tree.branches[n].radius_mm * tree.branches[n].length_mm for n in free) / tree.length(free)
        if not level.any() or not 0.6 < radius < 2.6:
            continue
        behind = float((own[level, 1] - line[nearest[level], 1]).mean())
        lateral = np.abs(namer.midline.left_of(own[level])) - np.abs(namer.midline.left_of(line[nearest[level]]))
        straightness = tree.length(free) / max(float(np.ptp(own[:, 2])), 1.0)
        if behind > 5.0 and float(lateral.mean()) < 3.0 and straightness < 1.6 and straightness < best[0]:
            best = (straightness, path if namer.arch else [n for n in free if tree.branches[n].radius_mm < 2.6])
    if best[1]:
        namer.spines[f"vertebral_{side}"] = best[1]
