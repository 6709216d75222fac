"""The stages, timed in turns with their rivals; medians, ratios, and the table."""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inference.benchmark import rivals
from inference.benchmark.case import BenchmarkCase

WORKING_MM = 0.8
Act = Callable[[], Any]


@dataclass(frozen=True)
class Timing:
    """One stage.

    Parameters
    ----------
    stage, rival : str
        What was done, and by whom else (empty: no rival).
    seconds, rival_seconds : float or None
        Medians. [s]
    repeats : int
        Turns of each.
    target : float or None
        Ratio ours / rival aimed at; stage without rival: seconds aimed at.
    note : str
        What differs between the two.
    """

    stage: str
    rival: str
    seconds: float
    rival_seconds: float | None
    repeats: int
    target: float | None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours / rival."""
        return self.seconds / self.rival_seconds if self.rival_seconds else None

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**asdict(self), "ratio": self.ratio}


@dataclass(frozen=True)
class Stage:
    """A stage: ours, the rival, the target ratio, and how often a slow rival is run."""

    name: str
    rival: str
    ours: Act
    theirs: Act | None
    target: float | None
    note: str = ""
    rival_repeats: int | None = None
    rival_scale: float = 1.0


def stages_of(case: BenchmarkCase) -> dict[str, Callable[[], Stage]]:
    """Every stage by name; nothing is made before a stage is asked for."""
    return {
        "read": lambda: _read(case),
        "resample": lambda: _resample(case),
        "components": lambda: _components(case),
        "mip": lambda: _mip(case),
        "vr": lambda: _vr(case),
        "registration": lambda: _registration(case),
        "network": lambda: _network(case),
        "dicom": lambda: _dicom(case),
        "threshold": lambda: _end_to_end(case, "threshold", None),
        "end-to-end": lambda: _end_to_end(case, "network", 40.0),
    }


STAGES = ("read", "resample", "components", "mip", "vr", "registration", "network", "dicom", "threshold", "end-to-end")


def run_stages(
    *, only: Sequence[str] = (), slices: int = 600, size: int = 512, repeats: int = 5, progress: Callable[[str], None] = lambda _: None
) -> tuple[Timing, ...]:
    """Time stages against their rivals.

    Parameters
    ----------
    only : sequence of str
        Names from `STAGES`; all when empty.
    slices, size : int
        Voxels of the case.
    repeats : int
        Turns of each side; the first, unmeasured turn warms caches and compiles kernels.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        case = BenchmarkCase(slices, size, Path(folder))
        makers = stages_of(case)
        found = []
        for name in only or STAGES:
            progress(name)
            try:
                found.append(_timed(makers[name](), repeats))
            except (ImportError, FileNotFoundError) as error:
                progress(f"{name} left out: {error}")
    return tuple(found)


def _timed(stage: Stage, repeats: int) -> Timing:
    stage.ours()
    mine, others = [], []
    for turn in range(repeats):
        mine.append(_seconds(stage.ours))
        if stage.theirs is not None and turn < (stage.rival_repeats or repeats):
            others.append(stage.rival_scale * _seconds(stage.theirs))
    rival_seconds = statistics.median(others) if others else None
    return Timing(stage.name, stage.rival, statistics.median(mine), rival_seconds, repeats, stage.target, stage.note)


def _seconds(act: Act) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


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


def _components(case: BenchmarkCase) -> Stage:
    import cc3d

    _ = case.volume
    mask = case.truth.vessel
    return Stage(
        "components", "scipy label", lambda: cc3d.connected_components(mask, connectivity=26), lambda: rivals.components_scipy(mask), None
    )


def _mip(case: BenchmarkCase) -> Stage:
    from inference.pictures.image_sets import rotating_mips

    _, volume = case.volume, case.bone_removed
    return Stage(
        "36 rotating MIPs, bone removed", "VTK fixed-point", lambda: rotating_mips(volume, lumen_hu=350.0),
        lambda: rivals.vtk_frames(volume, frames=4, size=case.size, shaded=False), 0.05, "rival timed over 4 frames, times 9", 1, 9.0,
    )  # fmt: skip


