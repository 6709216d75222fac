"""Turn a body, its vessels and a pose into HU and truth on a scan's grid, slab by slab."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.geometry import Geometry
from inference.phantom import scanner as scan
from inference.phantom.body import Body
from inference.phantom.compose import compose
from inference.phantom.curves import Branch
from inference.phantom.pose import Pose
from inference.phantom.tubes import TubeField, add_segments, empty_field, segments_of, thin_tube

Array = npt.NDArray[Any]

BLOOD_HU = 45.0
SLAB = 48
_PULL_MM = 8.0  # grid on which the inverse of the pose is kept


@dataclass(frozen=True)
class Scene:
    """Everything that is rendered, in canonical millimetres but for `lumen_hu`.

    Parameters
    ----------
    body : Body
        Tissues.
    arteries, veins : list of Branch
        Vessels; `contrast` 1 means `lumen_hu`.
    plaques, metals : list of Branch
        Wall calcium and stent struts; `contrast` holds HU.
    lumen_hu : float
        Enhancement of the inflow. [HU]
    """

    body: Body
    arteries: list[Branch]
    veins: list[Branch]
    plaques: list[Branch]
    metals: list[Branch]
    lumen_hu: float


@dataclass(frozen=True)
class Rendering:
    """An image and, when asked for, its truth; arrays (z, y, x)."""

    hu: npt.NDArray[np.int16]
    vessel: npt.NDArray[np.uint8]
    veins: npt.NDArray[np.uint8]
    bone: npt.NDArray[np.uint8]
    arteries: npt.NDArray[np.uint8]
    plaque: npt.NDArray[np.uint8]


def render(
    scene: Scene,
    geometry: Geometry,
    *,
    pose: Pose,
    scanner: scan.Scanner,
    sources: Array,
    seed: int,
    enhanced: bool = True,
    swell_mm: float = 0.0,
    progress: Callable[[str], None] | None = None,
) -> Rendering:
    """Render a scene.

    Parameters
    ----------
    scene : Scene
        What to render.
    geometry : Geometry
        Grid in the scene's millimetres; axis-aligned.
    pose : Pose
        Where the body lies.
    scanner : Scanner
        Image quality.
    sources : numpy.ndarray
        (k, 7) dense spots that throw streaks, see `scanner.expose`.
    seed : int
        Of the noise alone.
    enhanced : bool
        False renders unenhanced blood everywhere.
    swell_mm : float
        Added to vessel radii, for miniatures whose voxels are wider than their vessels. [mm]
    progress : callable, optional
        Called with a line per slab.
    """
    shape = geometry.shape
    result = Rendering(np.empty(shape, np.int16), *(np.zeros(shape, np.uint8) for _ in range(5)))
    voxel = float(np.prod(geometry.spacing_mm) ** (1 / 3))
    packs = _pack(scene, pose, voxel_mm=voxel, enhanced=enhanced, swell_mm=swell_mm)
    for start in range(0, shape[0], SLAB):
        _render_slab(
            scene, geometry, packs, result, start, pose=pose, scanner=scanner, sources=sources, seed=seed, voxel_mm=voxel, enhanced=enhanced
        )
        if progress:
            progress(f"slices {start + 1} to {min(start + SLAB, shape[0])} of {shape[0]}")
    return result


@dataclass(frozen=True)
class _Packs:
    """Segments ready for the painter, and tables by owner (0 = none): label, gap."""

    artery: Array
    vein: Array
    hard: Array
    label: Array
    gap: Array
    vein_gap: Array
    hard_metal: Array


def _pack(scene: Scene, pose: Pose, *, voxel_mm: float, enhanced: bool, swell_mm: float) -> _Packs:
    top = scene.lumen_hu if enhanced else BLOOD_HU
    arteries, labels, gaps = [], [0], [0.0]
    for branch in scene.arteries:
        for part in _open_parts(branch):
            arteries.append(_tube(part, pose, BLOOD_HU + (top - BLOOD_HU) * part.contrast, voxel_mm, swell_mm))
            labels.append(branch.label)
            gaps.append(branch.gap_mm)
    veins = [_tube(branch, pose, BLOOD_HU + (top - BLOOD_HU) * branch.contrast, voxel_mm, swell_mm) for branch in scene.veins]
    hard = [_tube(branch, pose, branch.contrast, voxel_mm, swell_mm) for branch in scene.plaques + scene.metals]
    metal = np.array([0] * (1 + len(scene.plaques)) + [1] * len(scene.metals), np.uint8)
    vein_gaps = np.array([0.0, *(branch.gap_mm for branch in scene.veins)], np.float32)
    return _Packs(
        segments_of(arteries),
        segments_of(veins),
        segments_of(hard),
        np.array(labels, np.uint8),
        np.array(gaps, np.float32),
        vein_gaps,
        metal,
    )


def _open_parts(branch: Branch) -> list[Branch]:
    """The patent stretches of a vessel."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], branch.patent.astype(int), [0]])))
    parts = []
    for low, high in zip(edges[::2], edges[1::2], strict=True):
        cut = slice(low, high)
        parts.append(
            branch.changed(
                points_mm=branch.points_mm[cut], radius_mm=branch.radius_mm[cut], contrast=branch.contrast[cut], patent=branch.patent[cut]
            )
        )
    return parts


