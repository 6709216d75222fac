"""Centrelines of named arteries and of any mask, by minimal paths on the distance map."""

from typing import Any

import cc3d
import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from inference.anatomy import LABELS, NUMBERS
from inference.centrelines.centreline import Centreline
from inference.centrelines.centring import centre
from inference.centrelines.coarse import coarse_mask
from inference.centrelines.lumen import Lumen, bounding_box, make_lumen
from inference.centrelines.minimal_path import gather, spread, walk_back
from inference.centrelines.pieces import Box, pieces_of
from inference.centrelines.trunk import trunk_end
from inference.geometry import Geometry
from inference.volume import Volume

Array = npt.NDArray[Any]

SHORTEST_PIECE_MM = 4.0
"""A shorter piece of an artery does not add to a longer one."""

STUMP_SHARE = 0.15
"""A piece at an artery's origin that is this short against its longest is a crumb of a neighbour, not its trunk."""

NEARBY_MM, NEARBY_SHARE = 3.0, 0.6
"""A place counts as deep against the deepest within so many millimetres, or this share of the deepest of all, as in an aorta. [mm]"""

AXIS_COST = 9.0
"""A voxel belongs to the axis where its depth is at least 0.58 of the deepest nearby (0.58⁻⁴ = 9)."""

WIDEST_GAP_MM = 60.0
"""Two pieces of an artery further apart are not joined to one line."""

MOST_PIECES = 20

ALMOST_MM = 3.0
"""An artery springs from a parent this near though they do not touch: another's label may lie in between. [mm]"""

PARENT = {
    2: (1,), 3: (2, 1), 4: (1,), 5: (2, 1), 6: (1, 2), 7: (5,), 8: (6,), 9: (5,), 10: (6,), 11: (3,), 12: (4, 1), 13: (11, 12),
    14: (7,), 15: (8,), 16: (7,), 17: (8,), 18: (13, 21), 19: (13, 22), 20: (16,), 21: (7,), 22: (8,),
}  # fmt: skip
"""Labels an artery springs from, the likeliest first."""

GOAL = {
    9: (0.0, 0.0, 1.0), 10: (0.0, 0.0, 1.0),
    14: (-1.2, 0.5, 1.0), 15: (1.2, 0.5, 1.0), 16: (0.0, 1.0, -0.3), 17: (0.0, 1.0, -0.3), 18: (0.0, 1.0, -0.3), 19: (0.0, 1.0, -0.3),
}  # fmt: skip
"""LPS direction of the end of the trunk of an artery whose branches are nearly as wide.

The convention of this house: the external carotid is followed up the temple, the middle cerebral artery to the parietal lobe,
the anterior one back along the corpus callosum, the posterior one to the occipital pole.
"""

HEADING_FROM_TO_MM, HEADING_FROM_TO_RADII = (1.0, 5.0), (0.5, 3.0)
"""A branch heads as it does this far from its label's beginning, or this many of its radii, whichever is farther. [mm]"""

SHORT_RUN = 0.25
"""A run to the parent's centreline may leave the branch's heading by this much for every millimetre that it saves."""

INSIDE_RADII, INSIDE_SHARE = 3.0, 0.15
"""What of a branch's beginning lies inside its parent does not count, up to this many of its radii and this share of its length."""

FORKS = {2: (3, 5), 5: (7, 9), 6: (8, 10), 7: (14, 16), 8: (15, 17), 13: (18, 19)}
"""Arteries that end in two, and the two."""

FORK_MM = 10.0
"""The two leave within so much of each other. [mm]"""

SHORT_MM = 8.0
"""A line shorter than this has no heading of its own and takes the nearest way to its parent. [mm]"""

JOINS = {11: 13, 12: 13, 20: 17, 21: 18, 22: 19}
"""Labels of arteries that end in another, and its label."""

