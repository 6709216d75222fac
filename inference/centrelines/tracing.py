"""Centrelines of named arteries and of any mask, by minimal paths on the distance map."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from inference.anatomy import LABELS, NUMBERS
from inference.centrelines.centreline import Centreline
from inference.centrelines.centring import centre
from inference.centrelines.coarse import coarse_mask
from inference.centrelines.joining import PARENT, from_fork, from_parent, into_joined, oriented
from inference.centrelines.lumen import Lumen, make_lumen
from inference.centrelines.minimal_path import gather, spread, walk_back
from inference.centrelines.pieces import Box, pieces_of
from inference.centrelines.trunk import trunk_end
from inference.geometry import Geometry
from inference.indices import bounding_box, indices
from inference.label_figures import label_boxes
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

WIDEST_GAP_MM, GAP_LENGTHS = 60.0, 2.0
"""Two pieces of an artery further apart are not joined to one line, nor is one that is further off than so many of its own lengths. [mm]"""

MOST_PIECES = 20

ALMOST_MM = 3.0
"""An artery springs from a parent this near though they do not touch: another's label may lie in between. [mm]"""

GOAL = {
    9: (0.0, 0.0, 1.0), 10: (0.0, 0.0, 1.0),
    14: (-1.2, 0.5, 1.0), 15: (1.2, 0.5, 1.0), 16: (0.0, 1.0, -0.3), 17: (0.0, 1.0, -0.3), 18: (0.0, 1.0, -0.3), 19: (0.0, 1.0, -0.3),
}  # fmt: skip
"""LPS direction of the end of the trunk of an artery whose branches are nearly as wide.

The convention of this house: the external carotid is followed up the temple, the middle cerebral artery to the parietal lobe,
the anterior one back along the corpus callosum, the posterior one to the occipital pole.
"""


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
    narrower = nearby / np.maximum(lumen.depth_mm, np.float32(1e-3))
    squared = narrower * narrower  # a power of a float takes ten times as long
    return np.where(lumen.mask, squared * squared, np.float32(0.0)).astype(np.float32)


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
    where = indices(lumen.mask)
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


def _pieces(
    mask: Array, geometry: Geometry, step_mm: float, origin_mm: Array | None, *, goal: Array | None
) -> tuple[list[tuple[Array, Array]], bool]:
    """Middle lines of the components of a mask, that of the trunk first, and whether that begins at the origin; specks are left out.

    The trunk is the piece that holds `origin_mm`, and begins there; without one, or where that is a crumb against the longest,
    the piece with the most lumen along its line.
    """
    parts, trunk = pieces_of(mask), -1
    found: list[tuple[Array, Array]] = []
    numbers = list(parts.by_size()[:MOST_PIECES])
    holder = _number_at(parts.labels, geometry, origin_mm)
    if holder in numbers:  # first, for what lies beyond begins near its end
        numbers.remove(holder)
        numbers.insert(0, holder)
    for number in numbers:
        box = parts.boxes[number - 1]
        start = (box[0].start, box[1].start, box[2].start)
        piece = parts.labels[box] == number
        lumen = make_lumen(piece, geometry.crop(start, piece.shape), bounding_box(piece) or box)
        begin = origin_mm if number == holder else found[trunk][0][-1] if trunk >= 0 else None
        path = _path(lumen, begin, None, step_mm, goal=goal)
        if path is not None:
            trunk = len(found) if number == holder else trunk
            found.append(path)
    length = [float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum()) for points, _ in found]
    worth = [long * float(np.median(radius)) ** 2 for long, (_, radius) in zip(length, found, strict=True)]
    at_origin = trunk >= 0 and length[trunk] >= max(SHORTEST_PIECE_MM, STUMP_SHARE * max(length))
    if at_origin:
        worth[trunk] = np.inf
    order = np.argsort(worth)[::-1]
    return [found[place] for rank, place in enumerate(order) if rank == 0 or length[place] >= SHORTEST_PIECE_MM], at_origin


def _number_at(labels: Array, geometry: Geometry, point_mm: Array | None) -> int:
    """The number of the piece that holds an LPS point; 0 where none does."""
    if point_mm is None:
        return 0
    index = np.rint(geometry.indices(point_mm)[0]).astype(int)
    return int(labels[tuple(index)]) if ((index >= 0) & (index < labels.shape)).all() else 0


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
        where = indices(pieces.labels == pieces.by_size()[0])
        return np.asarray(where[np.linalg.norm(where - where.mean(axis=0), axis=1).argmin()])
    if not own.any() or not parent.any():
        return None
    spacing, where = np.asarray(geometry.spacing_mm), indices(own)
    away = np.asarray(cKDTree(indices(parent) * spacing).query(where * spacing)[0])
    return np.asarray(where[int(away.argmin())]) if away.min() <= ALMOST_MM else None


def _chain(pieces: list[tuple[Array, Array]], *, at_origin: bool) -> tuple[Array, Array]:
    """Pieces of one artery strung to one line: each next piece goes to the end that it continues, side branches stay out.

    Nothing goes before a first piece that begins at the artery's origin.
    """
    points, radius = pieces[0]
    rest = pieces[1:]
    while rest:
        options = []
        for place, (other, _) in enumerate(rest):
            most = min(WIDEST_GAP_MM, GAP_LENGTHS * float(np.linalg.norm(np.diff(other, axis=0), axis=1).sum()))
            for turned in (False, True):
                candidate = other[::-1] if turned else other
                ends = [(float(np.linalg.norm(points[-1] - candidate[0])), True)]
                if not at_origin:
                    ends.append((float(np.linalg.norm(points[0] - candidate[-1])), False))
                options += [(gap, place, turned, at_end) for gap, at_end in ends if gap <= most]
        if not options:
            break
        _, place, turned, at_end = min(options)
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
    voxels, boxes = label_boxes(np.asarray(arteries, np.uint8), 255)
    for label in sorted(LABELS):
        if label == NUMBERS["unnamed"] or not voxels[label]:
            continue
        box = boxes[label]
        start = tuple(place.start for place in box)
        part = np.asarray(arteries[box]) == label
        origin = _origin(arteries, label, boxes, voxels, volume.geometry)
        goal = np.array(GOAL[label]) / np.linalg.norm(GOAL[label]) if label in GOAL else None
        pieces, at_origin = _pieces(part, volume.geometry.crop((start[0], start[1], start[2]), part.shape), step, origin, goal=goal)
        if pieces:
            points, radius = from_parent(label, *oriented(label, *_chain(pieces, at_origin=at_origin), traced), traced)
            traced[LABELS[label]] = Centreline(points, radius, LABELS[label])
    traced = {name: into_joined(line, traced) for name, line in traced.items()}
    return {name: from_fork(line, traced) for name, line in traced.items()}
