"""The classical method: contrast by its own HU, bone by texture, density and connection, and a competition between them.

1. `measure_lumen` finds certain lumen and the scan's thresholds; `narrow_lumen` adds the middle lines of narrow vessels.
2. Voxels too dense for lumen are bone, unless they are inflow of undiluted contrast (even and thick) or wall calcium and
   stents (never far from certain lumen).
3. Thick, uneven regions that hold no certain lumen but some dense voxels are bone of low density: vertebrae, sternum.
4. Thick, even, weakly enhanced regions are organs and are left out.
5. Every other voxel bright enough for a vessel goes to the lumen or the bone from which it can be reached with the least
   gradient on the way (a watershed).

It is the baseline that every table shows, and what the network is measured against.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.resample import nearest, resample
from inference.segmentation.filters import at, box_mean, gaussian_derivatives
from inference.segmentation.flooding import flood
from inference.segmentation.lumen import BoolMask, FloatArray, Lumen, LumenSettings, local_statistics, measure_lumen
from inference.segmentation.morphology import Labelled, closed, dilated, distance_to, eroded, label
from inference.segmentation.result import Segmentation
from inference.segmentation.ridges import narrow_lumen
from inference.segmentation.tubes import TubeSettings
from inference.volume import Volume

Spacing = tuple[float, float, float]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class ThresholdSettings:
    """Lengths and shares that the method uses.

    Parameters
    ----------
    working_mm : float
        In large scans voxels finer than this are merged before the work, and the answer refined on the scan's own grid. [mm]
    most_voxels : int
        Scans with more voxels than this are large.
    wall_reach_mm : float
        Dense components that stay within this distance of lumen are wall calcium or stent. [mm]
    least_bone_mm3 : float
        Dense components smaller than this are not bone on their own. [mm³]
    least_inflow_mm3, longest_inflow_mm : float
        Undiluted contrast fills at least this volume, and veins no longer than this. [mm³, mm]
    bulk_radius_mm : float
        Low-density bone is thicker than twice this. [mm]
    hull_radius_mm : float
        Marrow is found by closing bone with this radius. [mm]
    least_vessel_mm3 : float
        Vessel components smaller than this are specks. [mm³]
    least_certain : float
        Least share of certain lumen in a piece of vessel, where no wide vessel told what lumen is.
    stray_share : float
        Pieces that no seed reaches are vessel from this share of the lumen's contrast on.
    """

    working_mm: float = 0.7
    most_voxels: int = 40_000_000
    wall_reach_mm: float = 7.0
    least_bone_mm3: float = 150.0
    least_inflow_mm3: float = 3000.0
    longest_inflow_mm: float = 600.0
    bulk_radius_mm: float = 3.0
    hull_radius_mm: float = 2.0
    least_vessel_mm3: float = 25.0
    least_certain: float = 0.08
    stray_share: float = 0.6


@dataclass(frozen=True)
class _Scan:
    """What the steps share: the working array, its local statistics, its lumen."""

    array: FloatArray
    mean: FloatArray
    spread: FloatArray
    spacing_mm: Spacing
    lumen: Lumen


def segment_threshold(volume: Volume, *, settings: ThresholdSettings | None = None, progress: Progress | None = None) -> Segmentation:
    """Tell vessel from bone without a network.

    Parameters
    ----------
    volume : Volume
        int16 scan. [HU]
    settings : ThresholdSettings, optional
        Lengths and shares.
    progress : callable, optional
        Called with the name of each step.

    Returns
    -------
    Segmentation
        `vessel` is all enhanced lumen with wall calcium; `veins` and `arteries` are zero: the method cannot tell.
        `notes` holds the thresholds found and whether the scan is enhanced.
    """
    settings, step = settings or ThresholdSettings(), progress or (lambda text: None)
    step("contrast")
    scan = _prepare(volume, settings)
    step("bone and vessel")
    lumen, bone, candidates = _seeds(scan, settings)
    vessel, bone = _compete(scan, lumen, bone, candidates, settings)
    step("full resolution")
    full_vessel, full_bone = _refine(volume, scan, vessel, bone)
    notes = {key: value for key, value in asdict(scan.lumen).items() if key != "certain"}
    notes["lumen_hu"] = notes.pop("hu")
    zero = np.zeros(volume.shape, np.uint8)
    return Segmentation(full_vessel, zero, full_bone, zero, notes={"method": "threshold", **notes, **asdict(settings)})


def settings_sha256(settings: Any) -> str:
    """SHA-256 of the rules, which stands in the case record where a network's weights would."""
    rules = json.dumps([asdict(part) for part in (TubeSettings(), LumenSettings(), settings)], sort_keys=True)
    return hashlib.sha256(rules.encode()).hexdigest()


