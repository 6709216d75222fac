"""Growing masks by a ball, on bits: 64 voxels of a row at a time, exact, and the cost of a distance map many times over saved.

A ball is a stack of chords. Every row of the answer is the union of the rows around it, each widened by the half chord at that offset,
and a row of bits is widened by a few shifts. Rows without a voxel cost nothing.
"""

import math
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from inference.compilation import NOGIL

BoolMask = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]
Spacing = tuple[float, float, float]

MOST_REACH = 24
"""Balls wider than this to either side are cheaper by a distance map. [voxels]"""

_ROUNDING = 1.0 + 1e-6  # spacing read from a file has 32 bits: five steps of 0.6 mm are within 3 mm


def reach_voxels(radius_mm: float, spacing_mm: Spacing) -> int:
    """Largest number of voxels that the ball reaches to one side.

    Examples
    --------
    >>> reach_voxels(2.0, (0.6, 0.5, 0.5))
    4
    """
    return max(int(radius_mm * _ROUNDING / step) for step in spacing_mm)


def pack(mask: npt.NDArray[Any]) -> Words:
    """Bits of a mask (z, y, words), the first voxel of a row in the lowest bit; bits beyond the row are 0."""
    array = np.ascontiguousarray(mask)
    flags = array.view(np.uint8) if array.dtype.itemsize == 1 else (array != 0).view(np.uint8)  # packbits takes any byte but 0 as set
    packed = np.packbits(flags, axis=2, bitorder="little")
    missing = -packed.shape[2] % 8
    if missing:
        packed = np.pad(packed, ((0, 0), (0, 0), (0, missing)))
    return np.ascontiguousarray(packed).view(np.dtype("<u8"))


def unpack(words: Words, width: int) -> BoolMask:
    """The mask (z, y, x) of packed bits.

    Examples
    --------
    >>> mask = np.arange(70).reshape(1, 1, 70) % 3 == 0
    >>> bool((unpack(pack(mask), 70) == mask).all())
    True
    """
    return np.unpackbits(words.view(np.uint8), axis=2, count=width, bitorder="little").view(np.bool_)


def complement(words: Words, width: int) -> Words:
    """Bits that are 0, within the row."""
    out = ~words
    if width % 64:
        out[:, :, -1] &= np.uint64((1 << (width % 64)) - 1)
    return np.asarray(out)


def grown(words: Words, width: int, radius_mm: float, spacing_mm: Spacing) -> Words:
    """Bits of every voxel whose centre is within the radius of a set voxel's centre.

    Parameters
    ----------
    words : numpy.ndarray
        From `pack`.
    width : int
        Voxels in a row.
    radius_mm : float
        Radius of the ball. [mm]
    spacing_mm : tuple of float
        (z, y, x). [mm]
    """
    chords = _chords(radius_mm, spacing_mm)
    if not len(chords):
        return np.zeros_like(words)
    widths = np.unique(chords[:, 2])
    chords[:, 2] = np.searchsorted(widths, chords[:, 2])
    last = np.uint64((1 << (width % 64)) - 1) if width % 64 else np.uint64(0xFFFFFFFFFFFFFFFF)
    out = np.zeros_like(words)
    _grow(words, chords, widths, last, out)
    return out


def _chords(radius_mm: float, spacing_mm: Spacing) -> npt.NDArray[np.int64]:
    """Rows of (dz, dy, half chord in voxels) that make up the ball, the widest first."""
    step_z, step_y, step_x = (float(step) for step in spacing_mm)
    most = radius_mm * radius_mm * _ROUNDING
    found = []
    for z in range(-int(radius_mm * _ROUNDING / step_z), int(radius_mm * _ROUNDING / step_z) + 1):
        for y in range(-int(radius_mm * _ROUNDING / step_y), int(radius_mm * _ROUNDING / step_y) + 1):
            left = most - (z * step_z) ** 2 - (y * step_y) ** 2
            if radius_mm >= 0 and left >= 0:
                found.append((z, y, int(math.sqrt(left) / step_x)))
    found.sort(key=lambda chord: (-chord[2], abs(chord[0]) + abs(chord[1])))
    return np.array(found, np.int64).reshape(-1, 3)


@numba.njit(nogil=True, cache=True)
def _widen(row, by, spare):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Widen the bits of a row to both sides, in place: an interval of c grows to c + s for any s up to 2c + 1."""
    count = row.size
    reach = 0
    while reach < by:
        shift = min(2 * reach + 1, by - reach, 63)
        left, right = np.uint64(shift), np.uint64(64 - shift)
        for w in range(count):
            value = row[w] | (row[w] << left) | (row[w] >> left)
            if w > 0:
                value |= row[w - 1] >> right
            if w + 1 < count:
                value |= row[w + 1] << right
            spare[w] = value
        for w in range(count):
            row[w] = spare[w]
        reach += shift


@numba.njit(nogil=NOGIL, parallel=True, cache=True)
def _grow(words, chords, widths, last, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    depth, rows, count = words.shape
    wide = np.empty((widths.size, depth, rows, count), np.uint64)
    some = np.zeros((depth, rows), np.bool_)
    full = np.zeros((depth, rows), np.bool_)
    whole = np.uint64(0xFFFFFFFFFFFFFFFF)
    for z in numba.prange(depth):
        spare = np.empty(count, np.uint64)
        for y in range(rows):
            every = True
            for w in range(count):
                some[z, y] |= words[z, y, w] != 0
                every &= words[z, y, w] == (last if w == count - 1 else whole)
            full[z, y] = every
            if some[z, y]:
                for n in range(widths.size):
                    if n == 0:
                        wide[n, z, y] = words[z, y]
                        _widen(wide[n, z, y], widths[0], spare)
                    else:
                        wide[n, z, y] = wide[n - 1, z, y]
                        _widen(wide[n, z, y], widths[n] - widths[n - 1], spare)
    for z in numba.prange(depth):
        for y in range(rows):
            row = out[z, y]
            if full[z, y]:
                for w in range(count):
                    row[w] = words[z, y, w]
                continue
            for n in range(chords.shape[0]):
                k, j = z + chords[n, 0], y + chords[n, 1]
                if 0 <= k < depth and 0 <= j < rows and some[k, j]:
                    source = wide[chords[n, 2], k, j]
                    for w in range(count):
                        row[w] |= source[w]
            row[count - 1] &= last
