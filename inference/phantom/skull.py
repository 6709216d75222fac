"""The head's bones in the canonical body: vault and base round the brain cavity, face, jaw, teeth; and the air inside them."""

from typing import Any

import numpy as np
import numpy.typing as npt

from inference.phantom.materials import BASE, CELLS, JAW, METAL, PETROUS, THIN, TOOTH, VAULT
from inference.phantom.primitives import Row, box, chain, ellipsoid, mirrored, paint, rod

Array = npt.NDArray[Any]

CAVITY: list[Row] = [
    ellipsoid((0, 3, 290), (67, 84, 52)),
    *mirrored([ellipsoid((37, -17, 251), (24, 30, 22), blend=12)]),
    ellipsoid((0, 38, 240), (53, 42, 30), blend=14),
    ellipsoid((0, 22, 208), (14.5, 17.5, 16), blend=3),
]


def paint_vault(
    bone: Array, kind: Array, cavity: Array, *, origin_mm: tuple[float, float, float], spacing_mm: float, rng: np.random.Generator
) -> None:
    """Lay the skull as a shell round the cavity: thick at the back of the head, thin at the temples, open at the foramen magnum."""
    z, y, x = (
        (o + spacing_mm * np.arange(n, dtype=np.float32))
        for n, o in zip(bone.shape, (origin_mm[2], origin_mm[1], origin_mm[0]), strict=True)
    )
    z, y, x = z[:, None, None], y[None, :, None], x[None, None, :]
    temple = np.exp(-(((np.abs(x) - 62) / 18) ** 2) - ((y + 10) / 30) ** 2 - ((z - 258) / 22) ** 2)
    occiput = np.exp(-((x / 30) ** 2) - ((y - 84) / 25) ** 2 - ((z - 246) / 16) ** 2)
    base = 1 / (1 + np.exp((z - 236) / 5))
    thickness = float(np.clip(rng.normal(6.2, 0.8), 4.5, 8.0)) - 3.2 * temple + 4.0 * occiput - 1.7 * base
    shell = np.maximum(np.maximum(-cavity, cavity - thickness), 206.5 - z + 0.0 * cavity)
    closer = shell < bone
    bone[closer] = shell[closer]
    kind[closer] = np.where(np.broadcast_to(z < 243, bone.shape)[closer], BASE, VAULT)


def skull_base() -> list[Row]:
    """Sphenoid, clivus, petrous bones, mastoids, clinoids, condyles; the siphon's neighbours."""
    centre = [
        box((0, -36, 236), (11.5, 15, 9), BASE, rounding=3),
        box((0, -43, 252), (12, 8, 4.5), BASE, rounding=2),
        box((0, -10.5, 229), (11.5, 4.2, 20), BASE, rounding=3, tilt=(28, 0, 0)),
        ellipsoid((0, -26.5, 251), (8, 6.5, 7), carve=True),
        box((0, -19.3, 247), (8.5, 1.7, 7), BASE, rounding=1.5),
    ]
    sided = [
        rod((8, -18.5, 252.5), (9, -19.5, 254.5), (1.8, 1.5), BASE),
        *chain(((21, -43, 258.5), (17, -36, 259.2), (14.6, -28.5, 258.4)), (3.0, 1.7), BASE),
        *chain(((12, -44, 256), (30, -43, 260), (50, -40, 264), (62, -36, 268)), (2.6, 1.8), BASE),
        rod((54, 14, 229), (15.5, -11.5, 236.5), (10.5, 5.5), PETROUS, blend=2),
        rod((30, 1, 222), (15, -12, 231), (7.5, 5.5), PETROUS, blend=2),
        ellipsoid((29, 1, 219), (10.5, 9.5, 8), PETROUS, blend=2),
        ellipsoid((53, 21, 215), (11.5, 14, 17), CELLS, blend=2),
        ellipsoid((17.5, 12, 211.5), (6, 10, 5), BASE, blend=1),
        rod((37, -1, 213), (35, -11, 189), (2.2, 1.0), BASE),
        box((13, -44, 212), (1.2, 6, 14), THIN, rounding=1),
        box((19, -45, 212), (1.0, 7, 13), THIN, rounding=1, tilt=(0, -12, 0)),
        box((38, -38, 236), (22, 7, 1.6), BASE, rounding=1.2, tilt=(-20, 0, 0)),
    ]
    return centre + mirrored(sided)


