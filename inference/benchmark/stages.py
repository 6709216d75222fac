"""The stages that are timed, each with its rival; nothing is made before a stage is asked for."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.benchmark import rivals
from inference.benchmark.case import BenchmarkCase
from inference.benchmark.whole import run_whole

WORKING_MM = 0.8
Act = Callable[[], Any]


@dataclass(frozen=True)
class Stage:
    """A stage: ours, the rival, the target, and how often a slow rival is run.

    Parameters
    ----------
    target : float or None
        Largest ratio ours / rival; seconds where `in_seconds`, or where there is no rival.
    rival_repeats : int or None
        Turns of the rival, where not as many as ours.
    rival_scale : float
        What the rival's time is multiplied by, where it does a part of the work.
    warm : callable or None
        What warms up in place of a turn.
    after : callable or None
        Called when all turns are done, with the last results of both; gives a sentence for the note.
    """

    name: str
    rival: str
    ours: Act
    theirs: Act | None
    target: float | None
    note: str = ""
    rival_repeats: int | None = None
    rival_scale: float = 1.0
    warm: Act | None = None
    in_seconds: bool = False
    after: Callable[[Any, Any], str] | None = None


def stages_of(case: BenchmarkCase) -> dict[str, Callable[[], Stage]]:
    """Every stage by name; nothing is made before a stage is asked for."""
    return {
        "read": lambda: _read(case),
        "resample": lambda: _resample(case),
        "network": lambda: _network(case),
        "decide": lambda: _decide(case),
        "components": lambda: _components(case),
        "distance": lambda: _distance(case),
        "skeleton": lambda: _skeleton(case),
        "mip": lambda: _mip(case),
        "vr": lambda: _vr(case, 512),
        "vr-1024": lambda: _vr(case, 1024),
        "registration": lambda: _registration(case),
        "dicom": lambda: _dicom(case),
        "dicom-full": lambda: _dicom_full(case),
        "threshold": lambda: _end_to_end(case, "threshold", None),
        "end-to-end": lambda: _end_to_end(case, "network", 40.0),
    }


def _read(case: BenchmarkCase) -> Stage:
    from inference.scans.load import load

    folder = case.series
    note = "ours in a bounded child process with every check"
    return Stage("read DICOM series", "SimpleITK series", lambda: load(folder), lambda: rivals.read_simpleitk(folder), 1.5, note)


def _resample(case: BenchmarkCase) -> Stage:
    from inference.resample import resample

    volume = case.volume
    return Stage(
        "resample to 0.8 mm", "SimpleITK linear", lambda: resample(volume, (WORKING_MM,) * 3),
        lambda: rivals.resample_simpleitk(volume, WORKING_MM), 0.15,
    )  # fmt: skip


def _network(case: BenchmarkCase) -> Stage:
    from inference.network.models import CoarseToFine, open_model

    volume, model = case.volume, open_model(None)
    if not isinstance(model, CoarseToFine):
        raise FileNotFoundError("the shipped model is not a coarse-to-fine one")
    patch, spacing = model.look.patch, model.fine.plan.spacing_mm
    shape = volume.geometry.resampled((spacing,) * 3).shape
    windows = rivals.network_windows(shape, patch=patch)
    timed = min(4, windows)
    small = BenchmarkCase(96, 128, case.folder).volume
    return Stage(
        "coarse and fine network", "torch eager fp32, MONAI sliding window 0.5", lambda: model.evidence(volume),
        lambda: rivals.network_torch(volume, model.fine, patch=patch, windows=timed), 1 / 15,
        f"the engine opened before; rival: {timed} of {windows} windows timed, and the scan resampled",
        1, windows / timed, lambda: model.evidence(small), after=lambda found, _: f"{found.engine}, {found.seen:.0%} of the scan seen",
    )  # fmt: skip


def _decide(case: BenchmarkCase) -> Stage:
    from inference.network.lookup import EdgeRules, decide, edge_map
    from inference.resample import nearest, resample

    volume, truth, rules = case.volume, case.truth, EdgeRules()
    working = resample(volume, (WORKING_MM,) * 3)
    maps = np.zeros((4, *working.shape), np.uint8)
    maps[0], maps[1] = 255 * nearest(truth.vessel, working.shape), 255 * nearest(truth.bone, working.shape)
    classes = rivals.class_scores(maps)

    def ours() -> Any:
        return decide(volume.array, maps, edge_map(working.array, maps[0], rules), ceiling_hu=600.0, rules=rules)

    note = "ours with edges by HU, on the scan's own grid; rival: arg-max of five classes on the network's grid"
    return Stage("arg-max, back to the scan's grid", "torch argmax", ours, lambda: rivals.argmax_torch(classes), 0.1, note)


def _components(case: BenchmarkCase) -> Stage:
    from inference.segmentation.morphology import label

    mask = case.truth.vessel > 0
    return Stage(
        "components, counted", "scipy label", lambda: label(mask, connectivity=26), lambda: rivals.components_scipy(case.truth.vessel), 1.5,
        in_seconds=True,
    )  # fmt: skip


def _distance(case: BenchmarkCase) -> Stage:
    from inference.segmentation.morphology import distance_to

    volume, mask = case.volume, case.truth.vessel > 0
    return Stage(
        "distance to the vessels", "SimpleITK Maurer", lambda: distance_to(mask, volume.spacing_mm),
        lambda: rivals.distance_simpleitk(mask.astype(np.uint8), volume), 1.5, "", 1, in_seconds=True,
    )  # fmt: skip


def _skeleton(case: BenchmarkCase) -> Stage:
    from inference.graph import skeleton_of
    from inference.resample import nearest

    volume, mask = case.volume, case.truth.vessel
    grid = volume.geometry.resampled((WORKING_MM,) * 3)
    coarse = nearest(mask, grid.shape)

    def on_the_rivals_grid(*_: Any) -> str:
        begun = time.perf_counter()
        skeleton_of(coarse, grid)
        return f"{time.perf_counter() - begun:.2f} s on the rival's grid"

    return Stage(
        "skeleton and graph", "scikit-image, skeleton alone, 0.8 mm", lambda: skeleton_of(mask, volume.geometry),
        lambda: rivals.skeleton_skimage(coarse), 1.5, "ours with radii, branches and nodes, on the scan's own grid", in_seconds=True,
        after=on_the_rivals_grid,
    )  # fmt: skip


def _mip(case: BenchmarkCase) -> Stage:
    from inference.pictures.image_sets import rotating_mips

    volume = case.bone_removed
    draw = rivals.vtk_turn(volume, size=case.size, shaded=False)
    return Stage(
        "36 rotating MIPs, bone removed", "VTK fixed-point", lambda: rotating_mips(volume, lumen_hu=350.0),
        lambda: draw(4), 0.05, "rival timed over 4 frames, times 9", 1, 9.0,
    )  # fmt: skip


def _vr(case: BenchmarkCase, edge: int) -> Stage:
    from inference.pictures.image_sets import rotating_vr

    volume, truth = case.volume, case.truth
    draw = rivals.vtk_turn(case.bone_removed, size=edge, shaded=True)
    return Stage(
        f"36 rotating VR, shaded, {edge}²", "VTK fixed-point", lambda: rotating_vr(volume, truth, size=edge),
        lambda: draw(4), 1.0, "rival timed over 4 frames, times 9", 1, 9.0,
    )  # fmt: skip


def _registration(case: BenchmarkCase) -> Stage:
    from inference.registration import register_rigid

    fixed, moving, motion = case.moved
    points = fixed.geometry.points(np.argwhere(fixed.array[::40, ::40, ::40] > 0) * 40)

    def error(found: Any, theirs: Any) -> str:
        off = np.linalg.norm(found.apply(points) - motion.apply(points), axis=1).mean()
        said = f"mean error {off:.3f} mm (target 0.05)"
        if theirs is None:
            return said
        other = np.array([theirs.TransformPoint([float(value) for value in point]) for point in points])
        return f"{said}, rival {np.linalg.norm(other - motion.apply(points), axis=1).mean():.3f} mm"

    return Stage(
        "rigid registration", "SimpleITK mean squares", lambda: register_rigid(fixed, moving),
        lambda: rivals.register_simpleitk(fixed, moving), 5.0, "", 1, in_seconds=True, after=error,
    )  # fmt: skip


def _made(case: BenchmarkCase) -> Any:
    """A reconstruction of the case with its true masks and a turn of VR, of which four views are drawn and given nine times."""
    from inference.pictures.image_sets import rotating_vr
    from inference.qc import Verdict
    from inference.reconstruction import Reconstruction, Request, fingerprint

    volume = case.volume
    drawn = list(rotating_vr(volume, case.truth, views=4).values())
    pictures = {f"vr/rotate_{10 * n:03d}.png": drawn[n % 4] for n in range(36)}
    request = Request("threshold", "standard", "", fingerprint(volume), "")
    engine = {"model": {"name": "benchmark", "version": "1", "sha256": ""}, "device": "cpu", "engine": "none"}
    return Reconstruction(volume, case.truth, case.bone_removed, Verdict(), request, (), engine, pictures)


def _dicom(case: BenchmarkCase) -> Stage:
    from inference.dicom import write_dicom

    made = _made(case)
    return Stage(
        "SEG and captures of the standard recipe", "highdicom binary SEG and the same captures",
        lambda: write_dicom(made, case.folder / "label", recipe="standard"),
        lambda: write_dicom(made, case.folder / "binary", recipe="standard", binary=True), 2.0, "ours: label map", 1, in_seconds=True,
    )  # fmt: skip


def _dicom_full(case: BenchmarkCase) -> Stage:
    from inference.dicom import write_dicom
    from inference.pictures.case_sheet import write_case_sheet

    made = _made(case)

    def ours() -> None:
        write_dicom(made, case.folder / "full", recipe="full")
        write_case_sheet(made, case.folder / "full", pdf=True)

    return Stage("SEG, derived series, captures, case sheet", "", ours, None, 5.0, "without curved series: there are no centrelines")


def _end_to_end(case: BenchmarkCase, method: str, target: float | None) -> Stage:
    folder, out = case.series, case.folder / method
    small = BenchmarkCase(96, 128, case.folder / "small").series
    note = "a process of its own from its start to its end: read, masks, 36 MIPs, 36 VR, SEG, on disk"
    return Stage(
        f"end to end, standard recipe, {method}", "", lambda: run_whole(folder, out, method=method), None, target, note,
        warm=lambda: run_whole(small, case.folder / "small-out", method=method),
        after=lambda peak_mb, _: f"peak {peak_mb / 1024:.1f} GiB (target 4)",
    )  # fmt: skip
