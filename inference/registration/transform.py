"""Where a point of the fixed scan lies in the moving one."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rigid:
    """Turn and shift: `moving = matrix @ fixed + shift_mm`.

    Parameters
    ----------
    matrix : numpy.ndarray
        3×3 rotation.
    shift_mm : numpy.ndarray
        (3,) LPS. [mm]

    Examples
    --------
    >>> Rigid(np.eye(3), np.array([1.0, 0.0, 0.0])).apply(np.zeros((1, 3)))
    array([[1., 0., 0.]])
    """

    matrix: Points
    shift_mm: Points

    @classmethod
    def identity(cls) -> "Rigid":
        """No motion."""
        return cls(np.eye(3), np.zeros(3))

    def apply(self, points_mm: npt.ArrayLike) -> Points:
        """Points (n, 3) of the fixed scan, in the moving scan. [mm]"""
        return np.asarray(np.asarray(points_mm, float) @ self.matrix.T + self.shift_mm)

    def after(self, turn: Points, shift_mm: Points, centre_mm: Points) -> "Rigid":
        """This map followed by a small turn (rotation vector, radians) about a centre and a shift."""
        step = rotation_of(turn)
        return Rigid(step @ self.matrix, step @ (self.shift_mm - centre_mm) + centre_mm + shift_mm)

    @property
    def turn_degrees(self) -> float:
        """Size of the rotation. [degrees]"""
        return float(np.degrees(np.arccos(np.clip((np.trace(self.matrix) - 1) / 2, -1, 1))))


@dataclass(frozen=True)
class Local:
    """A rigid map with a smooth displacement on top: `moving = rigid(fixed) + u(fixed)`.

    Parameters
    ----------
    rigid : Rigid
        The common motion.
    origin_mm, step_mm : numpy.ndarray, float
        Control grid in the fixed scan's axis-aligned millimetres. [mm]
    displacement_mm : numpy.ndarray
        float32 (3, nz, ny, nx): x, y, z components at the grid's nodes, interpolated linearly. [mm]
    """

    rigid: Rigid
    origin_mm: Points
    step_mm: float
    displacement_mm: npt.NDArray[np.float32]

    @classmethod
    def none(cls, rigid: Rigid) -> "Local":
        """The rigid map alone."""
        return cls(rigid, np.zeros(3), 1e6, np.zeros((3, 2, 2, 2), np.float32))

    def apply(self, points_mm: npt.ArrayLike) -> Points:
        """Points (n, 3) of the fixed scan, in the moving scan. [mm]"""
        from scipy.ndimage import map_coordinates

        points = np.asarray(points_mm, float)
        node = ((points - self.origin_mm) / self.step_mm).T[::-1]
        shift = np.array([map_coordinates(part, node, order=1, mode="nearest") for part in self.displacement_mm]).T
        return np.asarray(self.rigid.apply(points) + shift)


def rotation_of(vector: npt.ArrayLike) -> Points:
    """Rotation matrix of a rotation vector (Rodrigues). [radians]

    Examples
    --------
    >>> rotation_of([0, 0, np.pi / 2]).round(6) @ [1.0, 0.0, 0.0]
    array([0., 1., 0.])
    """
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_rotvec(np.asarray(vector, float)).as_matrix(), float)
