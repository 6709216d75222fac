"""Cheapest way through a mask: Dijkstra's algorithm over 26 neighbours, compiled, on a padded crop."""

# mypy: disable-error-code="untyped-decorator,no-any-return"

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from inference.heap import heap_pop, heap_push

Array = npt.NDArray[Any]

_STEPS = np.array([(z, y, x) for z in (-1, 0, 1) for y in (-1, 0, 1) for x in (-1, 0, 1) if (z, y, x) != (0, 0, 0)], np.int64)


@nb.njit(cache=True, nogil=True)
def _dijkstra(cost: Array, strides: Array, lengths: Array, sources: Array, goal: int) -> tuple[Array, Array]:
    """Distances and predecessors over a flat, zero-padded cost array (0 = wall)."""
    distance = np.full(cost.size, np.inf, np.float32)
    previous = np.full(cost.size, -1, np.int64)
    capacity = 1024
    keys, items = np.empty(capacity, np.float32), np.empty(capacity, np.int64)
    size = 0
    for source in sources:
        distance[source] = 0.0
        size = heap_push(keys, items, size, 0.0, source)
        if size == capacity:
            keys, items = np.concatenate((keys, keys)), np.concatenate((items, items))
            capacity *= 2
    while size:
        reached, here = keys[0], items[0]
        size = heap_pop(keys, items, size)
        if reached > distance[here]:
            continue
        if here == goal:
            break
        for step in range(strides.size):
            there = here + strides[step]
            if cost[there] <= 0.0:
                continue
            onward = np.float32(reached + 0.5 * lengths[step] * (cost[here] + cost[there]))
            if onward < distance[there]:
                distance[there] = onward
                previous[there] = here
                if size == capacity:
                    keys, items = np.concatenate((keys, keys)), np.concatenate((items, items))
                    capacity *= 2
                size = heap_push(keys, items, size, onward, there)
    return distance, previous


def spread(
    cost: Array, spacing_mm: tuple[float, float, float], sources: npt.ArrayLike, *, goal: tuple[int, int, int] | None = None
) -> tuple[Array, Array]:
    """Cost of the cheapest way from any source to every voxel.

    Parameters
    ----------
    cost : numpy.ndarray
        Cost per millimetre (z, y, x), positive inside and 0 outside; its outermost voxels must be 0. [1/mm]
    spacing_mm : tuple of float
        Voxel spacing along (z, y, x). [mm]
    sources : array_like
        Indices (n, 3) to start from.
    goal : tuple of int, optional
        Stop when this index is reached.

    Returns
    -------
    distance, previous : numpy.ndarray
        Both (z, y, x): accumulated cost (infinite where not reached) and the flat index of the voxel before (−1 at sources).

    Examples
    --------
    >>> tube = np.zeros((3, 3, 7)); tube[1, 1, 1:6] = 1.0
    >>> distance, _ = spread(tube, (1.0, 1.0, 2.0), [(1, 1, 1)])
    >>> distance[1, 1, 1:6].tolist()
    [0.0, 2.0, 4.0, 6.0, 8.0]
    """
    flat = np.ascontiguousarray(cost, np.float32).ravel()
    stride = np.array([cost.shape[1] * cost.shape[2], cost.shape[2], 1], np.int64)
    lengths = np.linalg.norm(_STEPS * np.asarray(spacing_mm, float), axis=1).astype(np.float32)
    start = np.atleast_2d(np.asarray(sources, np.int64)) @ stride
    end = -1 if goal is None else int(np.asarray(goal, np.int64) @ stride)
    distance, previous = _dijkstra(flat, _STEPS @ stride, lengths, start, end)
    return distance.reshape(cost.shape), previous.reshape(cost.shape)


def walk_back(previous: Array, end: tuple[int, int, int]) -> npt.NDArray[np.int64]:
    """Indices (n, 3) from the source to `end`, following the predecessors of `spread`."""
    flat, here = previous.ravel(), int(np.ravel_multi_index(end, previous.shape))
    way = [here]
    while flat[here] >= 0:
        here = int(flat[here])
        way.append(here)
    return np.stack(np.unravel_index(np.array(way[::-1]), previous.shape), axis=1).astype(np.int64)


@nb.njit(cache=True, nogil=True)
def _accumulate(order: Array, previous: Array, gain: Array) -> Array:
    total = np.zeros(gain.size, np.float32)
    for voxel in order:
        before = previous[voxel]
        total[voxel] = gain[voxel] + (total[before] if before >= 0 else 0.0)
    return total


def gather(distance: Array, previous: Array, gain: Array) -> Array:
    """Sum of `gain` over the voxels of the cheapest way to every voxel (0 where `spread` did not reach)."""
    flat = distance.ravel()
    reached = np.flatnonzero(np.isfinite(flat))
    order = reached[np.argsort(flat[reached], kind="stable")]
    total = _accumulate(order, previous.ravel(), np.ascontiguousarray(gain, np.float32).ravel())
    return total.reshape(distance.shape)
