"""Vessel voxels as a sparse lattice: everything on it costs by the number of vessel voxels, not by the size of the scan."""

# mypy: disable-error-code="untyped-decorator,no-any-return"

from dataclasses import dataclass
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from inference.compilation import NOGIL
from inference.geometry import Geometry
from inference.heap import heap_pop, heap_push
from inference.indices import bounding_box, indices

Array = npt.NDArray[Any]

OFFSETS = np.array([(z, y, x) for z in (-1, 0, 1) for y in (-1, 0, 1) for x in (-1, 0, 1)], np.int64)
"""The 27 places around a voxel; the middle one is number 13."""

MOST_VOXELS = 1_500_000


@dataclass(frozen=True)
class Lattice:
    """Voxels of a mask with their 26 neighbours.

    Parameters
    ----------
    where : numpy.ndarray
        Indices (n, 3) of the voxels as (z, y, x), in scan order.
    near : numpy.ndarray
        int32 (n, 27): number of the voxel at each of `OFFSETS`, −1 outside.
    lengths_mm : numpy.ndarray
        Distance to each of `OFFSETS` (27,). [mm]
    geometry : Geometry
        Grid of the mask.
    """

    where: Array
    near: Array
    lengths_mm: Array
    geometry: Geometry

    def __len__(self) -> int:
        return len(self.where)

    @property
    def points_mm(self) -> Array:
        """LPS points (n, 3) of the voxels. [mm]"""
        return self.geometry.points(self.where) if len(self.where) else np.zeros((0, 3))

    def depth_mm(self) -> Array:
        """Distance of every voxel to the wall, along the lattice (a chamfer distance, up to 8 % long). [mm]"""
        spacing = np.asarray(self.geometry.spacing_mm)
        rim = np.full(len(self), np.inf, np.float32)
        for axis in range(3):
            step = np.zeros(3, np.int64)
            step[axis] = 1
            for sign in (-1, 1):
                place = 13 + sign * int(step @ np.array([9, 3, 1]))
                rim = np.where(self.near[:, place] < 0, np.minimum(rim, 0.5 * spacing[axis]), rim)
        sources = np.flatnonzero(np.isfinite(rim))
        return self.distances(sources, start=rim[sources])

    def spread(self, sources: Array, *, start: Array | None = None, cost: Array | None = None) -> tuple[Array, Array]:
        """Cheapest way from the sources to every voxel.

        Parameters
        ----------
        sources : numpy.ndarray
            Numbers of the voxels to start from.
        start : numpy.ndarray, optional
            Cost already paid at each source; 0 by default.
        cost : numpy.ndarray, optional
            Cost per millimetre of every voxel; 1 by default. [1/mm]

        Returns
        -------
        distance, owner : numpy.ndarray
            Accumulated cost (infinite where not reached) and the place in `sources` it came from (−1 where not reached).
        """
        price = np.ones(len(self), np.float32) if cost is None else np.asarray(cost, np.float32)
        paid = np.zeros(len(sources), np.float32) if start is None else np.asarray(start, np.float32)
        return _spread(self.near, self.lengths_mm.astype(np.float32), price, np.asarray(sources, np.int64), paid)

    def distances(self, sources: Array, *, start: Array | None = None) -> Array:
        """Length of the shortest way from the sources to every voxel, as `spread` gives it but faster, for it keeps no owner. [mm]

        Examples
        --------
        >>> tube = np.zeros((5, 3, 3), bool); tube[:, 1, 1] = True
        >>> lattice_of(tube, Geometry((5, 3, 3), (2.0, 1.0, 1.0))).distances(np.array([0])).tolist()
        [0.0, 2.0, 4.0, 6.0, 8.0]
        """
        paid = np.zeros(len(sources), np.float32) if start is None else np.asarray(start, np.float32)
        return _distances(self.near, self.lengths_mm.astype(np.float32), np.asarray(sources, np.int64), paid)

    def pieces(self) -> tuple[Array, int]:
        """Number of the connected piece of every voxel, from 0, and how many there are."""
        return _pieces(self.near)


def lattice_of(mask: Array, geometry: Geometry) -> Lattice:
    """The lattice of what is not zero in a mask.

    Parameters
    ----------
    mask : numpy.ndarray
        Vessel (z, y, x). At most `MOST_VOXELS` voxels, see `inference.graph.coarse_mask`.
    geometry : Geometry
        The mask's grid.

    Examples
    --------
    >>> mask = np.zeros((4, 4, 4), bool); mask[1, 1, 1:4] = True
    >>> lattice = lattice_of(mask, Geometry((4, 4, 4), (1.0, 1.0, 2.0)))
    >>> lattice.spread(np.array([0]))[0].tolist()
    [0.0, 2.0, 4.0]
    """
    lengths = np.linalg.norm(OFFSETS * np.asarray(geometry.spacing_mm), axis=1)
    box = bounding_box(mask)
    if box is None:
        return Lattice(np.zeros((0, 3), np.int64), np.zeros((0, 27), np.int32), lengths, geometry)
    where = indices(mask[box])
    rows = np.array([place.stop - place.start for place in box[:2]])
    near = _neighbours(where, int(rows[0]), int(rows[1]))
    return Lattice(where + np.array([place.start for place in box]), near, lengths, geometry)


