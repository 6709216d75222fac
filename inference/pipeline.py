"""The AI arm on one scan: check, segment, name, repair, remove bone, trace, draw, judge. Every stage is timed."""

import hashlib
import importlib
import importlib.util
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.allocator import reuse_freed_memory
from inference.beside import Beside
from inference.bone_removal import remove_bone
from inference.checks import in_order, judge, lumen_findings
from inference.errors import InferenceError, RejectedScan
from inference.pictures.image_sets import more_mips, rotating_mips, rotating_vr, vr_with_bone
from inference.pictures.marks import marked_findings
from inference.pictures.window import Picture
from inference.qc import Finding, QcSettings
from inference.reconstruction import Reconstruction, Request, encode, fingerprint, finished
from inference.scans.quality import ScanLimits, assess
from inference.segmentation.lumen import noise_of
from inference.segmentation.result import Segmentation
from inference.stages import Stopwatch
from inference.volume import Volume

if TYPE_CHECKING:
    from inference.network.models import Model

METHODS = ("network", "threshold", "subtraction")
RECIPES = ("masks", "standard", "full")
LEAST_SLICES = 8

__all__ = ["METHODS", "RECIPES", "Reconstruction", "WrongRequest", "check_options", "finished", "reconstruct", "request_for"]


class WrongRequest(InferenceError, ValueError):
    """Options that cannot be meant."""

    exit_status = 2


def reconstruct(
    volume: Volume,
    *,
    unenhanced: Volume | None = None,
    method: str = "network",
    device: str = "auto",
    model: str | None = None,
    recipe: str = "standard",
    bridges: bool = True,
    progress: Callable[[str], None] | None = None,
    settings: QcSettings | None = None,
    limits: ScanLimits | None = None,
    opened: "Model | None" = None,
) -> Reconstruction:
    """Turn a scan into vessels, pictures and a verdict.

    Parameters
    ----------
    volume : Volume
        Head-and-neck CTA. [HU]
    unenhanced : Volume, optional
        Unenhanced scan of the same patient, for `subtraction`.
    method : {"network", "threshold", "subtraction"}
        How vessel is told from bone.
    device : {"auto", "cpu", "cuda"}
        Where the network runs.
    model : str, optional
        Name or path of a model; the one that ships by default.
    recipe : {"masks", "standard", "full"}
        `standard`: masks, bone-free volume, 36 rotating MIPs and VRs; `full`: every picture there is.
    bridges : bool
        Whether gaps with contrast in them are bridged; each bridge is in `repairs`, and may hide an occlusion.
    progress : callable, optional
        Called with the name of each stage as it begins.
    settings : QcSettings, optional
        Limits of the verdict, from the protocol.
    limits : ScanLimits, optional
        Limits on the scan itself, from the protocol.
    opened : Model, optional
        The model that `model` names, opened before: kept from case to case, or on a GPU of another machine.

    Returns
    -------
    Reconstruction
        Call `.write(directory)` to get the files. An unfit scan that can be processed gives the verdict `reject`.

    Raises
    ------
    RejectedScan
        For what is no scan: a few slices, a mask, values that are not HU.
    WrongRequest
        For an unknown method or recipe, or `subtraction` without an unenhanced scan.
    """
    reuse_freed_memory()
    require_scan(volume)
    watch, findings, late = Stopwatch(progress), list[Finding](), list[Finding]()
    with watch.stage("fingerprint"):
        given: dict[str, Any] = {"settings": settings, "limits": limits, "bridges": bridges}
        request = request_for(volume, unenhanced=unenhanced, method=method, model=model, recipe=recipe, **given)
        scan, second = in_hu(volume), in_hu(unenhanced) if unenhanced else None
    with Beside() as beside:
        checking = beside.start(_check, scan, limits, watch)
        with watch.stage("segment"):
            segmentation = _segment(scan, second, request, device, opened, progress)
        findings += checking()
    segmentation = _refine(segmentation, scan, watch, findings, CLEANING if bridges else CLEANING[:1])
    with Beside() as beside:
        removing = beside.start(_without_bone, scan, segmentation, watch)
        drawing = beside.start(_pictures, scan, segmentation, removing, recipe, watch, late)
        segmentation = _refine(segmentation, scan, watch, findings, NAMING)
        centrelines = _centrelines(segmentation, scan, watch, findings)
        measuring = beside.start(_lumens, segmentation, scan, centrelines, settings or QcSettings(), watch, late)
        encoding = beside.start(_encoded, drawing, removing, scan, watch)
        bone_removed = removing()
        with watch.stage("judge"):
            options: dict[str, Any] = {"centrelines": centrelines, "settings": settings, "lumens": measuring}
            verdict = judge(scan, segmentation, bone_removed, also=tuple(findings), **options)
        verdict = in_order((*late, *verdict.findings))
        pictures, pixel_mm = drawing()
        if pictures:
            drawn = (pictures, bone_removed, segmentation.arteries, verdict.findings)
            pictures = pictures | _attempt(watch, "mark findings", [], {}, marked_findings, *drawn)
        encoded = encoding()
    engine = _engine(segmentation, method)
    made = Reconstruction(scan, segmentation, bone_removed, verdict, request, (), engine, pictures, centrelines, pixel_mm)
    stages = tuple(sorted(watch.stages, key=lambda stage: stage.began_seconds))
    return replace(made, stages=stages, settings=settings or QcSettings(), encoded=encoded)


