"""Veins and dural sinuses of the canonical body; how full they are depends on the phase of the bolus."""

from dataclasses import dataclass

import numpy as np

from inference.phantom.curves import Branch, Points, smooth_path, wiggle

_CEREBRUM = (np.array([0.0, 3.0, 290.0]), np.array([67.0, 84.0, 52.0]))  # see skull.CAVITY: sinuses lie on the inner table


@dataclass(frozen=True)
class VenousCourse:
    """Control points (x, y, z) [mm] on the left or in the midline, radii [mm], share of the venous filling."""

    name: str
    points: tuple[tuple[float, float, float], ...]
    radius: tuple[float, ...]
    filling: float = 1.0
    gap_mm: float = 0.3
    paired: bool = True


def _superior_sagittal() -> tuple[tuple[float, float, float], ...]:
    angles = np.deg2rad(np.linspace(158, -24, 16))
    centre, half = _CEREBRUM
    arc = [(0.0, centre[1] + (half[1] - 2.6) * np.cos(a), centre[2] + (half[2] - 2.6) * np.sin(a)) for a in angles]
    return (*arc, (0.0, 76.0, 257.0), (0.0, 75.0, 251.0))


VEINS = (
    VenousCourse("superior_sagittal_sinus", _superior_sagittal(), (1.2, 2.2, 3.2, 4.0), paired=False),
    VenousCourse(
        "straight_sinus",
        ((0, 18, 284), (0, 30, 286), (0, 42, 279), (0, 60, 264), (0, 75, 251)),
        (1.5, 2.0, 2.2, 2.4),
        0.9,
        paired=False,
    ),
    VenousCourse(
        "transverse_sinus",
        ((0, 75, 251), (16, 73.5, 250), (32, 65, 250), (43, 52, 248), (47, 38, 245), (46.5, 30, 241)),
        (3.2, 3.4, 3.6),
    ),
    VenousCourse(
        "sigmoid_sinus",
        ((46.5, 30, 241), (45, 25, 234), (41, 21, 226), (36, 17, 219), (32, 14, 215), (31, 12, 210)),
        (3.6, 3.6, 3.9, 4.6, 4.2),
    ),
    VenousCourse(
        "internal_jugular",
        (
            (31, 12, 210),
            (33.5, 12, 200),
            (38, 10, 184),
            (38, 7, 165),
            (36, 1, 148),
            (33.5, -4, 125),
            (31, -7, 105),
            (27, -13, 86),
            (25, -15, 78),
        ),
        (3.8, 4.2, 4.8, 5.6, 6.0, 5.6),
        0.9,
        1.0,
    ),
    VenousCourse(
        "external_jugular", ((49, 4, 196), (51, 8, 176), (50, 12, 150), (47, 13, 125), (43, 2, 100), (38, -10, 88)), (1.4, 2.0), 0.5, 1.0
    ),
    VenousCourse("anterior_jugular", ((8, -34, 158), (9, -36, 130), (10, -34, 104), (14, -32, 84)), (0.9, 1.3), 0.35, 1.0),
    VenousCourse("facial_vein", ((38, -52, 178), (41, -38, 164), (39, -16, 163), (36, -1, 157)), (1.2, 1.8), 0.5, 0.6),
    VenousCourse("retromandibular", ((49, 0, 218), (48.5, 3, 206), (49, 4, 196)), (1.3, 1.5), 0.5, 0.6),
    VenousCourse("internal_cerebral_vein", ((1.5, -8, 276), (1.8, 4, 279), (1.2, 14, 281), (0, 18, 284)), (0.7, 1.1), 0.9),
    VenousCourse("basal_vein", ((16, -12, 262), (21, -2, 265), (21, 10, 270), (12, 18, 277), (0, 18, 284)), (0.6, 1.0), 0.8),
    VenousCourse(
        "superficial_middle_cerebral", ((56, -6, 285), (58, -20, 272), (50, -32, 260), (36, -36, 255), (22, -32, 252)), (0.7, 1.0), 0.7
    ),
    VenousCourse("labbe", ((60, 0, 280), (64, 14, 270), (58, 28, 258), (47, 40, 247)), (0.7, 1.2), 0.8),
    VenousCourse("frontal_cortical", ((38, -42, 318), (26, -38, 332), (12, -32, 338), (0, -24, 339)), (0.6, 1.0), 0.8),
    VenousCourse("trolard", ((56, 18, 310), (42, 16, 328), (22, 16, 337), (0, 22, 338)), (0.7, 1.2), 0.8),
    VenousCourse("superior_petrosal", ((15, -14, 246), (26, -4, 246), (38, 10, 247), (46, 28, 243)), (0.6, 0.8), 0.6),
    VenousCourse("vertebral_plexus", ((20, 14, 118), (20, 12, 148), (20.5, 13, 174)), (0.7, 0.7), 0.4, 0.3),
)

