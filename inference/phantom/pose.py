"""Where the canonical body lies in the scanner: size, posture, smooth individual shape; and how it moved between two scans."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Array = npt.NDArray[Any]

PIVOT_MM = np.array([0.0, 12.0, 150.0])  # the head nods and turns about the middle of the neck
HEAD_MM = np.array([0.0, 0.0, 250.0])


def rotation(degrees: npt.ArrayLike) -> Array:
    """3×3 rotation from angles about x, y, z. [degrees]

    Examples
    --------
    >>> rotation((0, 0, 90)).round(6) @ np.array([1.0, 0.0, 0.0])
    array([0., 1., 0.])
    """
    a, b, c = np.deg2rad(np.asarray(degrees, float))
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


@dataclass(frozen=True)
class Motion:
    """What moved between the two scans of a pair.

    Parameters
    ----------
    shift_mm : tuple of float
        Translation (x, y, z). [mm]
    turn_degrees : tuple of float
        Rotation about x, y, z through `HEAD_MM`. [degrees]
    jaw_mm : float
        How far the chin drops. [mm]
    swallow_mm : float
        How far hyoid and larynx rise. [mm]
    """

    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn_degrees: tuple[float, float, float] = (0.0, 0.0, 0.0)
    jaw_mm: float = 0.0
    swallow_mm: float = 0.0

    def forward(self, points_mm: Points) -> Points:
        """Where points of the first scan lie in the second, (n, 3) LPS. [mm]"""
        moved = np.array(points_mm, float)
        jaw = np.exp(-((((moved - (0.0, -55.0, 170.0)) / (45.0, 30.0, 22.0)) ** 2).sum(axis=1)))
        throat = np.exp(-((((moved - (0.0, -22.0, 142.0)) / (16.0, 14.0, 20.0)) ** 2).sum(axis=1)))
        moved[:, 1] += 0.4 * self.jaw_mm * jaw
        moved[:, 2] += self.swallow_mm * throat - self.jaw_mm * jaw
        return np.asarray((moved - HEAD_MM) @ rotation(self.turn_degrees).T + HEAD_MM + self.shift_mm, float)


def draw_motion(rng: np.random.Generator, *, most_mm: float = 3.0, most_degrees: float = 2.0) -> Motion:
    """Draw a motion of at most the given size: rigid, with a jaw drop and a swallow in proportion."""
    size = rng.uniform(0.0, 1.0)
    direction, axis = rng.normal(size=3), rng.normal(size=3)
    shift = direction / np.linalg.norm(direction) * most_mm * size
    turn = axis / np.linalg.norm(axis) * most_degrees * size * rng.uniform(0.3, 1.0)
    jaw, swallow = rng.uniform(0, most_mm) * size, rng.uniform(0, 1.2 * most_mm) * size
    return Motion(
        (float(shift[0]), float(shift[1]), float(shift[2])), (float(turn[0]), float(turn[1]), float(turn[2])), float(jaw), float(swallow)
    )


@dataclass(frozen=True)
class Pose:
    """A smooth, invertible map from the canonical body to the patient.

    Parameters
    ----------
    scale : tuple of float
        Size along x, y, z.
    turn_degrees : tuple of float
        Head against trunk: nod, tilt, turn.
    waves : numpy.ndarray
        (k, 7): wave vector [rad/mm], phase, amplitude vector [mm] of smooth individual shape.
    motion : Motion
        Applied last; the second scan of a pair has one.
    """

    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    turn_degrees: tuple[float, float, float] = (0.0, 0.0, 0.0)
    waves: Array = field(default_factory=lambda: np.zeros((0, 7)))
    motion: Motion = Motion()

    def forward(self, points_mm: Points) -> Points:
        """Patient position (n, 3) of canonical points (n, 3), LPS. [mm]"""
        points = np.asarray(points_mm, float)
        placed = points.copy()
        for wave in self.waves:
            placed += np.sin(points @ wave[:3] + wave[3])[:, None] * wave[4:]
        height = np.clip((points[:, 2] - 95.0) / 110.0, 0.0, 1.0)
        share = (height * height * (3 - 2 * height))[:, None]
        turned = (placed - PIVOT_MM) @ rotation(self.turn_degrees).T + PIVOT_MM
        placed = placed * (1 - share) + turned * share
        return self.motion.forward(placed * np.asarray(self.scale))

    def inverse(self, points_mm: Points, *, rounds: int = 12) -> Points:
        """Canonical position of patient points, by fixed-point iteration (the map is close to the identity). [mm]"""
        target = np.asarray(points_mm, float)
        guess = target.copy()
        for _ in range(rounds):
            guess += target - self.forward(guess)
        return guess


def draw_pose(rng: np.random.Generator, *, spread: float = 1.0) -> Pose:
    """Draw a person: size ±3 %, head turned a few degrees, bends of a millimetre or two."""
    size = 1.0 + spread * rng.normal(0.0, 0.012)
    scale = size * (1.0 + spread * rng.normal(0.0, 0.015, 3))
    scale[2] = min(scale[2], 1.025)
    turn = spread * rng.normal(0.0, (2.0, 1.5, 2.5))
    waves = np.zeros((6, 7))
    for wave in waves:
        direction = rng.normal(size=3)
        wave[:3] = direction / np.linalg.norm(direction) * 2 * np.pi / rng.uniform(110.0, 260.0)
        wave[3], wave[4:] = rng.uniform(0, 2 * np.pi), spread * rng.normal(0.0, 0.9, 3)
    return Pose((float(scale[0]), float(scale[1]), float(scale[2])), (float(turn[0]), float(turn[1]), float(turn[2])), waves)
