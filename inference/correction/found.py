"""What lies behind a pixel: pieces to take out, pieces to put back, the most likely first."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.anatomy import LABELS, NUMBERS
from inference.correction.case import CorrectionCase
from inference.correction.click import Click
from inference.correction.flood import piece_at
from inference.pictures.views import View
from inference.segmentation.morphology import dilated

Array = npt.NDArray[Any]

REACHES_MM = (0.0, 1.5, 3.0)
"""A click is looked up at the pixel itself first, then ever farther around it."""

MOST_CHOICES, MOST_LOOKED_AT = 6, 18
EDGE = "edge"
BONE_SHARE = 0.1
"""A piece is bone if this share of it is denser than any lumen."""

WIDEST_MM = 12.0
"""Wider than this is no artery of the neck or head, but for the arch. [mm]"""


@dataclass(frozen=True)
class Found:
    """A piece behind a pixel: where it was hit, its voxels (n, 3), its name, what it becomes, and the HU at the hit."""

    seed: tuple[int, int, int]
    where: Array
    name: str
    becomes: str
    hu: float


def to_remove(case: CorrectionCase, view: View, click: Click) -> list[Found]:
    """Pieces of vessel, and bright things that are none, behind a pixel of the bone-removed MIP, the brightest first."""
    array, vessel = case.bone_removed.array, case.mask("vessel")
    lower, ceiling = case.note("lower_hu", 150.0), case.note("ceiling_hu", 700.0)
    for reach_mm in REACHES_MM:
        ray = view.ray(click.x, click.y, grid=array.shape, reach_mm=reach_mm)
        ray = ray[(array[tuple(ray.T)] > lower) | (vessel[tuple(ray.T)] > 0)]
        found: list[Found] = []
        for seed in _Unclaimed(ray, array, found):
            if vessel[seed]:
                found.append(_vessel_piece(case, seed))
                if array[seed] > ceiling:
                    dense = piece_at((vessel > 0) & (array > ceiling), seed)
                    found.append(Found(seed, dense, "bone", "bone", float(array[seed])))
            else:
                found.append(_remnant(case, seed, lower))
        found = [thing for thing in found if thing.name != EDGE]
        if found:
            return found[:MOST_CHOICES]
    return []


def _vessel_piece(case: CorrectionCase, seed: tuple[int, int, int]) -> Found:
    """The part of a vessel that is one thing to a technologist: a named artery, a vein, or a piece that hangs on nothing."""
    vessel, veins, arteries = case.mask("vessel"), case.mask("veins"), case.mask("arteries")
    label = int(arteries[seed])
    if veins[seed]:
        where, name = piece_at(veins > 0, seed), "vein"
    elif label not in (0, NUMBERS["unnamed"]):
        where, name = piece_at(arteries == label, seed), LABELS[label]
    else:
        where, name = piece_at((vessel > 0) & (veins == 0) & ((arteries == 0) | (arteries == NUMBERS["unnamed"])), seed), "unnamed"
    return Found(seed, where, name, _becomes(case, where), float(case.bone_removed.array[seed]))


def _remnant(case: CorrectionCase, seed: tuple[int, int, int], lower_hu: float) -> Found:
    """Something bright that is not vessel: bone, metal or table that bone removal left."""
    array, vessel = case.bone_removed.array, case.mask("vessel")
    where = piece_at((array > lower_hu) & (vessel == 0), seed)
    name = EDGE if _beside_vessel(case, where).all() else "bone"
    return Found(seed, where, name, _becomes(case, where), float(array[seed]))


def _becomes(case: CorrectionCase, where: Array) -> str:
    """Bone if a good part of it is denser than any lumen, background otherwise."""
    dense = case.bone_removed.array[tuple(where.T)] > case.note("ceiling_hu", 700.0)
    return "bone" if float(dense.mean()) > BONE_SHARE else "background"


def _beside_vessel(case: CorrectionCase, where: Array) -> Array:
    """Which voxels touch vessel."""
    low, high = where.min(axis=0) - 2, where.max(axis=0) + 3
    low = np.maximum(low, 0)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    near = dilated(case.mask("vessel")[box] > 0, 1.01 * max(case.bone_removed.spacing_mm), case.bone_removed.spacing_mm)
    return np.asarray(near[tuple((where - low).T)])


def to_add(case: CorrectionCase, view: View, click: Click) -> list[Found]:
    """Pieces with the HU of contrast behind a pixel that are not in the vessel mask: taken for bone, or dropped.

    What touches a vessel or is thin as a vessel comes before what is large; then the brightest comes first.
    """
    array = case.need_scan().array if case.mask("bone").any() else case.bone_removed.array
    vessel = case.mask("vessel")
    lower, ceiling = case.note("lower_hu", 150.0), case.note("ceiling_hu", 700.0)
    like_lumen = (array > lower) & (array <= ceiling) & (vessel == 0)
    core = like_lumen & ~dilated(array > ceiling, 1.01 * max(case.bone_removed.spacing_mm), case.bone_removed.spacing_mm)
    for reach_mm in REACHES_MM:
        ray = view.ray(click.x, click.y, grid=array.shape, reach_mm=reach_mm)
        found: list[Found] = []
        for seed in _Unclaimed(ray[core[tuple(ray.T)]], array, found):
            found.append(Found(seed, piece_at(core, seed), "unnamed", "vessel", float(array[seed])))
        found = [thing for thing in found if len(thing.where) > 2 and not _beside_vessel(case, thing.where).all()]
        if found:
            found.sort(key=lambda thing: (not _is_thin(case, thing.where), -thing.hu))
            return [_with_edge(thing, like_lumen) for thing in found[:MOST_CHOICES]]
    return []


def _is_thin(case: CorrectionCase, where: Array) -> bool:
    """Whether a piece is nowhere wider than a neck artery can be."""
    low = where.min(axis=0) - 1
    box = np.zeros(where.max(axis=0) - low + 2, bool)
    box[tuple((where - low).T)] = True
    import edt

    depth = edt.edt(box, anisotropy=case.bone_removed.spacing_mm, black_border=True)
    return float(depth.max()) < WIDEST_MM / 2


def _with_edge(thing: Found, like_lumen: Array) -> Found:
    """The piece with the voxels around it that are as bright as lumen."""
    low = np.maximum(thing.where.min(axis=0) - 1, 0)
    box = tuple(slice(int(a), int(b) + 2) for a, b in zip(low, thing.where.max(axis=0), strict=True))
    inside = np.zeros(like_lumen[box].shape, bool)
    inside[tuple((thing.where - low).T)] = True
    grown = dilated(inside, 1.01, (1.0, 1.0, 1.0)) & like_lumen[box]
    return Found(thing.seed, np.argwhere(grown | inside) + low, thing.name, thing.becomes, thing.hu)


class _Unclaimed:
    """Voxels of a ray, the brightest first, that no piece found so far holds."""

    def __init__(self, ray: Array, array: Array, found: list[Found]) -> None:
        order = np.argsort(-array[tuple(ray.T)].astype(np.int64), kind="stable")
        self._ray, self._shape, self._found = ray[order], array.shape, found

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        flat = np.ravel_multi_index(tuple(self._ray.T), self._shape)
        free = np.ones(len(flat), bool)
        while free.any() and len(self._found) < MOST_LOOKED_AT:
            z, y, x = (int(value) for value in self._ray[np.argmax(free)])
            free[np.argmax(free)] = False
            yield z, y, x
            for thing in self._found:
                free &= ~np.isin(flat, np.ravel_multi_index(tuple(thing.where.T), self._shape))