INFLOW = (
    VenousCourse(
        "subclavian_vein",
        ((140, -14, 62), (104, -16, 76), (76, -18, 82), (52, -18, 82), (34, -16, 80), (25, -15, 78)),
        (5.5, 6.0),
        0.6,
        1.0,
    ),
)
TRUNKS = (
    VenousCourse(
        "brachiocephalic_vein_l", ((25, -15, 78), (14, -22, 68), (-2, -24, 60), (-16, -22, 50), (-24, -15, 40)), (6.5, 7.0), 0.6, 1.0, False
    ),
    VenousCourse("brachiocephalic_vein_r", ((-25, -15, 78), (-26, -15, 62), (-25, -14, 46), (-24, -15, 40)), (6.5, 7.0), 0.6, 1.0, False),
    VenousCourse("superior_vena_cava", ((-24, -15, 40), (-33, -10, 20), (-34, -8, 0), (-34, -8, -40)), (8.5, 9.0), 0.8, 1.0, False),
)


def grow_veins(rng: np.random.Generator, *, filling: float, inflow: float, injected_side: str, step_mm: float = 1.0) -> list[Branch]:
    """All veins of one person.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance: dominant side, calibre, small courses.
    filling : float
        Venous enhancement as a share of the arterial inflow: 0.1 early arterial, 0.9 venous phase.
    inflow : float
        Enhancement of the injected arm's veins as a share of the arterial inflow; above 1 when the bolus tail is dense.
    injected_side : str
        `r` or `l`.
    step_mm : float
        Distance between points. [mm]
    """
    dominance = {side: float(np.clip(rng.normal(1.05 if side == "r" else 0.9, 0.2), 0.45, 1.35)) for side in ("r", "l")}
    branches = []
    for course in VEINS + INFLOW:
        for side in ("r", "l") if course.paired else ("",):
            scale = dominance[side] if course.name in ("transverse_sinus", "sigmoid_sinus", "internal_jugular") else 1.0
            share = inflow if course.name == "subclavian_vein" and side == injected_side else filling * course.filling
            branches.append(_grow(course, side, rng, scale=scale, share=share, step_mm=step_mm))
    for course in TRUNKS:
        fed = course.name.endswith(f"_{injected_side}") or course.name == "superior_vena_cava"
        branches.append(_grow(course, "", rng, scale=1.0, share=0.85 * inflow if fed else filling * course.filling, step_mm=step_mm))
    return branches


def _grow(course: VenousCourse, side: str, rng: np.random.Generator, *, scale: float, share: float, step_mm: float) -> Branch:
    control: Points = np.array(course.points, float)
    if side == "r":
        control[:, 0] *= -1
    control[1:-1] += rng.normal(0.0, 0.5, (len(control) - 2, 3))
    points, position = smooth_path(control, step_mm=step_mm)
    points = wiggle(points, rng, amplitude_mm=0.6)
    at = np.linspace(0, len(control) - 1, len(course.radius))
    radius = np.interp(position, at, course.radius) * scale * np.exp(rng.normal(0, 0.1))
    name = f"{course.name}_{side}" if side else course.name
    contrast = np.full(len(points), share * np.exp(rng.normal(0, 0.08)))
    return Branch(name, 0, points, radius, contrast, course.gap_mm, np.ones(len(points), bool))
