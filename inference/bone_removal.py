"""Bone out, vessel in: replace bone by what lies around it, and never a voxel of vessel.

The vessel is protected by a margin, so that calcified plaque, the wall and the partial-volume rim of an artery in its bony
canal stay. What takes the place of bone is the neighbourhood's own tissue or air with the scan's own noise, so that no
dark rim or flat patch marks where bone was.
"""

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from inference.compilation import NOGIL
from inference.segmentation.morphology import BoolMask
from inference.segmentation.packed import complement, grown, pack
from inference.volume import Volume

CORE_MM = 2.0  # a vessel's margin does not reach into bone deeper than this


@dataclass(frozen=True)
class BoneRemovalSettings:
    """Margins and limits.

    Parameters
    ----------
    vessel_margin_mm : float
        Voxels this close to vessel are never touched. [mm]
    rim_mm : float
        Bright voxels this close to bone are its partial-volume rim and go with it. [mm]
    rim_hu : float
        Voxels of the rim above this are replaced. [HU]
    tissue_hu : float
        Brightest value that may take the place of bone. [HU]
    block_mm : float
        Size of the blocks in which the neighbourhood is averaged. [mm]
    """

    vessel_margin_mm: float = 1.0
    rim_mm: float = 1.6
    rim_hu: float = 85.0
    tissue_hu: float = 60.0
    block_mm: float = 3.0


def remove_bone(
    volume: Volume,
    vessel: npt.NDArray[np.uint8],
    bone: npt.NDArray[np.uint8],
    *,
    noise_hu: float = 10.0,
    settings: BoneRemovalSettings | None = None,
    seed: int = 0,
) -> Volume:
    """A copy of the scan with bone replaced by soft tissue or air.

    Parameters
    ----------
    volume : Volume
        The scan. [HU]
    vessel, bone : numpy.ndarray
        0/1 masks on its grid.
    noise_hu : float
        Standard deviation of the noise laid over what is filled in. [HU]
    settings : BoneRemovalSettings, optional
        Margins and limits.
    seed : int
        Of the noise.

    Returns
    -------
    Volume
        int16 on the same grid; equal to the scan everywhere but in bone and its rim. [HU]

    Examples
    --------
    >>> from inference import Geometry
    >>> scan = np.full((4, 4, 4), 40, np.int16)
    >>> scan[2, 2, 2] = 900
    >>> mask = (scan > 500).astype(np.uint8)
    >>> out = remove_bone(Volume(scan, Geometry((4, 4, 4), (1, 1, 1))), mask * 0, mask, noise_hu=0.0)
    >>> int(out.array.max())
    40
    """
    settings = settings or BoneRemovalSettings()
    return filled_in(volume, removed_voxels(volume, vessel, bone, settings=settings), noise_hu=noise_hu, settings=settings, seed=seed)


def filled_in(
    volume: Volume, gone: BoolMask, *, noise_hu: float = 10.0, settings: BoneRemovalSettings | None = None, seed: int = 0
) -> Volume:
    """A copy of a scan in which some voxels are replaced by what lies around them, with noise."""
    settings = settings or BoneRemovalSettings()
    out = np.array(volume.array, np.int16)
    blocks = [max(1, round(settings.block_mm / step)) for step in volume.spacing_mm]
    total, count = _block_sums(out, gone, np.array(blocks), np.int16(settings.tissue_hu))
    filled = _spread(total, count, otherwise=settings.tissue_hu - 20.0)
    noise = _noise(noise_hu, seed)
    _fill(out, gone, filled, np.array(blocks), noise)
    return volume.with_array(out)


def removed_voxels(
    volume: Volume, vessel: npt.NDArray[np.uint8], bone: npt.NDArray[np.uint8], *, settings: BoneRemovalSettings | None = None
) -> BoolMask:
    """Which voxels `remove_bone` replaces: bone and its bright rim, less the vessel and its margin."""
    settings = settings or BoneRemovalSettings()
    spacing, width = volume.spacing_mm, volume.shape[2]
    vessel_bits, bone_bits = pack(vessel), pack(bone)
    core = complement(grown(complement(bone_bits, width), width, CORE_MM, spacing), width)
    protected = grown(vessel_bits, width, settings.vessel_margin_mm, spacing) & ~(core & ~vessel_bits)
    sure, rim = bone_bits & ~protected, grown(bone_bits, width, settings.rim_mm, spacing) & ~bone_bits & ~protected
    gone = np.zeros(volume.shape, np.bool_)
    _gone(np.ascontiguousarray(volume.array), sure, rim, settings.rim_hu, gone)
    return gone


