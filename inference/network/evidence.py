"""What a model says about a whole scan: probabilities on its own grid, from a coarse look everywhere and a fine look where it pays."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from inference.geometry import Geometry
from inference.network.architecture import ResidualUNet
from inference.network.engine import BONE, VESSEL, Evidence, open_engine
from inference.network.tiling import Tiling, run_blocks
from inference.resample import resample
from inference.volume import Volume

POOLING = 3  # the coarse network's voxels are this many fine ones wide
LEAST_VESSEL = 26  # a coarse voxel of 10 % vessel is worth a fine look
BODY_HU = -300


@dataclass(frozen=True)
class ScanEvidence:
    """Bytes 0 to 255 on a grid over the scan's field.

    Parameters
    ----------
    maps : numpy.ndarray
        uint8 (4, z, y, x): vessel, bone, calcium or metal, vein share of vessel.
    hu : numpy.ndarray
        int16 (z, y, x) the scan on the same grid. [HU]
    geometry : Geometry
        The grid.
    seen : float
        Share of the volume the fine network saw.
    engine : str
        What ran it.
    """

    maps: Evidence
    hu: npt.NDArray[np.int16]
    geometry: Geometry
    seen: float
    engine: str


@dataclass(frozen=True)
class Look:
    """Patch and halo of the two looks. [voxels]"""

    patch: int = 80
    halo: int = 16
    coarse_patch: int = 64
    coarse_halo: int = 8


@njit(parallel=True, cache=True)
def _mean_pool(array, factor, out):  # type: ignore[no-untyped-def]
    depth, rows, columns = array.shape
    for k in prange(out.shape[0]):
        for j in range(out.shape[1]):
            for i in range(out.shape[2]):
                total, count = 0, 0
                for z in range(k * factor, min(depth, (k + 1) * factor)):
                    for y in range(j * factor, min(rows, (j + 1) * factor)):
                        for x in range(i * factor, min(columns, (i + 1) * factor)):
                            total += array[z, y, x]
                            count += 1
                out[k, j, i] = total // count


def pooled(array: npt.NDArray[np.int16], factor: int = POOLING) -> npt.NDArray[np.int16]:
    """Mean over cubes of `factor` voxels; the last cube may be thinner.

    Examples
    --------
    >>> pooled(np.arange(4, dtype=np.int16).reshape(1, 1, 4), 3).tolist()
    [[[1, 3]]]
    """
    out = np.empty(tuple(-(-n // factor) for n in array.shape), np.int16)
    _mean_pool(np.ascontiguousarray(array), factor, out)
    return out


def _spread(coarse: Evidence, shape: tuple[int, ...]) -> Evidence:
    """Coarse maps on the fine grid, each value repeated."""
    index = [np.arange(n) // POOLING for n in shape]
    return coarse[:, index[0][:, None, None], index[1][:, None], index[2]]


def gather_evidence(
    volume: Volume,
    fine: ResidualUNet,
    coarse: ResidualUNet | None,
    *,
    device: str = "auto",
    threads: int | None = None,
    look: Look | None = None,
    progress: Callable[[float], None] = lambda _: None,
    report: Callable[[str], None] = lambda _: None,
) -> ScanEvidence:
    """Look at a scan coarsely everywhere, then finely at the blocks that can hold vessel.

    Parameters
    ----------
    volume : Volume
        int16 (z, y, x). [HU]
    fine, coarse : ResidualUNet
        Without a coarse network every block of the body with something bright in it is looked at.
    progress : callable
        Gets the share done, 0 to 1.
    """
    look = look or Look()
    spacing = fine.plan.spacing_mm
    working = resample(volume, (spacing, spacing, spacing))
    hu = np.asarray(working.array)
    tiling = Tiling(working.shape, look.patch, look.halo)
    rough: Evidence | None = None
    if coarse is None:
        wanted = tiling.any_in_block(pooled(hu) > 100)
    else:
        rough = _coarse_look(pooled(hu), coarse, look, device=device, threads=threads, report=report)
        wanted = tiling.any_in_block(rough[VESSEL] > LEAST_VESSEL)
    engine = open_engine(fine, patch=look.patch, device=device, threads=threads, report=report)
    maps = run_blocks(hu, engine, tiling, wanted, progress=progress)
    if rough is not None:
        _fill_unseen(maps, _spread(rough[BONE : BONE + 1], hu.shape)[0], tiling, wanted)
    return ScanEvidence(maps, hu, working.geometry, float(wanted.mean()), engine.name)


def _coarse_look(
    hu: npt.NDArray[np.int16],
    coarse: ResidualUNet,
    look: Look,
    *,
    device: str,
    threads: int | None,
    report: Callable[[str], None],
) -> Evidence:
    depth, rows, columns = hu.shape
    tiling = Tiling((depth, rows, columns), look.coarse_patch, look.coarse_halo)
    engine = open_engine(coarse, patch=look.coarse_patch, device=device, threads=threads, report=report)
    return run_blocks(hu, engine, tiling, tiling.any_in_block(hu > BODY_HU))


def _fill_unseen(maps: Evidence, bone: npt.NDArray[np.uint8], tiling: Tiling, wanted: npt.NDArray[np.bool_]) -> None:
    """Take bone from the coarse look where the fine one did not go; in place."""
    for block in np.argwhere(~wanted):
        z, y, x = (slice(int(b) * tiling.keep, int(b + 1) * tiling.keep) for b in block)
        maps[BONE, z, y, x] = bone[z, y, x]
