"""Where a voxel lies in the patient: arrays are (z, y, x), points are LPS millimetres (x, y, z)."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Geometry:
    """A regular grid in patient space.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (z, y, x).
    spacing_mm : tuple of float
        Distance between voxel centres along (z, y, x). [mm]
    origin_mm : tuple of float
        LPS position (x, y, z) of the centre of voxel (0, 0, 0). [mm]
    direction : tuple of float
        Nine numbers, row by row, of the 3×3 matrix whose columns are the unit LPS directions of the x, y and z
        index axes, as in SimpleITK. The identity by default: x to the left, y to the back, z to the head.

    Examples
    --------
    >>> grid = Geometry((10, 20, 30), (2.0, 0.5, 0.5), origin_mm=(-5.0, 0.0, 100.0))
    >>> grid.points(np.array([[1, 0, 2]]))
    array([[ -4.,   0., 102.]])
    >>> grid.indices(np.array([[-4.0, 0.0, 102.0]]))
    array([[1., 0., 2.]])
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

    @property
    def matrix(self) -> npt.NDArray[np.float64]:
        """3×3 map from index steps (x, y, z) to LPS millimetres."""
        steps: Points = np.asarray(self.direction, float).reshape(3, 3) * np.asarray(self.spacing_mm[::-1], float)
        return steps

    @property
    def affine(self) -> npt.NDArray[np.float64]:
        """4×4 map from indices (x, y, z) to LPS millimetres."""
        affine = np.eye(4)
        affine[:3, :3], affine[:3, 3] = self.matrix, self.origin_mm
        return affine

    @property
    def extent_mm(self) -> tuple[float, float, float]:
        """Length of the grid along (z, y, x). [mm]"""
        z, y, x = (n * s for n, s in zip(self.shape, self.spacing_mm, strict=True))
        return z, y, x

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel. [ml]"""
        return float(np.prod(self.spacing_mm)) / 1000.0

    def points(self, indices: npt.ArrayLike) -> Points:
        """LPS points (n, 3) as (x, y, z) of indices (n, 3) as (z, y, x). [mm]"""
        index = np.atleast_2d(np.asarray(indices, float))[:, ::-1]
        points: Points = index @ self.matrix.T + np.asarray(self.origin_mm)
        return points

    def indices(self, points_mm: npt.ArrayLike) -> Points:
        """Fractional indices (n, 3) as (z, y, x) of LPS points (n, 3) as (x, y, z)."""
        offset = np.atleast_2d(np.asarray(points_mm, float)) - np.asarray(self.origin_mm)
        solution: Points = offset @ np.linalg.inv(self.matrix).T[:, ::-1]
        return solution

    def same_grid(self, other: Self, *, tolerance_mm: float = 1e-3) -> bool:
        """Whether two grids have the same shape and the same voxel positions to within a tolerance at every corner."""
        if self.shape != other.shape:
            return False
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape], indexing="ij")).reshape(3, -1).T
        return bool(np.abs(self.points(corners) - other.points(corners)).max() <= tolerance_mm)

    def crop(self, start: tuple[int, int, int], shape: tuple[int, int, int]) -> "Geometry":
        """The grid of a box that starts at index (z, y, x) `start`."""
        x, y, z = (float(value) for value in self.points(np.array([start]))[0])
        return Geometry(shape, self.spacing_mm, (x, y, z), self.direction)

    def resampled(self, spacing_mm: tuple[float, float, float]) -> "Geometry":
        """A grid of other spacing over the same field: both grids share the corner of the first voxel, not its centre."""
        counts = [max(1, round(n * old / new)) for n, old, new in zip(self.shape, self.spacing_mm, spacing_mm, strict=True)]
        shift = [(new - old) / 2 / old for old, new in zip(self.spacing_mm, spacing_mm, strict=True)]
        origin = self.points(np.array([shift]))[0]
        return Geometry(
            (counts[0], counts[1], counts[2]), spacing_mm, (float(origin[0]), float(origin[1]), float(origin[2])), self.direction
        )
