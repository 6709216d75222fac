"""Counts, boxes and middles of the labels of a label map, in one pass over it and without a wider copy."""

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from inference.compilation import NOGIL

Labels = npt.NDArray[np.uint8]
Box = tuple[slice, slice, slice]


def label_counts(labels: Labels, *, within: npt.NDArray[np.bool_] | None = None) -> npt.NDArray[np.int64]:
    """Voxels of each of the 256 labels, all or those inside a mask.

    Examples
    --------
    >>> label_counts(np.array([[[0, 7, 7]]], np.uint8))[[0, 7]].tolist()
    [1, 2]
    """
    mask = np.broadcast_to(np.True_, labels.shape) if within is None else within
    return np.asarray(_counts(labels, mask).sum(axis=0))


def label_boxes(labels: npt.NDArray[Any], most: int) -> tuple[npt.NDArray[np.int64], list[Box]]:
    """Voxels of every label from 0 to `most`, and the smallest box that holds them; neither is told of 0, whose place is kept.

    What `cc3d.statistics` gives, without the middles, in a seventh of the time. The box of an absent label holds nothing.

    Examples
    --------
    >>> counts, boxes = label_boxes(np.array([[[0, 2, 2]]]), 2)
    >>> counts.tolist(), boxes[2]
    ([0, 0, 2], (slice(0, 1, None), slice(0, 1, None), slice(1, 3, None)))
    """
    counts, low, high = _boxes(labels, most + 1)
    low[counts == 0] = 0
    ends = zip(low.tolist(), high.tolist(), strict=True)
    return counts, [(slice(a, d), slice(b, e), slice(c, f)) for (a, b, c), (d, e, f) in ends]


def label_middles(labels: Labels) -> npt.NDArray[np.float64]:
    """Mean index (z, y, x) of the voxels of each of the 256 labels; NaN for a label that is absent.

    Examples
    --------
    >>> label_middles(np.array([[[0, 7, 0, 7]]], np.uint8))[7].tolist()
    [0.0, 0.0, 2.0]
    """
    total = _sums(labels).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.asarray(total[:, :3] / total[:, 3:])


@numba.njit(cache=True, nogil=True)
def _boxes(labels, size):  # type: ignore[no-untyped-def]  # pragma: no cover
    counts, low, high = np.zeros(size, np.int64), np.full((size, 3), np.int64(2**62)), np.zeros((size, 3), np.int64)
    for z in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            for x in range(labels.shape[2]):
                number = labels[z, y, x]
                if number:
                    counts[number] += 1
                    low[number, 0], high[number, 0] = min(low[number, 0], z), z + 1
                    low[number, 1], high[number, 1] = min(low[number, 1], y), max(high[number, 1], y + 1)
                    low[number, 2], high[number, 2] = min(low[number, 2], x), max(high[number, 2], x + 1)
    return counts, low, high


@numba.njit(nogil=NOGIL, parallel=True, cache=True)
def _counts(labels, mask):  # type: ignore[no-untyped-def]  # pragma: no cover
    parts = min(16, labels.shape[0])
    found = np.zeros((parts, 256), np.int64)
    for part in numba.prange(parts):
        for z in range(part * labels.shape[0] // parts, (part + 1) * labels.shape[0] // parts):
            for y in range(labels.shape[1]):
                for x in range(labels.shape[2]):
                    if mask[z, y, x]:
                        found[part, labels[z, y, x]] += 1
    return found


@numba.njit(nogil=NOGIL, parallel=True, cache=True)
def _sums(labels):  # type: ignore[no-untyped-def]  # pragma: no cover
    parts = min(16, labels.shape[0])
    found = np.zeros((parts, 256, 4), np.float64)
    for part in numba.prange(parts):
        for z in range(part * labels.shape[0] // parts, (part + 1) * labels.shape[0] // parts):
            for y in range(labels.shape[1]):
                for x in range(labels.shape[2]):
                    if labels[z, y, x]:
                        place = found[part, labels[z, y, x]]
                        place[0] += z
                        place[1] += y
                        place[2] += x
                        place[3] += 1
    return found