@nb.njit(cache=True, nogil=NOGIL, parallel=True)
def _neighbours(where: Array, planes: int, rows: int) -> Array:
    """Numbers of the 27 voxels around each, found in the nine rows they lie in; the voxels are in scan order."""
    begin = np.zeros(planes * rows + 1, np.int64)
    for n in range(len(where)):
        begin[where[n, 0] * rows + where[n, 1] + 1] += 1
    for row in range(planes * rows):
        begin[row + 1] += begin[row]
    near = np.empty((len(where), 27), np.int32)
    for z in nb.prange(planes):
        at = np.zeros(9, np.int64)
        for n in range(begin[z * rows], begin[(z + 1) * rows]):
            near[n] = -1
            y, x = where[n, 1], where[n, 2]
            first = n == begin[z * rows + y]
            for side in range(9):
                beside_z, beside_y = z + side // 3 - 1, y + side % 3 - 1
                if beside_z < 0 or beside_z >= planes or beside_y < 0 or beside_y >= rows:
                    continue
                row = beside_z * rows + beside_y
                if first:
                    at[side] = begin[row]
                while at[side] < begin[row + 1] and where[at[side], 2] < x - 1:
                    at[side] += 1
                there = at[side]
                while there < begin[row + 1] and where[there, 2] <= x + 1:
                    near[n, 3 * side + where[there, 2] - x + 1] = there
                    there += 1
    return near


@nb.njit(cache=True, nogil=True)
def _spread(near: Array, lengths: Array, price: Array, sources: Array, paid: Array) -> tuple[Array, Array]:
    distance = np.full(len(near), np.inf, np.float32)
    owner = np.full(len(near), -1, np.int32)
    capacity = max(1024, 2 * len(sources))
    keys, items = np.empty(capacity, np.float32), np.empty(capacity, np.int64)
    size = 0
    for place in range(len(sources)):
        if paid[place] < distance[sources[place]]:
            distance[sources[place]], owner[sources[place]] = paid[place], place
            size = heap_push(keys, items, size, paid[place], sources[place])
    while size:
        reached, here = keys[0], items[0]
        size = heap_pop(keys, items, size)
        if reached > distance[here]:
            continue
        for place in range(27):
            there = near[here, place]
            if there < 0 or there == here:
                continue
            onward = np.float32(reached + 0.5 * lengths[place] * (price[here] + price[there]))
            if onward < distance[there]:
                distance[there], owner[there] = onward, owner[here]
                if size == capacity:
                    keys, items = np.concatenate((keys, keys)), np.concatenate((items, items))
                    capacity *= 2
                size = heap_push(keys, items, size, onward, there)
    return distance, owner


@nb.njit(cache=True, nogil=True)
def _distances(near: Array, lengths: Array, sources: Array, paid: Array) -> Array:
    """Shortest ways by buckets as wide as the shortest step: what lies in the lowest one is settled, in any order."""
    distance, settled = np.full(len(near) + 1, np.inf, np.float32), np.zeros(len(near), np.bool_)
    outside = len(near)
    distance[outside] = -np.inf  # stands for all places outside, to which no way is shorter
    width = np.inf
    for place in range(27):
        if place != 13:
            width = min(width, lengths[place])
    per_width = np.float64(1.0) / width
    buckets, capacity, size = 1024, max(1024, 4 * len(near)), 0
    first = np.full(buckets, -1, np.int32)
    items, following = np.empty(capacity, np.int32), np.empty(capacity, np.int32)
    for place in range(len(sources)):
        here = sources[place]
        if paid[place] < distance[here]:
            distance[here], bucket = paid[place], int(paid[place] * per_width)
            while bucket >= buckets:
                first, buckets = np.concatenate((first, np.full(buckets, -1, np.int32))), 2 * buckets
            items[size], following[size], first[bucket] = here, first[bucket], size
            size += 1
    bucket = 0
    while bucket < buckets:
        entry = first[bucket]
        if entry < 0:
            bucket += 1
            continue
        first[bucket] = following[entry]
        here = items[entry]
        reached = distance[here]
        if settled[here]:
            continue  # it was reached on a shorter way since
        settled[here] = True
        if size + 27 > capacity:
            items, following, capacity = np.concatenate((items, items)), np.concatenate((following, following)), 2 * capacity
        shorter = np.int32(0)  # bits of the places to which this way is: all are looked at together, for few are
        for place in range(27):
            there = near[here, place]
            shorter |= np.int32(reached + lengths[place] < distance[there if there >= 0 else outside]) << np.int32(place)
        place = -1
        while shorter:
            place, bit, shorter = place + 1, shorter & 1, shorter >> 1
            if not bit:
                continue
            there, onward = near[here, place], reached + lengths[place]
            distance[there], target = onward, int(onward * per_width)
            while target >= buckets:
                first, buckets = np.concatenate((first, np.full(buckets, -1, np.int32))), 2 * buckets
            items[size], following[size], first[target] = there, first[target], size
            size += 1
    return distance[:-1]


@nb.njit(cache=True, nogil=True)
def _pieces(near: Array) -> tuple[Array, int]:
    piece = np.full(len(near), -1, np.int32)
    stack = np.empty(len(near), np.int64)
    count = 0
    for seed in range(len(near)):
        if piece[seed] >= 0:
            continue
        piece[seed], stack[0], size = count, seed, 1
        while size:
            size -= 1
            here = stack[size]
            for place in range(27):
                there = near[here, place]
                if there >= 0 and piece[there] < 0:
                    piece[there] = count
                    stack[size] = there
                    size += 1
        count += 1
    return piece, count
