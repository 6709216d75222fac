"""A scan a few centimetres wide with everything that matters: a vessel beside bone with marrow, in soft tissue, in noise."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from inference import Geometry, Volume

SHAPE = (64, 60, 60)


@dataclass(frozen=True)
class Scene:
    volume: Volume
    vessel: np.ndarray
    bone: np.ndarray
    plaque: np.ndarray


def scene(
    *, lumen_hu: float = 380.0, contrast: bool = True, noise_hu: float = 12.0, seed: int = 0, shape: tuple[int, int, int] = SHAPE
) -> Scene:
    """A straight vessel of radius 4 mm with a plaque, 3 mm beside a bone of cortex and rough marrow; voxels of 1 mm."""
    rng = np.random.default_rng(seed)
    z, y, x = np.indices(shape)
    array = np.where((y - 30) ** 2 + (x - 30) ** 2 < 28**2, 45.0, -1000.0)
    vessel = (y - 30) ** 2 + (x - 22) ** 2 < 4.2**2
    outer = ((y - 30) / 14) ** 2 + ((x - 40) / 10) ** 2 < 1
    inner = ((y - 30) / 12) ** 2 + ((x - 40) / 8) ** 2 < 1
    marrow = 220 + 160 * gaussian_filter(rng.normal(size=shape), 1.2) / 0.1
    array = np.where(outer, np.where(inner, np.clip(marrow, 60, 700), 1100.0), array)
    plaque = vessel & ((x - 18.5) ** 2 + (y - 30) ** 2 < 2.2**2) & (abs(z - 30) < 4)
    array = np.where(vessel, lumen_hu if contrast else 45.0, array)
    array = np.where(plaque, lumen_hu + 700, array)
    array = gaussian_filter(array, 0.6) + rng.normal(0, noise_hu, shape)
    volume = Volume(np.clip(np.rint(array), -1024, 3071).astype(np.int16), Geometry(shape, (1.0, 1.0, 1.0)))
    return Scene(volume, vessel, outer, plaque)
