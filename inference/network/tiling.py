"""Blocks: which parts of a scan a network sees, and how its answers are put together without a seam."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.network.engine import Engine, Evidence

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Tiling:
    """A grid of blocks; a network sees each block with a halo and only the block itself is kept.

    Parameters
    ----------
    shape : tuple of int
        The whole array (z, y, x).
    patch : int
        Edge of what the network sees. [voxels]
    halo : int
        Rim that is seen but not kept. [voxels]

    Examples
    --------
    >>> tiling = Tiling((100, 40, 64), patch=64, halo=12)
    >>> tiling.keep, tiling.blocks
    (40, (3, 1, 2))
    """

    shape: tuple[int, int, int]
    patch: int
    halo: int

    @property
    def keep(self) -> int:
        """Edge of a block. [voxels]"""
        return self.patch - 2 * self.halo

    @property
    def blocks(self) -> tuple[int, int, int]:
        """Blocks along (z, y, x)."""
        z, y, x = (-(-n // self.keep) for n in self.shape)
        return z, y, x

    def any_in_block(self, mask: Flags) -> Flags:
        """Which blocks hold a true voxel of a mask whose shape is `shape` or any coarser grid over the same field.

        Examples
        --------
        >>> tiling = Tiling((80, 40, 40), patch=64, halo=12)
        >>> coarse = np.zeros((8, 4, 4), bool)
        >>> coarse[7, 0, 0] = True
        >>> tiling.any_in_block(coarse)[:, 0, 0].tolist()
        [False, True]
        """
        flags = np.zeros(self.blocks, bool)
        where = np.argwhere(mask)
        if len(where):
            scale = np.array(self.shape) / np.array(mask.shape)
            low = (where * scale / self.keep).astype(int)
            high = (((where + 1) * scale - 1e-6) / self.keep).astype(int)
            for corner in np.ndindex(2, 2, 2):
                index = np.where(np.array(corner, bool), high, low)
                flags[tuple(np.minimum(index, np.array(self.blocks) - 1).T)] = True
        return flags


def run_blocks(
    array: npt.NDArray[np.int16],
    engine: Engine,
    tiling: Tiling,
    wanted: Flags,
    *,
    progress: Callable[[float], None] = lambda _: None,
    crowded: Callable[[], bool] = lambda: False,
) -> Evidence:
    """Evaluate the wanted blocks of a scan.

    Parameters
    ----------
    array : numpy.ndarray
        int16 (z, y, x) at the network's spacing. [HU]
    wanted : numpy.ndarray
        Boolean per block.
    progress : callable
        Gets the share done, 0 to 1.
    crowded : callable
        While it says so, an engine with several streams is given patches for half of them only.

    Returns
    -------
    numpy.ndarray
        uint8 (4, z, y, x); zero in blocks not wanted.
    """
    out = np.zeros((4, *array.shape), np.uint8)
    index = np.argwhere(wanted)
    batch, streams = int(getattr(engine, "batch", 1)), int(getattr(engine, "streams", 1))
    first = 0
    while first < len(index):
        group = index[first : first + (streams // 2 if streams > 1 and crowded() else batch)]
        patches = [_cut(array, block * tiling.keep - tiling.halo, tiling.patch) for block in group]
        for block, found in zip(group, engine(np.stack(patches)), strict=True):
            start = block * tiling.keep
            stop = np.minimum(start + tiling.keep, array.shape)
            rim = (found.shape[-1] - tiling.keep) // 2  # the engine may have left the halo off
            inner = tuple(slice(rim, rim + int(n)) for n in stop - start)
            out[(slice(None), *(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True)))] = found[(slice(None), *inner)]
        first += len(group)
        progress(first / len(index))
    return out


def _cut(array: npt.NDArray[np.int16], start: npt.NDArray[np.int64], edge: int) -> npt.NDArray[np.int16]:
    """A cube that may reach over the border, where the last voxel is repeated."""
    low, high = np.maximum(start, 0), np.minimum(start + edge, array.shape)
    inside = array[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]
    pad = [(int(a - s), int(s + edge - b)) for s, a, b in zip(start, low, high, strict=True)]
    return np.ascontiguousarray(inside) if not np.any(pad) else np.pad(inside, pad, mode="edge")
