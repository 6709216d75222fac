"""Narrowings along the arteries that a report follows. Told, not judged: most are the patient's, some are the picture's."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from inference.checks.places import words
from inference.qc import Finding, QcSettings, Severity
from inference.segmentation.result import Segmentation
from inference.volume import Volume

if TYPE_CHECKING:
    from inference.centrelines.centreline import Centreline
    from inference.reformat.profile import Stenosis

FOLLOWED = (
    *("common_carotid_r", "common_carotid_l", "internal_carotid_r", "internal_carotid_l"),
    *("vertebral_r", "vertebral_l", "basilar"),
)
"""Arteries whose lumen is measured: wide enough to be, and those that a report follows."""


def lumen_findings(
    volume: Volume, segmentation: Segmentation, settings: QcSettings, centrelines: Mapping[str, "Centreline"]
) -> Iterator[Finding]:
    """Narrowings of `narrowing_percent` or more (notes), and places without lumen (review)."""
    from inference.reformat.profile import lumen_profile
    from inference.reformat.writing import PATHS, own_mask, standard_paths

    lines = {name: line for name, line in centrelines.items() if name in FOLLOWED}
    excluded = (segmentation.bone > 0) | (segmentation.veins > 0)
    for name, line in standard_paths(lines).items():
        profile = lumen_profile(volume, line, own=own_mask(segmentation.arteries, name), excluded=excluded)
        for narrowing in profile.narrowings(least_percent=settings.narrowing_percent):
            artery = _nearest(lines, PATHS.get(name, (name,)), narrowing.point_mm)
            yield _told(narrowing, artery, along=name.replace("_", " "))


def _told(narrowing: "Stenosis", artery: str, *, along: str) -> Finding:
    what = f"narrowed by {narrowing.percent:.0f} % ± {narrowing.uncertainty_percent:.0f}"
    size = f"{narrowing.diameter_mm:.1f} of {narrowing.reference_mm:.1f} mm"
    text = f"{words(artery)}: {'no lumen is seen' if narrowing.occluded else what} ({size}), {narrowing.at_mm:.0f} mm along {along}"
    severity: Severity = "review" if narrowing.occluded else "note"
    code = "no_lumen" if narrowing.occluded else "narrowing"
    return Finding(code, severity, f"{text}. Measurement for research.", narrowing.percent, artery, (narrowing.point_mm,))


def _nearest(lines: Mapping[str, "Centreline"], names: tuple[str, ...], point_mm: tuple[float, float, float]) -> str:
    """Which of some arteries a point lies on."""
    there = [name for name in names if name in lines]
    return min(there, key=lambda name: float(np.linalg.norm(lines[name].points_mm - np.asarray(point_mm), axis=1).min()))