HEADING = {
    1: (1, 1, 0), 2: (-0.5, 0, 1), 3: (-1, 0, 0), 4: (1, 0, 0), 14: (-1, 0, 0), 15: (1, 0, 0), 16: (0, -1, 1), 17: (0, -1, 1),
    18: (0, 1, 0), 19: (0, 1, 0), 20: (1, 0, 0), 21: (0, 1, 0), 22: (0, 1, 0),
}  # fmt: skip
"""LPS direction from origin to end where no parent tells; towards the head otherwise."""


def _default_step(geometry: Geometry) -> float:
    """Points half a voxel apart, within reason. [mm]"""
    return float(np.clip(0.75 * min(geometry.spacing_mm), 0.2, 1.0))


def _cost(lumen: Lumen) -> Array:
    """Cost per millimetre that keeps a path in the middle and out of narrow bridges between touching vessels.

    The depth is taken against the deepest place nearby, so that a thin vessel costs no more than a wide one.
    """
    reach = max(NEARBY_MM, NEARBY_SHARE * float(lumen.depth_mm.max()))
    size = [2 * int(reach / spacing) + 1 for spacing in lumen.geometry.spacing_mm]
    nearby = ndimage.maximum_filter(lumen.depth_mm, size)
    return np.where(lumen.mask, (nearby / np.maximum(lumen.depth_mm, 1e-3)) ** 4, 0.0).astype(np.float32)


def _farthest(lumen: Lumen, cost: Array, source: tuple[int, ...]) -> tuple[int, int, int]:
    """The voxel near the axis at the end of the longest and widest way: the other end of the vessel.

    Every step counts with its length and its depth, so that among several ends the one of the trunk wins over thin branches.
    """
    distance, previous = spread(cost, lumen.geometry.spacing_mm, np.array([source]))
    on_axis = np.isfinite(distance) & (cost < AXIS_COST)
    worth = gather(distance, previous, lumen.depth_mm)
    z, y, x = np.unravel_index(int(np.where(on_axis, worth, -1.0).argmax()), worth.shape)
    return int(z), int(y), int(x)


def _coarse(lumen: Lumen) -> Lumen:
    """The lumen on a grid that still has about ten voxels across its widest place; ways are found there, centred later."""
    spacing = 0.2 * float(lumen.depth_mm.max())
    if spacing < 1.6 * min(lumen.geometry.spacing_mm):
        return lumen
    mask, grid = coarse_mask(lumen.mask, lumen.geometry, spacing)
    return make_lumen(mask, grid, (slice(0, mask.shape[0]), slice(0, mask.shape[1]), slice(0, mask.shape[2])))


def _path(
    lumen: Lumen, start_mm: Array | None, end_mm: Array | None, step_mm: float, *, goal: Array | None = None
) -> tuple[Array, Array] | None:
    """Middle line (LPS) and radius between two LPS points, or between ends that are found where one is missing."""
    rough = _coarse(lumen)
    open_ends, cost = (start_mm is None, end_mm is None), _cost(rough)
    start, end = _snap(rough, start_mm), _snap(rough, end_mm)
    if start is None:
        deepest = np.unravel_index(int(rough.depth_mm.argmax()), rough.mask.shape)
        start = _farthest(rough, cost, tuple(int(value) for value in deepest) if end is None else end)
    if end is None:
        end = trunk_end(rough, cost, start, goal=goal)
    distance, previous = spread(cost, rough.geometry.spacing_mm, np.array([start]), goal=end)
    if start == end or not np.isfinite(distance[end]):
        return None
    chain = lumen.to_local(rough.geometry.points(walk_back(previous, end)))
    points, radius = centre(lumen, chain, step_mm=step_mm, open_ends=open_ends)
    if len(points) < 2:
        return None
    return lumen.to_lps(points), radius


def _snap(lumen: Lumen, point_mm: Array | None) -> tuple[int, int, int] | None:
    """The voxel of the mask nearest to an LPS point."""
    if point_mm is None:
        return None
    where = np.argwhere(lumen.mask)
    away = np.linalg.norm(where * np.asarray(lumen.geometry.spacing_mm) - lumen.to_local(point_mm), axis=1)
    z, y, x = (int(value) for value in where[int(away.argmin())])
    return z, y, x


