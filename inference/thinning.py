"""Thinning on the sparse lattice of a mask, and the ends of its tree."""

# mypy: disable-error-code="untyped-decorator,no-any-return"

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from inference.lattice import OFFSETS, Lattice

Array = npt.NDArray[Any]

_APART = np.abs(OFFSETS[:, None] - OFFSETS[None])
_TOUCH_26 = (_APART.max(axis=2) <= 1) & ~np.eye(27, dtype=bool)
_TOUCH_6 = _APART.sum(axis=2) == 1
_IN_18 = np.abs(OFFSETS).sum(axis=1) <= 2
_FACES = np.abs(OFFSETS).sum(axis=1) == 1


def _bits(members: Array) -> Array:
    """Rows of 27 flags as numbers with a bit for each, the first the lowest."""
    return np.asarray(members @ (np.int64(1) << np.arange(27)), np.int64)


_TOUCH_26_BITS, _TOUCH_6_BITS = _bits(_TOUCH_26), _bits(_TOUCH_6)
_IN_18_BITS, _FACES_BITS = int(_bits(_IN_18)), int(_bits(_FACES))
_PLACE_OF_BIT = np.zeros(37, np.int64)  # powers of two below 2³⁷ leave different remainders by 37
_PLACE_OF_BIT[[(1 << place) % 37 for place in range(27)]] = np.arange(27)


@nb.njit(cache=True, nogil=True)
def _one_group(member: int, seeds: int, touch: Array, place: Array) -> bool:
    """Whether the seeds among the members hang together through members, and there is at least one; sets of the 27 places as bits."""
    wanted = member & seeds
    seen = wanted & -wanted
    if seen == 0:
        return False
    frontier = seen
    while frontier:
        lowest = frontier & -frontier
        new = touch[place[lowest % 37]] & member & ~seen
        seen |= new
        frontier = (frontier ^ lowest) | new
    return wanted & ~seen == 0


@nb.njit(cache=True, nogil=True)
def _is_simple(around: int, touch_26: Array, touch_6: Array, in_18: int, faces: int, place: Array) -> bool:
    """Whether removing the middle of a 27-neighbourhood changes no topology (26 for the vessel, 6 for the outside)."""
    inside = around & ~(1 << 13)
    if not _one_group(inside, inside, touch_26, place):
        return False
    outside = ~around & in_18
    return _one_group(outside, outside & faces, touch_6, place)


@nb.njit(cache=True, nogil=True)
def _peel(near: Array, order: Array, fixed: Array, touch_26: Array, touch_6: Array, in_18: int, faces: int, place: Array) -> Array:
    """What is left after removing simple voxels in the given order, again and again until there is none."""
    alive = np.ones(len(near), np.bool_)
    changed = True
    while changed:
        changed = False
        for voxel in order:
            if not alive[voxel] or fixed[voxel]:
                continue
            around = 0
            for n in range(27):
                if near[voxel, n] >= 0 and alive[near[voxel, n]]:
                    around |= 1 << n
            if _is_simple(around, touch_26, touch_6, in_18, faces, place):
                alive[voxel] = False
                changed = True
    return alive


@nb.njit(cache=True, nogil=True)
def _peaks(near: Array, lengths: Array, field: Array, reach: float) -> Array:
    """Whether each voxel is the highest among those within a walk of `reach` millimetres."""
    peak = np.zeros(len(near), np.bool_)
    stamp, walked = np.full(len(near), -1, np.int64), np.zeros(len(near), np.float32)
    queue = np.empty(len(near), np.int64)
    for seed in range(len(near)):
        highest = True
        for place in range(27):
            there = near[seed, place]
            if there >= 0 and field[there] > field[seed]:
                highest = False
                break
        if not highest:
            continue
        stamp[seed], walked[seed], queue[0] = seed, 0.0, seed
        first, last = 0, 1
        while first < last and highest:
            here = queue[first]
            first += 1
            for place in range(27):
                there = near[here, place]
                if there < 0 or stamp[there] == seed:
                    continue
                away = walked[here] + lengths[place]
                if away > reach:
                    continue
                if field[there] > field[seed] or (field[there] == field[seed] and peak[there]):
                    highest = False
                    break
                stamp[there], walked[there] = seed, away
                queue[last] = there
                last += 1
        peak[seed] = highest
    return peak


def tips_of(lattice: Lattice, *, apart_mm: float = 2.5) -> Array:
    """Numbers of the voxels at the ends of a tree: farther along the vessel than all within a walk of `apart_mm`."""
    if not len(lattice):
        return np.zeros(0, np.int64)
    piece, _ = lattice.pieces()
    roots = _first_of_each(piece, np.zeros(len(lattice)))
    for _ in range(2):
        roots = _first_of_each(piece, -lattice.distances(roots))
    reached = lattice.distances(roots)
    peaks = _peaks(lattice.near, lattice.lengths_mm.astype(np.float32), reached, apart_mm)
    return np.unique(np.concatenate((roots, np.flatnonzero(peaks))))


def _first_of_each(piece: Array, key: Array) -> Array:
    """Number of the voxel with the smallest key in each piece."""
    least = np.full(int(piece.max()) + 1, np.inf)
    np.minimum.at(least, piece, key)
    lowest = np.flatnonzero(key == least[piece])
    _, place = np.unique(piece[lowest], return_index=True)
    return lowest[place]


def thin(lattice: Lattice, depth_mm: Array, *, tips: Array | None = None) -> Array:
    """Numbers of the voxels of a skeleton: one voxel thin, same pieces and loops as the mask, ending at its tips.

    Voxels go from the wall inwards in the order of their depth, each only if that changes no topology [1]_. Own code,
    because the thinning of scikit-image 0.25 erases tubes of even width (a straight column of 4×4 voxels leaves nothing).

    Parameters
    ----------
    depth_mm : numpy.ndarray
        Distance of every voxel to the wall. [mm]
    tips : numpy.ndarray, optional
        Numbers of the voxels that must stay; those of `tips_of` by default.

    References
    ----------
    .. [1] Pudney C. Distance-ordered homotopic thinning. Comput Vis Image Underst 1998;72:404-413. doi:10.1006/cviu.1998.0680

    Examples
    --------
    >>> from inference.geometry import Geometry
    >>> from inference.lattice import lattice_of
    >>> mask = np.zeros((12, 8, 8), bool); mask[2:10, 2:6, 2:6] = True
    >>> lattice = lattice_of(mask, Geometry((12, 8, 8), (1.0, 1.0, 1.0)))
    >>> len(thin(lattice, lattice.depth_mm()))
    8
    """
    if not len(lattice):
        return np.zeros(0, np.int64)
    fixed = np.zeros(len(lattice), bool)
    fixed[tips_of(lattice) if tips is None else tips] = True
    order = np.argsort(depth_mm, kind="stable")
    return np.flatnonzero(_peel(lattice.near, order, fixed, _TOUCH_26_BITS, _TOUCH_6_BITS, _IN_18_BITS, _FACES_BITS, _PLACE_OF_BIT))
