"""Bridge gaps of the vessel tree where the scan shows contrast between two ends, tell of gaps where it does not, drop specks."""

# mypy: disable-error-code="no-any-return"

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from inference.anatomy import LABELS
from inference.centrelines.minimal_path import spread, walk_back
from inference.centrelines.pieces import pieces_of
from inference.geometry import Geometry
from inference.graph import Skeleton, skeleton_of
from inference.indices import bounding_box
from inference.segmentation.result import Repair, Segmentation
from inference.volume import Volume

Array = npt.NDArray[Any]

MAX_LENGTH_MM = 10.0
FACING = 0.75
"""Cosine between an end's direction and the gap; 41 degrees at most."""

RADIUS_RATIO = 2.5
CONTRAST_SHARE = 0.45
"""Share of the way from soft tissue to lumen HU that counts as contrast."""

LEAST_SHARE = 0.8
DETOUR = 1.25
"""A way longer than this many times the gap follows something else, such as bone beside it."""

TISSUE_HU = 50.0
SPECK_ML = 0.008
"""Pieces smaller than this (a ball of 2.5 mm) that nothing joins are specks."""


@dataclass(frozen=True)
class Gap:
    """Two ends of vessel that face each other.

    Parameters
    ----------
    start_mm, end_mm : numpy.ndarray
        LPS points at the ends. [mm]
    radius_mm : float
        Radius of the thinner end. [mm]
    lumen_hu : float
        Median HU inside the two ends. [HU]
    facing : float
        Smaller cosine of the two directions with the gap.
    """

    start_mm: Array
    end_mm: Array
    radius_mm: float
    lumen_hu: float
    facing: float

    @property
    def length_mm(self) -> float:
        """Distance between the ends. [mm]"""
        return float(np.linalg.norm(self.end_mm - self.start_mm))


def bridge_gaps(
    segmentation: Segmentation,
    volume: Volume,
    *,
    max_length_mm: float = MAX_LENGTH_MM,
    enabled: bool = True,
    drop_specks: bool = True,
) -> Segmentation:
    """Join ends of arteries that face each other, fit in width, and have contrast between them.

    Parameters
    ----------
    segmentation : Segmentation
        Masks; arteries are what is vessel and not vein.
    volume : Volume
        The scan. [HU]
    max_length_mm : float
        Longest gap to bridge, and longest way over one. [mm]
    enabled : bool
        False leaves the masks as they are.
    drop_specks : bool
        Remove pieces of less than 8 µl that nothing joins.

    Returns
    -------
    Segmentation
        With bridges in `vessel` (and out of `bone`), one `Repair` for each, and in `notes["repair"]` the gaps left open and
        the specks dropped. A gap without contrast is never bridged: it may be an occlusion, and is told as such.

    Notes
    -----
    The gate is 45 % of the way from soft tissue to the HU of the two ends, over at least 80 % of the bridge; a bridge is no
    longer than `max_length_mm`, nor a quarter longer than the gap and a voxel more.
    """
    if not enabled:
        return replace(segmentation, notes={**segmentation.notes, "repair": {"enabled": False}})
    arterial = (segmentation.vessel != 0) & (segmentation.veins == 0)
    skeleton = skeleton_of(arterial, volume.geometry)
    vessel, bone, arteries = segmentation.vessel.copy(), segmentation.bone.copy(), segmentation.arteries.copy()
    repairs, left = list(segmentation.repairs), []
    for gap in find_gaps(skeleton, volume, max_length_mm=max_length_mm):
        way = _way_through(volume, gap)
        share = _contrast_share(volume, way, gap)
        if share < LEAST_SHARE or _length(way) > min(max_length_mm, DETOUR * gap.length_mm + max(volume.spacing_mm)):
            left.append(_told(gap, share, _length(way)))
            continue
        added = _tube(volume, way, gap)
        label = _label_at(segmentation.arteries, volume.geometry, gap)
        vessel[added], bone[added] = 1, 0
        if label:
            arteries[added] = np.where(arteries[added] == 0, label, arteries[added])
        repairs.append(_repair(gap, way, share, label))
    specks = _drop_specks(vessel, volume.geometry) if drop_specks else 0
    kept = (vessel != 0).view(np.uint8)
    notes = {"enabled": True, "bridged": len(repairs) - len(segmentation.repairs), "left_open": left, "specks_dropped": specks}
    return replace(
        segmentation,
        vessel=vessel,
        bone=bone,
        veins=segmentation.veins * kept,
        arteries=arteries * kept,
        repairs=tuple(repairs),
        notes={**segmentation.notes, "repair": notes},
    )


