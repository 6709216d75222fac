"""Compiled kernels: whether this machine has them (the first run takes a minute longer, and says so), whether two may run at once."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# Threads of OpenMP that have no work spin for milliseconds, on a processor that the other side could use, unless told before it is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "0")


def compiled() -> bool:
    """Whether compiled kernels of this version lie in the cache."""
    from inference.segmentation.flooding import _flood

    cache = getattr(_flood, "_cache", None)
    folder = getattr(cache, "cache_path", None)
    source = Path(__file__).parent / "segmentation" / "flooding.py"
    return folder is not None and any(item.stat().st_mtime >= source.stat().st_mtime for item in Path(folder).glob("flooding._flood-*.nbi"))


def notice() -> str:
    """What to tell before the first run."""
    return "compiling for this processor: about a minute, once"


def threads_may_share() -> bool:
    """Whether two Python threads may run compiled kernels at once: numba's own work queue ends the process then, OpenMP and TBB do not."""
    import importlib.util

    from numba import config

    if config.THREADING_LAYER in ("workqueue", "forksafe"):
        return False
    return any(_loads(f"numba.np.ufunc.{pool}") for pool in ("omppool", "tbbpool") if importlib.util.find_spec(f"numba.np.ufunc.{pool}"))


def _loads(module: str) -> bool:
    import importlib

    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def dealt(count: int) -> "npt.NDArray[np.int64]":
    """The turns of a parallel loop dealt out like cards: a processor gets a run of turns, and neighbouring slices cost alike.

    Examples
    --------
    >>> sorted(dealt(5).tolist())
    [0, 1, 2, 3, 4]
    """
    import numba
    import numpy as np

    return np.argsort(np.arange(count) % numba.get_num_threads(), kind="stable")


NOGIL = threads_may_share()
"""Whether kernels on many threads let go of Python's lock, so that work beside them goes on."""
