"""Curved planar reformats: the vessel laid flat along its centreline."""

# mypy: disable-error-code="no-any-return"

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from inference.centrelines.centreline import Centreline
from inference.reformat.frames import Frames, frames_of
from inference.volume import Volume

Array = npt.NDArray[Any]

OUTSIDE_HU = -1000.0


@dataclass(frozen=True)
class Reformat:
    """A reformatted picture in HU.

    Parameters
    ----------
    hu : numpy.ndarray
        float32 (rows, columns); −1000 where there is nothing to show. The line's end is at the top. [HU]
    pixel_mm : float
        Side of a pixel. [mm]
    angle_degrees : float
        Rotation about the vessel.
    line_columns : numpy.ndarray
        Column of the centreline in every row, NaN in rows it does not cross.
    """

    hu: Array
    pixel_mm: float
    angle_degrees: float
    line_columns: Array


def sample_hu(volume: Volume, points_mm: Array) -> Array:
    """HU at LPS points (..., 3), trilinear; −1000 outside the scan."""
    index = volume.geometry.indices(points_mm.reshape(-1, 3)).T
    values = ndimage.map_coordinates(volume.array, index, output=np.float32, order=1, mode="constant", cval=OUTSIDE_HU)
    return values.reshape(points_mm.shape[:-1])


def straightened(
    volume: Volume, line: Centreline, *, angle_degrees: float = 0.0, half_width_mm: float = 20.0, pixel_mm: float = 0.5
) -> Reformat:
    """Straightened reformat: every row is a line across the vessel, the centreline runs straight up the middle.

    At the inside of a tight bend, beyond the place where neighbouring rows would cross, nothing is drawn: it would show
    the same tissue twice and upside down.

    Parameters
    ----------
    volume : Volume
        Scan. [HU]
    line : Centreline
        From proximal (bottom of the picture) to distal (top).
    angle_degrees : float
        Rotation about the vessel; 0 starts towards the patient's left.
    half_width_mm, pixel_mm : float
        Half width of the picture and side of a pixel. [mm]
    """
    frames = frames_of(line, step_mm=pixel_mm)
    across = frames.across(angle_degrees)
    count = int(half_width_mm / pixel_mm)
    offsets = np.arange(-count, count + 1) * pixel_mm
    places = frames.points_mm[:, None] + offsets[None, :, None] * across[:, None]
    hu = np.where(_unfolded(frames, offsets, across), sample_hu(volume, places), OUTSIDE_HU)
    columns = np.full(len(hu), float(count))
    return Reformat(hu[::-1].astype(np.float32), pixel_mm, angle_degrees, columns)


def _unfolded(frames: Frames, offsets: Array, across: Array) -> Array:
    """Where rows do not cross: from the middle outwards up to the first crossing on each side (n, m)."""
    apart = frames.spread_of_steps(offsets[None, :], across) > 0.05
    apart[[0, -1]] = True
    middle = len(offsets) // 2
    right = np.logical_and.accumulate(apart[:, middle:], axis=1)
    left = np.logical_and.accumulate(apart[:, middle::-1], axis=1)[:, ::-1]
    return np.concatenate((left[:, :-1], right), axis=1)


def stretched(volume: Volume, line: Centreline, *, angle_degrees: float = 0.0, margin_mm: float = 20.0, pixel_mm: float = 0.5) -> Reformat:
    """Stretched reformat: rows run in one fixed direction of the patient, lengths along the vessel are kept.

    The ruled surface through the centreline with rulings in the axial plane is unrolled [1]_: the vessel keeps its bends
    to the left and right and its true length, and no tissue is drawn twice.

    Parameters
    ----------
    volume : Volume
        Scan. [HU]
    line : Centreline
        From proximal (bottom) to distal (top).
    angle_degrees : float
        Direction of the rows in the axial plane: 0 right to left (as seen from the front), 90 front to back.
    margin_mm, pixel_mm : float
        Space beside the vessel, and side of a pixel. [mm]

    References
    ----------
    .. [1] Kanitsar A, et al. CPR: curved planar reformation. IEEE Visualization 2002. doi:10.1109/VISUAL.2002.1183754
    """
    angle = np.deg2rad(angle_degrees)
    ruling = np.array([np.cos(angle), np.sin(angle), 0.0])
    even = line.resampled(min(pixel_mm, 0.5))
    points = even.points_mm
    side = points @ ruling
    rest = np.diff(points, axis=0)
    rise = np.concatenate(([0.0], np.cumsum(np.linalg.norm(rest - (rest @ ruling)[:, None] * ruling, axis=1))))
    rows = np.arange(0.0, rise[-1] + pixel_mm / 2, pixel_mm)
    at = np.stack([np.interp(rows, rise, points[:, axis]) for axis in range(3)], axis=1)
    columns = np.arange(side.min() - margin_mm, side.max() + margin_mm, pixel_mm)
    places = at[:, None] + (columns[None, :] - (at @ ruling)[:, None])[..., None] * ruling
    place_of_line = (np.interp(rows, rise, side) - columns[0]) / pixel_mm
    return Reformat(sample_hu(volume, places)[::-1].astype(np.float32), pixel_mm, angle_degrees, place_of_line[::-1])
