"""How the centrelines of a tree hang together: where a branch leaves its parent, where an artery ends in another, where a fork is."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from inference.anatomy import LABELS, NUMBERS
from inference.centrelines.centreline import Centreline

Array = npt.NDArray[Any]

PARENT = {
    2: (1,), 3: (2, 1), 4: (1,), 5: (2, 1), 6: (1, 2), 7: (5,), 8: (6,), 9: (5,), 10: (6,), 11: (3,), 12: (4, 1), 13: (11, 12),
    14: (7,), 15: (8,), 16: (7,), 17: (8,), 18: (13, 21), 19: (13, 22), 20: (16,), 21: (7,), 22: (8,),
}  # fmt: skip
"""Labels an artery springs from, the likeliest first."""

HEADING_FROM_TO_MM, HEADING_FROM_TO_RADII = (1.0, 5.0), (0.5, 3.0)
"""A branch heads as it does this far from its label's beginning, or this many of its radii, whichever is farther. [mm]"""

SHORT_RUN = 0.25
"""A run to the parent's centreline may leave the branch's heading by this much for every millimetre that it saves."""

INSIDE_RADII, INSIDE_SHARE = 3.0, 0.15
"""What of a branch's beginning lies inside its parent does not count, up to this many of its radii and this share of its length."""

FORKS = {2: (3, 5), 5: (7, 9), 6: (8, 10), 7: (14, 16), 8: (15, 17), 13: (18, 19)}
"""Arteries that end in two, and the two."""

FORK_MM, ON_LINE_MM = 10.0, 1.0
"""The two leave within so much of each other, and each begins on the line of the artery, to this much. [mm]"""

SHORT_MM = 8.0
"""A line shorter than this has no heading of its own and takes the nearest way to its parent. [mm]"""

JOINS = {11: 13, 12: 13, 20: 17, 21: 18, 22: 19}
"""Labels of arteries that end in another, and its label."""

HEADING = {
    1: (1, 1, 0), 2: (-0.5, 0, 1), 3: (-1, 0, 0), 4: (1, 0, 0), 14: (-1, 0, 0), 15: (1, 0, 0), 16: (0, -1, 1), 17: (0, -1, 1),
    18: (0, 1, 0), 19: (0, 1, 0), 20: (1, 0, 0), 21: (0, 1, 0), 22: (0, 1, 0),
}  # fmt: skip
"""LPS direction from origin to end where no parent tells; towards the head otherwise."""


def from_parent(label: int, points: Array, radius: Array, traced: dict[str, Centreline]) -> tuple[Array, Array]:
    """The line with a straight run before it from the parent's centreline, so that lines of a tree hang together."""
    return _run_before(points, radius, PARENT.get(label, ()), traced)


def _run_before(points: Array, radius: Array, parents: tuple[int, ...], traced: dict[str, Centreline]) -> tuple[Array, Array]:
    """The line with a straight run before it from the first of some lines that is known, if it begins inside that one.

    The run goes on backwards in the line's own direction, so that a branch springs from where it heads, not from where its
    label begins; beside a parent that it leaves at a sharp angle the shorter way counts for more.
    """
    for parent in parents:
        line = traced.get(LABELS[parent])
        if line is None:
            continue
        points, radius = _outside(points, radius, line)
        away = np.linalg.norm(line.points_mm - points[0], axis=1)
        reach = 2.0 * line.radius_mm + 1.0
        near = np.flatnonzero(away <= reach)
        if not len(near) or away.min() <= 0.5:
            return points, radius
        step = max(float(np.linalg.norm(points[1] - points[0])), 0.1)
        short = len(points) * step < SHORT_MM
        ray = 0.0 if short else _beside_ray(line.points_mm[near], points, float(np.median(radius[:20])))
        price = ray + SHORT_RUN * away[near]
        target = line.points_mm[near[price.argmin()]]
        gap = float(np.linalg.norm(target - points[0]))
        run = np.linspace(target, points[0], max(1, round(gap / step)), endpoint=False)
        return np.concatenate((run, points)), np.concatenate((np.full(len(run), radius[0]), radius))
    return points, radius


