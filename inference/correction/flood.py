"""What hangs together with a voxel: the cost is that of the piece found, not of the scan."""

# mypy: disable-error-code="untyped-decorator,no-any-return"

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def piece_at(allowed: Array, seed: tuple[int, int, int], *, most: int = 20_000_000) -> Array:
    """Voxels (n, 3) that hang together with a seed through their 26 neighbours, in scan order.

    Parameters
    ----------
    allowed : numpy.ndarray
        bool (z, y, x).
    seed : tuple of int
        A voxel (z, y, x); nothing is found where it is not allowed.
    most : int
        Stop after this many voxels.

    Examples
    --------
    >>> mask = np.zeros((3, 3, 4), bool); mask[1, 1, :2] = True; mask[1, 1, 3] = True
    >>> piece_at(mask, (1, 1, 0)).tolist()
    [[1, 1, 0], [1, 1, 1]]
    """
    found = _flood(np.ascontiguousarray(allowed), np.array(seed, np.int64), most)
    return np.stack(np.unravel_index(np.sort(found), allowed.shape), axis=1)


@nb.njit(cache=True, nogil=True)
def _flood(allowed: Array, seed: Array, most: int) -> Array:
    depth, rows, columns = allowed.shape
    stack = np.empty(1024, np.int64)
    stack[0] = (seed[0] * rows + seed[1]) * columns + seed[2]
    size = 1
    if not allowed[seed[0], seed[1], seed[2]]:
        return stack[:0]
    seen = {stack[0]}
    while size > 0 and len(seen) < most:
        size -= 1
        here = stack[size]
        z, rest = here // (rows * columns), here % (rows * columns)
        y, x = rest // columns, rest % columns
        for k in range(max(z - 1, 0), min(z + 2, depth)):
            for j in range(max(y - 1, 0), min(y + 2, rows)):
                for i in range(max(x - 1, 0), min(x + 2, columns)):
                    there = (k * rows + j) * columns + i
                    if allowed[k, j, i] and there not in seen:
                        seen.add(there)
                        if size == stack.size:
                            stack = np.concatenate((stack, np.empty(stack.size, np.int64)))
                        stack[size] = there
                        size += 1
    out = np.empty(len(seen), np.int64)
    for count, there in enumerate(seen):
        out[count] = there
    return out