def face(*, filling: bool, rng: np.random.Generator) -> list[Row]:
    """Orbits, maxilla, nose, cheekbones, jaw and teeth; `filling` puts metal into some teeth."""
    sided = [
        ellipsoid((31, -66, 240), (20, 25, 19.5), THIN),
        ellipsoid((26, -66, 214), (15, 17, 16.5), THIN),
        *chain(((62, -4, 225), (67, -30, 223), (61, -52, 222), (50, -66, 222)), (2.6, 3.0, 4.5), JAW),
        *chain(((50, -66, 222), (52, -70, 236), (48, -72, 252)), (4.5, 3.5), JAW),
        *chain(((17, -86, 222), (14, -88, 238), (8, -88, 252)), (3.5, 3.0), JAW),
        ellipsoid((31, -69, 240), (18.5, 25, 18), carve=True),
        ellipsoid((31, -92, 240), (16, 16, 15), carve=True),
        ellipsoid((26, -66, 214), (13.6, 15.6, 15.0), carve=True),
        *chain(((53, -4, 219), (51, -9, 208), (49, -12, 196), (47, -16, 180)), (5.0, 3.2, 5.0, 4.5), JAW),
        *chain(((47, -21, 210), (46, -22, 192), (44, -26, 178)), (2.2, 4.0, 4.0), JAW),
    ]
    jaw = [*_arch(168, 5.2, y_front=-82), *_arch(175, 4.8, y_front=-82), *_arch(181, 4.3, y_front=-82)]
    upper = [*_arch(201, 4.5, y_front=-84), box((0, -66, 203), (19, 17, 1.8), THIN, rounding=1.5)]
    nose = [
        box((0, -66, 222), (0.7, 22, 17), THIN, rounding=0.6),
        *chain(((0, -92, 252), (0, -97, 240)), (3.0, 2.2), THIN),
        *mirrored(chain(((7, -82, 212), (7, -64, 213), (7, -50, 212)), (1.8, 2.2), THIN)),
    ]
    return mirrored(sided) + jaw + upper + nose + _teeth(filling=filling, rng=rng)


def head_air() -> list[Row]:
    """Sinuses, nose, pharynx to trachea, ear canals, cells of the ethmoid."""
    centre = [
        *chain(((4, -92, 215), (4, -75, 218), (4, -52, 220), (2, -38, 217)), (3.0, 4.5, 5.5)),
        *chain(((-4, -92, 215), (-4, -75, 218), (-4, -52, 220), (-2, -38, 217)), (3.0, 4.5, 5.5)),
        *chain(((0, -37, 218), (0, -27, 208), (0, -18, 192), (0, -13, 175), (0, -13, 160)), (7.5, 6.5, 6, 7, 6)),
        *chain(
            (
                (0, -13, 160),
                (0, -16, 148),
                (0, -19, 138),
                (0, -16, 124),
                (0, -9, 100),
                (0, 0, 76),
                (-3, 18, 45),
                (-5, 30, 10),
                (-5, 32, -40),
            ),
            (6, 5, 4, 7.5, 8.2, 8.5),
        ),
        ellipsoid((0, -74, 258), (0.1, 0.1, 0.1)),
    ]
    sided = [
        ellipsoid((5.6, -38, 236.5), (4.6, 10, 6.8)),
        ellipsoid((26, -66, 214), (12.8, 14.8, 14.2)),
        *chain(((76, 1, 227), (62, 1, 226.5), (52, 1, 227)), (3.2, 3.0)),
        ellipsoid((48, 3, 228), (3.5, 5, 5)),
        ellipsoid((9, -84, 262), (8, 3.5, 8)),
        *[ellipsoid((6.5 + 2.5 * (i % 2), -50 - 8 * i, 243 + 2 * (i % 2)), (3.0, 3.4, 6.0)) for i in range(4)],
    ]
    return centre[:-1] + mirrored(sided)


def _arch(z: float, radius: float, *, y_front: float) -> list[Row]:
    """The horseshoe of a jaw at one height."""
    half = ((46, -20, z + 2), (40, -42, z), (29, -66, z), (15, y_front + 4, z), (0, y_front, z))
    whole = (*half, *((-x, y, h) for x, y, h in half[-2::-1]))
    return chain(whole, (radius * 0.85, radius, radius, radius * 0.85), JAW)


def _teeth(*, filling: bool, rng: np.random.Generator) -> list[Row]:
    rows = []
    for low, high, y_front in ((182, 191.5, -82), (192.5, 202, -84)):
        for i in range(14):
            angle = np.pi * (i + 0.5) / 14
            x, y = 33 * np.cos(angle), -46 - (-y_front - 46) * np.sin(angle)
            molar = abs(np.cos(angle)) > 0.6
            metal = filling and molar and rng.random() < 0.35
            width = 4.0 if molar else 2.7
            rows.append(rod((x, y, low), (x, y, high), (width * 0.8, width), METAL if metal else TOOTH))
    return rows


def head_cavity(shape: tuple[int, int, int], *, origin_mm: tuple[float, float, float], spacing_mm: float) -> Array:
    """Signed distance to the brain's cavity, (z, y, x), kept out to 30 mm. [mm]"""
    distance, scratch = np.full(shape, 60.0, np.float32), np.zeros(shape, np.float32)
    paint(distance, scratch, CAVITY, origin_mm=origin_mm, spacing_mm=spacing_mm, margin_mm=30.0)
    return distance