def in_hu(volume: Volume) -> Volume:
    """The scan as int16 HU, clipped to what a CT can hold."""
    if volume.array.dtype == np.int16:
        return volume
    return volume.with_array(np.clip(np.nan_to_num(np.rint(volume.array), nan=-1024.0), -1024, 32767).astype(np.int16))


def check_options(*, method: str, recipe: str, has_unenhanced: bool) -> None:
    """Raise `WrongRequest` for options that cannot be meant; needs no scan, so it comes before one is read."""
    if method not in METHODS:
        raise WrongRequest(f"unknown method {method!r}; use one of {', '.join(METHODS)}")
    if recipe not in RECIPES:
        raise WrongRequest(f"unknown recipe {recipe!r}; use one of {', '.join(RECIPES)}")
    if method == "subtraction" and not has_unenhanced:
        raise WrongRequest("subtraction needs the unenhanced scan of the same patient; give --unenhanced PATH")


def request_for(
    volume: Volume,
    *,
    unenhanced: Volume | None,
    method: str,
    model: str | None,
    recipe: str,
    settings: QcSettings | None = None,
    limits: ScanLimits | None = None,
    bridges: bool = True,
) -> Request:
    """The request that these options make, checked."""
    check_options(method=method, recipe=recipe, has_unenhanced=unenhanced is not None)
    second = fingerprint(unenhanced) if unenhanced else ""
    return Request(method, recipe, str(model or ""), fingerprint(volume), second, limits_sha256(settings, limits), bridges)


def limits_sha256(settings: QcSettings | None = None, limits: ScanLimits | None = None) -> str:
    """Checksum of the limits of the verdict, empty for the usual ones."""
    chosen = (settings or QcSettings(), limits or ScanLimits())
    if chosen == (QcSettings(), ScanLimits()):
        return ""
    return hashlib.sha256(json.dumps([asdict(part) for part in chosen], sort_keys=True).encode()).hexdigest()


