"""Soft tissue of the canonical body: outline, fat, muscles, glands, brain, eyes; all as HU on the coarse grid."""

# numba ships no types: what it compiles is untyped to the checker
# mypy: disable-error-code="untyped-decorator, no-any-return"

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, prange
from scipy.ndimage import gaussian_filter

from inference.compilation import NOGIL
from inference.phantom.primitives import Row, box, chain, ellipsoid, mirrored, rod

Array = npt.NDArray[Any]

# height, half width, half depth, middle of the trunk and neck [mm]
_OUTLINE = np.array(
    [
        *((-60, 190, 100, 20), (20, 186, 96, 20), (60, 176, 88, 20), (78, 150, 78, 20), (92, 100, 66, 20), (106, 70, 58, 20)),
        *(
            (125, 60, 55, 17),
            (150, 59, 56, 16),
            (175, 61, 57, 18),
            (200, 60, 58, 24),
            (214, 52, 52, 30),
            (224, 30, 30, 34),
            (230, 2, 2, 34),
        ),
    ],
    float,
)

FACE: list[Row] = [
    ellipsoid((0, -42, 206), (62, 58, 46), blend=14),
    ellipsoid((0, -58, 172), (38, 36, 18), blend=12),
    *chain(((0, -94, 248), (0, -103, 234), (0, -110, 222), (0, -98, 216)), (5, 7, 9, 7), blend=6),
    ellipsoid((0, -40, 246), (64, 56, 34), blend=10),
    *mirrored([ellipsoid((78, 8, 234), (5, 14, 26), blend=4)]),
]


def noise_tile(rng: np.random.Generator, *, size: int = 48, sigma: float = 1.2) -> npt.NDArray[np.float32]:
    """A periodic cube of smooth noise with unit deviation, to be looked up at any scale."""
    tile = gaussian_filter(rng.standard_normal((size, size, size)).astype(np.float32), sigma, mode="wrap")
    tile /= tile.std()
    return np.ascontiguousarray(tile, np.float32)


def outline(shape: tuple[int, int, int], *, origin_mm: tuple[float, float, float], spacing_mm: float) -> Array:
    """Signed distance to the skin of trunk and neck alone, (z, y, x), negative inside. [mm]"""
    z = origin_mm[2] + spacing_mm * np.arange(shape[0])
    sections = np.column_stack([np.interp(z, _OUTLINE[:, 0], _OUTLINE[:, k]) for k in (1, 2, 3)])
    lid = np.maximum(z - 228.0, -40.0)
    distance = np.empty(shape, np.float32)
    _fill_outline(distance, sections, lid, np.asarray(origin_mm, float), float(spacing_mm))
    return distance


@njit(nogil=NOGIL, cache=True, fastmath=True, parallel=True)
def _fill_outline(distance: Array, sections: Array, lid: Array, origin: Array, spacing: float) -> None:
    for z in prange(distance.shape[0]):
        a, b, middle = sections[z, 0], sections[z, 1], sections[z, 2]
        for y in range(distance.shape[1]):
            v = (origin[1] + y * spacing - middle) / b
            for x in range(distance.shape[2]):
                u = (origin[0] + x * spacing) / a
                k0 = (abs(u) ** 2.4 + abs(v) ** 2.4) ** (1 / 2.4)
                k1 = np.sqrt((u / a) ** 2 + (v / b) ** 2) + 1e-9
                distance[z, y, x] = max(max(-60.0, min(60.0, k0 * (k0 - 1.0) / k1)), lid[z])


@njit(nogil=True, cache=True, fastmath=True)
def tile_value(tile: Array, x: float, y: float, z: float) -> float:
    """Trilinear look-up in a periodic tile; coordinates in tile steps."""
    n = tile.shape[0]
    fx, fy, fz = np.floor(x), np.floor(y), np.floor(z)
    u, v, w = x - fx, y - fy, z - fz
    i, j, k = int(fx) % n, int(fy) % n, int(fz) % n
    i1, j1, k1 = (i + 1) % n, (j + 1) % n, (k + 1) % n
    low = (tile[k, j, i] * (1 - u) + tile[k, j, i1] * u) * (1 - v) + (tile[k, j1, i] * (1 - u) + tile[k, j1, i1] * u) * v
    high = (tile[k1, j, i] * (1 - u) + tile[k1, j, i1] * u) * (1 - v) + (tile[k1, j1, i] * (1 - u) + tile[k1, j1, i1] * u) * v
    return low * (1 - w) + high * w


