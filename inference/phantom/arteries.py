"""Grow one person's arteries from the table: mirrored, jittered, scaled, with the common variants of the circle of Willis."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from inference.anatomy import NUMBERS
from inference.phantom.artery_table import ARCH, BASILAR, CHILDREN, SIDES, Course
from inference.phantom.curves import Branch, Points, nearest_index, smooth_path, wiggle

BASILAR_MM = 320.0  # path from the arch to the basilar artery, which is fed from both sides and so has no one parent
FALL_MM = 1800.0  # over this path length an arterial bolus loses 63 % of its contrast


@dataclass(frozen=True)
class Variants:
    """Which anatomy was drawn; ready for JSON through `dataclasses.asdict`.

    Parameters
    ----------
    bovine_arch : bool
        The left common carotid springs from the brachiocephalic trunk.
    anterior_communicating : str
        `normal`, `hypoplastic` or `absent`.
    posterior_communicating : dict
        By side (`r`, `l`): `normal`, `hypoplastic`, `absent` or `fetal`.
    hypoplastic_a1, hypoplastic_vertebral : str
        Side, or an empty string.
    """

    bovine_arch: bool = False
    anterior_communicating: str = "normal"
    posterior_communicating: dict[str, str] = field(default_factory=lambda: {"r": "normal", "l": "normal"})
    hypoplastic_a1: str = ""
    hypoplastic_vertebral: str = ""


def draw_variants(rng: np.random.Generator) -> Variants:
    """Draw variants at about the frequencies of autopsy series (Krabbe-Hartkamp et al., Radiology 1998;207:103)."""
    kinds = ["normal", "hypoplastic", "absent", "fetal"]
    return Variants(
        bovine_arch=bool(rng.random() < 0.13),
        anterior_communicating=str(rng.choice(kinds[:3], p=[0.78, 0.14, 0.08])),
        posterior_communicating={side: str(rng.choice(kinds, p=[0.45, 0.25, 0.2, 0.1])) for side in ("r", "l")},
        hypoplastic_a1=str(rng.choice(["", "r", "l"], p=[0.88, 0.08, 0.04])),
        hypoplastic_vertebral=str(rng.choice(["", "r", "l"], p=[0.85, 0.1, 0.05])),
    )


def grow_arteries(
    rng: np.random.Generator,
    *,
    variants: Variants,
    tortuosity: float = 1.0,
    fall_mm: float = FALL_MM,
    missing: Iterable[str] = (),
    step_mm: float = 0.7,
) -> list[Branch]:
    """All arteries of one person in the canonical body.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    variants : Variants
        Anatomy to grow.
    tortuosity : float
        Factor on random bends.
    fall_mm : float
        Path length over which contrast falls by 63 %. [mm]
    missing : iterable of str
        Arteries to leave out, with all that springs from them.
    step_mm : float
        Distance between centreline points. [mm]

    Returns
    -------
    list of Branch
        Parents before children; each starts exactly on a point of its parent.
    """
    scale = float(np.exp(rng.normal(0.0, 0.07)))
    tree: dict[str, Branch] = {}
    left_out: set[str] = set(missing)
    for course in _courses(variants):
        if course.name in left_out or course.parent in left_out or (course.joins and course.joins in left_out):
            left_out.add(course.name)
            _grow(course, dict(tree), rng, scale=scale, tortuosity=tortuosity, fall_mm=fall_mm, step_mm=step_mm)
            continue
        tree[course.name] = _grow(course, tree, rng, scale=scale, tortuosity=tortuosity, fall_mm=fall_mm, step_mm=step_mm)
    return list(tree.values())


def _courses(variants: Variants) -> list[Course]:
    """The table unrolled: both sides, child names spelt out, variants applied."""
    courses = [_bovine(course) if variants.bovine_arch and course.name == "common_carotid_l" else course for course in ARCH]
    courses.append(BASILAR)
    for side in ("r", "l"):
        courses += [c for course in SIDES if (c := _variant(_sided(course, side), side, variants))]
    if variants.anterior_communicating != "absent":
        radius = 0.74 if variants.anterior_communicating == "normal" else 0.35
        points = ((-2.3, -33.5, 268), (0, -34.3, 268.4), (2.3, -33.5, 268))
        joined = Course("anterior_communicating", "anterior_cerebral_r", points, (radius, radius), "anterior_cerebral_l", wiggle_mm=0)
        courses.append(joined)
    for side in ("r", "l"):
        courses += [_sided(course, side) for course in CHILDREN]
    return courses


def _bovine(course: Course) -> Course:
    points = ((-8, -9, 55), (3, -10, 68), (12, -8, 80), *course.points[3:])
    return replace(course, parent="brachiocephalic_trunk", points=points, radius=course.radius[: len(points)])


def _sided(course: Course, side: str) -> Course:
    """The left or right copy of a course; a child is named `artery_side.child`."""
    sign = 1 if side == "l" else -1
    points = tuple((sign * x, y, z) for x, y, z in course.points)
    parent = _side_name(course.parent, side)
    child = course in CHILDREN
    name = f"{parent.split('.')[0]}.{course.name}{_only_midline(parent, side)}" if child else f"{course.name}_{side}"
    label = course.label or (parent.split(".")[0] if child else name)
    return replace(course, name=name, parent=parent, points=points, label=label)


def _side_name(name: str, side: str) -> str:
    root, _, child = name.partition(".")
    sided = root if root in NUMBERS or not root else f"{root}_{side}"
    return f"{sided}.{child}" if child else sided


def _only_midline(parent: str, side: str) -> str:
    return f"_{side}" if parent.split(".")[0] in ("basilar", "aortic_arch") else ""


def _variant(course: Course, side: str, variants: Variants) -> Course | None:
    """Narrow, widen or drop one of the circle's vessels."""
    kind = variants.posterior_communicating[side]
    if course.name.startswith("posterior_communicating"):
        radius = {"normal": (0.75, 0.7), "hypoplastic": (0.4, 0.35), "fetal": (1.25, 1.15), "absent": ()}[kind]
        return replace(course, radius=radius) if radius else None
    if course.name.startswith("posterior_cerebral") and kind == "fetal":
        return replace(course, radius=(0.55, 0.5, 0.9, *course.radius[3:]))
    if course.name == f"anterior_cerebral_{variants.hypoplastic_a1}":
        return replace(course, radius=(0.6, 0.5, 0.5, 0.9, *course.radius[4:]))
    if course.name == f"vertebral_{variants.hypoplastic_vertebral}":
        return replace(course, radius=tuple(0.6 * r for r in course.radius))
    return course