def find_gaps(skeleton: Skeleton, volume: Volume, *, max_length_mm: float) -> list[Gap]:
    """Pairs of ends that face each other, the shortest first; each end is used once."""
    ends = _ends(skeleton)
    if len(ends) < 2:
        return []
    places = np.array([end[0] for end in ends])
    options = []
    for one, other in cKDTree(places).query_pairs(max_length_mm):
        way = places[other] - places[one]
        size = float(np.linalg.norm(way))
        if size < 1e-6:
            continue
        facing = min(float(ends[one][1] @ way), float(-ends[other][1] @ way)) / size
        thin, wide = sorted((ends[one][2], ends[other][2]))
        if facing >= FACING and wide <= RADIUS_RATIO * thin:
            lumen = float(np.median(np.concatenate([_hu_at(volume, ends[one][3]), _hu_at(volume, ends[other][3])])))
            options.append((size, one, other, Gap(places[one], places[other], thin, lumen, facing)))
    used: set[int] = set()
    found = []
    for _, one, other, gap in sorted(options, key=lambda option: option[0]):
        if one not in used and other not in used:
            used |= {one, other}
            found.append(gap)
    return found


def _ends(skeleton: Skeleton) -> list[tuple[Array, Array, float, Array]]:
    """Place, outward direction, radius and inner points of every free end of the graph."""
    found = []
    for edge in skeleton.graph.edges:
        for node, points, radius in ((edge.start, edge.points_mm[::-1], edge.radius_mm[::-1]), (edge.end, edge.points_mm, edge.radius_mm)):
            if skeleton.graph.nodes[node].degree != 1 or edge.start == edge.end:
                continue
            found += _axis_end(points, radius)
    return found


def _axis_end(points: Array, radius: Array) -> list[tuple[Array, Array, float, Array]]:
    """The end on the axis of a branch: the skeleton's own tip lies on the rim of a cut vessel, a radius beside the axis."""
    back = np.concatenate((np.linalg.norm(np.diff(points, axis=0), axis=1)[::-1].cumsum()[::-1], [0.0]))
    width = float(np.median(radius[back <= 10.0]))
    inner = points[(back >= 1.2 * width) & (back <= 1.2 * width + 8.0)]
    if len(inner) < 3:
        inner = points
    heading = inner[-1] - inner[0]
    size = float(np.linalg.norm(heading))
    if size < 1.0:
        return []
    heading = heading / size
    beyond = max(0.0, float((points[-1] - inner[-1]) @ heading))
    return [(inner[-1] + beyond * heading, heading, width, inner)]


def _hu_at(volume: Volume, points_mm: Array) -> Array:
    index = volume.geometry.indices(points_mm).T
    return ndimage.map_coordinates(volume.array, index, output=np.float32, order=1, mode="nearest")


def _box(geometry: Geometry, gap: Gap, margin_mm: float) -> tuple[slice, slice, slice]:
    """Voxels around a gap."""
    index = geometry.indices(np.stack([gap.start_mm, gap.end_mm]))
    margin = margin_mm / np.asarray(geometry.spacing_mm)
    low = np.maximum(np.floor(index.min(axis=0) - margin), 0).astype(int)
    high = np.minimum(np.ceil(index.max(axis=0) + margin) + 1, geometry.shape).astype(int)
    return slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])


def _way_through(volume: Volume, gap: Gap) -> Array:
    """LPS points of the cheapest way over the gap: short, and through what looks like the lumen of its ends."""
    box = _box(volume.geometry, gap, 0.35 * gap.length_mm + 2.0 * gap.radius_mm + 1.0)
    part = volume.array[box].astype(np.float32)
    cost = 0.3 + np.minimum(np.abs(part - gap.lumen_hu) / 150.0, 3.0) ** 2
    cost = np.pad(cost, 1)
    start = tuple(place.start - 1 for place in box)
    ends = [
        np.clip(np.rint(volume.geometry.indices(point)[0]).astype(int) - start, 1, np.array(cost.shape) - 2)
        for point in (gap.start_mm, gap.end_mm)
    ]
    goal = (int(ends[1][0]), int(ends[1][1]), int(ends[1][2]))
    _, previous = spread(cost, volume.spacing_mm, ends[0][None], goal=goal)
    way = walk_back(previous, goal) + np.array(start)
    return volume.geometry.points(ndimage.gaussian_filter1d(way.astype(float), 1.0, axis=0, mode="nearest"))


