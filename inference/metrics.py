"""How close one mask is to another, with the definitions that the field's challenges use.

`dice`, `cldice`, `hd95` and `betti0_error` reproduce TopCoW 2024 and TopBrain 2025, degenerate masks included: where
either mask is empty, overlap scores are 0 and `hd95` is a fixed penalty; a mask is never rewarded for agreeing on nothing.

References
----------
Yang et al., TopCoW, arXiv:2312.17670. Shit et al., clDice, doi:10.1109/CVPR46437.2021.01629.
Reinke et al., metric pitfalls, doi:10.1038/s41592-023-02150-0 (HD95 as the larger of the two directed percentiles).
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from inference.errors import GeometryMismatch

BoolMask = npt.NDArray[np.bool_]

ABSENT_MM = 290.0
"""HD95 when a mask is empty: TopBrain's bound; TopCoW, whose field is smaller, uses 90. [mm]"""


def dice(prediction: npt.ArrayLike, reference: npt.ArrayLike, *, spacing_mm: tuple[float, ...]) -> float:
    """Twice the shared voxels over the sum of both; 0 if either mask is empty.

    Parameters
    ----------
    prediction, reference : array_like of bool
        Masks of one shape, (z, y, x); values other than 0 are inside.
    spacing_mm : tuple of float
        Distance between voxel centres along each axis; taken by every metric, used by `hd95`. [mm]

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    GeometryMismatch
        If the shapes differ or the spacing has another number of axes.

    Examples
    --------
    >>> dice([[[1, 1, 0]]], [[[0, 1, 1]]], spacing_mm=(1, 1, 1))
    0.5
    """
    first, second = _masks(prediction, reference, spacing_mm)
    if not first.any() or not second.any():
        return 0.0
    return float(2.0 * np.count_nonzero(first & second) / (np.count_nonzero(first) + np.count_nonzero(second)))


def recall(prediction: npt.ArrayLike, reference: npt.ArrayLike, *, spacing_mm: tuple[float, ...]) -> float:
    """Share of the reference's voxels that the prediction holds; 0 if the reference is empty.

    Examples
    --------
    >>> recall([[[1, 1, 0]]], [[[1, 1, 1]]], spacing_mm=(1, 1, 1))
    0.666...
    """
    first, second = _masks(prediction, reference, spacing_mm)
    return _share(first & second, second)


def precision(prediction: npt.ArrayLike, reference: npt.ArrayLike, *, spacing_mm: tuple[float, ...]) -> float:
    """Share of the prediction's voxels that the reference holds; 0 if the prediction is empty.

    Examples
    --------
    >>> precision([[[1, 1, 0]]], [[[0, 1, 1]]], spacing_mm=(1, 1, 1))
    0.5
    """
    first, second = _masks(prediction, reference, spacing_mm)
    return _share(first & second, first)


def cldice(
    prediction: npt.ArrayLike, reference: npt.ArrayLike, *, spacing_mm: tuple[float, ...], reference_skeleton: BoolMask | None = None
) -> float:
    """Harmonic mean of the share of each skeleton that lies in the other mask; 0 if either mask is empty.

    Parameters
    ----------
    reference_skeleton : numpy.ndarray, optional
        `skeleton(reference)`, where several predictions are held against one reference: a full scan's takes half a minute.

    Notes
    -----
    The skeleton is scikit-image's: Lee's thinning in three dimensions, of the array turned to (x, y, z) as the challenges
    do, for thinning depends a little on the order of the axes; Zhang's in two dimensions, of the array as it comes.

    References
    ----------
    doi:10.1109/CVPR46437.2021.01629

    Examples
    --------
    >>> line = np.zeros((1, 5, 5), bool)
    >>> line[0, 2] = True
    >>> cldice(line, line, spacing_mm=(1, 1, 1))
    1.0
    """
    first, second = _masks(prediction, reference, spacing_mm)
    if not first.any() or not second.any():
        return 0.0
    thin_first, thin_second = skeleton(first), skeleton(second) if reference_skeleton is None else reference_skeleton
    topology_precision, topology_recall = _share(thin_first & second, thin_first), _share(thin_second & first, thin_second)
    total = topology_precision + topology_recall
    return 2.0 * topology_precision * topology_recall / total if total else 0.0


