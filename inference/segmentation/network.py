"""The network's answer joined with rules: edges from HU, a ceiling from the lumen's own contrast, rims, wall calcium, specks."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.beside import Beside
from inference.indices import bounding_box, indices
from inference.network.engine import BONE, VEIN, VESSEL
from inference.network.evidence import BODY_HU, ScanEvidence
from inference.network.lookup import DENSE, HARD_BONE, SOFT_TISSUE_HU, EdgeRules, decide, edge_map, settle, touched
from inference.network.models import Model, open_model
from inference.resample import nearest
from inference.segmentation.dim import DimRules, dim_masses
from inference.segmentation.doubt import PieceRules, doubtful_bone, take_loose, take_unfilled
from inference.segmentation.filters import box_mean
from inference.segmentation.morphology import dilated, label
from inference.segmentation.result import Mask, Segmentation
from inference.volume import Volume

ROOM_BYTES = 24  # for every voxel of the scan, when network and threshold method run side by side
BoolMask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class NetworkSettings:
    """Rules that follow the network.

    Parameters
    ----------
    edge : EdgeRules
        How a voxel is decided.
    dim : DimRules
        Which dim masses are no lumen.
    pieces : PieceRules
        Which pieces are bone, or blood without contrast, after all.
    least_lumen_ml : float
        Less certain lumen than this is called unenhanced. [ml]
    speck_mm3 : float
        Vessel components smaller than this are removed. [mm³]
    wall_mm3 : float
        Calcium and metal in pieces up to this size that touch lumen stay with the vessel. [mm³]
    island_mm3, island_share, island_reach_mm : float
        A piece of vessel up to this size, of which more than this share lies within this reach of bone, is marrow or a cell of that
        bone: a vessel that runs through bone goes on outside. [mm³, mm]
    join_threshold : bool
        Whether the threshold method is asked too, where it finds the scan enhanced.
    most_apart : float
        The threshold method is not believed where its lumen and the network's, above soft tissue, differ by more than this factor:
        beside a weak bolus it takes bone for lumen, and lumen for bone.
    veto_share : float
        The network vetoes a vessel voxel of the threshold method when vessel has less than this share of vessel and bone; near
        lumen that the network sees, its edge holds for that method's voxels too. What that method calls bone stays bone.
    most_unseen_ml : float
        More certain lumen than this in a scan that the threshold method finds without contrast is not lumen, for that method knows wide
        vessels: such a scan is called unenhanced. [ml]
    least_unseen_share : float
        The same holds for less than this share of the body's volume: grains of bone that pass for lumen.
    """

    edge: EdgeRules = field(default_factory=EdgeRules)
    dim: DimRules = field(default_factory=DimRules)
    pieces: PieceRules = field(default_factory=PieceRules)
    least_lumen_ml: float = 0.3
    speck_mm3: float = 25.0
    wall_mm3: float = 800.0
    island_mm3: float = 3000.0
    island_share: float = 0.35
    island_reach_mm: float = 0.9
    join_threshold: bool = True
    most_apart: float = 1.3
    veto_share: float = 0.1
    most_unseen_ml: float = 60.0
    least_unseen_share: float = 0.002


@dataclass(frozen=True)
class Contrast:
    """What the network's certain lumen looks like. [HU]"""

    lumen_hu: float
    ceiling_hu: float
    volume_ml: float
    enhanced: bool


