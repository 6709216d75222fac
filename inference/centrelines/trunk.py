"""Which of a vessel's many ends is that of its trunk: at every fork the wider, and the straighter or the nearer to its goal."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from inference.centrelines.lumen import Lumen
from inference.centrelines.minimal_path import spread, walk_back
from inference.lattice import lattice_of
from inference.thinning import tips_of

Array = npt.NDArray[Any]
End = tuple[int, int, int]

WINDOW_MM = 14.0
"""Two ways from a fork are compared over this length. [mm]"""

WIDTH_WEIGHT, TURN_WEIGHT = 4.0, 2.0
"""What speaks for a way: the logarithm of its cross-section against the other's and, without a goal, the cosine of its turn."""

GOAL_MM, MOST_GOAL = 5.0, 2.5
"""An end this much nearer to the goal counts as 1, and never as more than the second. [mm]"""

DRAW = 0.1
"""Of two ways that differ by less the longer and wider as a whole goes on."""

TURN_MM = 8.0
"""Directions are taken over this length. [mm]"""

STUMP_SHARE, STUMP_MM, STUMP_WIDTHS = 0.2, 4.0, 3.0
"""A way this short against the other, in millimetres, or in radii is a stump, a bristle or an aneurysm, however wide."""

TWICE = 2.0
"""Where both ways are that short for their width, as in an aorta, one that is this much longer than the other goes on."""


def trunk_end(lumen: Lumen, cost: Array, source: End, *, goal: Array | None = None) -> End:
    """The voxel at the end of the trunk that begins at `source`.

    Parameters
    ----------
    lumen : Lumen
        The vessel with its side branches.
    cost : numpy.ndarray
        Cost per millimetre of a way through it. [1/mm]
    source : tuple of int
        Voxel of the origin.
    goal : numpy.ndarray, optional
        LPS direction (3,) in which this artery's trunk ends.
    """
    distance, previous = spread(cost, lumen.geometry.spacing_mm, np.array([source]))
    lattice = lattice_of(lumen.mask, lumen.geometry)
    tips = [tuple(int(value) for value in tip) for tip in lattice.where[tips_of(lattice)]]
    depth = ndimage.maximum_filter(lumen.depth_mm, 3)
    ways = [_Way(walk_back(previous, (tip[0], tip[1], tip[2])), depth, lumen, goal) for tip in tips if np.isfinite(distance[tip])]
    inside_mm = lattice.where * np.asarray(lumen.geometry.spacing_mm)
    ways = sorted((way for way in ways if len(way.voxels) > 1), key=lambda way: -way.worth(0))
    if not ways:
        farthest = np.unravel_index(int(np.where(np.isfinite(distance), distance, -1.0).argmax()), distance.shape)
        return int(farthest[0]), int(farthest[1]), int(farthest[2])
    best = ways[0]
    for other in ways[1:]:
        best = other if _goes_on(other, best, inside_mm) else best
    z, y, x = (int(value) for value in best.voxels[-1])
    return z, y, x


class _Way:
    """A way from the origin to a tip: its voxels, how far along they lie, and how wide the vessel is there."""

    def __init__(self, voxels: Array, depth_mm: Array, lumen: Lumen, goal: Array | None) -> None:
        self.voxels = voxels
        self.flat = np.ravel_multi_index(tuple(voxels.T), lumen.mask.shape)
        steps = np.linalg.norm(np.diff(voxels * np.asarray(lumen.geometry.spacing_mm), axis=0), axis=1)
        self.arc_mm = np.concatenate(([0.0], np.cumsum(steps)))
        self.depth_mm = depth_mm[tuple(voxels.T)]
        self.places_mm = voxels * np.asarray(lumen.geometry.spacing_mm)
        self.progress_mm = None if goal is None else float(lumen.geometry.points(voxels[-1:])[0] @ goal)

    def worth(self, place: int) -> float:
        """Length times width from a place on."""
        return float((np.diff(self.arc_mm[place:]) * self.depth_mm[place + 1 :]).sum())

    def left_mm(self, place: int) -> float:
        """Length from a place on. [mm]"""
        return float(self.arc_mm[-1] - self.arc_mm[place])

    def window(self, place: int, *, clear_mm: float, window_mm: float) -> Array:
        """Places of a window that begins clear of the fork."""
        away = self.arc_mm - self.arc_mm[place]
        return np.flatnonzero((away >= clear_mm) & (away <= clear_mm + window_mm))

    def straightness(self, place: int, *, clear_mm: float) -> float:
        """Cosine between the way before a fork and the way beyond it."""
        before, after = (int(np.searchsorted(self.arc_mm, self.arc_mm[place] + reach)) for reach in (-TURN_MM, clear_mm + TURN_MM))
        first = self.places_mm[place] - self.places_mm[max(before, 0)]
        second = self.places_mm[min(after, len(self.voxels) - 1)] - self.places_mm[place]
        size = float(np.linalg.norm(first) * np.linalg.norm(second))
        return float(first @ second) / size if size > 0 else 0.0