def _point(point_mm: npt.ArrayLike | None) -> Array | None:
    return None if point_mm is None else np.asarray(point_mm, float)


def trace_path(
    mask: Array,
    geometry: Geometry,
    start: npt.ArrayLike | None = None,
    end: npt.ArrayLike | None = None,
    *,
    name: str = "unnamed",
    step_mm: float | None = None,
) -> Centreline | None:
    """Centreline through a mask between two points.

    Parameters
    ----------
    mask : numpy.ndarray
        Not zero inside the vessel (z, y, x).
    geometry : Geometry
        The mask's grid.
    start, end : array_like, optional
        LPS points (x, y, z); each is moved to the nearest voxel of the mask. Without them, the two ends farthest apart of
        the largest component. [mm]
    name : str
        Name of the result.
    step_mm : float, optional
        Distance between points; three quarters of the finest voxel spacing by default. [mm]

    Returns
    -------
    Centreline or None
        None for an empty mask, for points in two components, and for what is too small to have a direction.

    Examples
    --------
    >>> tube = np.zeros((20, 9, 9), np.uint8); tube[:, 3:6, 3:6] = 1
    >>> line = trace_path(tube, Geometry((20, 9, 9), (1.0, 1.0, 1.0)), (4, 4, 0), (4, 4, 19))
    >>> line.points_mm[[0, -1]].round(1) + 0.0
    array([[ 4.,  4.,  0.], [ 4.,  4., 19.]])
    """
    binary = np.asarray(mask) != 0
    box = bounding_box(binary)
    if box is None:
        return None
    if start is None and end is None:
        parts = pieces_of(binary[box])
        binary = np.zeros(binary.shape, bool)
        binary[box] = parts.labels == parts.by_size()[0]
        box = bounding_box(binary) or box
    lumen = make_lumen(binary, geometry, box)
    found = _path(lumen, _point(start), _point(end), step_mm or _default_step(geometry))
    return None if found is None else Centreline(*found, name)


def _pieces(mask: Array, geometry: Geometry, step_mm: float, origin_mm: Array | None, *, goal: Array | None) -> list[tuple[Array, Array]]:
    """Middle lines of the components of a mask, that of the trunk first; specks are left out unless there is nothing else.

    The trunk is the piece that holds `origin_mm`, and begins there; without one, or where that is a crumb against the longest,
    the piece with the most lumen along its line.
    """
    parts, trunk = pieces_of(mask), -1
    found: list[tuple[Array, Array]] = []
    for number in parts.by_size()[:MOST_PIECES]:
        box = parts.boxes[number - 1]
        start = (box[0].start, box[1].start, box[2].start)
        piece = parts.labels[box] == number
        lumen = make_lumen(piece, geometry.crop(start, piece.shape), bounding_box(piece) or box)
        here = origin_mm if origin_mm is not None and _holds(lumen, origin_mm) else None
        path = _path(lumen, here, None, step_mm, goal=goal)
        if path is not None:
            trunk = len(found) if here is not None else trunk
            found.append(path)
    length = [float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum()) for points, _ in found]
    worth = [long * float(np.median(radius)) ** 2 for long, (_, radius) in zip(length, found, strict=True)]
    if trunk >= 0 and length[trunk] >= max(SHORTEST_PIECE_MM, STUMP_SHARE * max(length)):
        worth[trunk] = np.inf
    order = np.argsort(worth)[::-1]
    return [found[place] for rank, place in enumerate(order) if rank == 0 or length[place] >= SHORTEST_PIECE_MM]


def _holds(lumen: Lumen, point_mm: Array) -> bool:
    """Whether an LPS point lies in a voxel of the mask."""
    index = np.rint(lumen.geometry.indices(point_mm)[0]).astype(int)
    return bool(((index >= 0) & (index < lumen.mask.shape)).all() and lumen.mask[tuple(index)])


