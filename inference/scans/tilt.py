"""Set a sheared stack upright: each slice is shifted in its own plane, so the grid becomes orthogonal and stays where it was."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.scans.dicom_pixels import AIR_HU
from inference.scans.stack import Stack


def widened(rows: int, columns: int, count: int, stack: Stack, spacing: tuple[float, ...]) -> tuple[int, int]:
    """Rows and columns needed so that no shifted slice loses a pixel; `spacing` is (row distance, column distance). [mm]"""
    down = abs(stack.shear_mm[1]) * (count - 1) / spacing[0]
    along = abs(stack.shear_mm[0]) * (count - 1) / spacing[1]
    return rows + math.ceil(down - 1e-9), columns + math.ceil(along - 1e-9)


def corner_shift_mm(count: int, stack: Stack) -> tuple[float, float]:
    """How far the first voxel moves along a row and down a column. [mm]"""
    along, down = (min(0.0, s * (count - 1)) for s in stack.shear_mm)
    return along, down


def place(image: npt.NDArray[Any], target: npt.NDArray[np.int16], index: int, count: int, stack: Stack, spacing: tuple[float, ...]) -> None:
    """Write slice `index` of HU into its wider target, shifted by a fraction of a pixel with linear weights, air around it."""
    corner = corner_shift_mm(count, stack)
    along = (stack.shear_mm[0] * index - corner[0]) / spacing[1]
    down = (stack.shear_mm[1] * index - corner[1]) / spacing[0]
    whole_r, whole_c = math.floor(down + 1e-6), math.floor(along + 1e-6)
    part_r, part_c = max(0.0, down - whole_r), max(0.0, along - whole_c)
    wide = np.full((image.shape[0] + 2, image.shape[1] + 2), float(AIR_HU), np.float32)
    wide[1:-1, 1:-1] = image
    mixed = wide if part_r < 1e-6 else wide.copy()
    if part_r >= 1e-6:
        mixed[1:] = (1 - part_r) * wide[1:] + part_r * wide[:-1]
    if part_c >= 1e-6:
        left = mixed.copy()
        mixed[:, 1:] = (1 - part_c) * left[:, 1:] + part_c * left[:, :-1]
    rows, columns = min(image.shape[0] + 1, target.shape[0] - whole_r), min(image.shape[1] + 1, target.shape[1] - whole_c)
    target[...] = AIR_HU
    target[whole_r : whole_r + rows, whole_c : whole_c + columns] = np.rint(mixed[1 : 1 + rows, 1 : 1 + columns])