def hd95(prediction: npt.ArrayLike, reference: npt.ArrayLike, *, spacing_mm: tuple[float, ...], absent_mm: float = ABSENT_MM) -> float:
    """The larger of the two directed 95th percentiles of surface-to-surface distance. [mm]

    Parameters
    ----------
    prediction, reference : array_like of bool
        Masks of one shape.
    spacing_mm : tuple of float
        Distance between voxel centres along each axis. [mm]
    absent_mm : float
        Answer if either mask is empty: 290 as in TopBrain; give 90 for TopCoW's rule. [mm]

    Notes
    -----
    A surface voxel has at least one background voxel, or the edge of the array, among its 26 neighbours.

    References
    ----------
    doi:10.1038/s41592-023-02150-0

    Examples
    --------
    >>> a, b = np.zeros((3, 3, 3), bool), np.zeros((3, 3, 3), bool)
    >>> a[0, 0, 2] = b[0, 0, 0] = True
    >>> hd95(a, b, spacing_mm=(5, 4, 3))
    6.0
    """
    from scipy.spatial import KDTree

    first, second = _masks(prediction, reference, spacing_mm)
    if not first.any() or not second.any():
        return float(absent_mm)
    one, two = (_surface_points(mask, spacing_mm) for mask in (first, second))
    there, back = KDTree(two).query(one, workers=-1)[0], KDTree(one).query(two, workers=-1)[0]
    return float(max(np.percentile(there, 95), np.percentile(back, 95)))


def betti0_error(prediction: npt.ArrayLike, reference: npt.ArrayLike, *, spacing_mm: tuple[float, ...]) -> float:
    """Absolute difference in the number of 26-connected components; an empty mask has none.

    Examples
    --------
    >>> betti0_error([[[1, 0, 1]]], [[[1, 1, 1]]], spacing_mm=(1, 1, 1))
    1.0
    """
    first, second = _masks(prediction, reference, spacing_mm)
    return float(abs(components(first) - components(second)))


METRICS: dict[str, Callable[..., float]] = {
    "dice": dice,
    "cldice": cldice,
    "recall": recall,
    "precision": precision,
    "hd95": hd95,
    "betti0_error": betti0_error,
}
"""Every metric by name, in the order in which tables show them."""


def components(mask: BoolMask) -> int:
    """Number of connected components under full connectivity (26 in three dimensions)."""
    import cc3d

    if not mask.any():
        return 0
    connectivity = 26 if mask.ndim == 3 else 8
    return int(cc3d.connected_components(mask.astype(np.uint8), connectivity=connectivity, return_N=True)[1])


def skeleton(mask: BoolMask) -> BoolMask:
    """The skeleton that `cldice` uses."""
    from skimage.morphology import skeletonize

    box = _box(mask)
    thin = np.zeros_like(mask)
    if mask.ndim == 2:
        thin[box] = skeletonize(mask[box])  # type: ignore[no-untyped-call]
    else:
        thin[box] = skeletonize(np.ascontiguousarray(mask[box].T)).T  # type: ignore[no-untyped-call]
    return thin


def _masks(prediction: npt.ArrayLike, reference: npt.ArrayLike, spacing_mm: tuple[float, ...]) -> tuple[BoolMask, BoolMask]:
    first, second = np.asarray(prediction) != 0, np.asarray(reference) != 0
    if first.shape != second.shape:
        raise GeometryMismatch(second.shape, first.shape)
    if len(spacing_mm) != first.ndim:
        raise GeometryMismatch(f"{first.ndim} spacings in mm", f"{len(spacing_mm)}")
    return first, second


def _share(part: BoolMask, whole: BoolMask) -> float:
    total = np.count_nonzero(whole)
    return float(np.count_nonzero(part) / total) if total else 0.0


def _box(mask: BoolMask) -> tuple[slice, ...]:
    """The smallest box around the mask with a margin of one voxel, for speed; the rest of the array is background."""
    box = []
    for axis in range(mask.ndim):
        inside = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        box.append(slice(max(int(inside[0]) - 1, 0), int(inside[-1]) + 2))
    return tuple(box)


def _surface_points(mask: BoolMask, spacing_mm: tuple[float, ...]) -> npt.NDArray[np.float64]:
    from scipy.ndimage import binary_erosion

    box = _box(mask)
    inside = mask[box]
    surface = inside & ~binary_erosion(inside, np.ones((3,) * mask.ndim, bool), border_value=0)
    corner = np.array([side.start for side in box])
    return np.asarray((np.argwhere(surface) + corner) * np.asarray(spacing_mm, float))
