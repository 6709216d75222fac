"""Where slices lie: order along the normal, step, gaps, doubles and shear, from positions and orientations alone.

The gantry-tilt tag is never used: the step from slice to slice must run along the normal of the slices, and where it does
not, the stack is sheared by exactly that much (the way of dcm2niix).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.scans.codes import rejected

STEP_TOLERANCE, ROUNDING_MM, DRIFT_MM = 0.01, 0.0105, 0.02
SHEAR_MM, LARGEST_TILT_DEGREES = 0.15, 40.0


@dataclass(frozen=True)
class Stack:
    """An ordered, evenly spaced stack.

    Parameters
    ----------
    order : tuple of int
        Indices of the slices kept, along the normal.
    normal, row, column : numpy.ndarray
        Unit LPS directions: slice normal, along a row of pixels, down a column of pixels.
    step_mm : float
        Distance between slices along the normal. [mm]
    origin_mm : numpy.ndarray
        Position of the first voxel of the first slice. [mm]
    shear_mm : tuple of float
        In-plane shift of each slice against the one before, along a row and down a column. [mm]
    dropped : tuple of int
        Identical doubles left out.
    """

    order: tuple[int, ...]
    normal: npt.NDArray[np.float64]
    row: npt.NDArray[np.float64]
    column: npt.NDArray[np.float64]
    step_mm: float
    origin_mm: npt.NDArray[np.float64]
    shear_mm: tuple[float, float] = (0.0, 0.0)
    dropped: tuple[int, ...] = ()

    @property
    def tilt_degrees(self) -> float:
        """Angle between the step and the normal. [degree]"""
        return float(np.degrees(np.arctan2(np.hypot(*self.shear_mm), self.step_mm)))


def axes(orientation: tuple[float, ...]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Unit row, column and normal from the six cosines; refuses cosines that are not two unit vectors at right angles.

    Examples
    --------
    >>> axes((1, 0, 0, 0, 1, 0))[2]
    array([0., 0., 1.])
    """
    row, column = np.asarray(orientation[:3], float), np.asarray(orientation[3:], float)
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if abs(lengths[0] - 1) > 5e-3 or abs(lengths[1] - 1) > 5e-3 or abs(row @ column) > 5e-3:
        raise rejected("bad_orientation", "the row and column cosines are not two unit vectors at right angles")
    row /= lengths[0]
    column -= (column @ row) * row
    column /= np.linalg.norm(column)
    return row, column, np.cross(row, column)


def doubles(distance: npt.NDArray[np.float64]) -> list[list[int]]:
    """Groups of indices (into the sorted distances) that lie at one position."""
    gaps = np.diff(distance)
    moved = gaps[gaps > 0.005]
    near = max(0.005, 0.01 * float(np.median(moved))) if len(moved) else 0.005
    groups: list[list[int]] = [[0]]
    for index, gap in enumerate(gaps, start=1):
        if gap <= near:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def check_steps(distance: npt.NDArray[np.float64]) -> float:
    """The mean step of sorted slice distances; refuses gaps and uneven steps.

    Raises
    ------
    RejectedScan
        `missing_slices` when every step is a multiple of the smallest, else `uneven_spacing`.

    Examples
    --------
    >>> check_steps(np.array([0.0, 2.0, 4.0, 6.0]))
    2.0
    """
    gaps = np.diff(distance)
    mean = float((distance[-1] - distance[0]) / (len(distance) - 1))
    tolerance = max(STEP_TOLERANCE * mean, ROUNDING_MM)
    drift = np.abs(distance - np.linspace(distance[0], distance[-1], len(distance))).max()
    if np.abs(gaps - np.median(gaps)).max() <= tolerance and drift <= max(0.05 * mean, DRIFT_MM):
        return mean
    base = float(np.median(gaps[gaps <= 1.3 * gaps.min()]))
    multiples = np.round(gaps / base)
    if np.abs(gaps / base - multiples).max() <= 0.12 and multiples.max() >= 2:
        missing = int((multiples - 1).sum())
        first = int(np.argmax(multiples > 1))
        raise rejected(
            "missing_slices",
            f"{missing} of {len(distance) + missing} slices are missing, the first after slice {first + 1} (step {base:.3g} mm)",
        )
    raise rejected("uneven_spacing", f"the distance between slices varies from {gaps.min():.3g} to {gaps.max():.3g} mm")


def check_shear(positions: npt.NDArray[np.float64], row: npt.NDArray[np.float64], column: npt.NDArray[np.float64]) -> tuple[float, float]:
    """In-plane shift per step of ordered positions (n, 3), zero where none; refuses a shift that is not uniform.

    Examples
    --------
    >>> check_shear(np.array([[0, 0, 0], [0, 0.7, 2], [0, 1.4, 4.0]]), np.array([1.0, 0, 0]), np.array([0, 1.0, 0]))
    (0.0, 0.7)
    """
    shift = np.stack([(positions - positions[0]) @ row, (positions - positions[0]) @ column], 1)
    steps = len(positions) - 1
    slope = shift[-1] / steps
    off_line = float(np.abs(shift - np.arange(steps + 1)[:, None] * slope).max())
    if off_line > max(0.1, 0.05 * float(np.hypot(*slope))):
        raise rejected("tilt_not_uniform", f"slices are shifted sideways unevenly, by up to {off_line:.2g} mm")
    along_row, down_column = (float(s) if abs(s) * steps > SHEAR_MM else 0.0 for s in slope)
    return along_row, down_column


def arrange(positions: npt.NDArray[np.float64], orientation: tuple[float, ...], keep: list[int], dropped: tuple[int, ...]) -> Stack:
    """The stack of the kept slices.

    Parameters
    ----------
    positions : numpy.ndarray
        LPS position of the first pixel of every slice (n, 3). [mm]
    orientation : tuple of float
        Row and column cosines.
    keep : list of int
        Indices of the slices to arrange, in any order, no two at one position.
    dropped : tuple of int
        Identical doubles, for the record.
    """
    row, column, normal = axes(orientation)
    order = sorted(keep, key=lambda i: float(positions[i] @ normal))
    ordered = positions[order]
    step = check_steps(ordered @ normal)
    shear = check_shear(ordered, row, column)
    stack = Stack(tuple(order), normal, row, column, step, ordered[0], shear, dropped)
    if stack.tilt_degrees > LARGEST_TILT_DEGREES:
        raise rejected("tilt_too_large", f"the slices are sheared by {stack.tilt_degrees:.0f} degrees; no gantry tilts that far")
    return stack