@njit(nogil=NOGIL, cache=True, fastmath=True, parallel=True)
def fill_tissue(hu: Array, skin: Array, cavity: Array, tile: Array, origin: Array, spacing: float, fat_mm: float) -> None:
    """Skin, fat and connective tissue everywhere; brain with grey and white matter and furrows inside the cavity."""
    for z in prange(hu.shape[0]):
        pz = origin[2] + z * spacing
        for y in range(hu.shape[1]):
            py = origin[1] + y * spacing
            for x in range(hu.shape[2]):
                px = origin[0] + x * spacing
                depth = -skin[z, y, x]
                if depth < -3.0:
                    hu[z, y, x] = -90.0
                    continue
                inside = -cavity[z, y, x]
                if inside > -0.5:
                    furrow = tile_value(tile, px * 0.16, py * 0.16, pz * 0.16)
                    fold = tile_value(tile, px * 0.07 + 9.0, py * 0.07, pz * 0.07)
                    grey = inside < 5.5 + 2.5 * fold
                    value = 39.0 if grey else 31.0
                    if inside < 2.0 + 0.8 * fold or (inside < 16.0 and abs(furrow) < 0.13 - 0.006 * inside):
                        value = 9.0
                    if abs(px) < 1.1 and pz > 283.0 and py > -70.0:
                        value = 14.0
                    hu[z, y, x] = value
                elif depth < 1.8:
                    hu[z, y, x] = 25.0
                elif depth < 1.8 + fat_mm:
                    hu[z, y, x] = -100.0
                else:
                    mix = tile_value(tile, px * 0.11, py * 0.11, pz * 0.05)
                    hu[z, y, x] = -88.0 if mix > -0.5 else 35.0


@njit(nogil=NOGIL, cache=True, fastmath=True, parallel=True)
def blend_tissue(hu: Array, distance: Array, value: Array, skin: Array, tile: Array, origin: Array, spacing: float) -> None:
    """Lay painted organs over the tissue, with soft edges and a little grain; nothing reaches the outermost fat."""
    for z in prange(hu.shape[0]):
        for y in range(hu.shape[1]):
            for x in range(hu.shape[2]):
                share = min(1.0, max(0.0, 0.5 - distance[z, y, x] / (1.5 * spacing)))
                if share > 0.0 and skin[z, y, x] < -2.5:
                    grain = tile_value(
                        tile, (origin[0] + x * spacing) * 0.45, (origin[1] + y * spacing) * 0.45, (origin[2] + z * spacing) * 0.2
                    )
                    hu[z, y, x] = hu[z, y, x] * (1 - share) + (value[z, y, x] + 7.0 * grain) * share