def _vr(case: BenchmarkCase) -> Stage:
    from inference.pictures.image_sets import rotating_vr

    volume, truth, bone_removed = case.volume, case.truth, case.bone_removed
    return Stage(
        "36 rotating VR, shaded, 512²", "VTK fixed-point", lambda: rotating_vr(volume, truth),
        lambda: rivals.vtk_frames(bone_removed, frames=4, size=512, shaded=True), 1.0, "rival timed over 4 frames, times 9", 1, 9.0,
    )  # fmt: skip


def _registration(case: BenchmarkCase) -> Stage:
    import numpy as np

    from inference.registration import register_rigid

    fixed = case.volume
    moving = fixed.with_array(np.roll(fixed.array, (1, 2, -1), axis=(0, 1, 2)))
    return Stage(
        "rigid registration", "SimpleITK mean squares", lambda: register_rigid(fixed, moving),
        lambda: rivals.register_simpleitk(fixed, moving), None, "target 5 s", 1,
    )  # fmt: skip


def _network(case: BenchmarkCase) -> Stage:
    from inference.network.models import CoarseToFine, open_model
    from inference.segmentation.network import segment_network

    volume, model = case.volume, open_model(None)
    if not isinstance(model, CoarseToFine):
        raise FileNotFoundError("the shipped model is not a coarse-to-fine one")
    look = model.look
    return Stage(
        "masks by the network", "torch eager fp32, MONAI sliding window 0.5", lambda: segment_network(volume, model=model),
        lambda: rivals.network_torch(volume, model.fine, patch=look.patch, spacing_mm=WORKING_MM), 1 / 15,
        "ours: both networks, rules and masks on the scan's grid; rival: the fine network alone", 1,
    )  # fmt: skip


def _dicom(case: BenchmarkCase) -> Stage:
    from inference.dicom import write_dicom
    from inference.qc import Verdict
    from inference.reconstruction import Reconstruction, Request, fingerprint

    volume, truth = case.volume, case.truth
    request = Request("threshold", "standard", "", fingerprint(volume), "")
    made = Reconstruction(volume, truth, case.bone_removed, Verdict(), request, (), {"model": {"name": "benchmark", "version": "1"}})
    return Stage(
        "SEG, label map", "highdicom binary SEG", lambda: write_dicom(made, case.folder / "label", recipe="standard"),
        lambda: write_dicom(made, case.folder / "binary", recipe="standard", binary=True), None, "", 2,
    )  # fmt: skip


def _end_to_end(case: BenchmarkCase, method: str, target: float | None) -> Stage:
    from inference.pipeline import reconstruct
    from inference.scans.load import load

    folder, out = case.series, case.folder / method

    def run() -> Any:
        return reconstruct(load(folder), method=method, recipe="standard").write(out, scan=folder)

    return Stage(f"end to end, standard recipe, {method}", "", run, None, target, "read, masks, 36 MIPs, 36 VR, SEG, on disk")


def table(timings: Sequence[Timing]) -> list[str]:
    """The timings as a Markdown table.

    Examples
    --------
    >>> print(table([Timing("resample", "SimpleITK", 0.1, 1.0, 5, 0.15)])[2])
    | resample | 0.10 | SimpleITK | 1.00 | 0.10 | 0.15 | 5 |  |
    """
    lines = ["| stage | ours [s] | rival | rival [s] | ratio | target | turns | note |", "|---|---|---|---|---|---|---|---|"]
    for item in timings:
        rival = f"{item.rival_seconds:.2f}" if item.rival_seconds is not None else "–"
        ratio = f"{item.ratio:.2f}" if item.ratio is not None else "–"
        target = "–" if item.target is None else (f"{item.target:.2f}" if item.rival_seconds is not None else f"{item.target:g} s")
        lines.append(
            f"| {item.stage} | {item.seconds:.2f} | {item.rival or '–'} | {rival} | {ratio} | {target} | {item.repeats} | {item.note} |"
        )
    return lines