def segment_network(
    volume: Volume,
    *,
    model: Model | str | Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    settings: NetworkSettings | None = None,
    progress: Callable[[str], None] | None = None,
) -> Segmentation:
    """Tell vessel from bone with a network.

    Parameters
    ----------
    volume : Volume
        int16 scan. [HU]
    model : Model, str or Path, optional
        An open model, or what `open_model` takes; the shipped one by default.
    device : str
        `auto`, `cpu` or `cuda`.
    threads : int, optional
        CPU threads.
    progress : callable, optional
        Called with the name of each step.

    Returns
    -------
    Segmentation
        `notes` holds model, engine, share of the volume the fine network saw, contrast and thresholds.
    """
    from inference.segmentation.threshold import segment_threshold

    settings, step = settings or NetworkSettings(), progress or (lambda text: None)
    opened = open_model(model) if model is None or isinstance(model, (str, Path)) else model
    step("network")
    with Beside(room_bytes=ROOM_BYTES * volume.array.size) as beside:
        if beside.short_of_memory:
            step("memory is short: the threshold method first, the network after it")
        rival = beside.start(segment_threshold, volume) if settings.join_threshold else None
        evidence = opened.evidence(volume, device=device, threads=threads, report=step, crowded=beside.busy)
        contrast = measure_contrast(evidence, least_ml=settings.least_lumen_ml)
        step("edges")
        array = np.ascontiguousarray(volume.array, np.int16)
        edges = edge_map(evidence.hu, evidence.maps[VESSEL], settings.edge)
        step("clean-up")
        decided = decide(array, evidence.maps, edges, ceiling_hu=contrast.ceiling_hu, rules=settings.edge)
        vessel, bone = _clean(decided, volume.spacing_mm, settings)
        asked = rival() if rival else None
    if asked is not None and not asked.notes.get("enhanced") and _is_no_lumen(contrast, volume, settings):
        contrast = replace(contrast, enhanced=False)
        vessel, bone = np.zeros_like(vessel), vessel | bone
    believed = _believed(asked, contrast, settings)
    with Beside() as beside:
        venous = beside.start(_venous, evidence)
        known: dict[str, Any] = {"lumen_hu": contrast.lumen_hu, "rules": settings.pieces}
        if believed is not None:
            doubtful = doubtful_bone(believed, vessel, array, spacing_mm=volume.spacing_mm, **known)
            settle(array, (vessel, bone), (believed.vessel, doubtful), evidence.maps, edges, veto_share=settings.veto_share)
        take_loose(vessel, bone, array, believed, spacing_mm=volume.spacing_mm, **known)
        take_unfilled(vessel, array, evidence.hu.shape, **known)
        dim_ml = volume.geometry.voxel_ml * _take_dim(vessel, evidence, contrast, settings.dim)
        veins = vessel & nearest(venous(), vessel.shape)
    notes: dict[str, Any] = {
        "method": "network",
        "model": {"name": opened.name, "version": opened.version, "sha256": opened.sha256},
        "engine": evidence.engine,
        "device": "cuda" if "cuda" in evidence.engine else "cpu",
        "joined_with_threshold": believed is not None,
        "share_seen": round(evidence.seen, 4),
        "dim_removed_ml": round(dim_ml, 2),
        **asdict(contrast),
        **asdict(settings),
    }
    return Segmentation(vessel, veins, bone, np.zeros(volume.shape, np.uint8), notes=notes)


def measure_contrast(evidence: ScanEvidence, *, least_ml: float = 0.3) -> Contrast:
    """The lumen's own HU, and from it the HU that is too dense for lumen: a low-kV bolus passes 650 HU.

    How far lumens of a scan differ is measured where they lie free, for dense bone that the network takes for lumen would lift the
    ceiling that is there to give it back.
    """
    certain = indices(evidence.maps[VESSEL] >= 217)
    values = evidence.hu[tuple(certain.T)].astype(float)
    volume_ml = values.size * evidence.geometry.voxel_ml
    if volume_ml < least_ml:
        return Contrast(0.0, 650.0, volume_ml, False)
    lumen = float(np.median(values[values >= np.percentile(values, 20)]))
    free = values[_free_of_bone(evidence.maps[BONE], certain)]
    typical = free if free.size * evidence.geometry.voxel_ml >= least_ml else values
    spread = float(np.percentile(typical[typical >= np.percentile(typical, 20)], 95)) - lumen
    return Contrast(lumen, lumen + max(200.0, 0.5 * (lumen - 50), 2 * spread), volume_ml, lumen > 110)


