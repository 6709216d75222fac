"""Is a scan fit for the study, before anything is processed: contrast, coverage, motion, metal, slice distance.

Findings carry a severity; the protocol sets the limits. They are data: the reason for an exclusion is stored with the case.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import ndimage

from inference.qc import Finding, Severity, Verdict
from inference.scans.contrast import Image, coarse, look_for_contrast
from inference.volume import Volume


@dataclass(frozen=True)
class ScanLimits:
    """Limits of the verdict on a scan; a protocol may change each.

    Parameters
    ----------
    least_discs_mm : float
        Less length of bright vessel cross-sections than this in a scan of neck or chest: unenhanced. [mm]
    least_piece_mm : float
        Shorter bright pieces than this in a scan of the head alone: unenhanced. [mm]
    neck_mm : float
        A scan at least this long holds more than the head. [mm]
    thick_slice_mm, thickest_slice_mm : float
        Slices farther apart: review, reject. [mm]
    vertex_mm2 : float
        The top slice shows the vertex when less tissue than this is left in it. [mm²]
    lung_mm2 : float
        The scan reaches the arch when a slice of its lower half shows at least this much lung. [mm²]
    motion_ratio : float
        A change between two slices this many times that of their neighbours: motion.
    metal_hu, metal_ml : float
        More than so many ml above so many HU: metal. [HU, ml]
    least_coverage_mm : float
        A scan shorter than this from foot to head is rejected as incomplete; 0 asks for nothing. [mm]
    least_lumen_hu : float
        Arteries less bright than this: review; 0 asks for nothing. [HU]
    """

    least_discs_mm: float = 30.0
    least_piece_mm: float = 45.0
    neck_mm: float = 150.0
    thick_slice_mm: float = 1.5
    thickest_slice_mm: float = 3.0
    vertex_mm2: float = 6000.0
    lung_mm2: float = 1500.0
    motion_ratio: float = 3.0
    metal_hu: float = 3000.0
    metal_ml: float = 0.05
    least_coverage_mm: float = 0.0
    least_lumen_hu: float = 0.0


def assess(volume: Volume, *, limits: ScanLimits | None = None) -> Verdict:
    """Look at a scan and come to `accept`, `review` or `reject`.

    Parameters
    ----------
    volume : Volume
        A scan in HU, in LPS order.
    limits : ScanLimits, optional
        From the protocol.

    Returns
    -------
    Verdict
        Findings, the gravest first: `unenhanced`, `weak_contrast`, `thick_slices`, `short_coverage`, `arch_not_covered`,
        `vertex_not_covered`, `motion`, `metal`.

    Notes
    -----
    Set on phantoms and small real crops; no claim of clinical accuracy.
    """
    limits = limits or ScanLimits()
    image, spacing = coarse(volume, (2.0, 2.0, 2.0))
    findings = [*_contrast(volume, limits), *_thickness(volume, limits), *_length(volume, limits)]
    findings += [*_coverage(image, spacing, limits), *_motion(image, limits), *_metal(volume, limits)]
    order = {"reject": 0, "review": 1, "note": 2}
    return Verdict(tuple(sorted(findings, key=lambda finding: order[finding.severity])))


def _contrast(volume: Volume, limits: ScanLimits) -> Iterator[Finding]:
    seen = look_for_contrast(volume, pieces=volume.geometry.extent_mm[0] < limits.neck_mm)
    long_enough = seen.discs_mm >= limits.least_discs_mm
    if volume.geometry.extent_mm[0] < limits.neck_mm:
        share = volume.geometry.extent_mm[0] / limits.neck_mm
        long_enough = seen.discs_mm >= limits.least_discs_mm * share or seen.piece_mm >= limits.least_piece_mm
    if not long_enough:
        text = f"No arterial contrast was found: {seen.discs_mm:.0f} mm of bright vessel cross-sections; the scan looks unenhanced."
        yield Finding("unenhanced", "reject", text, round(seen.discs_mm, 1))
    elif seen.lumen_hu < limits.least_lumen_hu:
        text = f"Arteries are at about {seen.lumen_hu:.0f} HU; the protocol asks for {limits.least_lumen_hu:.0f} HU."
        yield Finding("weak_contrast", "review", text, round(seen.lumen_hu, 0))


def _thickness(volume: Volume, limits: ScanLimits) -> Iterator[Finding]:
    distance = volume.spacing_mm[0]
    if distance > limits.thick_slice_mm:
        severity: Severity = "reject" if distance > limits.thickest_slice_mm else "review"
        text = f"Slices lie {distance:.2g} mm apart; over {limits.thick_slice_mm:g} mm small arteries are lost."
        yield Finding("thick_slices", severity, text, distance)


def _length(volume: Volume, limits: ScanLimits) -> Iterator[Finding]:
    length = volume.geometry.extent_mm[0]
    if length < limits.least_coverage_mm:
        text = f"The scan is {length:.0f} mm long; the protocol asks for {limits.least_coverage_mm:.0f} mm."
        yield Finding("short_coverage", "reject", text, round(length, 1))


def _coverage(image: Image, spacing: tuple[float, float, float], limits: ScanLimits) -> Iterator[Finding]:
    """Body left in the top slice means that the vertex is cut off; no lung at the bottom, that the arch is."""
    pixel = spacing[1] * spacing[2]
    top = float((image[-1] > -300.0).sum()) * pixel
    if top > limits.vertex_mm2:
        yield Finding("vertex_not_covered", "review", "The scan ends below the vertex.", round(top, 0))
    lower = image[: max(1, len(image) // 2)]
    lung = float(max(_lung_pixels(plane) for plane in lower)) * pixel
    if lung < limits.lung_mm2:
        yield Finding(
            "arch_not_covered", "review", "The scan begins above the aortic arch: no lung is seen in its lower half.", round(lung, 0)
        )


def _lung_pixels(plane: Image) -> int:
    """Pixels of the HU of lung without the rim of one pixel that every outline has."""
    return int(ndimage.binary_erosion((plane > -950.0) & (plane < -600.0)).sum())


def _motion(image: Image, limits: ScanLimits) -> Iterator[Finding]:
    """A slice pair that differs far more than its neighbours do: the patient moved, or slices do not belong together."""
    if len(image) < 12:
        return
    clipped = np.clip(image, -300.0, 300.0)
    change = np.array([np.abs(b - a).mean() for a, b in pairwise(clipped)])
    usual = np.maximum(ndimage.median_filter(change, 9, mode="nearest"), 0.25 * float(np.median(change)) + 1e-6)
    ratio = change / usual
    worst = float(ratio[2:-2].max())
    if worst > limits.motion_ratio:
        text = f"Neighbouring slices change abruptly ({worst:.1f} times the usual): the patient may have moved."
        yield Finding("motion", "review", text, round(worst, 2))


def _metal(volume: Volume, limits: ScanLimits) -> Iterator[Finding]:
    count = sum(int(np.count_nonzero(plane >= limits.metal_hu)) for plane in volume.array)
    metal_ml = count * volume.geometry.voxel_ml
    if metal_ml > limits.metal_ml:
        text = f"{metal_ml:.2f} ml are as dense as metal: streaks may hide arteries."
        yield Finding("metal", "review", text, round(metal_ml, 3))
