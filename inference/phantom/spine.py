"""Bones below the head: cervical and upper thoracic vertebrae round the vertebral arteries, ribs, collar bones, sternum, hyoid."""

import numpy as np

from inference.phantom.curves import Branch, Points
from inference.phantom.materials import CARTILAGE, DENS, RIB, SPINE
from inference.phantom.primitives import Row, box, chain, ellipsoid, mirrored, rod

# level: (y, z) of the middle of the vertebral body [mm]
LEVELS: dict[str, tuple[float, float]] = {
    "C3": (10, 165),
    "C4": (9.5, 148),
    "C5": (11, 131),
    "C6": (14.5, 114),
    "C7": (20, 97),
    "T1": (27, 79),
    "T2": (35, 60),
    "T3": (42, 40),
    "T4": (47, 19),
    "T5": (50, -2),
    "T6": (52, -23),
}


def spine(vertebrals: list[Branch]) -> list[Row]:
    """Vertebrae C1 to T6; each transverse foramen of C1 to C6 is a ring laid round the artery that runs through it.

    Parameters
    ----------
    vertebrals : list of Branch
        The vertebral arteries present, in canonical millimetres; a missing one leaves the default place.
    """
    rows: list[Row] = _atlas() + _axis()
    for name, (y, z) in LEVELS.items():
        rows += _cervical(name, y, z) if name[0] == "C" else _thoracic(y, z)
    defaults = {
        "C1": (28, 12.5, 202),
        "C2": (19.5, 14.3, 180.5),
        "C3": (17, 11.5, 165),
        "C4": (17, 11, 148),
        "C5": (17, 12.5, 131),
        "C6": (17.5, 16, 114),
    }
    for level, (x, y, z) in defaults.items():
        for sign in (-1, 1):
            rows += _foramen(_crossing(vertebrals, (sign * x, y, z)), wide=4.6 if level in ("C1", "C2") else 4.2)
    return rows


def chest() -> list[Row]:
    """Ribs 1 to 4, collar bones, sternum, shoulder blades."""
    sided = [
        *chain(((27, 38, 82), (46, 26, 84), (50, 2, 74), (38, -24, 60), (24, -38, 50)), (3.8, 4.5), RIB),
        *chain(((29, 48, 64), (60, 46, 62), (76, 14, 48), (70, -20, 30), (46, -44, 14), (24, -50, 6)), (3.6, 4.0), RIB),
        *chain(((31, 54, 44), (70, 58, 42), (92, 18, 22), (86, -22, 0), (60, -48, -20)), (3.6, 4.0), RIB),
        *chain(((33, 58, 22), (76, 64, 18), (102, 20, -6), (96, -20, -24)), (3.6, 4.0), RIB),
        *chain(((14, -42, 58), (40, -46, 70), (70, -36, 84), (100, -16, 94), (125, 0, 97)), (6.5, 5.0, 5.0, 6.0), RIB),
        box((92, 66, 30), (26, 1.8, 44), RIB, rounding=1.5, tilt=(0, 0, -28)),
        *chain(((70, 74, 64), (96, 58, 84), (124, 20, 96)), (4.0, 6.5), RIB),
    ]
    return [*mirrored(sided), box((0, -46, 38), (22, 5.5, 22), RIB, rounding=3), box((0, -52, -12), (14, 5, 26), RIB, rounding=3)]


def throat() -> list[Row]:
    """Hyoid bone and the calcified part of the larynx."""
    hyoid = chain(((20, -12, 160), (14, -27, 157), (0, -33, 156), (-14, -27, 157), (-20, -12, 160)), (1.3, 2.6, 1.3), CARTILAGE)
    plates = [box((11, -24, 137), (1.3, 12, 9), CARTILAGE, rounding=1, tilt=(0, 0, 32)), ellipsoid((6, -10, 122), (5, 3, 6), CARTILAGE)]
    return hyoid + mirrored(plates)


