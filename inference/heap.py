"""A binary heap in two arrays, for compiled kernels that take the nearest first."""

# mypy: disable-error-code="untyped-decorator,no-any-return"

from typing import Any

import numba as nb
import numpy.typing as npt

Array = npt.NDArray[Any]


@nb.njit(cache=True, nogil=True)
def heap_push(keys: Array, items: Array, size: int, key: float, item: int) -> int:
    """Add to a binary heap held in two arrays; gives back the new size."""
    child = size
    while child > 0:
        parent = (child - 1) >> 1
        if keys[parent] <= key:
            break
        keys[child], items[child] = keys[parent], items[parent]
        child = parent
    keys[child], items[child] = key, item
    return size + 1


@nb.njit(cache=True, nogil=True)
def heap_pop(keys: Array, items: Array, size: int) -> int:
    """Remove the top of a binary heap (the caller has read it); gives back the new size."""
    size -= 1
    key, item = keys[size], items[size]
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= size:
            break
        if child + 1 < size and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[parent], items[parent] = keys[child], items[child]
        parent = child
    keys[parent], items[parent] = key, item
    return size
