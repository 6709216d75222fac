"""Curved reformats as CT images that keep HU: every vessel from four sides, one size, paged like a stack."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inference.centrelines.centreline import Centreline
from inference.dicom.common import CLAIM, Series
from inference.dicom.planes import Plane, write_planes
from inference.reformat.curved import OUTSIDE_HU, Reformat, stretched
from inference.reformat.writing import ANGLES, standard_paths
from inference.volume import Volume

Point = npt.NDArray[np.float64]


def write_curved(
    centrelines: Mapping[str, Centreline], series: Series, folder: Path, *, source: Volume, angles: Sequence[float] = ANGLES
) -> list[Path]:
    """Write stretched reformats of every vessel of the report as one series; nothing without centrelines.

    Parameters
    ----------
    centrelines : mapping of str to Centreline
        By artery.
    source : Volume
        The scan they run in. [HU]
    angles : sequence of float
        Directions of the rows in the axial plane. [degrees]

    Notes
    -----
    A curved surface has no plane. Each image carries the plane through the middle of its vessel: row direction and pixel size are true,
    and reference lines on other series are approximate, which the derivation description says.
    """
    lines = sorted(standard_paths(centrelines).items())
    made = [(name, line, stretched(source, line, angle_degrees=angle)) for name, line in lines for angle in angles]
    if not made:
        return []
    rows, columns = (max(reformat.hu.shape[axis] for _, _, reformat in made) for axis in (0, 1))
    frames = [_padded(reformat.hu, rows, columns) for _, _, reformat in made]
    planes = [_plane(line, reformat, rows, columns) for _, line, reformat in made]
    words = [f"{name.replace('_', ' ')}, rows at {reformat.angle_degrees:g} degrees. {CLAIM}" for name, _, reformat in made]
    return write_planes(
        frames, series, folder, planes=planes, source=source, image_type=("REFORMATTED", "CPR"), comments=words,
        derivation="Stretched curved reformat by Gilbreth; lengths along the vessel are true, its place in the patient is approximate",
    )  # fmt: skip


def _padded(hu: npt.NDArray[np.float32], rows: int, columns: int) -> npt.NDArray[np.int16]:
    page = np.full((rows, columns), OUTSIDE_HU, np.float32)
    top, left = (rows - hu.shape[0]) // 2, (columns - hu.shape[1]) // 2
    page[top : top + hu.shape[0], left : left + hu.shape[1]] = hu
    return np.clip(np.rint(page), -32768, 32767).astype(np.int16)


def _plane(line: Centreline, reformat: Reformat, rows: int, columns: int) -> Plane:
    """The plane along the rows and the vessel's main direction, through the vessel at its middle row."""
    angle = np.deg2rad(reformat.angle_degrees)
    across: Point = np.array([np.cos(angle), np.sin(angle), 0.0])
    down: Point = line.points_mm[0] - line.points_mm[-1]
    down = down - (down @ across) * across
    length = float(np.linalg.norm(down))
    down = down / length if length > 1.0 else np.array([0.0, 0.0, -1.0])
    row = len(reformat.line_columns) // 2
    middle = line.points_mm[int(np.abs(line.arc_mm - line.length_mm / 2).argmin())]
    at_row = row + (rows - reformat.hu.shape[0]) // 2
    at_column = float(reformat.line_columns[row]) + (columns - reformat.hu.shape[1]) // 2
    corner = middle - reformat.pixel_mm * (at_column * across + at_row * down)
    direction = (across[0], down[0], 0.0, across[1], down[1], 0.0, across[2], down[2], 0.0)
    return Plane(direction, corner, reformat.pixel_mm, reformat.pixel_mm)
