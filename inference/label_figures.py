"""Counts and middles of the labels of a label map, in one pass over it and without a wider copy."""

import numba
import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.uint8]


def label_counts(labels: Labels, *, within: npt.NDArray[np.bool_] | None = None) -> npt.NDArray[np.int64]:
    """Voxels of each of the 256 labels, all or those inside a mask.

    Examples
    --------
    >>> label_counts(np.array([[[0, 7, 7]]], np.uint8))[[0, 7]].tolist()
    [1, 2]
    """
    mask = np.broadcast_to(np.True_, labels.shape) if within is None else within
    return np.asarray(_counts(labels, mask).sum(axis=0))


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


@numba.njit(parallel=True, cache=True)
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


@numba.njit(parallel=True, cache=True)
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
