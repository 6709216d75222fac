"""Growing, shrinking and labelling masks in millimetres, by distance rather than by structuring element."""

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from inference.compilation import NOGIL
from inference.indices import indices
from inference.segmentation.distance import distance_map
from inference.segmentation.packed import MOST_REACH, complement, grown, pack, reach_voxels, unpack

BoolMask = npt.NDArray[np.bool_]
Spacing = tuple[float, float, float]
MANY_LABELS = 200_000  # more than this are counted one by one: sixteen counters for each would cost more


def distance_to(mask: BoolMask, spacing_mm: Spacing) -> npt.NDArray[np.float32]:
    """Distance of every voxel to the nearest voxel of the mask; infinite where the mask is empty. [mm]

    Examples
    --------
    >>> distance_to(np.array([[[True, False, False]]]), (1.0, 1.0, 2.0)).tolist()
    [[[0.0, 2.0, 4.0]]]
    """
    return distance_map(np.asarray(mask, bool), spacing_mm)


def dilated(mask: BoolMask, radius_mm: float, spacing_mm: Spacing) -> BoolMask:
    """Every voxel within a distance of the mask."""
    if reach_voxels(radius_mm, spacing_mm) > MOST_REACH:
        return np.asarray(distance_to(mask, spacing_mm) <= radius_mm)
    return unpack(grown(pack(mask), mask.shape[2], radius_mm, spacing_mm), mask.shape[2])


def eroded(mask: BoolMask, radius_mm: float, spacing_mm: Spacing) -> BoolMask:
    """Every voxel of the mask farther than a distance from its outside; the edge of the array is not outside."""
    if reach_voxels(radius_mm, spacing_mm) > MOST_REACH:
        return np.asarray(distance_to(~mask, spacing_mm) > radius_mm)
    width = mask.shape[2]
    outside = grown(complement(pack(mask), width), width, radius_mm, spacing_mm)
    return unpack(complement(outside, width), width)


def closed(mask: BoolMask, radius_mm: float, spacing_mm: Spacing) -> BoolMask:
    """Fill gaps and holes narrower than twice the radius."""
    pad = [(int(radius_mm / step) + 2,) * 2 for step in spacing_mm]
    inner = tuple(slice(before, -after) for before, after in pad)
    padded = np.pad(mask, pad)
    if reach_voxels(radius_mm, spacing_mm) > MOST_REACH:
        return np.ascontiguousarray(eroded(dilated(padded, radius_mm, spacing_mm), radius_mm, spacing_mm)[inner])
    width = padded.shape[2]
    outside = complement(grown(pack(padded), width, radius_mm, spacing_mm), width)
    return np.ascontiguousarray(unpack(complement(grown(outside, width, radius_mm, spacing_mm), width), width)[inner])


