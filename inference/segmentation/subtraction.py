"""The two-scan comparator: register the unenhanced scan, subtract it, keep what became brighter.

What is bone in the unenhanced scan vanishes, so vessel and bone of equal HU come apart; what moved between the scans does
not, so every edge of bone leaves a rim as bright as the motion that is left times the edge's slope. The threshold rises by
that much at each voxel. Wall calcium is in both scans and is given back to the lumen that it touches.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, maximum_filter

from inference.errors import RejectedScan
from inference.registration import Local, Rigid, register_local, register_rigid
from inference.registration.local import remaining_mm
from inference.registration.resample import OUTSIDE_HU, warp
from inference.resample import nearest, resample
from inference.segmentation.morphology import BoolMask, closed, dilated, distance_to, eroded, label
from inference.segmentation.result import Segmentation
from inference.volume import Volume

Progress = Callable[[str], None]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SubtractionSettings:
    """Lengths and shares that the method uses.

    Parameters
    ----------
    working_mm : float
        In large scans voxels finer than this are merged before the work. [mm]
    most_voxels : int
        Scans with more voxels than this are large.
    least_hu : float
        What is darker than this in the enhanced scan is not looked at. [HU]
    least_gain_hu : float
        What became brighter by less than this is not called vessel; glands and mucosa enhance too. [HU]
    lumen_share, core_share : float
        Shares of the arteries' enhancement that a vessel's edge and its core reach; veins are paler than arteries.
    edge_share : float
        Share of the brightest gain within 1.5 mm that a voxel must reach: the rim of a bright lumen is not lumen.
    place_error_voxels : float
        Error of place that resampling leaves even where the registration is perfect. [voxel widths]
    bone_hu : float
        What is denser than this in the unenhanced scan is bone or calcium. [HU]
    largest_calcium_mm3 : float
        Dense components up to this size that touch lumen are wall calcium. [mm³]
    least_vessel_mm3, least_bone_mm3 : float
        Smaller components are specks. [mm³]
    local : bool
        Whether to follow the rigid registration by a local one.
    """

    working_mm: float = 0.7
    most_voxels: int = 40_000_000
    least_hu: float = -50.0
    least_gain_hu: float = 65.0
    lumen_share: float = 0.22
    core_share: float = 0.35
    edge_share: float = 0.4
    place_error_voxels: float = 0.15
    bone_hu: float = 160.0
    largest_calcium_mm3: float = 400.0
    least_vessel_mm3: float = 30.0
    least_bone_mm3: float = 60.0
    local: bool = True


def segment_subtraction(
    volume: Volume,
    unenhanced: Volume | None,
    *,
    settings: SubtractionSettings | None = None,
    progress: Progress | None = None,
) -> Segmentation:
    """Tell vessel from bone by a second scan without contrast.

    Parameters
    ----------
    volume : Volume
        Enhanced scan. [HU]
    unenhanced : Volume
        The same patient without contrast, on any grid. [HU]
    settings : SubtractionSettings, optional
        Lengths and shares.
    progress : callable, optional
        Called with the name of each step.

    Returns
    -------
    Segmentation
        `vessel` is all enhanced lumen with wall calcium; `veins` and `arteries` are zero: the method cannot tell.
        `notes["registration"]` holds the motion found and what is left of it.

    Raises
    ------
    RejectedScan
        Without an unenhanced scan, or if the two do not overlap.
    """
    settings, step = settings or SubtractionSettings(), progress or (lambda text: None)
    if unenhanced is None:
        raise RejectedScan("no_unenhanced_scan", "subtraction needs a second scan", "give the unenhanced scan of the same patient")
    work, twin = (_working(scan, settings) for scan in (volume, unenhanced))
    _require_overlap(work, twin)
    step("rigid registration")
    rigid = register_rigid(work, twin)
    step("local registration")
    found = register_local(work, twin, rigid) if settings.local else Local.none(rigid)
    left_mm = remaining_mm(work, twin, found)
    step("subtraction")
    plain, slope = warp(work, twin, found, least_hu=settings.least_hu)
    vessel, bone, notes = _decide(work, plain, slope, left_mm[0], settings)
    step("full resolution")
    full_vessel, full_bone = _refine(volume, work, vessel, bone, least_hu=notes["lower_hu"])
    zero = np.zeros(volume.shape, np.uint8)
    record = {"method": "subtraction", **notes, "registration": _record(rigid, found, work, left_mm), **asdict(settings)}
    return Segmentation(full_vessel, zero, full_bone, zero, notes=record)


def _working(volume: Volume, settings: SubtractionSettings) -> Volume:
    if volume.array.size <= settings.most_voxels:
        return volume.with_array(np.clip(volume.array, -1024, 3071).astype(np.int16))
    z, y, x = (max(spacing, settings.working_mm) for spacing in volume.spacing_mm)
    return resample(volume.with_array(np.clip(volume.array, -1024, 3071).astype(np.int16)), (z, y, x))


def _require_overlap(work: Volume, twin: Volume) -> None:
    index = twin.geometry.indices(work.geometry.points(np.argwhere(np.ones((5, 5, 5))) / 4.0 * (np.array(work.shape) - 1)))
    inside = np.all((index > -0.5) & (index < np.array(twin.shape) - 0.5), axis=1).mean()
    if inside < 0.25:
        found = f"{100 * inside:.0f} % of the enhanced scan lies inside the unenhanced one"
        raise RejectedScan("no_overlap", found, "give the unenhanced scan of the same examination")


def _decide(
    work: Volume, plain: npt.NDArray[np.int16], slope: npt.NDArray[np.int16], left_mm: float, settings: SubtractionSettings
) -> tuple[BoolMask, BoolMask, dict[str, float | bool]]:
    """Vessel, bone and the figures behind them, on the working grid."""
    seen = plain > OUTSIDE_HU
    gain = np.where(seen, work.array.astype(np.float32) - plain, np.float32(0.0))
    calm = seen & (np.abs(slope) < 150)
    smooth = gaussian_filter(gain, 0.6)
    noise = _noise(smooth[calm & (plain > 0) & (plain < 110)])
    contrast = _contrast(smooth, plain, calm, noise, work.spacing_mm)
    bone = _solid(seen & (plain > settings.bone_hu), work, settings)
    least = max(settings.lumen_share * contrast, 3.0 * noise, settings.least_gain_hu)
    notes: dict[str, float | bool] = {"noise_hu": noise, "lumen_hu": contrast + 45.0, "enhanced": contrast > 0.0, "lower_hu": 45.0 + least}
    if contrast <= 0.0:
        return np.zeros(work.shape, bool), closed(bone, 3.0, work.spacing_mm), notes
    place_mm = settings.place_error_voxels * float(np.prod(work.spacing_mm)) ** (1 / 3)
    error = slope.astype(np.float32) * np.float32(max(left_mm, place_mm) if np.isfinite(left_mm) else 2 * place_mm)
    edge = np.maximum(least, settings.edge_share * _local_most(smooth, work.spacing_mm)) + error
    parts = label(smooth > edge, connectivity=26)
    core = smooth > settings.core_share * contrast + 2.0 * error
    voxel_mm3 = float(np.prod(work.spacing_mm))
    large = parts.counts * voxel_mm3 > settings.least_vessel_mm3
    vessel = parts.choose(large & (parts.share(core) > 0.1))
    vessel |= _calcium(seen & (plain > settings.bone_hu), vessel, work, settings)
    solid = closed(bone & ~vessel, 3.0, work.spacing_mm) & ~dilated(vessel, 0.1, work.spacing_mm) & (work.array > -150)
    return vessel, solid, notes


def _noise(values: FloatArray) -> float:
    """Robust standard deviation of the difference in unenhanced soft tissue. [HU]"""
    if values.size < 100:
        return 10.0
    some = values[:: max(1, values.size // 1_000_000)]
    return float(1.4826 * np.median(np.abs(some - np.median(some))))


def _contrast(
    smooth: FloatArray, plain: npt.NDArray[np.int16], calm: BoolMask, noise: float, spacing_mm: tuple[float, float, float]
) -> float:
    """Typical enhancement of arteries, 0 where nothing was enhanced: the upper fifth more than a voxel deep in what became bright. [HU]"""
    voxel_mm3 = float(np.prod(spacing_mm))
    parts = label((smooth > max(90.0, 4.0 * noise)) & calm & (plain < 130), connectivity=26)
    bright = parts.choose(parts.counts * voxel_mm3 > 30.0)
    if bright.sum() * voxel_mm3 < 200.0:
        return 0.0
    inner = eroded(bright, 1.01 * max(spacing_mm), spacing_mm)
    if inner.sum() * voxel_mm3 > 300.0:
        return float(np.percentile(smooth[inner], 80))
    return float(np.percentile(smooth[bright], 80))


def _local_most(smooth: FloatArray, spacing_mm: tuple[float, float, float]) -> FloatArray:
    """Largest gain within 1.5 mm along each axis. [HU]"""
    return np.asarray(maximum_filter(smooth, size=[2 * max(1, int(1.5 / spacing)) + 1 for spacing in spacing_mm]))


def _solid(dense: BoolMask, work: Volume, settings: SubtractionSettings) -> BoolMask:
    parts = label(dense, connectivity=26)
    return parts.choose(parts.counts * float(np.prod(work.spacing_mm)) > settings.least_bone_mm3)


def _calcium(dense: BoolMask, vessel: BoolMask, work: Volume, settings: SubtractionSettings) -> BoolMask:
    """Small dense components that hug the lumen: calcium in its wall, stents."""
    parts = label(dense, connectivity=26)
    near = distance_to(vessel, work.spacing_mm) <= 2.01 * max(work.spacing_mm)
    small = parts.counts * float(np.prod(work.spacing_mm)) < settings.largest_calcium_mm3
    calcium = parts.choose(small & (parts.share(near) > 0.35))
    return dilated(calcium, 1.01 * max(work.spacing_mm), work.spacing_mm) & (work.array > settings.bone_hu)


def _refine(
    volume: Volume, work: Volume, vessel: BoolMask, bone: BoolMask, *, least_hu: float
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Carry the answer to the scan's own grid; there a voxel is vessel only if it is bright enough itself."""
    if work.shape == volume.shape:
        return vessel.astype(np.uint8), (bone & ~vessel).astype(np.uint8)
    reach = dilated(vessel, 1.01 * max(work.spacing_mm), work.spacing_mm) & ~bone
    core = nearest(eroded(vessel, 0.1, work.spacing_mm).astype(np.uint8), volume.shape) > 0
    full = core | ((nearest(reach.astype(np.uint8), volume.shape) > 0) & (volume.array > least_hu))
    return full.astype(np.uint8), ((nearest(bone.astype(np.uint8), volume.shape) > 0) & ~full).astype(np.uint8)


def _record(rigid: Rigid, found: Local, work: Volume, left_mm: tuple[float, float]) -> dict[str, object]:
    """The motion, ready for JSON."""
    middle = work.geometry.points(np.array([[n / 2 for n in work.shape]]))
    shift = rigid.apply(middle)[0] - middle[0]
    moved = np.linalg.norm(found.displacement_mm, axis=0)
    return {
        "shift_mm": [round(float(value), 3) for value in shift],
        "turn_degrees": round(rigid.turn_degrees, 3),
        "local_most_mm": round(float(moved.max()), 2),
        "residual_median_mm": None if np.isnan(left_mm[0]) else round(left_mm[0], 3),
        "residual_p95_mm": None if np.isnan(left_mm[1]) else round(left_mm[1], 3),
    }