def _goes_on(other: _Way, best: _Way, inside_mm: Array) -> bool:
    """Whether `other` rather than `best` is the trunk beyond the place where they part."""
    count = min(len(other.flat), len(best.flat))
    apart = np.flatnonzero(other.flat[:count] != best.flat[:count])
    place = int(apart[0]) - 1 if len(apart) else count - 1
    left = {way: way.left_mm(place) for way in (other, best)}
    short = max(STUMP_MM, STUMP_SHARE * max(left.values()))
    stump = {way: left[way] < max(short, STUMP_WIDTHS * float(way.depth_mm[place:].max())) for way in (other, best)}
    if stump[other] != stump[best]:
        return stump[best]
    if stump[other] and max(left.values()) > TWICE * min(left.values()):
        return left[other] > left[best]
    clear = float(best.depth_mm[place])
    window = min(WINDOW_MM, *(max(length - clear, 0.5) for length in left.values()))
    windows = (other.window(place, clear_mm=clear, window_mm=window), best.window(place, clear_mm=clear, window_mm=window))
    if min(len(windows[0]), len(windows[1])) < 3:
        return other.worth(place) > best.worth(place)
    first, second = _sections((other, best), windows, inside_mm)
    score = WIDTH_WEIGHT * float(np.log(first / second))
    if best.progress_mm is None or other.progress_mm is None:
        score += TURN_WEIGHT * (other.straightness(place, clear_mm=clear) - best.straightness(place, clear_mm=clear))
    else:  # an artery with a goal may turn on its way there, as the middle cerebral one does around the insula
        score += float(np.clip((other.progress_mm - best.progress_mm) / GOAL_MM, -MOST_GOAL, MOST_GOAL))
    return score > 0 if abs(score) > DRAW else other.worth(place) > best.worth(place)


def _sections(ways: tuple[_Way, _Way], windows: tuple[Array, Array], inside_mm: Array) -> tuple[float, float]:
    """Voxels per millimetre around each window: finer than the depth, which goes by whole voxels. [1/mm]"""
    points = np.concatenate([way.places_mm[window] for way, window in zip(ways, windows, strict=True)])
    depth = np.concatenate([way.depth_mm[window] for way, window in zip(ways, windows, strict=True)])
    reach = 1.6 * float(np.median(depth)) + 0.5
    near = ((inside_mm >= points.min(axis=0) - reach) & (inside_mm <= points.max(axis=0) + reach)).all(axis=1)
    away, nearest = cKDTree(points).query(inside_mm[near])
    held = away <= np.minimum(1.6 * depth[nearest] + 0.5, reach)
    counts = (np.count_nonzero(held & (nearest < len(windows[0]))), np.count_nonzero(held & (nearest >= len(windows[0]))))
    lengths = (max(float(way.arc_mm[window[-1]] - way.arc_mm[window[0]]), 1e-3) for way, window in zip(ways, windows, strict=True))
    first, second = (max(int(count), 1) / length for count, length in zip(counts, lengths, strict=True))
    return first, second
