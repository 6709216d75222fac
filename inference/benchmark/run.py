"""The stages, timed in turns with their rivals; medians, ratios, processor seconds, and the table."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from inference.benchmark.case import BenchmarkCase
from inference.benchmark.stages import Act, Stage, stages_of
from inference.benchmark.whole import run_whole

STAGES = (
    "read", "resample", "network", "decide", "components", "distance", "skeleton", "mip", "vr", "vr-1024", "registration", "dicom",
    "dicom-full", "threshold", "end-to-end",
)  # fmt: skip


@dataclass(frozen=True)
class Timing:
    """One stage.

    Parameters
    ----------
    stage, rival : str
        What was done, and by whom else (empty: no rival).
    seconds, rival_seconds : float or None
        Medians by the clock. [s]
    repeats : int
        Turns of ours.
    target : float or None
        Ratio ours / rival aimed at; seconds aimed at where `in_seconds`, or where there is no rival.
    note : str
        What differs between the two.
    processor_seconds, rival_processor_seconds : float or None
        Medians of what the processors spent, children included: what other programs on the machine do disturbs them less. [s]
    in_seconds : bool
        The target is in seconds, though there is a rival.
    slices : int
        Of the case; 0 if not told.
    load : float or None
        Programs that ran or waited for a processor in the minute before, on average.
    day : str
        When.
    """

    stage: str
    rival: str
    seconds: float
    rival_seconds: float | None
    repeats: int
    target: float | None
    note: str = ""
    processor_seconds: float | None = None
    rival_processor_seconds: float | None = None
    in_seconds: bool = False
    slices: int = 0
    load: float | None = None
    day: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours / rival."""
        return self.seconds / self.rival_seconds if self.rival_seconds else None

    @property
    def against_target(self) -> float | None:
        """How many times the target was taken: at most 1 where it is met."""
        if self.target is None:
            return None
        reached = self.seconds if self.in_seconds or self.ratio is None else self.ratio
        return reached / self.target

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**asdict(self), "ratio": self.ratio, "against_target": self.against_target}