def _cervical(name: str, y: float, z: float) -> list[Row]:
    spinous = 50.0 if name == "C7" else 38.0
    sided = [
        rod((7, y + 5, z + 2), (15, y + 11, z + 1), (2.8, 2.8), SPINE),
        rod((19.5, y + 12, z - 6), (19.5, y + 11, z + 6), (4.8, 4.8), SPINE),
        rod((19, y + 14, z + 2), (2, y + 27, z), (2.4, 2.4), SPINE),
        rod((19, y + 14, z - 3), (2, y + 27, z - 5), (2.4, 2.4), SPINE),
        rod((7.5, y - 1, z + 5.5), (9.5, y + 2, z + 8), (2.0, 1.2), SPINE),
    ]
    if name == "C7":
        sided += [rod((14, y + 4, z), (27, y + 8, z), (3.0, 3.0), SPINE)]
    tip = rod((0, y + 26, z - 2), (0, y + spinous, z - 8), (3.0, 3.2), SPINE)
    return [box((0, y, z), (9.5, 7.8, 6.6), SPINE, rounding=2.5), *mirrored(sided), tip]


def _thoracic(y: float, z: float) -> list[Row]:
    sided = [
        rod((8, y + 8, z + 3), (14, y + 16, z + 3), (3.4, 3.4), SPINE),
        rod((14, y + 16, z + 3), (30, y + 20, z + 4), (4.0, 3.4), SPINE),
        rod((13, y + 17, z - 6), (13, y + 17, z + 8), (4.0, 4.0), SPINE),
        rod((13, y + 18, z), (1, y + 28, z - 4), (3.2, 3.2), SPINE),
    ]
    return [
        box((0, y, z), (13.5, 10, 8.6), SPINE, rounding=3),
        *mirrored(sided),
        rod((0, y + 28, z - 4), (0, y + 46, z - 16), (3.2, 3.0), SPINE),
    ]


def _atlas() -> list[Row]:
    sided = [
        ellipsoid((18.5, 11, 202), (7.5, 10, 8.5), SPINE),
        rod((18, 18, 203), (15, 34, 203), (3.0, 3.0), SPINE),
        rod((15, 34, 203), (0, 45, 203), (3.0, 3.8), SPINE),
        rod((33, 13, 202), (39, 14, 202), (3.0, 3.5), SPINE),
    ]
    return [*mirrored(sided), *chain(((-17, 5, 202), (-8, -1, 202), (0, -3, 202), (8, -1, 202), (17, 5, 202)), (3.2, 3.6, 3.2), SPINE)]


def _axis() -> list[Row]:
    sided = [
        ellipsoid((15.5, 12, 189.5), (8.5, 8.5, 5.0), SPINE),
        rod((17, 15, 186), (20, 22, 176), (4.2, 4.5), SPINE),
        rod((18, 22, 180), (2, 38, 178), (3.2, 3.6), SPINE),
    ]
    body = box((0, 11, 182), (9.5, 8, 9), SPINE, rounding=2.5)
    return [body, rod((0, 9.5, 190), (0, 8.5, 206), (5.6, 4.6), DENS), *mirrored(sided), rod((0, 38, 177), (0, 50, 172), (4.2, 4.8), SPINE)]


def _crossing(vertebrals: list[Branch], default: tuple[float, float, float]) -> tuple[Points, Points]:
    """Where an artery passes a foramen and in which direction: the point of its own side closest to the default place."""
    for branch in vertebrals:
        if np.sign(branch.points_mm[len(branch.points_mm) // 3, 0]) == np.sign(default[0]):
            height = np.abs(branch.points_mm - np.array(default)).sum(axis=1)
            at = int(np.clip(np.argmin(height), 2, len(height) - 3))
            along = branch.points_mm[at + 2] - branch.points_mm[at - 2]
            return branch.points_mm[at], along / np.linalg.norm(along)
    return np.array(default, float), np.array([0.0, 0.0, 1.0])


def _foramen(place: tuple[Points, Points], *, wide: float) -> list[Row]:
    """A closed ring of bone across the artery."""
    centre, along = place
    first = np.cross(along, (0.0, 1.0, 0.0))
    first /= np.linalg.norm(first)
    second = np.cross(along, first)
    angles = np.linspace(0, 2 * np.pi, 13)
    ring = centre + wide * (np.cos(angles)[:, None] * first + np.sin(angles)[:, None] * second)
    return [rod(ring[i].tolist(), ring[i + 1].tolist(), (1.7, 1.7), SPINE) for i in range(12)]
