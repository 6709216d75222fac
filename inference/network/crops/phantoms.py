"""Crops cut from full phantoms: real anatomy in its place, beside the procedural crops that destroy every habit."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from inference.geometry import Geometry
from inference.network.crops.generator import ARTERY, BONE, CALCIUM, CENTRELINE_BIT, VEIN, Crop, mark_borders
from inference.network.crops.tubes import mark_line
from inference.phantom import Phantom, make_phantom
from inference.resample import nearest, resample

PRESETS = ("head-neck", "head")  # the miniature is kept out of training, as an unseen style


def phantom_labels(phantom: Phantom, grid: Geometry | None = None) -> npt.NDArray[np.uint8]:
    """Classes and bits of a phantom, as in `Crop.labels`, on its own grid or on another one over the same field."""
    labels = np.zeros(phantom.vessel.shape, np.uint8)
    labels[phantom.bone > 0] = BONE
    labels[phantom.vessel > 0] = ARTERY
    labels[phantom.veins > 0] = VEIN
    labels[phantom.plaque > 0] = CALCIUM
    geometry = grid or phantom.volume.geometry
    labels = nearest(labels, geometry.shape)
    centre = np.zeros(labels.shape, bool)
    for line in phantom.centrelines.values():
        mark_line(centre, geometry.indices(line.points_mm), spacing_mm=1.0)
    labels[centre & np.isin(labels, (ARTERY, VEIN, CALCIUM))] |= CENTRELINE_BIT
    return mark_borders(labels)


def phantom_crops(seed: int, *, size: int, spacing_mm: float, count: int) -> Iterator[Crop]:
    """Cut `count` cubes from one phantom, two of three round a vessel.

    Parameters
    ----------
    seed : int
        Of the phantom and of the cuts.
    size : int
        Edge. [voxels]
    spacing_mm : float
        Voxel edge. [mm]

    Notes
    -----
    Two of three phantoms are scanned on a grid of their own, as patients are, and resampled: what that does to noise and edges is
    seen in every scan that a network is given.
    """
    rng = np.random.default_rng([seed, 5])
    preset = PRESETS[int(rng.integers(len(PRESETS)))]
    phase = str(rng.choice(["early", "arterial", "late"], p=[0.2, 0.5, 0.3]))
    own = spacing_mm if rng.random() < 0.33 else _scan_grid(rng)
    phantom = make_phantom(preset=preset, seed=seed, spacing_mm=own, phase=phase)  # type: ignore[arg-type]
    working = resample(phantom.volume, (spacing_mm,) * 3)
    hu, labels = np.asarray(working.array), phantom_labels(phantom, working.geometry)
    lines = np.argwhere(labels & CENTRELINE_BIT)
    shape = np.array(hu.shape)
    for _ in range(count):
        middle = lines[rng.integers(len(lines))] if rng.random() < 0.67 else rng.integers(0, shape)
        start = np.clip(middle - rng.integers(size // 4, size - size // 4, 3), 0, np.maximum(shape - size, 0))
        box = tuple(slice(int(a), int(a) + size) for a in start)
        pad = [(0, size - n) for n in hu[box].shape]
        yield Crop(np.pad(hu[box], pad, constant_values=-1000), np.pad(labels[box], pad), spacing_mm)


def _scan_grid(rng: np.random.Generator) -> tuple[float, float, float]:
    """Voxel size of a scan, slices first. [mm]"""
    pixel = float(rng.uniform(0.5, 0.8))
    return float(rng.uniform(0.5, 1.1)), pixel, pixel