def _tube(branch: Branch, pose: Pose, hu: Array, voxel_mm: float, swell_mm: float) -> tuple[Array, Array, Array]:
    radius, value = thin_tube(branch.radius_mm + swell_mm, hu, voxel_mm=voxel_mm, surround=BLOOD_HU)
    return pose.forward(branch.points_mm), radius, value


def _render_slab(
    scene: Scene,
    geometry: Geometry,
    packs: _Packs,
    result: Rendering,
    start: int,
    *,
    pose: Pose,
    scanner: scan.Scanner,
    sources: Array,
    seed: int,
    voxel_mm: float,
    enhanced: bool,
) -> None:
    """Render slices `start` to `start + SLAB` with the halo that the slice profile needs."""
    along = scan.kernel_weights(scanner.slice_blur_mm, geometry.spacing_mm[0])
    across = scan.kernel_weights(scanner.blur_mm, geometry.spacing_mm[1], edge=scanner.edge)
    halo, stop = len(along) // 2, min(start + SLAB, geometry.shape[0])
    slab = geometry.crop((start - halo, 0, 0), (stop - start + 2 * halo, *geometry.shape[1:]))
    fields = [_field(slab, pack) for pack in (packs.artery, packs.vein, packs.hard)]
    truth = np.zeros((5, *slab.shape), np.uint8)
    image = np.empty(slab.shape, np.float32)
    body, pull, pull_origin = scene.body, *_pull(pose, slab)
    compose(
        *(image, truth, *_arrays(fields[0]), *_arrays(fields[1]), *_arrays(fields[2])),
        *(packs.label, packs.gap, packs.vein_gap, packs.hard_metal),
        *(
            body.bone_mm,
            body.air_mm,
            body.kind,
            body.soft_hu if enhanced else body.native_hu,
            body.materials,
            body.grain,
            np.array(body.origin_mm),
            body.spacing_mm,
        ),
        *(pull, pull_origin, _PULL_MM, np.array(slab.spacing_mm), np.array(slab.origin_mm), voxel_mm),
    )
    inner = slice(halo, halo + stop - start)
    for target, source in zip((result.vessel, result.veins, result.bone, result.arteries, result.plaque), truth, strict=True):
        target[start:stop] = source[inner]
    blurred = np.empty((stop - start, *geometry.shape[1:]), np.float32)
    scan.blur(image, blurred, across, along)
    height = slab.origin_mm[2] + geometry.spacing_mm[0] * (np.arange(stop - start) + halo)
    _expose(blurred, result.hu[start:stop], height, start, geometry, scanner=scanner, sources=sources, seed=seed)


def _expose(
    image: Array, out: Array, height: Array, start: int, geometry: Geometry, *, scanner: scan.Scanner, sources: Array, seed: int
) -> None:
    shoulder = 1 / (1 + np.exp((height - 92.0) / 7.0))
    petrous = np.exp(-(((height - 228.0) / 10.0) ** 2))
    noise = scanner.noise_hu * (1 + (scanner.shoulder - 1) * shoulder)
    streak = scanner.streak_hu * (shoulder + 0.35 * petrous + 0.06)
    rows = geometry.origin_mm[1] + geometry.spacing_mm[1] * np.arange(geometry.shape[1])
    columns = geometry.origin_mm[0] + geometry.spacing_mm[2] * np.arange(geometry.shape[2])
    band = np.exp(-((rows / 10.0) ** 2))[:, None] * np.exp(-((columns / 48.0) ** 4))[None, :]
    image -= (scanner.hardening_hu * petrous)[:, None, None].astype(np.float32) * band[None].astype(np.float32)
    seeds = np.random.SeedSequence([seed, 7]).generate_state(geometry.shape[0]).astype(np.uint32)[start : start + len(image)]
    scan.expose(
        image, out, seeds, height, noise, streak, scanner.grain, sources, np.array(geometry.spacing_mm), np.array(geometry.origin_mm)
    )


def _field(slab: Geometry, pack: Array) -> TubeField:
    field = empty_field(slab.shape)
    add_segments(field, pack, spacing_mm=slab.spacing_mm, origin_mm=slab.origin_mm, margin_mm=2.6, parallel=True)
    return field


def _arrays(field: TubeField) -> tuple[Array, Array, Array]:
    return field.distance_mm, field.value, field.owner


def _pull(pose: Pose, slab: Geometry) -> tuple[Array, Array]:
    """Displacement from patient to canonical positions on a grid over the slab: (3, nz, ny, nx) and the grid's origin."""
    origin = np.asarray(slab.origin_mm) - _PULL_MM
    counts = [int(np.ceil(n * s / _PULL_MM)) + 3 for n, s in zip(slab.shape, slab.spacing_mm, strict=True)]
    z, y, x = np.meshgrid(*(np.arange(n) * _PULL_MM for n in counts), indexing="ij")
    points = np.column_stack([x.ravel(), y.ravel(), z.ravel()]) + origin
    shift = pose.inverse(points) - points
    return np.ascontiguousarray(shift.T.reshape(3, *counts), np.float32), origin
