"""The scanner: sharpness, slice thickness, correlated noise that grows through the shoulders, hardening, streaks."""

# numba ships no types: what it compiles is untyped to the checker
# mypy: disable-error-code="untyped-decorator, no-any-return"

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from inference.compilation import NOGIL

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Scanner:
    """How a body becomes an image.

    Parameters
    ----------
    blur_mm : float
        Standard deviation of the in-plane point spread. [mm]
    slice_blur_mm : float
        The same along z, from the slice thickness. [mm]
    edge : float
        Edge enhancement of the kernel: 0 soft, 0.5 sharp.
    noise_hu : float
        Standard deviation of the noise in the head. [HU]
    grain : float
        In-plane weight of a pixel's neighbours in the noise: 0 white, 0.6 smooth.
    shoulder : float
        Factor on noise through the shoulders.
    streak_hu : float
        Standard deviation of horizontal streaks through the shoulders. [HU]
    hardening_hu : float
        Depth of the dark band between the petrous bones. [HU]
    """

    blur_mm: float = 0.4
    slice_blur_mm: float = 0.35
    edge: float = 0.1
    noise_hu: float = 11.0
    grain: float = 0.35
    shoulder: float = 2.2
    streak_hu: float = 10.0
    hardening_hu: float = 12.0


def draw_scanner(rng: np.random.Generator) -> Scanner:
    """Draw a scanner and protocol, from soft to sharp and from quiet to noisy."""
    return Scanner(
        blur_mm=float(rng.uniform(0.28, 0.5)),
        slice_blur_mm=float(rng.uniform(0.25, 0.5)),
        edge=float(rng.choice([0.0, rng.uniform(0.1, 0.5)])),
        noise_hu=float(np.exp(rng.uniform(np.log(7), np.log(18)))),
        grain=float(rng.uniform(0.15, 0.6)),
        shoulder=float(rng.uniform(1.6, 2.8)),
        streak_hu=float(rng.uniform(4, 16)),
        hardening_hu=float(rng.uniform(4, 20)),
    )


def kernel_weights(sigma_mm: float, spacing_mm: float, *, edge: float = 0.0) -> npt.NDArray[np.float32]:
    """One-dimensional point spread, summing to one; odd length.

    Examples
    --------
    >>> [round(float(weight), 3) for weight in kernel_weights(0.4, 0.5)]
    [0.022, 0.229, 0.499, 0.229, 0.022]
    """
    sigma = max(sigma_mm / spacing_mm, 0.25)
    reach = min(3, max(1, int(np.ceil(2.5 * sigma))))
    x = np.arange(-reach, reach + 1)
    narrow, wide = np.exp(-0.5 * (x / sigma) ** 2), np.exp(-0.5 * (x / (1.8 * sigma)) ** 2)
    weights = (1 + edge) * narrow / narrow.sum() - edge * wide / wide.sum()
    return np.asarray(weights, np.float32)


@njit(nogil=NOGIL, cache=True, fastmath=True, parallel=True)
def blur(image: Array, out: Array, across: Array, along: Array) -> None:
    """Separable blur of a slab: `across` in rows and columns, `along` over slices; `out` is the slab less the halo of `along`."""
    reach = len(across) // 2
    rows, columns = image.shape[1], image.shape[2]
    for z in prange(out.shape[0]):
        merged = np.zeros((rows, columns), np.float32)
        for k in range(len(along)):
            merged += along[k] * image[z + k]
        swept = np.empty((rows, columns), np.float32)
        for y in range(rows):
            for x in range(columns):
                total = np.float32(0.0)
                for k in range(-reach, reach + 1):
                    total += across[k + reach] * merged[y, min(columns - 1, max(0, x + k))]
                swept[y, x] = total
        for y in range(rows):
            for x in range(columns):
                total = np.float32(0.0)
                for k in range(-reach, reach + 1):
                    total += across[k + reach] * swept[min(rows - 1, max(0, y + k)), x]
                out[z, y, x] = total


@njit(nogil=True, cache=True)
def _fill_noise(white: Array, seed: int) -> None:
    """Near-normal noise of unit deviation: four 16-bit uniforms of one xorshift word summed (Marsaglia 2003, doi 10.18637/jss.v008.i14).

    Each slice has its own generator, so threads change nothing; smoothing over neighbours makes it normal.
    """
    state = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0xD1B54A32D192ED03)
    low = np.uint64(0xFFFF)
    for _ in range(8):
        state ^= state << np.uint64(13)
        state ^= state >> np.uint64(7)
        state ^= state << np.uint64(17)
    scale = np.float32(np.sqrt(3.0) / 65536.0)
    for y in range(white.shape[0]):
        for x in range(white.shape[1]):
            state ^= state << np.uint64(13)
            state ^= state >> np.uint64(7)
            state ^= state << np.uint64(17)
            total = (state & low) + ((state >> np.uint64(16)) & low) + ((state >> np.uint64(32)) & low) + (state >> np.uint64(48))
            white[y, x] = (np.float32(total) - np.float32(131070.0)) * scale


@njit(nogil=NOGIL, cache=True, fastmath=True, parallel=True)
def expose(
    image: Array,
    out: Array,
    seeds: Array,
    height: Array,
    noise: Array,
    streak: Array,
    grain: float,
    sources: Array,
    spacing: Array,
    origin: Array,
) -> None:
    """Add noise, streaks and the petrous band to a blurred slab and round to int16.

    `seeds`, `height` [mm], `noise` [HU], `streak` [HU] are per slice; `sources` rows are dense spots: x, y, z [mm],
    strength [HU], half height [mm], two phases.
    """
    rows, columns = image.shape[1], image.shape[2]
    side = grain
    norm = 1.0 / (1.0 + 2.0 * side * side)  # two passes of (side, 1, side): deviation 1 + 2 side² in each direction squared
    for z in prange(image.shape[0]):
        white = np.empty((rows + 2, columns + 2), np.float32)
        _fill_noise(white, seeds[z])
        line, drag = 0.0, 0.985
        for y in range(rows):
            py = origin[1] + y * spacing[1]
            line = white[y, 0]
            for x in range(columns):
                px = origin[0] + x * spacing[2]
                upper = side * white[y, x] + white[y, x + 1] + side * white[y, x + 2]
                middle = side * white[y + 1, x] + white[y + 1, x + 1] + side * white[y + 1, x + 2]
                lower = side * white[y + 2, x] + white[y + 2, x + 1] + side * white[y + 2, x + 2]
                line = drag * line + 0.1725 * white[y + 1, x + 1]
                value = image[z, y, x] + noise[z] * norm * (side * upper + middle + side * lower) + streak[z] * line
                for s in range(sources.shape[0]):
                    dz = (height[z] - sources[s, 2]) / sources[s, 4]
                    if abs(dz) < 2.5:
                        ex, ey = px - sources[s, 0], py - sources[s, 1]
                        distance = np.sqrt(ex * ex + ey * ey)
                        angle = np.arctan2(ey, ex)
                        rays = np.cos(7.0 * angle + sources[s, 5]) + np.cos(11.0 * angle + sources[s, 6] + dz) + np.cos(2.0 * angle)
                        value += sources[s, 3] * np.exp(-dz * dz) * rays * np.exp(-distance / 35.0) * min(1.0, distance / 6.0)
                out[z, y, x] = round(min(3071.0, max(-1024.0, value)))
