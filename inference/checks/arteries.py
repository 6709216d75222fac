"""Is every artery there, whole, on its own side and like its twin?"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from inference.anatomy import NUMBERS
from inference.checks.gaps import gap_findings
from inference.checks.lost import lost_branch_findings
from inference.checks.named import BRIDGES, Named, named_in
from inference.checks.places import Points, middle_of, words
from inference.indices import indices
from inference.qc import Finding, QcSettings
from inference.segmentation.morphology import Labelled
from inference.segmentation.result import Segmentation
from inference.volume import Volume

if TYPE_CHECKING:
    from inference.centrelines.centreline import Centreline

Array = npt.NDArray[Any]
Box = tuple[slice, slice, slice]

SIDES = tuple((name, name[:-2] + "_l") for name in NUMBERS if name.endswith("_r"))
NEXT = {
    **{f"common_carotid_{side}": f"internal_carotid_{side}" for side in "rl"},
    **{f"vertebral_{side}": "basilar" for side in "rl"},
}
"""What an artery goes on as; where that is cut by the lower face of the scan, the artery itself lies outside."""

AT_FACE_MM = 3.0


def artery_findings(
    volume: Volume, segmentation: Segmentation, pieces: Labelled, settings: QcSettings, centrelines: Mapping[str, "Centreline"]
) -> Iterator[Finding]:
    """Missing, interrupted, swapped or lopsided arteries, and gaps that were left open."""
    named = named_in(segmentation.arteries)
    if not named.counts:
        if segmentation.vessel.any():
            yield Finding("arteries_unnamed", "review", "The arteries could not be named, so their continuity was not checked.")
        return
    yield from _missing(volume, named, settings)
    yield from gap_findings(volume, segmentation, pieces, named, settings)
    yield from lost_branch_findings(volume, segmentation, named, settings)
    yield from _swapped(volume, named)
    yield from _lopsided(volume, named, settings, centrelines)


def _missing(volume: Volume, named: Named, settings: QcSettings) -> Iterator[Finding]:
    """Expected arteries that the field covers, and arteries whose twin is there."""
    for name in settings.expected:
        onward = NEXT.get(name)
        outside = onward in named.boxes and named.boxes[str(onward)][0].start * volume.spacing_mm[0] < AT_FACE_MM
        if name not in named.counts and not outside:
            yield Finding(
                "missing_artery", "review", f"{words(name)} was not found.", artery=name, points_mm=_mirrored(volume, named, name)
            )
    for pair in SIDES:
        there = [name for name in pair if name in named.counts]
        if len(there) != 1 or pair[0] in BRIDGES:
            continue
        absent = pair[1] if there[0] == pair[0] else pair[0]
        if absent not in settings.expected:
            text = f"{words(absent)} was not found, its twin was."
            yield Finding("missing_artery", "review", text, artery=absent, points_mm=_mirrored(volume, named, absent))


def _mirrored(volume: Volume, named: Named, name: str) -> Points:
    """Where a missing artery should lie: its twin's middle on the other side of the middle of all arteries."""
    twin = {"_r": name[:-2] + "_l", "_l": name[:-2] + "_r"}.get(name[-2:], "")
    if twin not in named.counts:
        return ()
    box, inside = named.inside(twin)
    pairs = [other for pair in SIDES if pair[0] in named.counts and pair[1] in named.counts for other in pair]
    if not pairs:
        return ()
    middle = float(np.mean([_middle_x(volume, named, other) for other in pairs]))
    ((x, y, z),) = middle_of(volume.geometry, inside, start=(box[0].start, box[1].start, box[2].start))
    return ((round(2 * middle - x, 2), y, z),)


def _middle_x(volume: Volume, named: Named, name: str) -> float:
    box, inside = named.inside(name)
    return middle_of(volume.geometry, inside, start=(box[0].start, box[1].start, box[2].start))[0][0]


def _swapped(volume: Volume, named: Named) -> Iterator[Finding]:
    for right, left in SIDES:
        if right in named.counts and left in named.counts:
            right_x, left_x = (_middle_x(volume, named, name) for name in (right, left))
            if right_x > left_x:
                text = f"{words(right)} lies on the left of its twin: sides may be swapped."
                box, inside = named.inside(right)
                where = middle_of(volume.geometry, inside, start=(box[0].start, box[1].start, box[2].start))
                yield Finding("swapped_sides", "reject", text, right_x - left_x, right, where)
    if "aortic_arch" in named.counts:
        yield from _mirrored_arch(volume, named)


def _mirrored_arch(volume: Volume, named: Named) -> Iterator[Finding]:
    """The arch runs back and to the left; to the right, the picture is mirrored, or the patient is one in a thousand."""
    box, inside = named.inside("aortic_arch")
    points = volume.geometry.points(indices(inside) + np.array([side.start for side in box]))
    front, back = np.percentile(points[:, 1], (25, 75))
    leftward = float(points[points[:, 1] >= back, 0].mean() - points[points[:, 1] <= front, 0].mean())
    if leftward < -LEAST_LEFTWARD_MM:
        text = "The aortic arch runs to the right: left and right of the scan may be swapped, or it is a right-sided arch"
        # without the arteries that spring from it, what was named the arch may be another wide vessel of the chest
        sure = all(name in named.counts for name in ARCH_BRANCHES)
        x, y, z = (round(float(value), 2) for value in points.mean(axis=0))
        tail = "." if sure else ", or what was taken for the arch is none."
        yield Finding("swapped_sides", "reject" if sure else "review", text + tail, round(leftward, 1), "aortic_arch", ((x, y, z),))


LEAST_LEFTWARD_MM = 5.0
ARCH_BRANCHES = ("common_carotid_r", "common_carotid_l")


def _lopsided(volume: Volume, named: Named, settings: QcSettings, centrelines: Mapping[str, "Centreline"]) -> Iterator[Finding]:
    for right, left in SIDES:
        if right not in named.counts or left not in named.counts or right in BRIDGES:
            continue
        by_volume = min(named.counts[right], named.counts[left]) / max(named.counts[right], named.counts[left])
        small = right if named.counts[right] < named.counts[left] else left
        box, inside = named.inside(small)
        where = middle_of(volume.geometry, inside, start=(box[0].start, box[1].start, box[2].start))
        if by_volume < settings.least_symmetry:
            text = f"{words(small)} has {by_volume:.0%} of the volume of its twin: a branch may be lost."
            yield Finding("asymmetry", "review", text, by_volume, small, where)
        elif right in centrelines and left in centrelines:
            lengths = {name: centrelines[name].length_mm for name in (right, left)}
            short, long = sorted(lengths, key=lambda name: lengths[name])
            if 1.0 - lengths[short] / max(lengths[long], 1e-6) > settings.most_asymmetry:
                text = f"{words(short)} is {lengths[short]:.0f} mm long, its twin {lengths[long]:.0f} mm: part of it may be lost."
                yield Finding("asymmetry", "review", text, lengths[short] / lengths[long], short, where)
