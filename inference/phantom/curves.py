"""Vessel paths: smooth curves through control points, with random tortuosity that leaves the ends where they are."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.interpolate import make_interp_spline

Points = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Branch:
    """One vessel as a polyline with radius.

    Parameters
    ----------
    name : str
        Artery name of `inference.anatomy`, or `parent.child` for a named artery's unlabelled child, or a vein's name.
    label : int
        Artery label; 0 for a vein.
    points_mm : numpy.ndarray
        (n, 3), LPS (x, y, z), proximal to distal. [mm]
    radius_mm : numpy.ndarray
        (n,) lumen radius. [mm]
    contrast : numpy.ndarray
        (n,) share of the inflow's enhancement that reaches this point, 0 to 1 (a dense vein may exceed 1).
    gap_mm : float
        Wall and soft tissue kept between the lumen and bone. [mm]
    patent : numpy.ndarray
        (n,) whether the lumen is open here; a closed stretch is neither enhanced nor part of the truth.
    """

    name: str
    label: int
    points_mm: Points
    radius_mm: npt.NDArray[np.float64]
    contrast: npt.NDArray[np.float64]
    gap_mm: float
    patent: npt.NDArray[np.bool_]

    @property
    def arc_mm(self) -> npt.NDArray[np.float64]:
        """Distance along the path from its start, (n,). [mm]"""
        return arc_length(self.points_mm)

    def moved(self, points_mm: Points) -> "Branch":
        """The same vessel along other points."""
        return replace(self, points_mm=points_mm)

    def changed(self, **values: Any) -> "Branch":
        """The same vessel with other values."""
        return replace(self, **values)


def arc_length(points_mm: Points) -> npt.NDArray[np.float64]:
    """Distance along a polyline, (n,), starting at 0. [mm]

    Examples
    --------
    >>> arc_length(np.array([[0, 0, 0], [3, 4, 0], [3, 4, 5.0]]))
    array([ 0.,  5., 10.])
    """
    steps = np.linalg.norm(np.diff(points_mm, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])


def smooth_path(control_mm: npt.ArrayLike, *, step_mm: float = 0.7) -> tuple[Points, npt.NDArray[np.float64]]:
    """A cubic spline through control points, sampled evenly.

    Parameters
    ----------
    control_mm : array_like
        (k, 3), k ≥ 2. [mm]
    step_mm : float
        Distance between samples. [mm]

    Returns
    -------
    points_mm : numpy.ndarray
        (n, 3); first and last are the first and last control points.
    position : numpy.ndarray
        (n,) fractional index into the control points, for interpolating what is given per control point.

    Notes
    -----
    Centripetal parametrisation keeps the curve from overshooting between uneven control points.
    """
    control = np.asarray(control_mm, float)
    knots = np.concatenate([[0.0], np.cumsum(np.sqrt(np.linalg.norm(np.diff(control, axis=0), axis=1)) + 1e-6)])
    curve = make_interp_spline(knots, control, k=min(3, len(control) - 1))
    fine = np.linspace(0.0, knots[-1], 60 * len(control))
    arc = arc_length(curve(fine))
    count = max(3, int(np.ceil(arc[-1] / step_mm)) + 1)
    parameter = np.interp(np.linspace(0.0, arc[-1], count), arc, fine)
    return np.asarray(curve(parameter), float), np.interp(parameter, knots, np.arange(len(control), dtype=float))


def wiggle(points_mm: Points, rng: np.random.Generator, *, amplitude_mm: float, wavelength_mm: float = 22.0) -> Points:
    """Add smooth random tortuosity, zero at both ends.

    Parameters
    ----------
    points_mm : numpy.ndarray
        (n, 3). [mm]
    rng : numpy.random.Generator
        Source of chance.
    amplitude_mm : float
        Standard deviation of the displacement half-way. [mm]
    wavelength_mm : float
        Typical length of a bend. [mm]
    """
    arc = arc_length(points_mm)
    shift = np.zeros_like(points_mm)
    for _ in range(3):
        length = wavelength_mm * rng.uniform(0.7, 2.0)
        phase, direction = rng.uniform(0, 2 * np.pi), rng.normal(size=3)
        shift += np.sin(2 * np.pi * arc / length + phase)[:, None] * direction
    window = np.clip(np.minimum(arc, arc[-1] - arc) / (0.35 * wavelength_mm), 0.0, 1.0)[:, None]
    return np.asarray(points_mm + shift * window * amplitude_mm * np.sqrt(2.0 / 3.0), float)


def nearest_index(points_mm: Points, target_mm: npt.ArrayLike) -> int:
    """Index of the point of a polyline that is closest to a target."""
    return int(np.argmin(((points_mm - np.asarray(target_mm, float)) ** 2).sum(axis=1)))
