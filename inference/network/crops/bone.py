"""Procedural bone: plates, marrow bones, air cells, sinus walls, skull vault, clinoid rods, petrous bone, teeth and metal.

Real bone has texture, a cortex, and marrow; plastic phantoms have none, contradict "uniform means lumen" and hurt on real heads.
"""

from collections.abc import Callable

import numpy as np

from inference.network.crops.fields import Field, ramp, smooth_field, surface_distance
from inference.network.crops.scene import Scene
from inference.network.crops.tubes import paint_tube, wandering_line

KINDS = {
    "plate": 0.15,
    "marrow": 0.16,
    "cells": 0.11,
    "sinus": 0.14,
    "vault": 0.15,
    "rods": 0.13,
    "petrous": 0.08,
    "teeth": 0.05,
    "dense": 0.03,
}


def _surface(rng: np.random.Generator, scene: Scene, low: int, high: int, shift_mm: float) -> Field:
    """Distance to a random smooth surface, moved by up to `shift_mm`. [mm]"""
    field = smooth_field(rng, scene.size, rng.integers(low, high))
    return surface_distance(field, scene.spacing_mm) - np.float32(rng.uniform(-shift_mm, shift_mm))


def _cortex_hu(rng: np.random.Generator, scene: Scene) -> Field:
    """Cortical HU, near the lumen's own in matched scenes."""
    mean = scene.lumen_hu * rng.uniform(0.7, 1.8) if scene.match_bone else np.exp(rng.uniform(np.log(280), np.log(1700)))
    hu: Field = np.float32(mean) * np.exp(smooth_field(rng, scene.size, rng.integers(5, 14), rng.uniform(0.03, 0.25)))
    return hu


def _marrow_hu(rng: np.random.Generator, scene: Scene, low: float, high: float) -> Field:
    """Spongy bone: trabecular texture about a mean."""
    texture = smooth_field(rng, scene.size, rng.integers(18, 48), rng.uniform(15, 110))
    return np.maximum(np.float32(rng.uniform(low, high)) + texture, np.float32(-80))


def _thickness(rng: np.random.Generator, scene: Scene) -> Field:
    """Plate thickness, varying over the scene. [mm]"""
    mean = rng.uniform(0.3, 4) if rng.random() < 0.5 else rng.uniform(0.3, 1.5)
    thickness: Field = np.float32(mean) * np.exp(smooth_field(rng, scene.size, rng.integers(5, 10), rng.uniform(0, 0.5)))
    return thickness


def _slab(distance: Field, thickness: Field, spacing_mm: float) -> Field:
    """Fraction of a plate about a surface; plates thinner than a voxel fill only part of it."""
    edge = ramp((thickness / 2 - np.abs(distance)) / np.float32(spacing_mm) + np.float32(0.5))
    return np.minimum(edge, np.minimum(np.float32(1), thickness / np.float32(spacing_mm)))


def _layered(outside: Field, cortex_mm: float, cortex: Field, core: Field, spacing_mm: float) -> Field:
    """Cortex round a core; `outside` is negative inside the bone."""
    inner = ramp((-np.float32(cortex_mm) - outside) / np.float32(spacing_mm) + np.float32(0.5))
    hu: Field = cortex * (1 - inner) + core * inner
    return hu


def _plate(rng: np.random.Generator, scene: Scene) -> tuple[Field, Field]:
    distance, thickness = _surface(rng, scene, 4, 8, 8), _thickness(rng, scene)
    if rng.random() < 0.4:  # air behind the plate
        behind = ramp((distance - thickness / 2) / np.float32(scene.spacing_mm) + np.float32(0.5))
        scene.air = np.maximum(scene.air, behind * (smooth_field(rng, scene.size, 5) > rng.uniform(-1, 0.8)))
    return _slab(distance, thickness, scene.spacing_mm), _cortex_hu(rng, scene)


def _marrow(rng: np.random.Generator, scene: Scene) -> tuple[Field, Field]:
    distance = _surface(rng, scene, 4, 9, 8)
    cortex = np.maximum(_cortex_hu(rng, scene), np.float32(rng.uniform(250, 500)))
    core = _marrow_hu(rng, scene, 60, 420)
    return ramp(np.float32(0.5) - distance / np.float32(scene.spacing_mm)), _layered(
        distance, rng.uniform(0.3, 2.2), cortex, core, scene.spacing_mm
    )


def _cells(rng: np.random.Generator, scene: Scene) -> tuple[Field, Field]:
    fraction, hu = _marrow(rng, scene)
    walls = _surface(rng, scene, 9, 26, 1.2)
    cell = ramp(walls / np.float32(scene.spacing_mm) + np.float32(0.5)) * (fraction > 0.9)
    if rng.random() < 0.75:
        scene.air = np.maximum(scene.air, cell)
    return fraction * (1 - cell), hu


def _sinus(rng: np.random.Generator, scene: Scene) -> tuple[Field, Field]:
    distance = _surface(rng, scene, 5, 11, 0) - np.float32(rng.uniform(0, 5))
    thickness = _thickness(rng, scene)
    if rng.random() < 0.7:
        scene.air = np.maximum(scene.air, ramp(distance / np.float32(scene.spacing_mm) + np.float32(0.5)))
    return _slab(distance + thickness / 2, thickness, scene.spacing_mm), _cortex_hu(rng, scene)


