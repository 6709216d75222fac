"""Growing, shrinking and labelling masks in millimetres, by distance rather than by structuring element."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BoolMask = npt.NDArray[np.bool_]
Spacing = tuple[float, float, float]


def distance_to(mask: BoolMask, spacing_mm: Spacing) -> npt.NDArray[np.float32]:
    """Distance of every voxel to the nearest voxel of the mask; infinite where the mask is empty. [mm]

    Examples
    --------
    >>> distance_to(np.array([[[True, False, False]]]), (1.0, 1.0, 2.0)).tolist()
    [[[0.0, 2.0, 4.0]]]
    """
    import edt

    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    return np.asarray(edt.edt(np.ascontiguousarray(~mask), anisotropy=spacing_mm, black_border=False, parallel=0), np.float32)


def dilated(mask: BoolMask, radius_mm: float, spacing_mm: Spacing) -> BoolMask:
    """Every voxel within a distance of the mask."""
    return np.asarray(distance_to(mask, spacing_mm) <= radius_mm)


def eroded(mask: BoolMask, radius_mm: float, spacing_mm: Spacing) -> BoolMask:
    """Every voxel of the mask farther than a distance from its outside; the edge of the array is not outside."""
    return np.asarray(distance_to(~mask, spacing_mm) > radius_mm)


def closed(mask: BoolMask, radius_mm: float, spacing_mm: Spacing) -> BoolMask:
    """Fill gaps and holes narrower than twice the radius."""
    pad = [(int(radius_mm / step) + 2,) * 2 for step in spacing_mm]
    inner = tuple(slice(before, -after) for before, after in pad)
    grown = dilated(np.pad(mask, pad), radius_mm, spacing_mm)
    return np.ascontiguousarray(eroded(grown, radius_mm, spacing_mm)[inner])


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

    def share(self, mask: BoolMask) -> npt.NDArray[np.float64]:
        """Share of each component's voxels that lie in a mask."""
        inside = np.bincount(self.labels[mask], minlength=self.counts.size)
        return np.asarray(inside / np.maximum(self.counts, 1))

    def mean(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Mean value in each component."""
        some = self.labels > 0
        total = np.bincount(self.labels[some], weights=values[some], minlength=self.counts.size)
        return np.asarray(total / np.maximum(self.counts, 1))

    def most(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Largest value in each component."""
        largest = np.zeros(self.counts.size)
        some = self.labels > 0
        np.maximum.at(largest, self.labels[some], values[some])
        return largest

    def choose(self, wanted: npt.NDArray[np.bool_]) -> BoolMask:
        """The components for which `wanted` is true, never the background."""
        table = np.array(wanted, bool)
        table[0] = False
        return np.asarray(table[self.labels])


def label(mask: BoolMask, *, connectivity: int) -> Labelled:
    """Connected components under 6, 18 or 26 neighbours."""
    import cc3d

    labels = np.asarray(cc3d.connected_components(mask.astype(np.uint8), connectivity=connectivity))
    return Labelled(labels, np.bincount(labels.ravel(), minlength=1))
