"""Is the scan enhanced, thin and long enough?"""

from collections.abc import Iterator

from inference.qc import Finding, QcSettings
from inference.segmentation.result import Segmentation
from inference.volume import Volume


def scan_findings(volume: Volume, segmentation: Segmentation, settings: QcSettings) -> Iterator[Finding]:
    """Is the scan enhanced, thin and long enough?"""
    slices, thickness = volume.shape[0], volume.spacing_mm[0]
    if not segmentation.notes.get("enhanced", True):
        yield Finding("unenhanced", "reject", "No contrast was found in any vessel: the scan looks unenhanced.")
    hu = float(segmentation.notes.get("lumen_hu") or 0.0)
    if 0.0 < hu < settings.least_enhancement_hu:
        yield Finding("weak_enhancement", "review", f"Contrast is weak: vessels measure about {hu:.0f} HU.", hu)
    if thickness > settings.thickest_slice_mm:
        text = f"Slices lie {thickness:.1f} mm apart; over {settings.thickest_slice_mm:g} mm arteries are not resolved."
        yield Finding("thick_slices", "reject", text, thickness)
    elif thickness > settings.thick_slice_mm:
        text = f"Slices lie {thickness:.1f} mm apart; small arteries may be lost."
        yield Finding("thick_slices", "review", text, thickness)
    if slices < settings.least_slices:
        text = f"The scan has {slices} slices over {slices * thickness:.0f} mm: a crop; arteries cannot be followed from arch to vertex."
        yield Finding("crop", "review", text, float(slices))
