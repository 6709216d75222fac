"""Where the patient's middle is: x of the midline as a straight line over z, from bone where there is any."""

# mypy: disable-error-code="untyped-decorator,no-any-return"

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from inference.geometry import Geometry

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Midline:
    """x = offset_mm + slope · z in LPS millimetres; a tilted head gives a slope."""

    offset_mm: float
    slope: float

    def left_of(self, points_mm: Array) -> Array:
        """Distance of LPS points (n, 3) to the left of the midline (n,), negative on the patient's right. [mm]"""
        points = np.atleast_2d(points_mm)
        return points[:, 0] - self.offset_mm - self.slope * points[:, 2]

    def mirrored(self, point_mm: Array) -> Array:
        """The point as far on the other side."""
        other = np.array(point_mm, float)
        other[0] -= 2.0 * float(self.left_of(other)[0])
        return other


def find_midline(mask: Array, geometry: Geometry, *, slabs: int = 24) -> Midline | None:
    """Midline of a mask (bone, or vessels) from the middle of its extent in slabs along z; None where there is too little.

    The middle between the 5th and 95th percentile of x is taken in each slab and a line laid through the slabs by the
    medians of pairwise slopes (Theil-Sen), which one-sided shoulders or a missing piece do not move.
    """
    count = np.count_nonzero(mask)
    if count < 200:
        return None
    some = _every_nth(np.ascontiguousarray(mask).reshape(-1), max(1, count // 200_000), count)
    points = geometry.points(np.stack(np.unravel_index(some, mask.shape), axis=1))
    edges = np.linspace(points[:, 2].min(), points[:, 2].max() + 1e-6, slabs + 1)
    middles = []
    for low, high in pairwise(edges):
        inside = points[(points[:, 2] >= low) & (points[:, 2] < high), 0]
        if len(inside) >= 20:
            middles.append(((low + high) / 2, float(np.percentile(inside, [5, 95]).mean())))
    if not middles:
        return None
    z, x = np.array(middles).T
    if len(z) < 4 or np.ptp(z) < 40.0:
        return Midline(float(np.median(x)), 0.0)
    rise, run = x[:, None] - x[None], z[:, None] - z[None]
    slope = float(np.clip(np.median((rise[run > 10.0]) / run[run > 10.0]), -0.25, 0.25))
    return Midline(float(np.median(x - slope * z)), slope)


@nb.njit(nogil=True, cache=True)
def _every_nth(flat: Array, step: int, count: int) -> Array:
    """Places of every so many-th voxel that is not zero, from the first."""
    out, found, kept = np.empty((count + step - 1) // step, np.int64), 0, 0
    for place in range(len(flat)):
        if flat[place]:
            if found % step == 0:
                out[kept] = place
                kept += 1
            found += 1
    return out


ADULT_SKULL_MM = 150.0


def body_scale(bone: Array, geometry: Geometry) -> float:
    """Size of the body against an adult's by the width of the bone in the upper half of the field; 1 where that cannot be told.

    Only a body far smaller than an adult's (an infant, a miniature phantom) is scaled, and only if its skull is not cut.
    """
    upper = np.sort(np.argsort(geometry.points([(z, 0, 0) for z in range(bone.shape[0])])[:, 2])[bone.shape[0] // 2 :])
    part = np.asarray(bone[upper[0] : upper[-1] + 1], np.uint8, order="C")
    across = np.flatnonzero(np.bitwise_or.reduce(part.reshape(-1, bone.shape[2]), axis=0))
    if len(across) < 10 or across[0] < 2 or across[-1] > bone.shape[2] - 3:
        return 1.0
    width = (across[-1] - across[0]) * geometry.spacing_mm[2] / ADULT_SKULL_MM
    return float(max(width, 0.35)) if width < 0.75 and bone.shape[0] * geometry.spacing_mm[0] > 60.0 else 1.0
