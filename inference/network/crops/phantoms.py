"""Crops cut from full phantoms: real anatomy in its place, beside the procedural crops that destroy every habit."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from inference.network.crops.generator import ARTERY, BONE, CALCIUM, CENTRELINE_BIT, VEIN, Crop, mark_borders
from inference.network.crops.tubes import mark_line
from inference.phantom import Phantom, make_phantom

PRESETS = ("head-neck", "head")  # the miniature is kept out of training, as an unseen style


def phantom_labels(phantom: Phantom) -> npt.NDArray[np.uint8]:
    """Classes and bits of a phantom, as in `Crop.labels`."""
    labels = np.zeros(phantom.vessel.shape, np.uint8)
    labels[phantom.bone > 0] = BONE
    labels[phantom.vessel > 0] = ARTERY
    labels[phantom.veins > 0] = VEIN
    labels[phantom.plaque > 0] = CALCIUM
    centre = np.zeros(labels.shape, bool)
    geometry = phantom.volume.geometry
    for line in phantom.centrelines.values():
        mark_line(centre, geometry.indices(line.points_mm), spacing_mm=1.0)
    labels[centre & (phantom.vessel > 0)] |= CENTRELINE_BIT
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
    """
    rng = np.random.default_rng([seed, 5])
    preset = PRESETS[int(rng.integers(len(PRESETS)))]
    phase = str(rng.choice(["early", "arterial", "late"], p=[0.2, 0.5, 0.3]))
    phantom = make_phantom(preset=preset, seed=seed, spacing_mm=spacing_mm, phase=phase)  # type: ignore[arg-type]
    hu, labels = np.asarray(phantom.volume.array), phantom_labels(phantom)
    lines = np.argwhere(labels & CENTRELINE_BIT)
    shape = np.array(hu.shape)
    for _ in range(count):
        middle = lines[rng.integers(len(lines))] if rng.random() < 0.67 else rng.integers(0, shape)
        start = np.clip(middle - rng.integers(size // 4, size - size // 4, 3), 0, np.maximum(shape - size, 0))
        box = tuple(slice(int(a), int(a) + size) for a in start)
        pad = [(0, size - n) for n in hu[box].shape]
        yield Crop(np.pad(hu[box], pad, constant_values=-1000), np.pad(labels[box], pad), spacing_mm)
