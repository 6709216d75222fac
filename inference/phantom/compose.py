"""The loop that mixes tissue, air, bone, vessels and calcium in every voxel and writes the truth."""

# numba ships no types: what it compiles is untyped to the checker
# mypy: disable-error-code="untyped-decorator, no-any-return"

from typing import Any

import numpy.typing as npt
from numba import njit, prange

from inference.compilation import NOGIL
from inference.phantom.soft import tile_value

Array = npt.NDArray[Any]

ENHANCED_HU = 110.0  # a vein below this is not called enhanced
_BLOCK_MM = 4.5
_NEAR_MM = 50.0  # closer than this, a vessel's distance was painted


@njit(nogil=True, cache=True, fastmath=True)
def _lerp3(grid: Array, i: int, j: int, k: int, u: float, v: float, w: float) -> float:
    low = (grid[k, j, i] * (1 - u) + grid[k, j, i + 1] * u) * (1 - v) + (grid[k, j + 1, i] * (1 - u) + grid[k, j + 1, i + 1] * u) * v
    high = (grid[k + 1, j, i] * (1 - u) + grid[k + 1, j, i + 1] * u) * (1 - v) + (
        grid[k + 1, j + 1, i] * (1 - u) + grid[k + 1, j + 1, i + 1] * u
    ) * v
    return low * (1 - w) + high * w


@njit(nogil=True, cache=True, fastmath=True)
def _share(distance: float, voxel: float) -> float:
    return min(1.0, max(0.0, 0.5 - distance / voxel))


@njit(nogil=True, cache=True, fastmath=True)
def _canonical(pull_x: Array, pull_y: Array, pull_z: Array, gx: float, gy: float, gz: float) -> tuple[float, float, float]:
    """Displacement towards the canonical body at a position in steps of the displacement grid."""
    k = min(max(int(gz), 0), pull_x.shape[0] - 2)
    j = min(max(int(gy), 0), pull_x.shape[1] - 2)
    i = min(max(int(gx), 0), pull_x.shape[2] - 2)
    u, v, w = gx - i, gy - j, gz - k
    return _lerp3(pull_x, i, j, k, u, v, w), _lerp3(pull_y, i, j, k, u, v, w), _lerp3(pull_z, i, j, k, u, v, w)


@njit(nogil=True, cache=True, fastmath=True)
def _bone_hu(depth: float, row: Array, grain: Array, x: float, y: float, z: float, voxel: float) -> float:
    """HU inside bone: cortex, then marrow with grain; cells are marrow with air in it."""
    coarse = tile_value(grain, x * 0.55, y * 0.55, z * 0.55)
    inner = _share(row[2] * (1.0 + 0.25 * coarse) - depth, voxel)
    marrow = row[1] + row[3] * tile_value(grain, x * 1.3 + 7.0, y * 1.3, z * 1.3)
    if row[4] > 0.0 and inner > 0.5 and tile_value(grain, x * 0.3, y * 0.3, z * 0.3 + 5.0) < 2.6 * (row[4] - 0.5):
        marrow = -780.0
    return row[0] * (1.0 + 0.05 * coarse) * (1 - inner) + marrow * inner