def _vault(rng: np.random.Generator, scene: Scene) -> tuple[Field, Field]:
    """Two tables about diploe, or a finite patch: skull vault, dorsum sellae."""
    distance = _surface(rng, scene, 4, 9, 8)
    thickness = np.float32(rng.uniform(1.5, 7)) * np.exp(smooth_field(rng, scene.size, rng.integers(5, 10), rng.uniform(0, 0.5)))
    outside = np.abs(distance) - thickness / 2
    if rng.random() < 0.6:  # a finite patch
        outside = np.maximum(outside, _surface(rng, scene, 5, 9, 6))
    core = _marrow_hu(rng, scene, -60, 260)
    hu = _layered(outside, rng.uniform(0.4, 1.3), _cortex_hu(rng, scene), core, scene.spacing_mm)
    return ramp(np.float32(0.5) - outside / np.float32(scene.spacing_mm)), hu


def _rods(rng: np.random.Generator, scene: Scene) -> tuple[Field, Field]:
    """Tube-shaped bone, the hardest rival of a vessel: clinoid and styloid processes, hyoid, ossicles."""
    size, spacing = scene.size, scene.spacing_mm
    outside, owner = np.full((size,) * 3, 9, np.float32), np.zeros((size,) * 3, np.int16)
    for _ in range(rng.integers(1, 6)):
        bend = rng.choice([0.02, 0.08, 0.2])
        line = wandering_line(rng, rng.uniform(0, size * spacing, 3), rng.standard_normal(3), length_mm=rng.uniform(5, 40), bend=bend)
        shape = np.interp(np.linspace(0, 1, len(line)), np.linspace(0, 1, 5), rng.uniform(0.5, 1.3, 5))
        paint_tube(outside, owner, line, np.exp(rng.uniform(np.log(0.6), np.log(5))) * shape, spacing_mm=spacing, number=1)
    outside += smooth_field(rng, size, rng.integers(14, 30), rng.uniform(0, 0.6))
    hu = _cortex_hu(rng, scene)
    if rng.random() < 0.7:
        hu = _layered(outside, rng.uniform(0.3, 1.3), hu, _marrow_hu(rng, scene, -60, 260), spacing)
    hu = hu * (1 + smooth_field(rng, size, rng.integers(16, 36), rng.uniform(0.05, 0.25)))
    return ramp(np.float32(0.5) - outside / np.float32(spacing)) * (owner > 0), hu


def _petrous(rng: np.random.Generator, scene: Scene) -> tuple[Field, Field]:
    """Dense, almost uniform bone: brighter than its lumen, angular, sometimes with a few cells."""
    distance = np.maximum(_surface(rng, scene, 4, 8, 6), _surface(rng, scene, 4, 8, 6))
    mean = max(rng.uniform(900, 2200) if rng.random() < 0.7 else scene.lumen_hu * rng.uniform(1.2, 2), 450)
    hu = np.float32(mean) * (1 + smooth_field(rng, scene.size, rng.integers(8, 30), rng.uniform(0.01, 0.1)))
    fraction = ramp(np.float32(0.5) - distance / np.float32(scene.spacing_mm))
    if rng.random() < 0.4:
        cell = (_surface(rng, scene, 12, 26, 0) > rng.uniform(0.5, 2)) & (distance < -1)
        scene.air = np.maximum(scene.air, cell.astype(np.float32))
        fraction = fraction * ~cell
    return fraction, hu


def _teeth(rng: np.random.Generator, scene: Scene) -> tuple[Field, Field]:
    size, spacing = scene.size, scene.spacing_mm
    outside, owner = np.full((size,) * 3, 9, np.float32), np.zeros((size,) * 3, np.int16)
    start, along = rng.uniform(0.1, 0.9, 3) * size * spacing, rng.standard_normal(3)
    row = wandering_line(rng, start, along, length_mm=45, step_mm=rng.uniform(6.5, 9), bend=0.02)
    axis = np.cross(along, rng.standard_normal(3))
    axis /= np.linalg.norm(axis)
    for place in row[: rng.integers(3, 8)]:
        height = rng.uniform(8, 16)
        line = place + np.linspace(0, height, 6)[:, None] * axis
        paint_tube(outside, owner, line, np.linspace(rng.uniform(2.5, 3.6), 1.2, 6), spacing_mm=spacing, number=1)
    hu = np.float32(rng.uniform(1200, 2000)) + np.float32(rng.uniform(300, 1000)) * ramp(outside + np.float32(1.2))
    return ramp(np.float32(0.5) - outside / np.float32(spacing)) * (owner > 0), hu


def _dense(rng: np.random.Generator, scene: Scene) -> tuple[Field, Field]:
    """A solid cortical lump whose HU varies slowly: mandible angle, osteophyte."""
    distance = _surface(rng, scene, 5, 11, 4) + np.float32(4)
    return ramp(np.float32(0.5) - distance / np.float32(scene.spacing_mm)), _cortex_hu(rng, scene)


_MAKERS: dict[str, Callable[[np.random.Generator, Scene], tuple[Field, Field]]] = {
    "plate": _plate, "marrow": _marrow, "cells": _cells, "sinus": _sinus, "vault": _vault,
    "rods": _rods, "petrous": _petrous, "teeth": _teeth, "dense": _dense,
}  # fmt: skip


def add_bone(rng: np.random.Generator, scene: Scene) -> str:
    """Lay one random bone into the scene and return its kind."""
    kind = str(rng.choice(list(KINDS), p=np.array(list(KINDS.values())) / sum(KINDS.values())))
    fraction, hu = _MAKERS[kind](rng, scene)
    if rng.random() < 0.2 and kind in ("plate", "sinus", "vault", "marrow"):  # foramina and defects
        fraction = fraction * (smooth_field(rng, scene.size, rng.integers(8, 16)) < rng.uniform(0.8, 2))
    scene.lay_bone(fraction.astype(np.float32), np.clip(hu, -100, 3071).astype(np.float32))
    return kind
