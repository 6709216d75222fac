"""Thinning on the sparse lattice of a mask, and the ends of its tree."""

# mypy: disable-error-code="untyped-decorator,no-any-return"

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from inference.lattice import OFFSETS, Lattice

Array = npt.NDArray[Any]


def _bits(members: Array) -> int:
    """The 27 places where something holds, as a number with a bit for each, the first the lowest."""
    return sum(1 << int(place) for place in np.flatnonzero(members))


_IN_18, _FACES = _bits(np.abs(OFFSETS).sum(axis=1) <= 2), _bits(np.abs(OFFSETS).sum(axis=1) == 1)
_MAY_RISE_Y, _MAY_FALL_Y = _bits(OFFSETS[:, 1] < 1), _bits(OFFSETS[:, 1] > -1)
_MAY_RISE_X, _MAY_FALL_X = _bits(OFFSETS[:, 2] < 1), _bits(OFFSETS[:, 2] > -1)
_MIDDLE, _ALL = 1 << 13, (1 << 27) - 1


@nb.njit(cache=True, nogil=True)
def _along_x(places: int) -> int:
    """A set of the 27 places and their neighbours along x; `_along_y` and `_along_z` for the others."""
    return places | (places & _MAY_RISE_X) << 1 | (places & _MAY_FALL_X) >> 1


@nb.njit(cache=True, nogil=True)
def _along_y(places: int) -> int:
    return places | (places & _MAY_RISE_Y) << 3 | (places & _MAY_FALL_Y) >> 3


@nb.njit(cache=True, nogil=True)
def _along_z(places: int) -> int:
    return (places | places << 9 | places >> 9) & _ALL


@nb.njit(cache=True, nogil=True)
def _is_simple(around: int) -> bool:
    """Whether removing the middle of a 27-neighbourhood changes no topology (26 for the vessel, 6 for the outside)."""
    inside = around & ~_MIDDLE
    seen, before = inside & -inside, 0
    while seen != before:
        before = seen
        seen = _along_z(_along_y(_along_x(seen))) & inside
    if seen != inside or inside == 0:
        return False
    outside = ~around & _IN_18
    wanted = outside & _FACES
    seen, before = wanted & -wanted, 0
    while seen != before:
        before = seen
        seen = (_along_x(seen) | _along_y(seen) | _along_z(seen)) & outside
    return wanted != 0 and wanted & ~seen == 0


@nb.njit(cache=True, nogil=True)
def _peel(near: Array, order: Array, fixed: Array) -> Array:
    """What is left after removing simple voxels in the given order, again and again until there is none."""
    alive = np.ones(len(near) + 1, np.bool_)
    alive[-1] = False  # stands for all places outside, number −1
    left, count = order.copy(), len(order)
    changed = True
    while changed:
        changed, kept = False, 0
        for voxel in left[:count]:
            if fixed[voxel]:
                continue
            around = 0
            for n in range(27):
                around |= int(alive[near[voxel, n]]) << n
            if _is_simple(around):
                alive[voxel] = False
                changed = True
            else:
                left[kept] = voxel
                kept += 1
        count = kept
    return alive[:-1]


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
    """Number of the voxel with the smallest key in each piece, the first of several."""
    return _least(piece, np.asarray(key, np.float32), int(piece.max()) + 1)


@nb.njit(cache=True, nogil=True)
def _least(piece: Array, key: Array, count: int) -> Array:
    lowest = np.full(count, -1, np.int64)
    for here in range(len(piece)):
        before = lowest[piece[here]]
        if before < 0 or key[here] < key[before]:
            lowest[piece[here]] = here
    return lowest


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
    return np.flatnonzero(_peel(lattice.near, order, fixed))
