"""A centreline: ordered points with a radius, in LPS millimetres."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]

TOUCH_MM = 1.0
"""Two lines this near to each other meet there. [mm]"""


@dataclass(frozen=True)
class Centreline:
    """The middle of a vessel, from its origin to its end.

    Parameters
    ----------
    points_mm : numpy.ndarray
        Ordered LPS points (n, 3) as (x, y, z), n ≥ 2. [mm]
    radius_mm : numpy.ndarray
        Radius at each point (n,). [mm]
    name : str
        Name of the artery, as in `inference.anatomy.LABELS`.

    Examples
    --------
    >>> line = Centreline(np.array([[0.0, 0, 0], [0, 0, 3], [0, 4, 3]]), np.ones(3), "basilar")
    >>> line.length_mm, line.arc_mm.tolist()
    (7.0, [0.0, 3.0, 7.0])
    """

    points_mm: Points
    radius_mm: Points
    name: str = "unnamed"

    def __post_init__(self) -> None:
        points, radius = np.asarray(self.points_mm, float), np.asarray(self.radius_mm, float)
        if points.ndim != 2 or points.shape[1] != 3 or len(points) < 2 or radius.shape != (len(points),):
            raise ValueError(
                f"expected points (n, 3) with n ≥ 2 and radii (n,), got {points.shape} and {radius.shape}; "
                "leave out vessels that are shorter than two points"
            )
        for key, value in (("points_mm", points.copy()), ("radius_mm", radius.copy())):
            value.flags.writeable = False
            object.__setattr__(self, key, value)

    @property
    def arc_mm(self) -> Points:
        """Distance along the line from its first point (n,). [mm]"""
        steps: Points = np.linalg.norm(np.diff(self.points_mm, axis=0), axis=1)
        return np.concatenate(([0.0], np.cumsum(steps)))

    @property
    def length_mm(self) -> float:
        """Length along the line. [mm]"""
        return float(self.arc_mm[-1])

    @property
    def tortuosity(self) -> float:
        """Length over the straight distance between the ends; 1 for a straight vessel, infinite for a closed loop."""
        chord = float(np.linalg.norm(self.points_mm[-1] - self.points_mm[0]))
        return self.length_mm / chord if chord > 0 else float("inf")

    @property
    def tangents(self) -> Points:
        """Unit direction of travel at each point (n, 3)."""
        slope = np.gradient(self.points_mm, axis=0)
        size = np.linalg.norm(slope, axis=1, keepdims=True)
        return slope / np.where(size > 0, size, 1.0)

    def reversed(self) -> "Centreline":
        """The same line walked the other way."""
        return replace(self, points_mm=self.points_mm[::-1], radius_mm=self.radius_mm[::-1])

    def resampled(self, step_mm: float) -> "Centreline":
        """The same polyline with points `step_mm` apart (the last step may be shorter)."""
        arc = self.arc_mm
        at = np.append(np.arange(0.0, arc[-1] - 0.25 * step_mm, step_mm), arc[-1])
        if len(at) < 2:
            at = np.array([0.0, arc[-1]])
        points = np.stack([np.interp(at, arc, self.points_mm[:, axis]) for axis in range(3)], axis=1)
        return replace(self, points_mm=points, radius_mm=np.interp(at, arc, self.radius_mm))

    def to_dict(self) -> dict[str, Any]:
        """Lists and numbers, ready for JSON."""
        return {"name": self.name, "points_mm": self.points_mm.round(4).tolist(), "radius_mm": self.radius_mm.round(4).tolist()}


def join(lines: list[Centreline], *, name: str, step_mm: float = 0.5) -> Centreline:
    """One line through several, in order: what a curved reformat from arch to skull follows.

    The gap between two lines is crossed on a straight line, so that a piece without contrast (an occlusion) stays in
    the picture. Where one line springs from the other before its end, what lies beyond is left out, so that nothing is walked twice.

    Parameters
    ----------
    lines : list of Centreline
        From proximal to distal, at least one.
    name : str
        Name of the whole.
    step_mm : float
        Distance between the points of the result. [mm]
    """
    points, radius = lines[0].points_mm, lines[0].radius_mm
    for line in lines[1:]:
        last, first = _meeting(points, line.points_mm)
        points = np.concatenate((points[:last], line.points_mm[first:]))
        radius = np.concatenate((radius[:last], line.radius_mm[first:]))
    moved = np.concatenate(([True], np.linalg.norm(np.diff(points, axis=0), axis=1) > 1e-6))
    return Centreline(points[moved], radius[moved], name).resampled(step_mm)


def _meeting(before: Points, after: Points) -> tuple[int, int]:
    """How many points of a line to keep, and from which point of the next one on, so that they meet without turning back."""
    springs, ends = (np.linalg.norm(line - tip, axis=1) for line, tip in ((before, after[0]), (after, before[-1])))
    if springs.min() <= TOUCH_MM and springs.argmin() > 0:
        return int(springs.argmin()) + 1, 0
    return len(before), int(ends.argmin()) if ends.min() <= TOUCH_MM and ends.argmin() < len(after) - 1 else 0


def write_csv(line: Centreline, path: Path | str) -> Path:
    """Write x_mm, y_mm, z_mm (LPS) and radius_mm, one row per point, from proximal to distal."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("x_mm", "y_mm", "z_mm", "radius_mm"))
        for (x, y, z), radius in zip(line.points_mm, line.radius_mm, strict=True):
            writer.writerow((f"{x:.3f}", f"{y:.3f}", f"{z:.3f}", f"{radius:.3f}"))
    return target


def read_csv(path: Path | str) -> Centreline:
    """Read a centreline written by `write_csv`; the name is the file's."""
    table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    return Centreline(table[:, :3], table[:, 3], Path(path).stem)


def write_all(lines: Mapping[str, Centreline], folder: Path | str) -> list[Path]:
    """Write `<folder>/<artery>.csv` for every line."""
    return [write_csv(line, Path(folder) / f"{name}.csv") for name, line in sorted(lines.items())]