@njit(nogil=NOGIL, cache=True, fastmath=True, parallel=True)
def compose(
    image: Array, truth: Array,
    artery: Array, artery_hu: Array, artery_owner: Array,
    vein: Array, vein_hu: Array, vein_owner: Array,
    hard: Array, hard_hu: Array, hard_owner: Array,
    label: Array, gap: Array, vein_gap: Array, hard_metal: Array,
    bone: Array, air: Array, kind: Array, soft: Array, materials: Array, grain: Array, body_origin: Array, body_spacing: float,
    pull: Array, pull_origin: Array, pull_spacing: float, spacing: Array, origin: Array, voxel: float,
) -> None:  # fmt: skip
    """Fill a slab of HU and of truth (vessel, veins, bone, artery label, plaque).

    Pose is looked up at the ends of short blocks of voxels and interpolated; bone and air are looked up only where the
    block's middle is near one of them. Both are exact to a small fraction of a voxel, and save four fifths of the work.
    """
    depth_n, rows_n, columns_n = bone.shape
    pull_x, pull_y, pull_z = pull[0], pull[1], pull[2]
    block = max(1, min(8, int(_BLOCK_MM / spacing[2])))
    reach = 0.5 * block * spacing[2] + voxel + 0.5
    top_x, top_y, top_z = columns_n - 1.001, rows_n - 1.001, depth_n - 1.001
    for z in prange(image.shape[0]):
        pz = origin[2] + z * spacing[0]
        gz = (pz - pull_origin[2]) / pull_spacing
        for y in range(image.shape[1]):
            py = origin[1] + y * spacing[1]
            gy = (py - pull_origin[1]) / pull_spacing
            end_x, end_y, end_z = _canonical(pull_x, pull_y, pull_z, (origin[0] - pull_origin[0]) / pull_spacing, gy, gz)
            for start in range(0, image.shape[2], block):
                px = origin[0] + start * spacing[2]
                shift_x, shift_y, shift_z = end_x, end_y, end_z
                gx = (px + block * spacing[2] - pull_origin[0]) / pull_spacing
                end_x, end_y, end_z = _canonical(pull_x, pull_y, pull_z, gx, gy, gz)
                step_x, step_y, step_z = (end_x - shift_x) / block, (end_y - shift_y) / block, (end_z - shift_z) / block
                mx = (px + 0.5 * block * spacing[2] + 0.5 * (shift_x + end_x) - body_origin[0]) / body_spacing
                my = (py + 0.5 * (shift_y + end_y) - body_origin[1]) / body_spacing
                mz = (pz + 0.5 * (shift_z + end_z) - body_origin[2]) / body_spacing
                mi, mj, mk = int(min(max(mx, 0.0), top_x)), int(min(max(my, 0.0), top_y)), int(min(max(mz, 0.0), top_z))
                margin = reach + 0.9 * body_spacing
                in_air, near_air, near_bone = air[mk, mj, mi] < -margin, air[mk, mj, mi] < margin, bone[mk, mj, mi] < margin
                for x in range(start, min(start + block, image.shape[2])):
                    n = x - start
                    da, dv, dh = artery[z, y, x], vein[z, y, x], hard[z, y, x]
                    vessels = min(da, min(dv, dh)) < _NEAR_MM
                    if in_air and not near_bone and not vessels:
                        image[z, y, x] = -1000.0
                        continue
                    cx = px + n * spacing[2] + shift_x + n * step_x
                    cy, cz = py + shift_y + n * step_y, pz + shift_z + n * step_z
                    fx = min(max((cx - body_origin[0]) / body_spacing, 0.0), top_x)
                    fy = min(max((cy - body_origin[1]) / body_spacing, 0.0), top_y)
                    fz = min(max((cz - body_origin[2]) / body_spacing, 0.0), top_z)
                    i, j, k = int(fx), int(fy), int(fz)
                    u, v, w = fx - i, fy - j, fz - k
                    value = _lerp3(soft, i, j, k, u, v, w)
                    canal = 0.0
                    wall = 0.0
                    if vessels:
                        near = min(da - gap[artery_owner[z, y, x]], dv - vein_gap[vein_owner[z, y, x]])
                        canal = _share(min(near, dh), voxel)
                        wall = _share(min(da, dv) - 1.1, voxel)
                    if near_air:
                        airy = _share(_lerp3(air, i, j, k, u, v, w), voxel) * (1.0 - wall)
                        value = value * (1 - airy) - 1000.0 * airy
                    if near_bone:
                        depth = -_lerp3(bone, i, j, k, u, v, w)
                        bony = _share(-depth, voxel) * (1.0 - canal)
                        if canal > 0.0 and depth > -voxel:
                            value = value * (1 - canal) + 40.0 * canal
                        if bony > 0.0:
                            row = materials[int(kind[int(fz + 0.5), int(fy + 0.5), int(fx + 0.5)])]
                            hu = _bone_hu(depth, row, grain, cx, cy, cz, voxel)
                            value = value * (1 - bony) + hu * bony
                            if bony >= 0.5 and hu > -500.0:
                                truth[2, z, y, x] = 1
                    if vessels:
                        share = _share(dv, voxel)
                        value = value * (1 - share) + vein_hu[z, y, x] * share
                        if dv <= 0.0 and vein_hu[z, y, x] >= ENHANCED_HU and da > 0.0:
                            truth[0, z, y, x] = truth[1, z, y, x] = 1
                        share = _share(da, voxel)
                        if share > 0.0:
                            mixing = 1.0 + 0.025 * tile_value(grain, cx * 0.12, cy * 0.12, cz * 0.06)
                            value = value * (1 - share) + artery_hu[z, y, x] * mixing * share
                        if da <= 0.0:
                            truth[0, z, y, x], truth[3, z, y, x] = 1, label[artery_owner[z, y, x]]
                        share = _share(dh, voxel)
                        value = value * (1 - share) + hard_hu[z, y, x] * share
                        if dh <= 0.0:
                            truth[0, z, y, x], truth[4, z, y, x] = 1, 1 + hard_metal[hard_owner[z, y, x]]
                            truth[1, z, y, x] = 0
                            if da < 2.5:
                                truth[3, z, y, x] = label[artery_owner[z, y, x]]
                        if truth[0, z, y, x] == 1:
                            truth[2, z, y, x] = 0
                    image[z, y, x] = min(value, 6000.0)