def _origin(arteries: Array, label: int, boxes: list[Box], present: Array, geometry: Geometry) -> Array | None:
    """LPS point where an artery springs from its parent: the middle of their contact, in the artery, or where they are nearest.

    None where no parent lies within `ALMOST_MM`.
    """
    reach = [int(np.ceil(ALMOST_MM / step)) for step in geometry.spacing_mm]
    for parent in PARENT.get(label, ()):
        if parent >= len(present) or not present[parent]:
            continue
        both = tuple(
            slice(max(0, own.start - more, other.start - more), min(own.stop, other.stop) + more)
            for own, other, more in zip(boxes[label], boxes[parent], reach, strict=True)
        )
        part = np.asarray(arteries[both])
        place = _contact(part == label, part == parent, geometry) if part.size else None
        if place is not None:
            touch: Array = geometry.points(place + np.array([side.start for side in both]))[0]
            return touch
    return None


def _contact(own: Array, parent: Array, geometry: Geometry) -> Array | None:
    """Index of the voxel of an artery in the middle of its contact with its parent, else of the nearest within `ALMOST_MM`."""
    contact = own & ndimage.binary_dilation(parent, np.ones((3, 3, 3), bool))
    if contact.any():
        pieces = pieces_of(contact)
        where = np.argwhere(pieces.labels == pieces.by_size()[0])
        return np.asarray(where[np.linalg.norm(where - where.mean(axis=0), axis=1).argmin()])
    if not own.any() or not parent.any():
        return None
    spacing, where = np.asarray(geometry.spacing_mm), np.argwhere(own)
    away = np.asarray(cKDTree(np.argwhere(parent) * spacing).query(where * spacing)[0])
    return np.asarray(where[int(away.argmin())]) if away.min() <= ALMOST_MM else None


def _from_parent(label: int, points: Array, radius: Array, traced: dict[str, Centreline]) -> tuple[Array, Array]:
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
        price = _beside_ray(line.points_mm[near], points, float(np.median(radius[:20]))) + SHORT_RUN * away[near]
        if len(points) * float(np.linalg.norm(points[1] - points[0])) < SHORT_MM:
            price = away[near]
        target = line.points_mm[near[price.argmin()]]
        gap, step = float(np.linalg.norm(target - points[0])), max(float(np.linalg.norm(points[1] - points[0])), 0.1)
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