def _free_of_bone(bone: npt.NDArray[np.uint8], index: npt.NDArray[np.int64], reach: int = 3) -> npt.NDArray[np.bool_]:
    """Which voxels have hardly any bone evidence at them and `reach` voxels away along each axis."""
    free: npt.NDArray[np.bool_] = bone[tuple(index.T)] < 40
    for axis in range(3):
        for step in (-reach, reach):
            beside = index.copy()
            beside[:, axis] = np.clip(beside[:, axis] + step, 0, bone.shape[axis] - 1)
            free &= bone[tuple(beside.T)] < 40
    return free


def _is_no_lumen(contrast: Contrast, volume: Volume, settings: NetworkSettings) -> bool:
    """Whether what the network alone is certain of is too much for lumen that the threshold method missed, or too little."""
    body_ml = np.count_nonzero(volume.array > BODY_HU) * volume.geometry.voxel_ml
    return not settings.least_unseen_share * body_ml <= contrast.volume_ml <= settings.most_unseen_ml


def _clean(decided: npt.NDArray[np.uint8], spacing_mm: tuple[float, float, float], settings: NetworkSettings) -> tuple[Mask, Mask]:
    """Give rims and wall calcium to the lumen they touch, drop specks, give islands in bone back to it."""
    voxel_mm3 = float(np.prod(spacing_mm))
    vessel, touching = touched(decided)
    dense = decided == DENSE
    bone = decided == HARD_BONE
    if dense.any():
        parts = label(dense, connectivity=26)
        wall = parts.choose((parts.share(touching) > 0) & (parts.counts * voxel_mm3 <= settings.wall_mm3))
        vessel |= wall
        bone |= dense & ~wall
        del parts, wall  # each a volume, while the threshold method needs memory
    del touching, dense
    box = bounding_box(vessel)
    if box is not None:
        parts = label(vessel[box], connectivity=26)  # labels of a whole scan are half a gigabyte
        size_mm3 = parts.counts * voxel_mm3
        reach = dilated(bone, settings.island_reach_mm, spacing_mm)[box]
        island = (parts.share(reach) > settings.island_share) & (size_mm3 <= settings.island_mm3)
        parts.assign(vessel[box], bone[box], keep=~island & (size_mm3 >= settings.speck_mm3), give=island)
    return vessel.view(np.uint8), bone.view(np.uint8)


def _believed(rival: Segmentation | None, contrast: Contrast, settings: NetworkSettings) -> Segmentation | None:
    """What the threshold method found, if both find contrast and it means the lumen that the network sees."""
    if rival is None or not contrast.enhanced or not rival.notes.get("enhanced"):
        return None
    apart = (float(rival.notes["lumen_hu"]) - SOFT_TISSUE_HU) / (contrast.lumen_hu - SOFT_TISSUE_HU)
    return rival if 1 / settings.most_apart <= apart <= settings.most_apart else None


def _take_dim(vessel: Mask, evidence: ScanEvidence, contrast: Contrast, rules: DimRules) -> int:
    """Take glands and veins without contrast, seen on the network's grid, out of the vessels, in place; how many voxels that were."""
    coarse = nearest(vessel, evidence.hu.shape) > 0
    dim = dim_masses(evidence.hu, coarse, evidence.geometry.spacing_mm, lumen_hu=contrast.lumen_hu, rules=rules)
    if not dim.any():
        return 0
    before = int(np.count_nonzero(vessel))
    vessel &= ~nearest(dim.view(np.uint8), vessel.shape) & 1
    return before - int(np.count_nonzero(vessel))


def _venous(evidence: ScanEvidence) -> Mask:
    """Where blood is venous, on the network's grid: the side that most of the lumen within a few millimetres is on."""
    weight = evidence.maps[VESSEL].astype(np.float32)
    side = box_mean(weight * (evidence.maps[VEIN].astype(np.float32) - 127.5), 9)
    return (side > 0).view(np.uint8)