def run_stages(
    *,
    only: Sequence[str] = (),
    slices: int = 600,
    size: int = 512,
    repeats: int = 5,
    most_seconds: float = 150.0,
    progress: Callable[[str], None] = lambda _: None,
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
    most_seconds : float
        No further turn of a stage begins after this; the table says how many there were. [s]
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        case = BenchmarkCase(slices, size, Path(folder))
        makers = stages_of(case)
        found = []
        for name in only or STAGES:
            progress(name)
            try:
                told: dict[str, Any] = {"slices": slices, "load": os.getloadavg()[0], "day": datetime.now(UTC).date().isoformat()}
                found.append(replace(_timed(makers[name](), repeats, most_seconds), **told))
            except (ImportError, FileNotFoundError) as error:
                progress(f"{name} left out: {error}")
    return tuple(found)


def _timed(stage: Stage, repeats: int, most_seconds: float) -> Timing:
    (stage.warm or stage.ours)()
    mine, others, began = list[_Turn](), list[_Turn](), time.perf_counter()
    result = theirs_result = None
    for turn in range(repeats):
        if turn and time.perf_counter() - began > most_seconds:
            break
        result = None  # what the turn before made is free to be used again, as it is in a reconstruction
        took, result = _turn(stage.ours)
        mine.append(took)
        if stage.theirs is not None and turn < (stage.rival_repeats or repeats):
            theirs_result = None
            took, theirs_result = _turn(stage.theirs, stage.rival_scale)
            others.append(took)
    said = stage.after(result, theirs_result) if stage.after else ""
    note = "; ".join(part for part in (stage.note, said) if part)
    ours, theirs = _median(mine), _median(others)
    assert ours is not None
    seconds, spent = theirs or (None, None)
    made = stage.target, note, ours[1], spent, stage.in_seconds
    return Timing(stage.name, stage.rival, ours[0], seconds, len(mine), *made)


@dataclass(frozen=True)
class _Turn:
    seconds: float
    processor_seconds: float


def _turn(act: Act, scale: float = 1.0) -> tuple[_Turn, Any]:
    spent, began = _processor_seconds(), time.perf_counter()
    result = act()
    seconds = time.perf_counter() - began
    return _Turn(scale * seconds, scale * (_processor_seconds() - spent)), result


def _median(turns: Sequence[_Turn]) -> tuple[float, float] | None:
    if not turns:
        return None
    return statistics.median(turn.seconds for turn in turns), statistics.median(turn.processor_seconds for turn in turns)


def _processor_seconds() -> float:
    """What this process, its ended children and those under way have spent. [s]"""
    times = os.times()
    total = times.user + times.system + times.children_user + times.children_system
    for child in psutil.Process().children(recursive=True):
        try:
            spent = child.cpu_times()
        except psutil.Error:
            continue
        total += spent.user + spent.system
    return total


@dataclass(frozen=True)
class Growth:
    """What a scan of so many slices takes from end to end.

    Parameters
    ----------
    slices : int
        Of 512 × 512, or what was asked for.
    seconds : float
        One run by the clock. [s]
    peak_mb : float
        Largest resident memory, children included. [MiB]
    processor_seconds : float
        What the processors spent. [s]
    """

    slices: int
    seconds: float
    peak_mb: float
    processor_seconds: float = 0.0


def run_growth(
    many: Sequence[int], *, size: int = 512, method: str = "network", progress: Callable[[str], None] = lambda _: None
) -> tuple[Growth, ...]:
    """Reconstruct scans of growing length by the standard recipe, once each, in a process of its own."""
    found = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        for slices in many:
            progress(f"growth, {slices} slices")
            case = BenchmarkCase(slices, size, Path(folder) / str(slices))
            scan = case.series
            turn, peak_mb = _turn(lambda scan=scan, out=case.folder / "out": run_whole(scan, out, method=method))  # type: ignore[misc]
            found.append(Growth(slices, turn.seconds, peak_mb, turn.processor_seconds))
    return tuple(found)


def growth_table(grown: Sequence[Growth]) -> list[str]:
    """Growth as a Markdown table.

    Examples
    --------
    >>> print(growth_table([Growth(150, 10.0, 900.0, 15.0), Growth(300, 18.0, 1700.0, 27.0)])[3])
    | 300 | 18.0 | 27.0 | 90 | 1700 |
    """
    head = ["| slices | seconds | processor seconds | of these, milliseconds a slice | peak MiB |", "|---|---|---|---|---|"]
    rows = [(one.slices, one.seconds, one.processor_seconds, 1000 * one.processor_seconds / one.slices, one.peak_mb) for one in grown]
    return [*head, *(f"| {slices} | {clock:.1f} | {spent:.1f} | {each:.0f} | {peak:.0f} |" for slices, clock, spent, each, peak in rows)]


def table(timings: Sequence[Timing]) -> list[str]:
    """The timings as a Markdown table.

    Examples
    --------
    >>> print(table([Timing("resample", "SimpleITK", 0.1, 1.0, 5, 0.15, "", 0.2, 1.6)])[2])
    | resample | 0.10 | SimpleITK | 1.00 | 0.10 | 0.15 | met | 0.2 / 1.6 | – | 5 | – |  |
    """
    names = ["stage", "ours [s]", "rival", "rival [s]", "ratio", "target", "reached", "processor [s], ours / rival"]
    names += ["slices", "turns", "measured at load", "note"]
    return ["| " + " | ".join(names) + " |", "|---" * len(names) + "|", *(_row(item) for item in timings)]


def _row(item: Timing) -> str:
    times = item.against_target
    cells = [
        item.stage,
        f"{item.seconds:.2f}",
        item.rival or "–",
        _shown(item.rival_seconds, "{:.2f}"),
        _shown(item.ratio, "{:.2f}"),
        _shown(item.target, "{:.2f}" if item.rival_seconds is not None and not item.in_seconds else "{:g} s"),
        _shown(times, "met" if times is not None and times <= 1 else "missed, {:.1f} times"),
        f"{_shown(item.processor_seconds, '{:.1f}')} / {_shown(item.rival_processor_seconds, '{:.1f}')}",
        str(item.slices or "–"),
        str(item.repeats),
        f"{item.day} {_shown(item.load, '{:.0f}')}".strip(),
        item.note,
    ]
    return "| " + " | ".join(cells) + " |"


def _shown(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)
