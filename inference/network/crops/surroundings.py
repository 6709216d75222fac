"""How far bone and air are from every point, and the nudging of vessels against, round or away from them."""

from dataclasses import dataclass

import edt
import numpy as np
import numpy.typing as npt
from numba import njit

from inference.network.crops.fields import Field
from inference.network.crops.scene import Scene
from inference.network.crops.tubes import Line

STRIDE = 2  # distances are kept at half resolution: placement needs no more


@dataclass(frozen=True)
class Surroundings:
    """Signed distance to bone and distance to air at half resolution. [mm]"""

    bone_mm: Field
    air_mm: Field
    spacing_mm: float


def look_around(scene: Scene, bone: npt.NDArray[np.bool_]) -> Surroundings:
    """Measure the distances of a scene; 50 mm where there is nothing."""
    spacing = scene.spacing_mm * STRIDE
    half = np.ascontiguousarray(bone[::STRIDE, ::STRIDE, ::STRIDE])
    far = np.full(half.shape, 50, np.float32)
    to_bone = far
    if half.any() and not half.all():
        to_bone = (edt.edt(~half, parallel=1) - edt.edt(half, parallel=1)).astype(np.float32) * np.float32(spacing)
    air = np.ascontiguousarray(scene.air[::STRIDE, ::STRIDE, ::STRIDE] > 0.5)
    to_air = edt.edt(~air, parallel=1).astype(np.float32) * np.float32(spacing) if air.any() else far
    return Surroundings(to_bone, to_air, spacing)


@njit(nogil=True, cache=True, fastmath=True)
def _slope(field, i, j, k, out):  # type: ignore[no-untyped-def]
    n = field.shape[0] - 1
    out[0] = field[min(i + 1, n), j, k] - field[max(i - 1, 0), j, k]
    out[1] = field[i, min(j + 1, n), k] - field[i, max(j - 1, 0), k]
    out[2] = field[i, j, min(k + 1, n)] - field[i, j, max(k - 1, 0)]
    norm = np.sqrt(out[0] ** 2 + out[1] ** 2 + out[2] ** 2) + 0.2
    out /= norm


@njit(nogil=True, cache=True, fastmath=True)
def _relax(points, radii, bone, air, spacing, towards, use_bone, gap, rounds):  # type: ignore[no-untyped-def]
    n = bone.shape[0]
    slope = np.zeros(3)
    for _ in range(rounds):
        for p in range(points.shape[0]):
            i = min(n - 1, max(0, int(points[p, 0] / spacing)))
            j = min(n - 1, max(0, int(points[p, 1] / spacing)))
            k = min(n - 1, max(0, int(points[p, 2] / spacing)))
            if use_bone:
                miss = radii[p] + gap - bone[i, j, k]
                if towards and abs(bone[i, j, k]) > 14:
                    miss = 0.0
                if not towards and miss < 0:
                    miss = 0.0
                miss = min(1.5, max(-1.5, miss)) * 0.7
                _slope(bone, i, j, k, slope)
                points[p] += miss * slope
            clear = min(1.5, max(0.0, radii[p] + 0.6 - air[i, j, k]))
            if clear > 0:
                _slope(air, i, j, k, slope)
                points[p] += clear * slope
        before = points[0].copy()
        for p in range(1, points.shape[0] - 1):
            here = points[p].copy()
            points[p] = 0.25 * before + 0.5 * here + 0.25 * points[p + 1]
            before = here


def settle(points_mm: Line, radii_mm: Line, around: Surroundings, *, manner: str, gap_mm: float) -> Line:
    """Move a vessel's centreline until it lies as asked.

    Parameters
    ----------
    manner : str
        `touch`: pressed on the nearest bone; `avoid`: clear of bone; `through` and `free`: bone is ignored. Air is always avoided.
    gap_mm : float
        Soft tissue between wall and bone; slightly negative presses the lumen into the cortex. [mm]
    """
    points = np.ascontiguousarray(points_mm, float).copy()
    radii = np.ascontiguousarray(radii_mm, float)
    _relax(points, radii, around.bone_mm, around.air_mm, around.spacing_mm, manner == "touch", manner in ("touch", "avoid"), gap_mm, 8)
    return points
