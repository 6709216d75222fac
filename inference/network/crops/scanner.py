"""From perfect HU to a picture: blur, edge kernel, noise, streaks, thick slices."""

import numpy as np
from scipy.ndimage import gaussian_filter

from inference.network.crops.fields import Field, smooth_field


def _blur(rng: np.random.Generator, picture: Field, spacing_mm: float, axis: int, *, coarse: bool) -> Field:
    low, high = (0.5, 1.0) if coarse else (0.2, 0.75)
    sigma = np.full(3, np.exp(rng.uniform(np.log(low), np.log(high))) / spacing_mm)
    sigma[axis] = max(sigma[axis], np.exp(rng.uniform(np.log(low), np.log(1.1))) / spacing_mm)
    blurred: Field = gaussian_filter(picture, sigma, truncate=3)
    if rng.random() < 0.25:  # bone kernel: overshoot at edges
        blurred = blurred + np.float32(rng.uniform(0.3, 1.2)) * (blurred - gaussian_filter(blurred, 1.2, truncate=2.5))
    return blurred


def _noise(rng: np.random.Generator, size: int) -> Field:
    """Correlated noise, stronger in some places (shoulders) than in others. [HU]"""
    grain = gaussian_filter(rng.standard_normal((size,) * 3, dtype=np.float32), rng.uniform(0.3, 1.1, 3), truncate=2.5)
    grain /= grain.std()
    level = np.exp(rng.uniform(np.log(4), np.log(40)))
    noise: Field = grain * np.float32(level) * np.clip(1 + smooth_field(rng, size, 4, 0.25), 0.5, 1.6)
    return noise


def _streaks(rng: np.random.Generator, picture: Field) -> Field:
    """Bands along a random plane: beam hardening and dense inflow. [HU]"""
    size = picture.shape[0]
    normal = rng.standard_normal(3)
    normal /= np.linalg.norm(normal)
    axes = [np.arange(size, dtype=np.float32) * np.float32(n) for n in normal]
    along = axes[0][:, None, None] + axes[1][:, None] + axes[2]
    profile = rng.standard_normal(60) * rng.uniform(5, 35)
    return picture + np.interp(along, np.linspace(along.min(), along.max(), 60), profile).astype(np.float32)


def _thin_out(picture: Field, axis: int, factor: float) -> Field:
    """Drop planes and interpolate them again, as a scan of wider spacing resampled to this grid."""
    size = picture.shape[axis]
    kept = max(4, int(size / factor))
    moved = np.moveaxis(picture, axis, 0)
    planes = moved[np.rint(np.linspace(0, size - 1, kept)).astype(int)]
    position = np.linspace(0, kept - 1, size)
    first = np.minimum(position.astype(int), kept - 2)
    weight = (position - first)[:, None, None].astype(np.float32)
    return np.moveaxis(planes[first] * (1 - weight) + planes[first + 1] * weight, 0, axis)


def scan(rng: np.random.Generator, picture: Field, *, spacing_mm: float) -> Field:
    """Image a crop with a random scanner, kernel and slice thickness. [HU]"""
    axis, coarse = int(rng.integers(3)), bool(rng.random() < 0.15)
    picture = _blur(rng, picture, spacing_mm, axis, coarse=coarse)
    picture = picture + _noise(rng, picture.shape[0])
    if rng.random() < 0.15:
        picture = _streaks(rng, picture)
    if coarse:
        factor = rng.uniform(1.2, 2.2)
        for each in range(3):
            picture = _thin_out(picture, each, factor)
    elif rng.random() < 0.3:
        picture = _thin_out(picture, axis, rng.uniform(1.2, 2.5))
    return picture.astype(np.float32)
