"""What a model says about a whole scan: probabilities on its own grid, from a coarse look everywhere and a fine look where it pays."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, prange
from scipy.ndimage import uniform_filter

from inference.compilation import NOGIL
from inference.geometry import Geometry
from inference.network.architecture import ResidualUNet
from inference.network.engine import BONE, VESSEL, Engine, Engines, Evidence
from inference.network.tiling import Tiling, run_blocks
from inference.resample import resample
from inference.volume import Volume

POOLING = 3  # the coarse network's voxels are this many fine ones wide
LEAST_VESSEL = 26  # a coarse voxel of 10 % vessel is worth a fine look
MOST_BONE = 64  # a bright speck in a coarse voxel of less bone than this may be a thin vessel
SPECK_VOXELS = 4
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
    """Patch and halo of both looks. [voxels]"""

    patch: int = 80
    halo: int = 12


@njit(nogil=NOGIL, parallel=True, cache=True)
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


@njit(nogil=NOGIL, parallel=True, cache=True)
def _count_bright(array, least, factor, out):  # type: ignore[no-untyped-def]
    depth, rows, columns = array.shape
    for k in prange(out.shape[0]):
        for j in range(out.shape[1]):
            for i in range(out.shape[2]):
                bright, count = 0, 0
                for z in range(k * factor, min(depth, (k + 1) * factor)):
                    for y in range(j * factor, min(rows, (j + 1) * factor)):
                        for x in range(i * factor, min(columns, (i + 1) * factor)):
                            bright += array[z, y, x] > least
                            count += 1
                out[k, j, i] = bright * factor**3 // count


def bright_specks(array: npt.NDArray[np.int16], *, least_hu: float, factor: int = POOLING) -> npt.NDArray[np.bool_]:
    """Coarse voxels with a few bright fine ones in them: what a vessel thinner than a coarse voxel leaves.

    Examples
    --------
    >>> bright_specks(np.full((3, 3, 6), 200, np.int16), least_hu=150).tolist()
    [[[True, True]]]
    """
    bright = np.empty(tuple(-(-n // factor) for n in array.shape), np.int16)
    _count_bright(np.ascontiguousarray(array), least_hu, factor, bright)
    return np.asarray(bright >= SPECK_VOXELS)


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
    engines: Engines | None = None,
    crowded: Callable[[], bool] = lambda: False,
) -> ScanEvidence:
    """Look at a scan coarsely everywhere, then finely at the blocks that can hold vessel.

    Parameters
    ----------
    volume : Volume
        int16 (z, y, x). [HU]
    fine, coarse : ResidualUNet
        Without a coarse network the fine one takes the coarse look too: merged voxels make a wide lumen look like the
        middling ones it learned from, which also finds lumens too wide for a fine patch.
    progress : callable
        Gets the share done, 0 to 1.
    engines : Engines, optional
        Engines opened for these networks before; those that are not are added.
    crowded : callable
        Whether other work needs half of the processors now; asked before every few patches.
    """
    look, engines = look or Look(), engines or Engines()
    spacing = fine.plan.spacing_mm
    working = resample(volume, (spacing, spacing, spacing))
    hu = np.asarray(working.array)
    if not (hu > BODY_HU).any():
        return ScanEvidence(np.zeros((4, *hu.shape), np.uint8), hu, working.geometry, 0.0, "none: there is only air")
    chosen: dict[str, Any] = {"patch": look.patch, "rim": look.halo, "device": device, "threads": threads, "report": report}
    engine = engines.of(fine, **chosen)
    rough_engine = engine if coarse is None else engines.of(coarse, **chosen)
    rough = _coarse_look(pooled(hu), rough_engine, look, crowded)
    tiling = Tiling(working.shape, look.patch, look.halo)
    wanted = tiling.any_in_block(_worth_a_look(hu, rough))
    maps = run_blocks(hu, engine, tiling, wanted, progress=progress, crowded=crowded)
    _fill_from_coarse(maps, rough, tiling, wanted)
    return ScanEvidence(maps, hu, working.geometry, float(wanted.mean()), engine.name)


def _coarse_look(hu: npt.NDArray[np.int16], engine: Engine, look: Look, crowded: Callable[[], bool]) -> Evidence:
    depth, rows, columns = hu.shape
    tiling = Tiling((depth, rows, columns), look.patch, look.halo)
    return run_blocks(hu, engine, tiling, tiling.any_in_block(hu > BODY_HU), crowded=crowded)


def _worth_a_look(hu: npt.NDArray[np.int16], rough: Evidence) -> npt.NDArray[np.bool_]:
    """Coarse voxels that may hold vessel: the coarse look says so, or there are bright specks away from bone."""
    lumen = pooled(hu)[rough[VESSEL] > 200]
    least_hu = max(150.0, 50 + 0.4 * (float(np.median(lumen)) - 50)) if lumen.size > 50 else 150.0
    return np.asarray((rough[VESSEL] > LEAST_VESSEL) | (bright_specks(hu, least_hu=least_hu) & (rough[BONE] < MOST_BONE)))


def _fill_from_coarse(maps: Evidence, rough: Evidence, tiling: Tiling, wanted: npt.NDArray[np.bool_]) -> None:
    """Take bone from the coarse look where the fine one did not go, and lumens too wide for it where it did; in place."""
    wide = (rough[VESSEL] > 200) & (uniform_filter(rough[VESSEL], 5) > 150)  # lumen for five coarse voxels, a centimetre, all round
    _fill(maps, rough[BONE], np.where(wide, rough[VESSEL], 0).astype(np.uint8), tiling.keep, wanted)


@njit(nogil=NOGIL, parallel=True, cache=True)
def _fill(maps, bone, wide, keep, wanted):  # type: ignore[no-untyped-def]
    vessel_map, bone_map = maps[VESSEL], maps[BONE]
    for z in prange(maps.shape[1]):
        for y in range(maps.shape[2]):
            for x in range(maps.shape[3]):
                lumen = wide[z // POOLING, y // POOLING, x // POOLING]
                if not wanted[z // keep, y // keep, x // keep]:
                    bone_map[z, y, x] = bone[z // POOLING, y // POOLING, x // POOLING]
                elif lumen > vessel_map[z, y, x]:
                    vessel_map[z, y, x] = lumen
                    bone_map[z, y, x] = min(bone_map[z, y, x], 255 - lumen)