def _spread(total: npt.NDArray[np.float32], count: npt.NDArray[np.float32], *, otherwise: float) -> npt.NDArray[np.float32]:
    """Average of the known neighbourhood, from near first and from ever farther where nothing near is known."""
    from scipy.ndimage import gaussian_filter

    filled = np.full(total.shape, otherwise, np.float32)
    known = np.zeros(total.shape, bool)
    for sigma in (0.7, 1.5, 3.0):
        weight = gaussian_filter(count, sigma, mode="nearest")
        value = gaussian_filter(total, sigma, mode="nearest")
        new = ~known & (weight > 0.02 * count.max())
        filled[new] = value[new] / weight[new]
        known |= new
    return filled


def _noise(sigma_hu: float, seed: int) -> npt.NDArray[np.float32]:
    """A tile of noise with the short-range correlation of a reconstructed CT."""
    from scipy.ndimage import gaussian_filter

    grain = gaussian_filter(np.random.default_rng(seed).normal(size=(32, 64, 64)), 0.6, mode="wrap")
    return np.asarray(grain / grain.std() * sigma_hu, np.float32)


@numba.njit(nogil=NOGIL, parallel=True, cache=True)
def _gone(array, sure, rim, rim_hu, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Voxels of the bits in `sure`, and the bright ones of those in `rim`; 64 at a time are passed over where there are none."""
    for z in numba.prange(array.shape[0]):
        for y in range(array.shape[1]):
            for word in range(sure.shape[2]):
                certain, likely = sure[z, y, word], rim[z, y, word]
                if certain | likely:
                    for bit in range(min(64, array.shape[2] - 64 * word)):
                        x, place = 64 * word + bit, np.uint64(bit)
                        bright = array[z, y, x] > rim_hu
                        out[z, y, x] = ((certain >> place) & np.uint64(1)) or (bright and ((likely >> place) & np.uint64(1)))


@numba.njit(nogil=NOGIL, parallel=True, cache=True)
def _block_sums(array, gone, size, most):  # type: ignore[no-untyped-def]  # pragma: no cover
    depth, rows, columns = array.shape
    size_z, size_y, size_x = size[0], size[1], size[2]
    shape = ((depth + size_z - 1) // size_z, (rows + size_y - 1) // size_y, (columns + size_x - 1) // size_x)
    total, count = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for block in numba.prange(shape[0]):
        for z in range(block * size_z, min((block + 1) * size_z, depth)):
            for y in range(rows):
                values, left_out = array[z, y], gone[z, y]
                for place in range(shape[2]):
                    held, known = 0, 0
                    for x in range(place * size_x, min((place + 1) * size_x, columns)):
                        here = 1 - left_out[x]
                        known += here
                        held += here * min(values[x], most)
                    total[block, y // size_y, place] += held
                    count[block, y // size_y, place] += known
    return total, count


@numba.njit(nogil=NOGIL, parallel=True, cache=True)
def _fill(array, gone, filled, size, noise):  # type: ignore[no-untyped-def]  # pragma: no cover
    depth, rows, columns = array.shape
    tile_z, tile_y, tile_x = noise.shape
    for z in numba.prange(depth):
        fz = min(max((z + 0.5) / size[0] - 0.5, 0.0), filled.shape[0] - 1.0)
        z0 = min(int(fz), max(filled.shape[0] - 2, 0))
        z1, wz = min(z0 + 1, filled.shape[0] - 1), fz - z0
        for y in range(rows):
            fy = min(max((y + 0.5) / size[1] - 0.5, 0.0), filled.shape[1] - 1.0)
            y0 = min(int(fy), max(filled.shape[1] - 2, 0))
            y1, wy = min(y0 + 1, filled.shape[1] - 1), fy - y0
            for x in range(columns):
                if gone[z, y, x]:
                    fx = min(max((x + 0.5) / size[2] - 0.5, 0.0), filled.shape[2] - 1.0)
                    x0 = min(int(fx), max(filled.shape[2] - 2, 0))
                    x1, wx = min(x0 + 1, filled.shape[2] - 1), fx - x0
                    near = (1 - wy) * ((1 - wx) * filled[z0, y0, x0] + wx * filled[z0, y0, x1])
                    near += wy * ((1 - wx) * filled[z0, y1, x0] + wx * filled[z0, y1, x1])
                    far = (1 - wy) * ((1 - wx) * filled[z1, y0, x0] + wx * filled[z1, y0, x1])
                    far += wy * ((1 - wx) * filled[z1, y1, x0] + wx * filled[z1, y1, x1])
                    value = (1 - wz) * near + wz * far + noise[z % tile_z, y % tile_y, x % tile_x]
                    array[z, y, x] = np.int16(min(max(value, -1024.0), 3071.0))