def _gate_hu(gap: Gap) -> float:
    return TISSUE_HU + CONTRAST_SHARE * (gap.lumen_hu - TISSUE_HU)


def _contrast_share(volume: Volume, way: Array, gap: Gap) -> float:
    """Share of the way between the ends with HU like the lumen's: neither tissue nor bone far above it."""
    hu = _hu_at(volume, way)
    return float(((hu >= _gate_hu(gap)) & (hu <= gap.lumen_hu + 350.0)).mean())


def _tube(volume: Volume, way: Array, gap: Gap) -> tuple[Array, Array, Array]:
    """Indices of the voxels of the bridge: within the radius of the way and bright enough, its axis always."""
    box = _box(volume.geometry, gap, 0.35 * gap.length_mm + 3.0 * gap.radius_mm + 1.0)
    shape = tuple(place.stop - place.start for place in box)
    grid = volume.geometry.crop((box[0].start, box[1].start, box[2].start), (shape[0], shape[1], shape[2]))
    where = np.argwhere(np.ones(shape, bool))
    away, _ = cKDTree(way).query(grid.points(where))
    bright = volume.array[box].ravel() >= _gate_hu(gap)
    axis = away <= 0.6 * max(volume.spacing_mm)
    chosen = where[((away <= gap.radius_mm) & bright) | axis] + np.array([place.start for place in box])
    return chosen[:, 0], chosen[:, 1], chosen[:, 2]


def _label_at(arteries: Array, geometry: Geometry, gap: Gap) -> int:
    """Label that both ends carry, 0 if they differ or have none."""
    index = np.clip(np.rint(geometry.indices(np.stack([gap.start_mm, gap.end_mm]))).astype(int), 0, np.array(arteries.shape) - 1)
    first, second = (int(arteries[tuple(place)]) for place in index)
    return first if first == second else 0


def _triple(point: Array) -> tuple[float, float, float]:
    x, y, z = (round(float(value), 2) for value in point)
    return x, y, z


def _repair(gap: Gap, way: Array, share: float, label: int) -> Repair:
    angle = float(np.degrees(np.arccos(np.clip(gap.facing, -1.0, 1.0))))
    reason = (
        f"two ends face each other within {angle:.0f}°, radius {gap.radius_mm:.1f} mm, "
        f"contrast on {100 * share:.0f} % of the way; may hide a narrowing"
    )
    return Repair(_triple(gap.start_mm), _triple(gap.end_mm), round(_length(way), 2), LABELS.get(label, "unnamed"), reason)


def _length(way: Array) -> float:
    return float(np.linalg.norm(np.diff(way, axis=0), axis=1).sum())


def _told(gap: Gap, share: float, way_mm: float) -> dict[str, Any]:
    """A gap left open, ready for JSON."""
    dark = "no contrast between two ends that face each other: occlusion, or an interruption of the scan; not bridged"
    astray = f"the bright way between two ends that face each other is {way_mm:.0f} mm long and follows something else; not bridged"
    return {
        "start_mm": list(_triple(gap.start_mm)),
        "end_mm": list(_triple(gap.end_mm)),
        "length_mm": round(gap.length_mm, 2),
        "contrast_share": round(share, 2),
        "reason": dark if share < LEAST_SHARE else astray,
    }


def _drop_specks(vessel: Array, geometry: Geometry) -> int:
    """Clear pieces under `SPECK_ML` in place; how many there were. A mask of nothing but specks is left alone."""
    box = bounding_box(vessel)
    if box is None:
        return 0
    vessel = vessel[box]  # a view: what is cleared here is cleared in the whole
    pieces = pieces_of(vessel)
    small = np.flatnonzero(pieces.voxels * geometry.voxel_ml < SPECK_ML) + 1
    if len(small) == pieces.count:
        return 0
    for number in small:
        box = pieces.boxes[number - 1]
        vessel[box][pieces.labels[box] == number] = 0
    return len(small)
