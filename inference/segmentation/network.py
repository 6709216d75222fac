"""The network's answer joined with rules: edges from HU, a ceiling from the lumen's own contrast, rims, wall calcium, specks."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.network.engine import BONE, VEIN, VESSEL
from inference.network.evidence import ScanEvidence
from inference.network.lookup import DENSE, HARD_BONE, LUMEN, RIM, EdgeRules, decide, edge_map
from inference.network.models import Model, open_model
from inference.resample import nearest
from inference.segmentation.result import Mask, Segmentation
from inference.volume import Volume

BoolMask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class NetworkSettings:
    """Rules that follow the network.

    Parameters
    ----------
    edge : EdgeRules
        How a voxel is decided.
    least_lumen_ml : float
        Less certain lumen than this is called unenhanced. [ml]
    speck_mm3 : float
        Vessel components smaller than this are removed. [mm³]
    wall_mm3 : float
        Calcium and metal in pieces up to this size that touch lumen stay with the vessel. [mm³]
    join_threshold : bool
        Whether the threshold method is asked too, where it finds the scan enhanced.
    least_added : int
        Vessel evidence, 0 to 255, from which the network adds a voxel that the threshold method left out. What that method
        calls bone stays bone.
    veto_share : float
        The network vetoes a vessel voxel of the threshold method when vessel has less than this share of vessel and bone.
    """

    edge: EdgeRules = field(default_factory=EdgeRules)
    least_lumen_ml: float = 0.3
    speck_mm3: float = 25.0
    wall_mm3: float = 800.0
    join_threshold: bool = True
    least_added: int = 130
    veto_share: float = 0.01


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
    settings, step = settings or NetworkSettings(), progress or (lambda text: None)
    opened = open_model(model) if model is None or isinstance(model, (str, Path)) else model
    step("network")
    evidence = opened.evidence(volume, device=device, threads=threads, report=step)
    contrast = measure_contrast(evidence, least_ml=settings.least_lumen_ml)
    step("edges")
    array = np.ascontiguousarray(volume.array, np.int16)
    edges = edge_map(evidence.hu, evidence.maps[VESSEL], settings.edge)
    decided = decide(array, evidence.maps, edges, ceiling_hu=contrast.ceiling_hu, rules=settings.edge)
    step("clean-up")
    vessel, bone = _clean(decided, float(np.prod(volume.spacing_mm)), settings)
    joined = False
    if settings.join_threshold and contrast.enhanced:
        step("threshold method")
        vessel, bone, joined = _join(volume, vessel, bone, evidence, settings)
    veins = _veins(vessel, evidence)
    notes: dict[str, Any] = {
        "method": "network",
        "model": {"name": opened.name, "version": opened.version, "sha256": opened.sha256},
        "engine": evidence.engine,
        "device": "cuda" if "cuda" in evidence.engine else "cpu",
        "joined_with_threshold": joined,
        "share_seen": round(evidence.seen, 4),
        **asdict(contrast),
        **asdict(settings),
    }
    return Segmentation(vessel, veins, bone, np.zeros(volume.shape, np.uint8), notes=notes)


def measure_contrast(evidence: ScanEvidence, *, least_ml: float = 0.3) -> Contrast:
    """The lumen's own HU, and from it the HU that is too dense for lumen: a low-kV bolus passes 650 HU."""
    certain = evidence.hu[evidence.maps[VESSEL] >= 217]
    volume_ml = certain.size * evidence.geometry.voxel_ml
    if volume_ml < least_ml:
        return Contrast(0.0, 650.0, volume_ml, False)
    bright = certain[certain >= np.percentile(certain, 20)].astype(float)
    lumen = float(np.median(bright))
    spread = float(np.percentile(bright, 95)) - lumen
    return Contrast(lumen, lumen + max(200.0, 0.5 * (lumen - 50), 2 * spread), volume_ml, lumen > 110)


def _clean(decided: npt.NDArray[np.uint8], voxel_mm3: float, settings: NetworkSettings) -> tuple[Mask, Mask]:
    """Give rims and wall calcium to the lumen they touch, drop specks."""
    import cc3d

    lumen = decided == LUMEN
    touching = _grown(lumen)
    lumen |= (decided == RIM) & touching
    dense = decided == DENSE
    wall = np.zeros_like(lumen)
    if dense.any():
        labels = cc3d.connected_components(dense, connectivity=26)
        counts = np.bincount(labels.ravel())
        touched = np.bincount(labels[dense & touching], minlength=counts.size) > 0
        keep = touched & (counts * voxel_mm3 <= settings.wall_mm3)
        keep[0] = False
        wall = keep[labels]
    vessel = lumen | wall
    if vessel.any():
        labels = cc3d.connected_components(vessel, connectivity=26)
        keep = np.bincount(labels.ravel()) * voxel_mm3 >= settings.speck_mm3
        keep[0] = False
        vessel = keep[labels]
    bone = ((decided == HARD_BONE) | (dense & ~wall)) & ~vessel
    return vessel.astype(np.uint8), bone.astype(np.uint8)


def _join(volume: Volume, vessel: Mask, bone: Mask, evidence: ScanEvidence, settings: NetworkSettings) -> tuple[Mask, Mask, bool]:
    """Settle what network and threshold method see differently; unchanged where the latter finds no contrast."""
    from inference.segmentation.threshold import segment_threshold

    rival = segment_threshold(volume)
    if not rival.notes.get("enhanced"):
        return vessel, bone, False
    share = nearest(evidence.maps[VESSEL], volume.shape)
    rival_bone = rival.bone > 0
    vetoed = share < settings.veto_share * (share.astype(np.uint16) + nearest(evidence.maps[BONE], volume.shape))
    doubtful = (vessel > 0) & (rival_bone | (share <= settings.least_added))
    joined = ((vessel > 0) & ~doubtful) | ((rival.vessel > 0) & ~vetoed)
    doubtful &= rival_bone
    return joined.astype(np.uint8), (((bone > 0) | doubtful) & ~joined).astype(np.uint8), True


def _grown(mask: BoolMask) -> BoolMask:
    """One voxel further along every axis."""
    grown = mask.copy()
    for axis in range(3):
        ahead, behind = [slice(None)] * 3, [slice(None)] * 3
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        grown[tuple(ahead)] |= mask[tuple(behind)]
        grown[tuple(behind)] |= mask[tuple(ahead)]
    return grown


def _veins(vessel: Mask, evidence: ScanEvidence) -> Mask:
    """The venous part: the side that most of the lumen within a few millimetres is on."""
    from scipy.ndimage import uniform_filter

    weight = evidence.maps[VESSEL].astype(np.float32)
    side = uniform_filter(weight * (evidence.maps[VEIN].astype(np.float32) - 127.5), 9)
    venous = (side > 0).astype(np.uint8)
    return vessel & nearest(venous, vessel.shape)