def _grow(
    course: Course,
    tree: dict[str, Branch],
    rng: np.random.Generator,
    *,
    scale: float,
    tortuosity: float,
    fall_mm: float,
    step_mm: float,
) -> Branch:
    """One branch on its parent; draws the same amount of chance whether or not it is kept."""
    control: Points = np.array(course.points, float)
    sharpness = min(1.0, course.wiggle_mm / 0.5)
    control[1:] += rng.normal(0.0, 0.35 * sharpness * max(tortuosity, 0.3), (len(control) - 1, 3))
    parent, joined = tree.get(course.parent), tree.get(course.joins)
    start = 1.0 if course.name == "aortic_arch" else float(np.exp(-BASILAR_MM / fall_mm))
    if parent is not None:
        at = nearest_index(parent.points_mm, control[0])
        control[0], start = parent.points_mm[at], float(parent.contrast[at])
    if joined is not None:
        control[-1] = joined.points_mm[nearest_index(joined.points_mm, control[-1])]
    points, position = smooth_path(control, step_mm=step_mm)
    points = wiggle(points, rng, amplitude_mm=course.wiggle_mm * tortuosity)
    radius = np.asarray(course.radius, float)
    if len(radius) != len(control):
        radius = np.interp(np.linspace(0, 1, len(control)), np.linspace(0, 1, len(radius)), radius)
    width = np.interp(position, np.arange(len(control)), radius) * scale * np.exp(rng.normal(0, 0.06))
    branch = Branch(course.name, _label(course), points, width, np.ones(len(points)), course.gap_mm, np.ones(len(points), bool))
    return branch.changed(contrast=start * np.exp(-branch.arc_mm / fall_mm))


def _label(course: Course) -> int:
    return NUMBERS[course.label or course.name]
