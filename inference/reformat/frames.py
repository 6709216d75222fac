"""Frames that follow a centreline without turning about it, for curved reformats."""

# mypy: disable-error-code="no-any-return"

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.centrelines.centreline import Centreline
from inference.centrelines.centring import directions, smooth_along

Array = npt.NDArray[Any]

GENTLEST_MM = 1.5
STIFFEST_MM = 6.0


@dataclass(frozen=True)
class Frames:
    """A point and three unit vectors at every step along a centreline.

    Parameters
    ----------
    points_mm : numpy.ndarray
        LPS points (n, 3), evenly spaced. [mm]
    tangents, first, second : numpy.ndarray
        Direction of the section's normal and two directions in the section (n, 3).
    radius_mm : numpy.ndarray
        Radius of the line (n,). [mm]
    step_mm : float
        Distance between points. [mm]
    """

    points_mm: Array
    tangents: Array
    first: Array
    second: Array
    radius_mm: Array
    step_mm: float

    def across(self, angle_degrees: float) -> Array:
        """Unit vectors (n, 3) in the sections at an angle from `first` towards `second`."""
        angle = np.deg2rad(angle_degrees)
        return np.cos(angle) * self.first + np.sin(angle) * self.second

    def spread_of_steps(self, offsets_mm: Array, across: Array) -> Array:
        """How far the section planes are apart at offsets from the line, as a share of the step (n, m); ≤ 0 where they cross."""
        turn = np.gradient(across, axis=0) / self.step_mm
        along = np.gradient(self.points_mm, axis=0) / self.step_mm
        return (np.einsum("ij,ij->i", along, self.tangents)[:, None]) + np.einsum("ij,ij->i", turn, self.tangents)[:, None] * offsets_mm


def rotation_minimising(tangents: Array, points_mm: Array, start: Array) -> Array:
    """First section vectors that turn as little as possible, by double reflection.

    Parameters
    ----------
    tangents, points_mm : numpy.ndarray
        Unit tangents and points (n, 3).
    start : numpy.ndarray
        Wanted direction at the first point; its part along the tangent is dropped.

    References
    ----------
    Wang W, Jüttler B, Zheng D, Liu Y. Computation of rotation minimizing frames. ACM Trans Graph 2008;27:2.
    doi:10.1145/1330511.1330513
    """
    first = np.zeros_like(points_mm)
    first[0] = _across(start, tangents[0])
    for place in range(len(points_mm) - 1):
        way = points_mm[place + 1] - points_mm[place]
        size = float(way @ way)
        if size < 1e-12:
            first[place + 1] = _across(first[place], tangents[place + 1])
            continue
        mirrored = first[place] - 2.0 / size * (way @ first[place]) * way
        tangent = tangents[place] - 2.0 / size * (way @ tangents[place]) * way
        second = tangents[place + 1] - tangent
        spare = float(second @ second)
        turned = mirrored if spare < 1e-12 else mirrored - 2.0 / spare * (second @ mirrored) * second
        first[place + 1] = _across(turned, tangents[place + 1])
    return first


def _across(vector: Array, tangent: Array) -> Array:
    """Unit vector nearest to `vector` at right angles to `tangent`."""
    left = vector - (vector @ tangent) * tangent
    size = float(np.linalg.norm(left))
    if size < 1e-6:
        return _across(np.eye(3)[np.abs(tangent).argmin()], tangent)
    return left / size


def frames_of(line: Centreline, *, step_mm: float = 0.5, start: npt.ArrayLike = (1.0, 0.0, 0.0), clear_mm: float = 1.5) -> Frames:
    """Frames along a centreline whose sections do not cross inside the vessel.

    The normals of the sections follow a smoothed line; at a tight bend (the carotid siphon) they are smoothed further, up
    to 6 mm, until neighbouring sections stay apart to `clear_mm` beyond the wall.

    Parameters
    ----------
    line : Centreline
        Line to follow.
    step_mm : float
        Distance between sections. [mm]
    start : array_like
        LPS direction that `first` should have at the beginning; the patient's left by default.
    clear_mm : float
        Distance beyond the wall that must not fold. [mm]

    Examples
    --------
    >>> straight = Centreline(np.array([[0.0, 0, 0], [0, 0, 10]]), np.ones(2))
    >>> frames_of(straight, step_mm=2.0).first[-1].tolist()
    [1.0, 0.0, 0.0]
    """
    even = line.resampled(step_mm)
    points, stiffness = even.points_mm, GENTLEST_MM
    while True:
        tangents = directions(smooth_along(points, stiffness, step_mm))
        first = rotation_minimising(tangents, points, np.asarray(start, float))
        frames = Frames(points, tangents, first, np.cross(tangents, first), even.radius_mm, step_mm)
        if stiffness >= STIFFEST_MM or not _folds(frames, clear_mm):
            return frames
        stiffness *= 1.35


def _folds(frames: Frames, clear_mm: float) -> bool:
    """Whether sections cross within the vessel and `clear_mm` around it, looked at in eight directions."""
    reach = frames.radius_mm + clear_mm
    for angle in range(0, 360, 45):
        spread = frames.spread_of_steps(reach[:, None], frames.across(angle))
        if (spread[1:-1] <= 0.0).any():
            return True
    return False
