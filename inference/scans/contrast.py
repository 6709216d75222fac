"""Is there contrast in the arteries? Two looks at a coarse copy of the scan, neither of which needs a segmentation.

In neck and chest, arteries cross the axial plane as bright even discs in soft tissue that go on from slice to slice; bones are
larger, hollow or not round. In a scan of the head alone there are few such discs, so long thin bright pieces away from edges
are looked for instead. Both rules were set on one real CTA, one real unenhanced head and four phantoms.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from inference.resample import block_means
from inference.volume import Volume

Image = npt.NDArray[np.float32]
_LOW_HU, _LUMEN_HU, _AREA_MM2 = 120.0, (150.0, 580.0), 12.0


@dataclass(frozen=True)
class Contrast:
    """What was seen.

    Parameters
    ----------
    discs_mm : float
        Summed length of chains of at least 8 mm of bright discs. [mm]
    piece_mm : float
        Diagonal of the longest thin bright piece. [mm]
    lumen_hu : float
        HU of what was seen, length-weighted; 0 when nothing was. [HU]
    """

    discs_mm: float
    piece_mm: float
    lumen_hu: float


@dataclass
class _Chain:
    y: float
    x: float
    hu: float
    area: float
    slice: int
    length: int = 1


def look_for_contrast(volume: Volume, *, pieces: bool = True) -> Contrast:
    """Measure chains of discs and, if asked, thin pieces, which take most of the time."""
    image, spacing = coarse(volume, (2.0, 0.9, 0.9))
    chains = [c for c in _chains(image, spacing) if c.length * spacing[0] >= 8.0]
    lengths = [c.length * spacing[0] for c in chains]
    piece, piece_hu = _thin_piece(*coarse(volume, (1.2, 1.2, 1.2))) if pieces else (0.0, 0.0)
    hu = float(np.average([c.hu for c in chains], weights=lengths)) if chains else piece_hu
    return Contrast(float(sum(lengths)), piece, hu)


def coarse(volume: Volume, target_mm: tuple[float, float, float]) -> tuple[Image, tuple[float, float, float]]:
    """Block means of about the given spacing (z, y, x), and the spacing they have. [HU, mm]"""
    factor = [max(1, round(t / s)) for t, s in zip(target_mm, volume.spacing_mm, strict=True)]
    counts = [max(1, n // f) for n, f in zip(volume.shape, factor, strict=True)]
    image = np.empty(counts, np.float32)
    for index in range(counts[0]):
        block = volume.array[index * factor[0] : (index + 1) * factor[0], : counts[1] * factor[1], : counts[2] * factor[2]]
        image[index] = block_means(block, (len(block), block.shape[1] // counts[1], block.shape[2] // counts[2]))[0]
    z, y, x = (s * f for s, f in zip(volume.spacing_mm, factor, strict=True))
    return image, (z, y, x)


def _chains(image: Image, spacing: tuple[float, float, float]) -> list[_Chain]:
    """Link discs of neighbouring slices that lie within a step of each other and are alike."""
    ended: list[_Chain] = []
    live: list[_Chain] = []
    reach = max(2.5, 1.2 * spacing[0])
    for index in range(image.shape[0]):
        found = _discs(image[index], spacing, index)
        for disc in found:
            near = [
                c
                for c in live
                if np.hypot(c.y - disc.y, c.x - disc.x) < reach and abs(c.hu - disc.hu) < 0.25 * disc.hu and 0.5 < disc.area / c.area < 2
            ]
            if near:
                longest = max(near, key=lambda c: c.length)
                live.remove(longest)
                disc.length, disc.hu = longest.length + 1, 0.7 * longest.hu + 0.3 * disc.hu
        ended += [c for c in live if index - c.slice > 1]
        live = [c for c in live if index - c.slice <= 1] + found
    return ended + live


def _discs(plane: Image, spacing: tuple[float, float, float], index: int) -> list[_Chain]:
    smooth = ndimage.gaussian_filter(plane, 0.5)
    labels, count = ndimage.label(smooth > _LOW_HU)
    if not count:
        return []
    found = []
    margin = max(1, round(2.5 / spacing[1]))
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        disc = _disc(smooth, labels, number, box, spacing, margin, index)
        if disc:
            found.append(disc)
    return found


def _disc(
    smooth: Image,
    labels: npt.NDArray[Any],
    number: int,
    box: tuple[slice, ...],
    spacing: tuple[float, float, float],
    margin: int,
    index: int,
) -> _Chain | None:
    """A bright piece of a slice as a disc, if it is round, even, of a vessel's HU and alone in soft tissue."""
    high, wide = (box[0].stop - box[0].start) * spacing[1], (box[1].stop - box[1].start) * spacing[2]
    if min(high, wide) < 2.5 or max(high, wide) > 45.0 or max(high, wide) > 2.0 * min(high, wide):
        return None
    inside = labels[box] == number
    area = float(inside.sum()) * spacing[1] * spacing[2]
    values = smooth[box][inside]
    top = float(np.percentile(values, 90))
    if not (area >= _AREA_MM2 and area >= 0.55 * high * wide and _LUMEN_HU[0] <= top <= _LUMEN_HU[1] and values.max() <= top + 120):
        return None
    y0, x0 = max(0, box[0].start - margin), max(0, box[1].start - margin)
    around = (slice(y0, box[0].stop + margin), slice(x0, box[1].stop + margin))
    near, rest = labels[around], smooth[around]
    ring = rest[near == 0]
    if ((near > 0) & (near != number)).mean() > 0.05 or not ring.size or (ring < -200).mean() > 0.3:
        return None
    cy, cx = (float(v) for v in ndimage.center_of_mass(inside))
    return _Chain((box[0].start + cy) * spacing[1], (box[1].start + cx) * spacing[2], top, area, index)


def _thin_piece(image: Image, spacing: tuple[float, float, float]) -> tuple[float, float]:
    """Diagonal and HU of the longest bright piece that is even, thin for its length and no plate. [mm, HU]"""
    core = ndimage.minimum_filter(image, footprint=ndimage.generate_binary_structure(3, 1)) > 100.0
    core &= image < _LUMEN_HU[1]
    core &= ndimage.maximum_filter(image, size=[2 * max(1, round(3.0 / s)) + 1 for s in spacing]) < image + 150.0
    slope = sum(np.square(np.gradient(image, s, axis=axis)) for axis, s in enumerate(spacing) if image.shape[axis] > 1)
    core &= np.sqrt(slope) < 60.0
    labels, count = ndimage.label(core, np.ones((3, 3, 3)))
    best = (0.0, 0.0)
    for number, box in enumerate(ndimage.find_objects(labels) if count else [], start=1):
        extent = sorted((b.stop - b.start) * s for b, s in zip(box, spacing, strict=True))
        diagonal = float(np.linalg.norm(extent))
        if diagonal <= max(best[0], 20.0) or extent[0] < 0.25 * extent[1]:
            continue
        inside = labels[box] == number
        volume = float(inside.sum()) * float(np.prod(spacing))
        hu = float(image[box][inside].mean())
        if volume / diagonal <= 60.0 and hu >= 125.0:
            best = (diagonal, hu)
    return best