def _chain(pieces: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Pieces of one artery strung to one line: each next piece goes to the end that it continues, side branches stay out."""
    points, radius = pieces[0]
    rest = pieces[1:]
    while rest:
        options = []
        for place, (other, _) in enumerate(rest):
            for turned in (False, True):
                candidate = other[::-1] if turned else other
                options.append((float(np.linalg.norm(points[-1] - candidate[0])), place, turned, True))
                options.append((float(np.linalg.norm(points[0] - candidate[-1])), place, turned, False))
        gap, place, turned, at_end = min(options)
        if gap > WIDEST_GAP_MM:
            break
        other, width = rest.pop(place)
        other, width = (other[::-1], width[::-1]) if turned else (other, width)
        if _continues(points if at_end else points[::-1], other if at_end else other[::-1]):
            order = ((points, other), (radius, width)) if at_end else ((other, points), (width, radius))
            points, radius = np.concatenate(order[0]), np.concatenate(order[1])
    return points, radius


def _continues(points: Array, other: Array) -> bool:
    """Whether a piece goes on from a line's end instead of running beside it."""
    far_to_end = float(np.linalg.norm(other[-1] - points[-1]))
    near_to_end = float(np.linalg.norm(other[0] - points[-1]))
    beside = float(np.linalg.norm(points - other[-1], axis=1).min())
    return far_to_end > near_to_end and beside >= 0.7 * min(far_to_end, near_to_end + 5.0)


def _oriented(label: int, points: Array, radius: Array, traced: dict[str, Centreline]) -> tuple[Array, Array]:
    """From origin to end: the end that lies nearer to the parent artery is the origin."""
    for parent in PARENT.get(label, ()):
        line = traced.get(LABELS[parent])
        if line is not None:
            first, last = (float(np.linalg.norm(line.points_mm - tip, axis=1).min()) for tip in (points[0], points[-1]))
            if min(first, last) < 15.0 and abs(first - last) > 1.0:
                return (points, radius) if first < last else (points[::-1], radius[::-1])
    along = float((points[-1] - points[0]) @ np.asarray(HEADING.get(label, (0, 0, 1)), float))
    return (points, radius) if along >= 0 else (points[::-1], radius[::-1])


def trace(arteries: Array, volume: Volume, *, step_mm: float | None = None) -> dict[str, Centreline]:
    """Centreline of every named artery in a label map.

    Parameters
    ----------
    arteries : numpy.ndarray
        Labels of `inference.anatomy.LABELS` (z, y, x); `unnamed` is left out.
    volume : Volume
        The scan, for its grid.
    step_mm : float, optional
        Distance between points; three quarters of the finest voxel spacing by default. [mm]

    Returns
    -------
    dict of str to Centreline
        By name, from origin to end; a line begins on the centreline of the artery it springs from where the two touch. An
        artery in several pieces is one line that jumps the gap, so that every point lies
        in lumen. What is too small to have a direction is left out.

    Notes
    -----
    A minimal path over the fourth power of the inverse of the distance map [1]_, moved to the centroids of its cross-sections.

    References
    ----------
    .. [1] Wink O, et al. IEEE Trans Med Imaging 2004;23:130-133. doi:10.1109/TMI.2003.819920
    """
    step = step_mm or _default_step(volume.geometry)
    traced: dict[str, Centreline] = {}
    stats = cc3d.statistics(np.ascontiguousarray(arteries, np.uint8))
    for label in sorted(LABELS):
        if label == NUMBERS["unnamed"] or label >= len(stats["voxel_counts"]) or not stats["voxel_counts"][label]:
            continue
        box = stats["bounding_boxes"][label]
        start = tuple(place.start for place in box)
        part = np.asarray(arteries[box]) == label
        origin = _origin(arteries, label, stats["bounding_boxes"], stats["voxel_counts"], volume.geometry)
        goal = np.array(GOAL[label]) / np.linalg.norm(GOAL[label]) if label in GOAL else None
        pieces = _pieces(part, volume.geometry.crop((start[0], start[1], start[2]), part.shape), step, origin, goal=goal)
        if pieces:
            points, radius = _from_parent(label, *_oriented(label, *_chain(pieces), traced), traced)
            traced[LABELS[label]] = Centreline(points, radius, LABELS[label])
    traced = {name: _into_joined(line, traced) for name, line in traced.items()}
    return {name: _from_fork(line, traced) for name, line in traced.items()}


def _from_fork(line: Centreline, traced: dict[str, Centreline]) -> Centreline:
    """A line from where the other of two terminal branches leaves their parent, if that is a little before.

    An artery that ends in two has one fork, but the label of the artery may go on for a few millimetres into one of them.
    """
    label = NUMBERS[line.name]
    for parent, pair in FORKS.items():
        trunk, other = traced.get(LABELS[parent]), traced.get(LABELS[pair[0] if label == pair[1] else pair[1]])
        if label not in pair or trunk is None or other is None:
            continue
        here, there = (int(np.linalg.norm(trunk.points_mm - one.points_mm[0], axis=1).argmin()) for one in (line, other))
        between = trunk.points_mm[there:here]
        if len(between) < 2 or float(np.linalg.norm(np.diff(between, axis=0), axis=1).sum()) > FORK_MM:
            continue
        points, radius = np.concatenate((between, line.points_mm)), np.concatenate((trunk.radius_mm[there:here], line.radius_mm))
        return Centreline(points, radius, line.name)
    return line


def _into_joined(line: Centreline, traced: dict[str, Centreline]) -> Centreline:
    """A line that ends in another artery, led on to that one's centreline."""
    label = NUMBERS[line.name]
    if label not in JOINS:
        return line
    backwards = Centreline(line.points_mm[::-1], line.radius_mm[::-1], line.name)
    points, radius = _run_before(backwards.points_mm, backwards.radius_mm, (JOINS[label],), traced)
    return Centreline(points[::-1], radius[::-1], line.name)