def _outside(points: Array, radius: Array, parent: Centreline) -> tuple[Array, Array]:
    """The line without what of its beginning lies inside its parent: between the two labels it bends to where they meet."""
    arc = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))))
    most = min(INSIDE_RADII * float(np.median(radius[:20])), INSIDE_SHARE * float(arc[-1]))
    early = points[: int(np.searchsorted(arc, most))]
    if not len(early):
        return points, radius
    away, nearest = cKDTree(parent.points_mm).query(early)
    inside = np.flatnonzero(np.asarray(away) < parent.radius_mm[np.asarray(nearest)])
    first = min(int(inside[-1]) + 1, len(points) - 2) if len(inside) else 0
    return points[first:], radius[first:]


def _beside_ray(places: Array, points: Array, radius_mm: float) -> Array:
    """Distance of places to the ray that a line's beginning makes backwards, taken over a few radii of its own. [mm]"""
    arc = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))))
    near, far = (max(least, radii * radius_mm) for least, radii in zip(HEADING_FROM_TO_MM, HEADING_FROM_TO_RADII, strict=True))
    first, last = (min(int(np.searchsorted(arc, reach)), len(points) - 1) for reach in (near, far))
    heading = points[first] - points[last]
    size = float(np.linalg.norm(heading))
    if size < 1e-6:
        return np.asarray(np.linalg.norm(places - points[0], axis=1))
    heading = heading / size
    offset = places - points[0]
    along = np.maximum(offset @ heading, 0.0)
    return np.asarray(np.linalg.norm(offset - along[:, None] * heading, axis=1))


def oriented(label: int, points: Array, radius: Array, traced: dict[str, Centreline]) -> tuple[Array, Array]:
    """From origin to end: the end that lies nearer to the parent artery is the origin."""
    for parent in PARENT.get(label, ()):
        line = traced.get(LABELS[parent])
        if line is not None:
            first, last = (float(np.linalg.norm(line.points_mm - tip, axis=1).min()) for tip in (points[0], points[-1]))
            if min(first, last) < 15.0 and abs(first - last) > 1.0:
                return (points, radius) if first < last else (points[::-1], radius[::-1])
    along = float((points[-1] - points[0]) @ np.asarray(HEADING.get(label, (0, 0, 1)), float))
    return (points, radius) if along >= 0 else (points[::-1], radius[::-1])


def from_fork(line: Centreline, traced: dict[str, Centreline]) -> Centreline:
    """A line from where the other of two terminal branches leaves their parent, if that is a little before.

    An artery that ends in two has one fork, but the label of the artery may go on for a few millimetres into one of them.
    """
    label = NUMBERS[line.name]
    for parent, pair in FORKS.items():
        trunk, other = traced.get(LABELS[parent]), traced.get(LABELS[pair[0] if label == pair[1] else pair[1]])
        if label not in pair or trunk is None or other is None:
            continue
        (there, far), (here, near) = (_place_on(trunk, one.points_mm[0]) for one in (other, line))
        between = trunk.points_mm[there:here]
        if max(far, near) > ON_LINE_MM or len(between) < 2 or float(np.linalg.norm(np.diff(between, axis=0), axis=1).sum()) > FORK_MM:
            continue
        points, radius = np.concatenate((between, line.points_mm)), np.concatenate((trunk.radius_mm[there:here], line.radius_mm))
        return Centreline(points, radius, line.name)
    return line


def _place_on(trunk: Centreline, point: Array) -> tuple[int, float]:
    """Number of the point of a line that is nearest to a place, and how far it is. [mm]"""
    away = np.linalg.norm(trunk.points_mm - point, axis=1)
    return int(away.argmin()), float(away.min())


def into_joined(line: Centreline, traced: dict[str, Centreline]) -> Centreline:
    """A line that ends in another artery, led on to that one's centreline."""
    label = NUMBERS[line.name]
    if label not in JOINS:
        return line
    backwards = Centreline(line.points_mm[::-1], line.radius_mm[::-1], line.name)
    points, radius = _run_before(backwards.points_mm, backwards.radius_mm, (JOINS[label],), traced)
    return Centreline(points[::-1], radius[::-1], line.name)
