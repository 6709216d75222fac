"""Disease and foreign bodies on demand: stenosis, occlusion, plaque, aneurysm, stent, and the planted gap of repair tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from inference.errors import InferenceError
from inference.phantom.curves import Branch, Points

Kind = Literal["stenosis", "occlusion", "gap", "plaque", "aneurysm", "stent"]
_DEFAULTS: dict[str, tuple[float, float]] = {  # amount, length [mm]
    "stenosis": (70.0, 8.0),
    "occlusion": (100.0, 20.0),
    "gap": (100.0, 5.0),
    "plaque": (900.0, 8.0),
    "aneurysm": (5.0, 0.0),
    "stent": (3000.0, 30.0),
}


class UnknownLesion(InferenceError, ValueError):
    """A lesion that cannot be made: unknown kind, or an artery this phantom does not have."""

    exit_status = 2


@dataclass(frozen=True)
class Lesion:
    """One lesion.

    Parameters
    ----------
    kind : str
        `stenosis`, `occlusion`, `gap` (the image alone loses contrast, the truth keeps the lumen), `plaque`, `aneurysm`
        or `stent`.
    artery : str
        Name of the artery or child branch.
    position : float
        Share of the artery's length, 0 (proximal) to 1.
    amount : float, optional
        Stenosis: percent of diameter lost. Plaque: HU. Aneurysm: dome diameter [mm].
    length_mm : float, optional
        Extent along the artery. [mm]
    """

    kind: Kind
    artery: str
    position: float = 0.5
    amount: float | None = None
    length_mm: float | None = None


@dataclass(frozen=True)
class Diseased:
    """Arteries with their lesions, wall calcium, stent struts, and a JSON-ready record of each lesion."""

    arteries: list[Branch]
    plaques: list[Branch]
    metals: list[Branch]
    records: list[dict[str, Any]]


def draw_lesions(rng: np.random.Generator, arteries: Sequence[Branch]) -> list[Lesion]:
    """Draw the calcium and narrowing of an ordinary patient: some at the bulbs, siphons and vertebral origins."""
    present = {branch.name for branch in arteries}
    lesions: list[Lesion] = []
    for side in ("r", "l"):
        if rng.random() < 0.55:
            hu, long = float(rng.uniform(600, 1300)), float(rng.uniform(3, 12))
            lesions.append(Lesion("plaque", f"internal_carotid_{side}", float(rng.uniform(0.02, 0.08)), hu, long))
        if rng.random() < 0.45:
            hu, long = float(rng.uniform(600, 1200)), float(rng.uniform(2, 8))
            lesions.append(Lesion("plaque", f"internal_carotid_{side}", float(rng.uniform(0.72, 0.86)), hu, long))
        if rng.random() < 0.2:
            lesions.append(Lesion("stenosis", f"internal_carotid_{side}", float(rng.uniform(0.04, 0.1)), float(rng.choice([50.0, 70.0]))))
    if rng.random() < 0.5:
        lesions.append(Lesion("plaque", "aortic_arch", float(rng.uniform(0.4, 0.6)), float(rng.uniform(600, 1200)), 10.0))
    return [lesion for lesion in lesions if lesion.artery in present]


def apply_lesions(arteries: Sequence[Branch], lesions: Sequence[Lesion], rng: np.random.Generator) -> Diseased:
    """Change a tree by its lesions.

    Raises
    ------
    UnknownLesion
        If an artery is not in the tree or a kind is not known.
    """
    tree = {branch.name: branch for branch in arteries}
    plaques: list[Branch] = []
    metals: list[Branch] = []
    extra: list[Branch] = []
    records = []
    for lesion in lesions:
        branch = tree.get(lesion.artery)
        if branch is None or lesion.kind not in _DEFAULTS:
            wanted = f"{lesion.kind} on {lesion.artery}"
            raise UnknownLesion(
                f"expected one of {', '.join(_DEFAULTS)} on an artery of this phantom, got {wanted}; check names and variants"
            )
        amount = _DEFAULTS[lesion.kind][0] if lesion.amount is None else lesion.amount
        length = _DEFAULTS[lesion.kind][1] if lesion.length_mm is None else lesion.length_mm
        centre = float(np.clip(lesion.position, 0, 1)) * branch.arc_mm[-1]
        at = int(np.argmin(np.abs(branch.arc_mm - centre)))
        record: dict[str, Any] = {
            "kind": lesion.kind,
            "artery": lesion.artery,
            "position": lesion.position,
            "amount": amount,
            "length_mm": length,
        }
        records.append(record | {"index": at})
        if lesion.kind in ("stenosis", "occlusion", "gap"):
            tree[lesion.artery] = _narrowed(branch, lesion.kind, centre, amount, length)
        elif lesion.kind == "plaque":
            plaques += _plaque(branch, centre, amount, length, rng)
        elif lesion.kind == "stent":
            metals += _stent(branch, centre, amount, length)
        else:
            extra.append(_aneurysm(branch, at, amount, rng))
    return Diseased(list(tree.values()) + extra, plaques, metals, records)


def _narrowed(branch: Branch, kind: str, centre: float, amount: float, length: float) -> Branch:
    offset = branch.arc_mm - centre
    if kind == "stenosis":
        depth = np.clip(amount, 0, 99.5) / 100 * np.exp(-((offset / (0.5 * length)) ** 4))
        return branch.changed(radius_mm=branch.radius_mm * (1 - depth))
    inside = np.abs(offset) <= length / 2
    if kind == "gap":
        return branch.changed(contrast=np.where(inside, 0.0, branch.contrast))
    beyond = offset > length / 2  # collaterals fill what lies beyond, more weakly
    return branch.changed(patent=branch.patent & ~inside, contrast=np.where(beyond, 0.75 * branch.contrast, branch.contrast))


def frames(points_mm: Points) -> tuple[Points, Points]:
    """Two unit normals at each point of a path, turning as little as possible along it, (n, 3) each."""
    tangent = np.gradient(points_mm, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-12
    first = np.zeros_like(points_mm)
    first[0] = np.cross(tangent[0], np.eye(3)[np.argmin(np.abs(tangent[0]))])
    for k in range(len(points_mm)):
        previous = first[max(k - 1, 0)]
        normal = previous - (previous @ tangent[k]) * tangent[k]
        first[k] = normal / (np.linalg.norm(normal) + 1e-12)
    return first, np.cross(tangent, first)


def _part(branch: Branch, centre: float, length: float) -> slice:
    inside = np.flatnonzero(np.abs(branch.arc_mm - centre) <= length / 2)
    return slice(max(0, inside[0] - 1), inside[-1] + 2) if len(inside) > 1 else slice(0, 2)


def _hard(name: str, points: Points, radius: Any, hu: Any) -> Branch:
    width, value = np.broadcast_to(np.asarray(radius, float), len(points)), np.broadcast_to(np.asarray(hu, float), len(points))
    return Branch(name, 0, points, np.array(width), np.array(value), 0.0, np.ones(len(points), bool))


def _plaque(branch: Branch, centre: float, hu: float, length: float, rng: np.random.Generator) -> list[Branch]:
    """A few calcified strands side by side in the wall, over a random part of the circumference."""
    part = _part(branch, centre, length)
    points, radius = branch.points_mm[part], branch.radius_mm[part]
    first, second = frames(branch.points_mm)
    strands, middle, spread = [], rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 1.3)
    thick = float(np.clip(rng.uniform(0.25, 0.45) * radius.mean(), 0.35, 1.4))
    for angle in np.linspace(middle - spread, middle + spread, 5):
        normal = np.cos(angle) * first[part] + np.sin(angle) * second[part]
        width = thick * rng.uniform(0.6, 1.1) * np.sin(np.linspace(0.35, np.pi - 0.35, len(points))) ** 0.5
        strands.append(_hard(branch.name, points + normal * (radius + 0.15 * thick)[:, None], width, hu * rng.uniform(0.85, 1.1)))
    return strands


def _stent(branch: Branch, centre: float, hu: float, length: float) -> list[Branch]:
    """Two families of six crossing helices in the wall, 0.1 mm thick."""
    part = _part(branch, centre, length)
    first, second = frames(branch.points_mm)
    arc, radius = branch.arc_mm[part], branch.radius_mm[part]
    struts = []
    for turn in (-1.0, 1.0):
        for phase in np.arange(6) * np.pi / 3:
            angle = (phase + turn * arc / 4.0)[:, None]
            normal = np.cos(angle) * first[part] + np.sin(angle) * second[part]
            struts.append(_hard(branch.name, branch.points_mm[part] + normal * radius[:, None], 0.1, hu + 5000.0))
    return struts


def _aneurysm(branch: Branch, at: int, diameter_mm: float, rng: np.random.Generator) -> Branch:
    """A dome on a neck, on the outside of the bend where there is one."""
    first, second = frames(branch.points_mm)
    angle = rng.uniform(0, 2 * np.pi)
    outward = np.cos(angle) * first[at] + np.sin(angle) * second[at]
    low, high = max(0, at - 6), min(len(branch.points_mm) - 1, at + 6)
    bend = branch.points_mm[at] - 0.5 * (branch.points_mm[low] + branch.points_mm[high])
    if np.linalg.norm(bend) > 0.4:
        outward = bend / np.linalg.norm(bend)
    reach = branch.radius_mm[at] + 0.42 * diameter_mm
    points = branch.points_mm[at] + np.array([0.0, 0.45, 1.0])[:, None] * outward * reach
    radius = np.array([0.25, 0.3, 0.5]) * diameter_mm
    return Branch(f"{branch.name}.aneurysm", branch.label, points, radius, np.full(3, branch.contrast[at]), branch.gap_mm, np.ones(3, bool))