@dataclass(frozen=True)
class Labelled:
    """Connected components, with figures per component; index 0 is the background.

    Examples
    --------
    >>> parts = label(np.array([[[True, True, False, True]]]), connectivity=6)
    >>> parts.counts.tolist(), parts.share(np.array([[[True, False, False, True]]])).tolist()
    ([1, 2, 1], [0.0, 0.5, 1.0])
    >>> parts.choose(parts.counts > 1).tolist()
    [[[True, True, False, False]]]
    """

    labels: npt.NDArray[np.uint32]
    counts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, labels: npt.NDArray[np.uint32], count: int) -> "Labelled":
        """Labels from 1 to `count`, counted."""
        counts = _count_inside(labels, np.broadcast_to(np.True_, labels.shape), count + 1)
        counts[0] = labels.size - counts[1:].sum()
        return cls(labels, counts)

    def share(self, mask: BoolMask) -> npt.NDArray[np.float64]:
        """Share of each component's voxels that lie in a mask."""
        inside = _count_inside(self.labels, mask, self.counts.size)
        inside[0] = np.count_nonzero(mask) - inside[1:].sum()
        return np.asarray(inside / np.maximum(self.counts, 1))

    def mean(self, values: npt.NDArray[np.float32] | npt.NDArray[np.int16]) -> npt.NDArray[np.float64]:
        """Mean value in each component."""
        return np.asarray(_sums(self.labels, values, self.counts.size) / np.maximum(self.counts, 1))

    def most(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Largest value in each component."""
        return np.asarray(_largest(self.labels, values, self.counts.size))

    def axes_mm(self, spacing_mm: Spacing) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Length and middle width of every piece: an ellipsoid of the same moments has these axes; 0 for single voxels. [mm]

        Examples
        --------
        >>> bar = np.zeros((3, 3, 30), bool); bar[1, 1:, :] = True
        >>> length, width = label(bar, connectivity=26).axes_mm((1.0, 1.0, 1.0))
        >>> round(float(length[1])), round(float(width[1]))
        (39, 2)
        """
        places = indices(self.labels > 0)
        number, at = self.labels[tuple(places.T)], places * np.asarray(spacing_mm)
        size, counts = self.counts.size, np.maximum(self.counts, 1)
        middle = np.stack([np.bincount(number, at[:, axis], minlength=size) / counts for axis in range(3)], axis=1)
        away = at - middle[number]
        spread = np.zeros((size, 3, 3))
        for one in range(3):
            for other in range(one, 3):
                together = np.bincount(number, away[:, one] * away[:, other], minlength=size)
                spread[:, one, other] = spread[:, other, one] = together / np.maximum(counts - 1, 1)
        axes = 2.0 * np.sqrt(5.0 * np.maximum(np.linalg.eigvalsh(spread), 0.0))  # an axis of an ellipsoid is 2 √5 σ
        return axes[:, 2], axes[:, 1]

    def choose(self, wanted: npt.NDArray[np.bool_]) -> BoolMask:
        """The components for which `wanted` is true, never the background."""
        table = np.array(wanted, bool)
        table[0] = False
        out = np.zeros(self.labels.shape, bool)
        _choose(self.labels, table, out)
        return out

    def assign(self, ours: BoolMask, theirs: BoolMask, *, keep: npt.NDArray[np.bool_], give: npt.NDArray[np.bool_]) -> None:
        """In two masks, in place: what is labelled is ours if its component is kept, theirs if it is given away, else as it was with them.

        What is ours is never theirs.

        Examples
        --------
        >>> ours, theirs = np.array([[[True, False, True, True]]]), np.array([[[True, True, False, True]]])
        >>> parts = label(ours, connectivity=6)
        >>> parts.assign(ours, theirs, keep=parts.counts == 1, give=parts.counts == 2)
        >>> ours.tolist(), theirs.tolist()
        ([[[True, False, False, False]]], [[[False, True, True, True]]])
        """
        _assign(self.labels, np.asarray(keep, bool), np.asarray(give, bool), ours, theirs)


def label(mask: BoolMask, *, connectivity: int) -> Labelled:
    """Connected components under 6, 18 or 26 neighbours."""
    import cc3d

    labels, count = cc3d.connected_components(np.ascontiguousarray(mask, np.uint8), connectivity=connectivity, return_N=True)
    return Labelled.of(labels, int(count))


def largest_around(labels: npt.NDArray[np.uint32], reach: int) -> npt.NDArray[np.uint32]:
    """The largest label in the cube that reaches so many voxels to every side; the cost is that of the labelled rows.

    Examples
    --------
    >>> largest_around(np.array([[[0, 0, 0, 7, 0]]], np.uint32), 2).tolist()
    [[[0, 7, 7, 7, 7]]]
    """
    return np.asarray(_largest_around(labels, reach))


@numba.njit(nogil=NOGIL, parallel=True, cache=True)
def _planes(labels, mask, size):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Voxels of each label inside a mask, a plane at a time."""
    parts = min(16, labels.shape[0])
    found = np.zeros((parts, size), np.int64)
    for part in numba.prange(parts):
        for z in range(part * labels.shape[0] // parts, (part + 1) * labels.shape[0] // parts):
            for y in range(labels.shape[1]):
                for x in range(labels.shape[2]):
                    if labels[z, y, x] and mask[z, y, x]:
                        found[part, labels[z, y, x]] += 1
    return found


@numba.njit(nogil=True, cache=True)
def _one_by_one(labels, mask, size):  # type: ignore[no-untyped-def]  # pragma: no cover
    found = np.zeros(size, np.int64)
    for z in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            for x in range(labels.shape[2]):
                if labels[z, y, x] and mask[z, y, x]:
                    found[labels[z, y, x]] += 1
    return found


@numba.njit(nogil=True, cache=True)
def _sums(labels, values, size):  # type: ignore[no-untyped-def]  # pragma: no cover
    total = np.zeros(size, np.float64)
    for z in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            for x in range(labels.shape[2]):
                if labels[z, y, x]:
                    total[labels[z, y, x]] += values[z, y, x]
    return total


@numba.njit(nogil=True, cache=True)
def _largest(labels, values, size):  # type: ignore[no-untyped-def]  # pragma: no cover
    found = np.zeros(size, np.float64)
    for z in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            for x in range(labels.shape[2]):
                if labels[z, y, x]:
                    found[labels[z, y, x]] = max(found[labels[z, y, x]], values[z, y, x])
    return found


@numba.njit(nogil=NOGIL, parallel=True, cache=True)
def _choose(labels, table, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    for z in numba.prange(labels.shape[0]):
        for y in range(labels.shape[1]):
            for x in range(labels.shape[2]):
                if labels[z, y, x]:
                    out[z, y, x] = table[labels[z, y, x]]


@numba.njit(nogil=NOGIL, parallel=True, cache=True)
def _assign(labels, keep, give, ours, theirs):  # type: ignore[no-untyped-def]  # pragma: no cover
    for z in numba.prange(labels.shape[0]):
        for y in range(labels.shape[1]):
            for x in range(labels.shape[2]):
                number = labels[z, y, x]
                if number:
                    ours[z, y, x] = keep[number]
                    theirs[z, y, x] = (theirs[z, y, x] or give[number]) and not keep[number]


@numba.njit(nogil=NOGIL, parallel=True, cache=True)
def _largest_around(labels, reach):  # type: ignore[no-untyped-def]  # pragma: no cover
    depth, rows, columns = labels.shape
    along = np.zeros_like(labels)
    across = np.zeros_like(labels)
    some_row = np.zeros((depth, rows), np.bool_)
    some_plane = np.zeros((depth, rows), np.bool_)
    for z in numba.prange(depth):
        for y in range(rows):
            for x in range(columns):
                value = labels[z, y, x]
                if value:
                    some_row[z, y] = True
                    for i in range(max(0, x - reach), min(columns, x + reach + 1)):
                        along[z, y, i] = max(along[z, y, i], value)
    for z in numba.prange(depth):
        for y in range(rows):
            for j in range(max(0, y - reach), min(rows, y + reach + 1)):
                if some_row[z, j]:
                    some_plane[z, y] = True
                    for x in range(columns):
                        across[z, y, x] = max(across[z, y, x], along[z, j, x])
    out = along  # which nobody needs any more
    for z in numba.prange(depth):
        out[z] = 0
        for k in range(max(0, z - reach), min(depth, z + reach + 1)):
            for y in range(rows):
                if some_plane[k, y]:
                    for x in range(columns):
                        out[z, y, x] = max(out[z, y, x], across[k, y, x])
    return out


def _count_inside(labels: npt.NDArray[np.uint32], mask: BoolMask, size: int) -> npt.NDArray[np.int64]:
    if size > MANY_LABELS:
        return np.asarray(_one_by_one(labels, mask, size))
    return np.asarray(_planes(labels, mask, size).sum(axis=0))