def require_scan(volume: Volume) -> None:
    """Refuse what is no scan: too few slices, or values that are not HU."""
    if volume.shape[0] < LEAST_SLICES:
        found = f"{volume.shape[0]} slice{'s' if volume.shape[0] > 1 else ''}"
        raise RejectedScan("too_few_slices", found, f"a reconstruction needs at least {LEAST_SLICES}; give the whole series")
    low, high = int(volume.array.min()), int(volume.array.max())
    if low >= -50 and (high - low < 256 or np.unique(volume.array[:: max(1, volume.shape[0] // 8)]).size < 64):
        raise RejectedScan("not_hu", f"values from {low} to {high}, as in a mask", "give the CT scan itself, in Hounsfield units")


def _check(scan: Volume, limits: ScanLimits | None, watch: Stopwatch) -> tuple[Finding, ...]:
    with watch.stage("check scan"):
        return tuple(assess(scan, limits=limits).findings)


def _segment(
    volume: Volume,
    unenhanced: Volume | None,
    request: Request,
    device: str,
    opened: "Model | None",
    progress: Callable[[str], None] | None = None,
) -> Segmentation:
    if request.method == "threshold":
        from inference.segmentation.threshold import segment_threshold

        return segment_threshold(volume)
    if request.method == "subtraction":
        from inference.segmentation.subtraction import segment_subtraction

        subtracted: Segmentation = segment_subtraction(volume, unenhanced)
        return subtracted
    from inference.segmentation.network import segment_network

    segmented: Segmentation = segment_network(volume, model=opened or request.model or None, device=device, progress=progress)
    return segmented


CLEANING = (("split veins", "inference.segmentation.veins", "split_veins"), ("bridge gaps", "inference.repair", "bridge_gaps"))
NAMING = (("name arteries", "inference.naming", "name_arteries"),)


def _refine(
    segmentation: Segmentation, volume: Volume, watch: Stopwatch, findings: list[Finding], steps: tuple[tuple[str, str, str], ...]
) -> Segmentation:
    """Split off veins where the method could not, bridge gaps, name the arteries; a step that fails leaves things as they were."""
    for stage, module, name in steps:
        step = _find(module, name)
        if name == "split_veins" and segmentation.veins.any():
            continue
        if step is not None and segmentation.vessel.any():
            segmentation = _attempt(watch, stage, findings, segmentation, step, segmentation, volume)
    return segmentation


def _without_bone(volume: Volume, segmentation: Segmentation, watch: Stopwatch) -> Volume:
    """The scan without bone, for which no artery needs a name."""
    with watch.stage("remove bone"):
        noise = float(segmentation.notes.get("noise_hu") or noise_of(volume))
        return remove_bone(volume, segmentation.vessel, segmentation.bone, noise_hu=noise)


def _centrelines(segmentation: Segmentation, volume: Volume, watch: Stopwatch, findings: list[Finding]) -> dict[str, Any]:
    trace = _find("inference.centrelines", "trace")
    if trace is None or not segmentation.arteries.any():
        return {}
    lines: dict[str, Any] = _attempt(watch, "trace centrelines", findings, {}, trace, segmentation.arteries, volume)
    return lines


def _lumens(
    segmentation: Segmentation, volume: Volume, lines: dict[str, Any], settings: QcSettings, watch: Stopwatch, findings: list[Finding]
) -> tuple[Finding, ...]:
    def measured() -> tuple[Finding, ...]:
        return tuple(lumen_findings(volume, segmentation, settings, lines))

    found: tuple[Finding, ...] = _attempt(watch, "measure lumens", findings, (), measured) if lines else ()
    return found


def _pictures(
    volume: Volume, segmentation: Segmentation, removed: Callable[[], Volume], recipe: str, watch: Stopwatch, findings: list[Finding]
) -> tuple[dict[str, Picture], float]:
    if recipe == "masks":
        return {}, 1.0
    bone_removed = removed()
    lumen_hu = float(segmentation.notes.get("lumen_hu") or 0.0)
    with watch.stage("MIP"):
        pictures, pixel_mm = rotating_mips(bone_removed, lumen_hu=lumen_hu)
    pictures |= _attempt(watch, "VR", findings, {}, rotating_vr, volume, segmentation)
    if recipe == "full":
        pictures |= _attempt(watch, "MIP slabs", findings, {}, more_mips, volume, bone_removed, lumen_hu)
        pictures |= _attempt(watch, "VR with bone", findings, {}, vr_with_bone, volume, segmentation)
    return pictures, pixel_mm


def _encoded(
    drawing: Callable[[], tuple[dict[str, Picture], float]], removing: Callable[[], Volume], volume: Volume, watch: Stopwatch
) -> dict[str, bytes]:
    """Files made of the pictures and of the scan without bone."""
    pictures, pixel_mm = drawing()
    with watch.stage("encode"):
        return encode(pictures, pixel_mm, removing(), volume) if pictures else {}


def _attempt(watch: Stopwatch, stage: str, findings: list[Finding], otherwise: Any, step: Callable[..., Any], *arguments: Any) -> Any:
    """Run a step that must not cost the user the masks: if it fails, say so and go on."""
    try:
        with watch.stage(stage):
            return step(*arguments)
    except Exception as error:
        text = f"The stage '{stage}' failed and was left out: {type(error).__name__}: {error}"
        findings.append(Finding("stage_failed", "review", text))
        return otherwise


def _find(module: str, name: str) -> Callable[..., Any] | None:
    if importlib.util.find_spec(module) is None:
        return None
    found: Callable[..., Any] | None = getattr(importlib.import_module(module), name, None)
    return found


def _engine(segmentation: Segmentation, method: str) -> dict[str, Any]:
    """Device, engine and model of the record; a method without a network is known by the checksum of its rules."""
    notes = segmentation.notes
    model = notes.get("model")
    return {
        "device": notes.get("device", "cpu"),
        "engine": notes.get("engine", "numba"),
        "model": model if isinstance(model, dict) else {"name": f"gilbreth-{method}", "version": "1", "sha256": _rules(method)},
    }


def _rules(method: str) -> str:
    from inference.segmentation.threshold import ThresholdSettings, settings_sha256

    if method == "subtraction":
        from inference.segmentation.subtraction import SubtractionSettings

        return settings_sha256(SubtractionSettings())
    return settings_sha256(ThresholdSettings())
