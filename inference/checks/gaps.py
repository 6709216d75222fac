"""Is an artery in one piece, and is there contrast where it is not?"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import find_objects
from scipy.spatial import cKDTree

from inference.anatomy import LABELS, NUMBERS
from inference.checks.named import BRIDGES, Box, Named
from inference.checks.places import Points, depth_of, middle_of, point, words
from inference.indices import indices
from inference.qc import Finding, QcSettings
from inference.segmentation.morphology import Labelled, label
from inference.segmentation.result import Segmentation
from inference.volume import Volume

Array = npt.NDArray[Any]
Spacing = tuple[float, float, float]

TWIG_MM, TWIG_VOXELS = 1.2, 1.5
"""A piece nowhere deeper than this, or than this many voxels, is a twig: masks of twigs fall apart by themselves. [mm]"""

TISSUE_HU, DARK_SHARE, BRIGHT_SHARE, BEFORE_MM, WAY_MM, LEAST_MM = 50.0, 0.25, 0.6, 4.0, 3.0, 3.0
"""Between two narrow pieces more than 3 mm and three voxels apart is a gap if no way within 3 mm of the straight one keeps the first
share of the lumen's contrast, though both have the second within 4 mm of it: a twig that is too fine for the voxels fades out instead, or
is broken for a voxel or two, and the rim of the skull is no way."""


def gap_findings(volume: Volume, segmentation: Segmentation, pieces: Labelled, named: Named, settings: QcSettings) -> Iterator[Finding]:
    """Arteries in pieces, cut off from the tree, or with a gap that was left open."""
    broken = list(_interrupted(volume, segmentation, pieces, named, settings))
    yield from broken
    yield from _open_gaps(volume, segmentation, {finding.artery for finding in broken})


def _interrupted(volume: Volume, segmentation: Segmentation, pieces: Labelled, named: Named, settings: QcSettings) -> Iterator[Finding]:
    """Arteries in pieces, or cut off from the tree.

    An artery is followed through itself and through what has no name, but not round through other arteries: behind a gap in
    a carotid the circle of Willis still joins its far end to the tree.
    """
    inside_of = {name: named.inside(name, margin=2) for name in named.counts}
    votes = np.zeros(pieces.counts.size, np.int64)
    for box, inside in inside_of.values():
        votes += np.bincount(pieces.labels[box][inside], minlength=votes.size)
    main = int(votes.argmax())
    for name in named.counts:
        if name in BRIDGES:
            continue
        box, inside = inside_of[name]
        start = (box[0].start, box[1].start, box[2].start)
        apart = inside & (pieces.labels[box] != main)
        connected = 1.0 - float(apart.sum()) / max(1, int(inside.sum()))
        lost_mm, lost = _cut_off(volume, segmentation, box, inside, settings.most_cut_off_mm)
        if connected < settings.least_connected and (lost_mm or _counts(volume, segmentation, box, inside, apart)):
            text = f"{words(name)} is interrupted: {1 - connected:.0%} of it is cut off from the tree."
            yield Finding("interrupted", "review", text, connected, name, _near_end(volume, apart, inside & ~apart, start))
        elif lost_mm:
            text = f"{words(name)} is interrupted: a piece {lost_mm:.0f} mm long is cut off from the rest of it."
            yield Finding("interrupted", "review", text, round(lost_mm, 1), name, _near_end(volume, lost, inside & ~lost, start))


def _cut_off(volume: Volume, segmentation: Segmentation, box: Box, inside: Array, most_mm: float) -> tuple[float, Array]:
    """Length of the longest piece that hangs on the rest of an artery through no unnamed vessel, and that piece. [mm]

    Pieces up to `most_mm`, up to twice that if they are one voxel thick, and twigs that contrast joins to the rest, do not count.
    """
    parts = label(inside | (_free(segmentation, box) & (segmentation.vessel[box] > 0)), connectivity=26)
    own = np.where(inside, parts.labels, np.uint32(0))
    most = int(Labelled.of(own, parts.counts.size - 1).counts[1:].argmax()) + 1 if parts.counts.size > 1 else 1
    best_mm, best = 0.0, np.zeros(inside.shape, bool)
    for number, where in enumerate(find_objects(own), start=1):
        if where is None or number == most:
            continue
        length_mm = float(np.linalg.norm([(side.stop - side.start) * step for side, step in zip(where, volume.spacing_mm, strict=True)]))
        if length_mm <= max(most_mm, best_mm):
            continue
        hair = depth_of(own[where] == number, volume.spacing_mm) <= 1.001 * max(volume.spacing_mm)
        piece = own == number
        if length_mm > (2.0 * most_mm if hair else most_mm) and _counts(volume, segmentation, box, inside, piece):
            best_mm, best = length_mm, piece
    return best_mm, best


def _free(segmentation: Segmentation, box: Box) -> Array:
    """Where no other artery, no vein and no bone lies."""
    unnamed = (segmentation.arteries[box] == 0) | (segmentation.arteries[box] == NUMBERS["unnamed"])
    free: Array = unnamed & _no_vein_or_bone(segmentation, box)
    return free


def _no_vein_or_bone(segmentation: Segmentation, box: Box) -> Array:
    outside: Array = (segmentation.veins[box] == 0) & (segmentation.bone[box] == 0)
    return outside


def _counts(volume: Volume, segmentation: Segmentation, box: Box, inside: Array, piece: Array) -> bool:
    """Whether a piece that is cut off is no mere twig, or a way full of contrast ends abruptly between it and the rest of its artery."""
    if depth_of(piece, volume.spacing_mm) >= max(TWIG_MM, TWIG_VOXELS * max(volume.spacing_mm)):
        return True
    hu, rest = volume.array[box], inside & ~piece
    lumen = float(segmentation.notes.get("lumen_hu") or 0.0) or float(np.median(hu[inside]))
    if not rest.any():
        return False
    first, second = _nearest(piece, rest, volume.spacing_mm)
    if float(np.linalg.norm((second - first) * np.asarray(volume.spacing_mm))) <= max(LEAST_MM, 3.001 * max(volume.spacing_mm)):
        return False
    way = _beside_way(first, second, inside.shape, volume.spacing_mm)
    through = _on_line(first, second, inside.shape) & _no_vein_or_bone(segmentation, box)  # a twig may run through another artery
    seen = inside | (((way & _free(segmentation, box)) | through) & (hu >= TISSUE_HU + DARK_SHARE * (lumen - TISSUE_HU)))
    joined = label(seen, connectivity=26).labels
    if np.intersect1d(joined[piece], joined[rest]).size:
        return False
    ends = _ends_between(piece, rest, first, second, volume.spacing_mm)
    return min(float(hu[tuple(end.T)].max()) for end in ends) >= TISSUE_HU + BRIGHT_SHARE * (lumen - TISSUE_HU)


def _nearest(piece: Array, rest: Array, spacing_mm: Spacing) -> tuple[Array, Array]:
    """Indices of the voxel of a mask and of that of another which are nearest to each other."""
    here, there = indices(piece), indices(rest)
    spacing = np.asarray(spacing_mm)
    away, nearest = (np.asarray(found) for found in cKDTree(there * spacing).query(here * spacing))
    return here[int(away.argmin())], there[int(nearest[int(away.argmin())])]


def _ends_between(piece: Array, rest: Array, first: Array, second: Array, spacing_mm: Spacing) -> tuple[Array, Array]:
    """Indices of the voxels of two masks within `BEFORE_MM` of the place where each is nearest to the other."""
    spacing = np.asarray(spacing_mm)
    parts = ((indices(piece), first), (indices(rest), second))
    one, other = (part[np.linalg.norm((part - place) * spacing, axis=1) <= BEFORE_MM] for part, place in parts)
    return one, other


def _beside_way(first: Array, second: Array, shape: tuple[int, ...], spacing_mm: Spacing) -> Array:
    """Voxels within `WAY_MM` of the straight way between two others."""
    spacing, beside = np.asarray(spacing_mm), np.zeros(shape, bool)
    reach = np.ceil(WAY_MM / spacing).astype(int)
    low = np.maximum(np.minimum(first, second) - reach, 0)
    high = np.minimum(np.maximum(first, second) + reach + 1, shape)
    inner = tuple(slice(int(start), int(stop)) for start, stop in zip(low, high, strict=True))
    offset = (np.moveaxis(np.indices(tuple(high - low)), 0, -1) + low - first) * spacing
    along = (second - first) * spacing
    share = np.clip((offset @ along) / max(float(along @ along), 1e-9), 0.0, 1.0)
    beside[inner] = np.linalg.norm(offset - share[..., None] * along, axis=-1) <= WAY_MM
    return beside


def _on_line(first: Array, second: Array, shape: tuple[int, ...]) -> Array:
    """Voxels that the straight line between two others passes."""
    line = np.zeros(shape, bool)
    steps = np.linspace(0.0, 1.0, 4 * int(np.abs(second - first).max()) + 2)[:, None]
    line[tuple(np.rint(first + steps * (second - first)).astype(int).T)] = True
    return line


def _near_end(volume: Volume, piece: Array, rest: Array, start: tuple[int, int, int]) -> Points:
    """The place of a piece that is nearest to the rest of its artery: there the gap is. The middle of the piece without a rest."""
    if not piece.any() or not rest.any():
        return middle_of(volume.geometry, piece, start=start)
    first, second = _nearest(piece, rest, volume.spacing_mm)
    return point(volume.geometry, (first + second) / 2 + np.array(start))


def _open_gaps(volume: Volume, segmentation: Segmentation, told: set[str | None]) -> Iterator[Finding]:
    """Gaps between two ends that face each other and were not bridged, where a named artery ends."""
    for gap in (segmentation.notes.get("repair") or {}).get("left_open", []):
        artery = _artery_near(volume, segmentation.arteries, [gap["start_mm"], gap["end_mm"]])
        if artery and artery not in told:
            told.add(artery)
            text = f"{words(artery)} has a gap of {gap['length_mm']:.1f} mm: {gap['reason']}."
            ends: Points = tuple((float(x), float(y), float(z)) for x, y, z in (gap["start_mm"], gap["end_mm"]))
            yield Finding("open_gap", "review", text, float(gap["length_mm"]), artery, ends)


def _artery_near(volume: Volume, arteries: Array, points_mm: list[list[float]]) -> str | None:
    """The named artery within 2 mm of a point, the first that has one."""
    for place in np.rint(volume.geometry.indices(points_mm)).astype(int):
        reach = [int(np.ceil(2.0 / step)) for step in volume.spacing_mm]
        part = arteries[tuple(slice(max(at - more, 0), at + more + 1) for at, more in zip(place, reach, strict=True))]
        counts = np.bincount(part.ravel(), minlength=256)
        counts[[0, NUMBERS["unnamed"]]] = 0
        if counts.any():
            return LABELS[int(counts.argmax())]
    return None