def organs(*, venous: float) -> list[Row]:
    """Muscles, glands, discs, eyes, ventricles; `venous` (0 to 1) is how far veins and glands have taken up contrast."""
    gland, mucosa = 60 + 50 * venous, 50 + 60 * venous
    muscles = mirrored(
        [
            *chain(((14, -40, 62), (26, -34, 84), (41, -20, 115), (50, -2, 150), (54, 12, 185), (54, 22, 208)), (6, 7, 9, 9, 8, 6), 58),
            *chain(((30, 30, 70), (26, 36, 100), (24, 38, 130), (24, 38, 165), (26, 44, 200)), (18, 15, 14, 15, 13), 56),
            *chain(((14, 44, 60), (12, 46, 100), (11, 46, 140), (11, 46, 180), (12, 52, 205)), (14, 11, 10, 11, 10), 56),
            *chain(((60, 60, 40), (46, 56, 80), (36, 62, 110), (26, 64, 150), (18, 68, 190), (12, 78, 220)), (22, 16, 9, 7, 6, 5), 54),
            *chain(((40, 14, 84), (32, 14, 100), (26, 12, 125), (23, 11, 150)), (8, 8, 6, 5), 57),
            *chain(((6, 12, 78), (7, 3, 110), (7, 1, 140), (7, 2, 170), (6, 2, 195)), (4, 5, 5, 4.5, 4), 55),
            *chain(((9, -38, 60), (9, -34, 90), (11, -33, 120), (12, -32, 148)), (5, 5.5, 5, 4), 54),
            *chain(((54, -22, 176), (57, -26, 198), (56, -36, 218)), (8.5, 9, 6), 60),
            *chain(((42, -20, 184), (36, -26, 200), (26, -36, 214)), (6, 7.5, 7), 58),
            *chain(((50, -8, 217), (36, -22, 222), (26, -34, 226)), (5, 7, 6), 58),
            *chain(((58, -34, 222), (68, -32, 245), (70, -24, 270)), (8, 7, 4), 56),
            *chain(((15, -46, 172), (8, -66, 172)), (5, 4), 56),
            ellipsoid((29, -24, 172), (9, 13, 11), gland),
            ellipsoid((53, 2, 204), (10, 15, 18), gland - 62),
            ellipsoid((14.5, -12, 112), (7, 8, 17), 120 + 60 * venous),
            ellipsoid((90, -10, 60), (30, 26, 26), 54),
            ellipsoid((31, -80, 240), (12, 12, 12), 12),
            ellipsoid((31, -89.5, 240), (4.5, 2.2, 4.5), 75),
            rod((31, -68, 240), (14, -42, 252), (2.0, 2.0), 35),
            rod((38, -74, 244), (22, -46, 246), (1.8, 1.5), 55),
            rod((24, -74, 238), (18, -46, 246), (1.8, 1.5), 55),
            ellipsoid((12.8, -27, 245.5), (5.2, 9, 6.5), 55 + 150 * venous),
            *chain(((10, -22, 276), (13, -6, 286), (15, 12, 286), (20, 28, 282), (24, 40, 276)), (3.5, 5, 5, 6, 4), 8),
            *chain(((24, 34, 276), (33, 18, 262), (36, 2, 256)), (4, 2.5, 2), 8),
        ]
    )
    middle = [
        ellipsoid((0, -42, 182), (22, 32, 15), 62),
        ellipsoid((0, -24, 190), (11, 9, 22), mucosa),
        ellipsoid((0, -16, 112), (9, 4.5, 7), 110 + 60 * venous),
        *chain(((0, 8, 118), (2, 14, 90), (5, 24, 60), (3, 34, 30), (3, 38, -40)), (4.5, 5, 5.5), 45),
        *chain(((0, -14, 160), (0, -18, 140), (0, -17, 118)), (9, 11, 10.5), 55),
        box((0, -48, 20), (13, 7, 40), -75, rounding=5),
        ellipsoid((0, 0, 6), (34, 36, 46), 30),
        *chain(((0, 22, 211), (0, 13, 226), (0, 4, 240), (0, 1, 254)), (6.5, 8, 12, 9), 32),
        *chain(((0, 24, 206), (0, 25, 180), (0, 24, 148), (0, 30, 110), (0, 42, 70), (0, 56, 20), (0, 60, -30)), (7.0, 6.5, 7.5, 6), 12),
        *chain(((0, 24, 206), (0, 25, 180), (0, 24, 148), (0, 30, 110), (0, 42, 70), (0, 56, 20), (0, 60, -30)), (5.0, 4.5, 5.5, 4), 34),
        ellipsoid((0, 20, 238), (5, 3.5, 10), 9),
        ellipsoid((0, -12, 268), (1.8, 9, 7), 8),
        ellipsoid((0, -26, 259), (9, 8, 6), 8),
        ellipsoid((0, -27, 247.5), (5.5, 4, 3.2), 60 + 60 * venous),
    ]
    return muscles + middle + _discs()


def lungs() -> list[Row]:
    """Upper lobes of both lungs: the part of the chest that is air."""
    return [
        *mirrored([ellipsoid((64, 12, 14), (33, 52, 60))]),
    ]


def _discs() -> list[Row]:
    heights = ((10.5, 156.5), (9.8, 139.5), (12.5, 122.5), (17, 105.5), (23.5, 88), (31, 69.5), (38.5, 50), (44.5, 29.5))
    return [box((0, y, z), (9, 7.5, 3), 85, rounding=2) for y, z in heights]