def _prepare(volume: Volume, settings: ThresholdSettings) -> _Scan:
    coarse = volume.array.size > settings.most_voxels
    z, y, x = (max(spacing, settings.working_mm if coarse else 0.0) for spacing in volume.spacing_mm)
    working = volume if (z, y, x) == tuple(volume.spacing_mm) else resample(volume, (z, y, x))
    array = np.clip(working.array, -1024, 3071).astype(np.float32)
    mean, spread = local_statistics(array)
    spacing = working.spacing_mm
    return _Scan(array, mean, spread, spacing, measure_lumen(array, mean, spread, spacing_mm=spacing))


def _seeds(scan: _Scan, settings: ThresholdSettings) -> tuple[BoolMask, BoolMask, BoolMask]:
    """Certain lumen (with inflow and wall), certain bone, and every voxel that can be either."""
    certain = scan.lumen.certain
    candidates = (scan.array > scan.lumen.lower_hu) & ~_organs(scan)
    inflow, wall, bone = _split_dense(scan, settings)
    lumen = certain | inflow | narrow_lumen(scan.array, scan.lumen, scan.spacing_mm)
    bone |= _bulk(scan, candidates & ~dilated(lumen, 2.5, scan.spacing_mm), lumen, settings)
    hull = closed(bone, settings.hull_radius_mm, scan.spacing_mm) & ~dilated(lumen, 2.0, scan.spacing_mm)
    return lumen | wall, (bone | (hull & candidates)) & ~lumen & ~wall, candidates


def _split_dense(scan: _Scan, settings: ThresholdSettings) -> tuple[BoolMask, BoolMask, BoolMask]:
    """Part the voxels too dense for lumen into inflow of undiluted contrast, wall calcium and stents, and bone."""
    dense = scan.array > scan.lumen.ceiling_hu
    parts = label(dense, connectivity=26)
    even = dense & (scan.spread < 0.12 * scan.mean) & eroded(dense, 2.5, scan.spacing_mm)
    inflow = dilated(even, 4.5, scan.spacing_mm) & dense
    depth = _depth(even, scan.spacing_mm)
    volume_mm3 = parts.counts * np.prod(scan.spacing_mm)
    # as long as its volume over its widest section: a vein is a few hundred millimetres, a skull metres
    length_mm = volume_mm3 / (np.pi * (parts.most(depth) + 2.5) ** 2)
    is_inflow = (parts.share(inflow) > 0.3) & (volume_mm3 > settings.least_inflow_mm3) & (length_mm < settings.longest_inflow_mm)
    if not scan.lumen.wide:
        is_inflow[:] = False  # a head's petrous bone, even and thick; the veins that hold undiluted contrast run with wide arteries
    far = ~dilated(scan.lumen.certain, settings.wall_reach_mm, scan.spacing_mm)
    touching = dilated(scan.lumen.certain, 3.2, scan.spacing_mm)
    is_wall = (parts.share(far) < 0.1) & (parts.share(touching) > 0.02) & ~is_inflow
    is_bone = (parts.counts * np.prod(scan.spacing_mm) > settings.least_bone_mm3) & ~is_wall & ~is_inflow
    return parts.choose(is_inflow), parts.choose(is_wall), parts.choose(is_bone)


def _organs(scan: _Scan) -> BoolMask:
    """Thick, even, weakly enhanced regions: spleen, muscle, glands, slow veins."""
    lumen = scan.lumen
    if not lumen.enhanced:
        return np.zeros(scan.array.shape, bool)
    contrast = lumen.hu - 50.0
    wide = box_mean(scan.array, 5)
    calm = box_mean(scan.spread, 3) < 1.8 * lumen.noise_hu
    even = (wide > 90) & (wide < 50 + 0.5 * contrast) & calm
    return dilated(eroded(even, 5.0, scan.spacing_mm), 6.5, scan.spacing_mm) & (wide < 50 + 0.55 * contrast)


def _bulk(scan: _Scan, free: BoolMask, lumen: BoolMask, settings: ThresholdSettings) -> BoolMask:
    """Thick regions without certain lumen, a part of which is denser than lumen: bone of low density."""
    radius = settings.bulk_radius_mm
    solid = closed(free & (scan.mean > 0.8 * scan.lumen.lower_hu), radius, scan.spacing_mm)
    thick = dilated(eroded(solid, radius, scan.spacing_mm), radius + 0.1, scan.spacing_mm) & free
    parts = label(thick, connectivity=6)
    hot = scan.array > scan.lumen.hu + 0.25 * (scan.lumen.hu - 50.0) + scan.lumen.noise_hu
    beside_lumen = dilated(lumen, 4.2, scan.spacing_mm)
    return parts.choose((parts.share(hot) > 0.015) & (parts.share(beside_lumen) < 0.5))


