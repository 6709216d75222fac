"""Thinning of a vessel mask to lines that keep its loops and reach its tips.

Own code, because the thinning of scikit-image 0.25 erases tubes of even width: a straight column of 4×4 voxels leaves no
skeleton at all.
"""

# mypy: disable-error-code="untyped-decorator,no-any-return"

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from inference.centrelines.minimal_path import spread
from inference.centrelines.pieces import pieces_of

Array = npt.NDArray[Any]

_OFFSETS = np.array([(z, y, x) for z in (-1, 0, 1) for y in (-1, 0, 1) for x in (-1, 0, 1)], np.int64)
_APART = np.abs(_OFFSETS[:, None] - _OFFSETS[None])
_TOUCH_26 = (_APART.max(axis=2) <= 1) & ~np.eye(27, dtype=bool)
_TOUCH_6 = _APART.sum(axis=2) == 1
_IN_18 = np.abs(_OFFSETS).sum(axis=1) <= 2
_FACES = np.abs(_OFFSETS).sum(axis=1) == 1
_CENTRE = 13


@nb.njit(cache=True, nogil=True)
def _one_group(member: Array, seeds: Array, touch: Array) -> bool:
    """Whether the seeds among the members hang together through members, and there is at least one."""
    stack, seen = np.empty(27, np.int64), np.zeros(27, np.bool_)
    size = 0
    for n in range(27):
        if member[n] and seeds[n]:
            stack[0], seen[n], size = n, True, 1
            break
    if size == 0:
        return False
    while size:
        size -= 1
        here = stack[size]
        for n in range(27):
            if member[n] and not seen[n] and touch[here, n]:
                seen[n] = True
                stack[size] = n
                size += 1
    return not np.any(member & seeds & ~seen)


@nb.njit(cache=True, nogil=True)
def _is_simple(around: Array, touch_26: Array, touch_6: Array, in_18: Array, faces: Array) -> bool:
    """Whether removing the middle of a 27-neighbourhood changes no topology (26 for the vessel, 6 for the outside)."""
    inside = around.copy()
    inside[13] = False
    if not _one_group(inside, inside, touch_26):
        return False
    outside = ~around & in_18
    return _one_group(outside, outside & faces, touch_6)


@nb.njit(cache=True, nogil=True)
def _peel(flat: Array, order: Array, fixed: Array, offsets: Array, touch_26: Array, touch_6: Array, in_18: Array, faces: Array) -> None:
    """Remove simple voxels in the given order, again and again until none is left to remove."""
    around = np.empty(27, np.bool_)
    changed = True
    while changed:
        changed = False
        for voxel in order:
            if not flat[voxel] or fixed[voxel]:
                continue
            for n in range(27):
                around[n] = flat[voxel + offsets[n]]
            if _is_simple(around, touch_26, touch_6, in_18, faces):
                flat[voxel] = False
                changed = True


@nb.njit(cache=True, nogil=True)
def _peaks(field: Array, where: Array, reach: Array) -> Array:
    """Whether each voxel is the highest in a box around it (the first of equals)."""
    found = np.ones(len(where), np.bool_)
    for n in range(len(where)):
        k, j, i = where[n]
        value = field[k, j, i]
        for z in range(max(k - reach[0], 0), min(k + reach[0] + 1, field.shape[0])):
            for y in range(max(j - reach[1], 0), min(j + reach[1] + 1, field.shape[1])):
                for x in range(max(i - reach[2], 0), min(i + reach[2] + 1, field.shape[2])):
                    other = field[z, y, x]
                    if other > value or (other == value and (z, y, x) < (k, j, i)):
                        found[n] = False
                        break
                if not found[n]:
                    break
            if not found[n]:
                break
    return found


def tips_of(mask: Array, depth_mm: Array, spacing_mm: tuple[float, float, float], *, apart_mm: float = 2.4) -> Array:
    """Indices (n, 3) of the ends of a tree: places farther along the vessel than all around them.

    Parameters
    ----------
    mask, depth_mm : numpy.ndarray
        Vessel, empty at the border of the array, and its distance map. [mm]
    spacing_mm : tuple of float
        Voxel spacing along (z, y, x). [mm]
    apart_mm : float
        Half the side of the box in which a tip is the farthest. [mm]
    """
    pieces = pieces_of(mask)
    where = np.argwhere(mask)
    if not len(where):
        return where
    owner, deep = pieces.labels[tuple(where.T)], depth_mm[tuple(where.T)]
    order = np.lexsort((-deep, owner))
    first = order[np.concatenate(([True], np.diff(owner[order]) > 0))]
    even = mask.astype(np.float32)
    reached, _ = spread(even, spacing_mm, where[first])
    order = np.lexsort((-reached[tuple(where.T)], owner))
    roots = where[order[np.concatenate(([True], np.diff(owner[order]) > 0))]]
    reached, _ = spread(even, spacing_mm, roots)
    field = np.where(np.isfinite(reached), reached, -1.0).astype(np.float32)
    reach = np.array([max(1, int(apart_mm / spacing)) for spacing in spacing_mm], np.int64)
    return np.unique(np.concatenate((roots, where[_peaks(field, where, reach)])), axis=0)


def thin(mask: Array, depth_mm: Array, spacing_mm: tuple[float, float, float]) -> Array:
    """Skeleton of a mask: one voxel thin, same pieces and loops, ending at the tips.

    Voxels go from the wall inwards in the order of their depth, each only if that changes no topology [1]_.

    Parameters
    ----------
    mask, depth_mm : numpy.ndarray
        Vessel (z, y, x), empty at the border of the array, and its distance map. [mm]
    spacing_mm : tuple of float
        Voxel spacing along (z, y, x). [mm]

    References
    ----------
    .. [1] Pudney C. Distance-ordered homotopic thinning. Comput Vis Image Underst 1998;72:404-413. doi:10.1006/cviu.1998.0680

    Examples
    --------
    >>> tube = np.zeros((12, 8, 8), bool); tube[2:10, 2:6, 2:6] = True
    >>> int(thin(tube, tube.astype(float), (1.0, 1.0, 1.0)).any(axis=(1, 2)).sum()) >= 7
    True
    """
    flat = np.ascontiguousarray(mask, bool).ravel().copy()
    order = np.flatnonzero(flat)
    order = order[np.argsort(depth_mm.ravel()[order], kind="stable")]
    fixed = np.zeros(flat.shape, bool)
    tips = tips_of(mask, depth_mm, spacing_mm)
    fixed[np.ravel_multi_index(tuple(tips.T), mask.shape)] = True
    strides = np.array([mask.shape[1] * mask.shape[2], mask.shape[2], 1], np.int64)
    _peel(flat, order, fixed, _OFFSETS @ strides, _TOUCH_26, _TOUCH_6, _IN_18, _FACES)
    return flat.reshape(mask.shape)
