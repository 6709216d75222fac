"""Keep freed memory in the process: a reconstruction makes and drops hundreds of volumes, and new pages cost as much as the work."""

import ctypes
import os
import sys
from functools import cache
from typing import Any

TRIM_THRESHOLD, MMAP_MAX, ARENA_MAX = -1, -4, -8  # malloc.h
TRIM_BYTES = 2**31 - 1


def reuse_freed_memory() -> bool:
    """Let what is freed be used again instead of going back to the system each time.

    For the whole process, and for good; call it before threads begin. On a scan of 157 million voxels the threshold method takes two
    thirds of its time and a twentieth more memory, for the system need not clear new pages. Whoever sets `MALLOC_…` or
    `GLIBC_TUNABLES` keeps their own settings.

    Returns
    -------
    bool
        Whether the C library can (glibc) and it was asked to.

    Notes
    -----
    glibc returns every block over 32 MiB to the system as soon as it is freed, and keeps a pool for each thread (mallopt(3)). Here there
    is one pool, blocks of any size come from it, and its free top is kept up to 2 GiB.
    """
    library = _glibc()
    if library is None or any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ):
        return False
    return all([library.mallopt(*setting) == 1 for setting in ((ARENA_MAX, 1), (MMAP_MAX, 0), (TRIM_THRESHOLD, TRIM_BYTES))])


def return_freed_memory() -> None:
    """Give the system what is free, for a process that goes on with something smaller."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


@cache
def _glibc() -> Any:
    """The C library, if it has glibc's settings."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