def _compete(scan: _Scan, lumen: BoolMask, bone: BoolMask, candidates: BoolMask, settings: ThresholdSettings) -> tuple[BoolMask, BoolMask]:
    """Give every candidate to the lumen or bone seed that reaches it over the least gradient."""
    seeds = np.zeros(scan.array.shape, np.uint8)
    seeds[bone], seeds[lumen] = 2, 1
    inside = candidates | lumen | bone
    box = _box(inside)
    inside = np.ascontiguousarray(inside[box])
    slopes = gaussian_derivatives(scan.array[box], inside, (0.7, 0.7, 0.7), [(1, 0, 0), (0, 1, 0), (0, 0, 1)], truncate=4.0)
    gradient = at(inside, np.sqrt(slopes[:, 0] ** 2 + slopes[:, 1] ** 2 + slopes[:, 2] ** 2))
    basins = np.zeros(scan.array.shape, np.uint8)
    basins[box] = flood(gradient, seeds[box], inside)
    vessel_parts = label(basins == 1, connectivity=26)
    large = vessel_parts.counts * np.prod(scan.spacing_mm) > settings.least_vessel_mm3
    # a head's own bone is as bright as lumen in places: a little certain lumen in much that floods is a grain in it
    doubtful = vessel_parts.share(scan.lumen.certain) < (0.0 if scan.lumen.wide else settings.least_certain)
    vessel = vessel_parts.choose(large & ~doubtful)
    basins[vessel_parts.choose(large & doubtful)] = 2
    lost = label(candidates & (basins == 0), connectivity=26)
    stray, thin_bone = _unreached(scan, lost, settings)
    vessel |= stray
    marrow = closed((basins == 2) | thin_bone, 3.0, scan.spacing_mm)
    return vessel, (marrow | (basins == 2)) & ~vessel & (scan.array > -150)


def _unreached(scan: _Scan, lost: Labelled, settings: ThresholdSettings) -> tuple[BoolMask, BoolMask]:
    """What no seed reaches: narrow vessels cut off from the tree, ribs and plates too thin to hold a dense core, noise.

    Both are rough, being narrow; a vessel holds nothing brighter than lumen, and is nearly as bright as lumen on average.
    """
    lumen, large = scan.lumen, lost.counts * np.prod(scan.spacing_mm)
    contrast = lumen.hu - 50.0
    roughness = lost.mean(scan.spread) / lumen.noise_hu
    dense = lost.share(scan.array > lumen.hu + 0.25 * contrast + lumen.noise_hu)
    bright = lost.mean(scan.array) > 50.0 + settings.stray_share * contrast
    stray = bright & (dense < 0.002) & (roughness > 2.5) & (large > settings.least_vessel_mm3)
    if not lumen.enhanced:
        stray[:] = False
    bone = (roughness > 3.0) & (large > settings.least_bone_mm3) & ~stray
    return lost.choose(stray), lost.choose(bone)


def _refine(volume: Volume, scan: _Scan, vessel: BoolMask, bone: BoolMask) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Carry the answer to the scan's own grid; there a voxel is vessel only if it is bright enough itself."""
    if vessel.shape == volume.shape:
        return vessel.astype(np.uint8), bone.astype(np.uint8)
    step = max(scan.spacing_mm)
    reach = dilated(vessel, 1.01 * step, scan.spacing_mm) & ~bone
    bright = volume.array > scan.lumen.lower_hu
    full_vessel = (nearest(reach.astype(np.uint8), volume.shape) > 0) & bright
    full_bone = (nearest(bone.astype(np.uint8), volume.shape) > 0) & ~full_vessel
    return full_vessel.astype(np.uint8), full_bone.astype(np.uint8)


def _depth(mask: BoolMask, spacing_mm: Spacing) -> FloatArray:
    """Distance of every voxel of a mask to its outside, 0 outside. [mm]"""
    depth, box = np.zeros(mask.shape, np.float32), _box(mask)
    depth[box] = np.where(mask[box], distance_to(~mask[box], spacing_mm), 0)
    return depth


def _box(mask: BoolMask) -> tuple[slice, ...]:
    if not mask.any():
        return (slice(0, 1),) * 3
    sides = []
    for axis in range(3):
        inside = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        sides.append(slice(max(int(inside[0]) - 2, 0), int(inside[-1]) + 3))
    return tuple(sides)
