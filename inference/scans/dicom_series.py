"""Which slices in a heap of files are the CT angiogram, by stated rules, and what is left out and why.

The rules, in order: only original or reformatted grey CT slices count; slices are grouped by series, frame of reference,
image type, size, pixel spacing and orientation; among groups of at least a quarter of the largest group's slices the one
that names a contrast agent wins, then original before reformatted slices, then the one that covers the longest distance in
the thinnest slices, then the lowest series number.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.errors import RejectedScan
from inference.scans.codes import rejected
from inference.scans.dicom_slice import Slice

CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED = frozenset({"1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"})
_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_PROJECTIONS = frozenset(
    {"MIP", "MINIP", "MAX_IP", "MIN_IP", "MAXIP", "THICK_MIP", "MIP_RANGE", "PROJECTION", "MAXIMUM", "MINIMUM"}
    | {"VOLUME_RENDER", "VRT", "VR", "SSD", "3D", "RENDERED"}
)
_SCREENS = frozenset(
    {"SCREEN SAVE", "SCREEN", "DOSE", "DOSE_INFO", "DOSE REPORT", "PROTOCOL", "GSPS", "SECONDARY CAPTURE", "PASTED", "PAGE"}
)
_MAPS = frozenset({"PERFUSION", "CBF", "CBV", "MTT", "TTP", "TMAX", "COLOR", "RGB"})


@dataclass(frozen=True)
class LeftOut:
    """A file that is not part of the scan: its number in the list of files and the code that says why."""

    file: int
    reason: str


@dataclass
class Group:
    """Slices that could be one volume."""

    slices: list[Slice]

    @property
    def first(self) -> Slice:
        """Any slice; what the group is grouped by is equal in all."""
        return self.slices[0]

    @property
    def contrast(self) -> bool:
        """Whether most slices name a contrast agent."""
        return sum(one.contrast for one in self.slices) * 2 > len(self.slices)

    def coverage_mm(self) -> float:
        """Distance from the first to the last slice along the normal. [mm]"""
        if not self.first.orientation:
            return 0.0
        cosines = np.asarray(self.first.orientation)
        normal = np.cross(cosines[:3], cosines[3:])
        along = [float(np.dot(one.position, normal)) for one in self.slices if one.position]
        return max(along) - min(along) if along else 0.0


def why_not(one: Slice) -> str:
    """The code of the first rule a slice breaks; empty when it is a CT slice.

    Examples
    --------
    >>> why_not(Slice(0, sop_class=CT, modality="CT", image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"), pixel_tag=0x7FE00010))
    'localizer_only'
    """
    kinds = set(one.image_type)
    if not one.pixel_tag:
        return "not_ct" if one.rows and one.modality not in ("CT", "") else "no_pixels"
    if "LOCALIZER" in kinds or "SCOUT" in kinds:
        return "localizer_only"
    if (one.sop_class + ".").startswith(_CAPTURE + ".") or kinds & _SCREENS:
        return "secondary_capture"
    if one.modality != "CT" or (one.sop_class and one.sop_class != CT and one.sop_class not in ENHANCED):
        return "not_ct"
    if one.samples != 1 or one.photometric not in ("MONOCHROME1", "MONOCHROME2", ""):
        return "colour_image"
    if one.burned_in:
        return "burned_in_text"
    if "DERIVED" in kinds and one.called_projection:
        return "projection"
    if kinds & _PROJECTIONS or any(k.startswith(("MIP", "PROJECTION", "VOLUME_RENDER")) for k in kinds):
        return "projection"
    if kinds & _MAPS:
        return "not_ct"
    return ""


def sort_out(slices: Sequence[Slice]) -> tuple[list[Group], list[LeftOut]]:
    """Candidate groups, and what is none; raises the most telling reason when there is no candidate."""
    left_out: list[LeftOut] = []
    groups: list[Group] = []
    index: dict[tuple[object, ...], list[Group]] = {}
    for one in slices:
        reason = why_not(one)
        if reason:
            left_out.append(LeftOut(one.file, reason))
            continue
        key = (
            one.series_uid, one.frame_uid, one.image_type[:4], one.rows, one.columns, one.allocated, one.sop_class in ENHANCED,
            None if one.spacing is None else tuple(round(s, 4) for s in one.spacing),
        )  # fmt: skip
        alike = index.setdefault(key, [])
        for group in alike:
            if _same_orientation(group.first.orientation, one.orientation):
                group.slices.append(one)
                break
        else:
            group = Group([one])
            alike.append(group)
            groups.append(group)
    return _joined(groups), left_out


def _joined(groups: list[Group]) -> list[Group]:
    """Groups that differ only in image type and never lie at one place are one stack whose scanner changed its mode half-way."""
    joined: list[Group] = []
    for group in groups:
        for other in joined:
            a, b = group.first, other.first
            alike = (a.series_uid, a.frame_uid, a.rows, a.columns, a.allocated) == (
                b.series_uid,
                b.frame_uid,
                b.rows,
                b.columns,
                b.allocated,
            )
            if alike and a.spacing == b.spacing and _same_orientation(a.orientation, b.orientation) and not _overlap(group, other):
                other.slices += group.slices
                break
        else:
            joined.append(group)
    return joined


def _overlap(one: Group, other: Group) -> bool:
    """Whether any two slices of two groups lie within 0.05 mm, or a place is unknown."""
    places = [s.position for s in one.slices + other.slices]
    if any(place is None for place in places) or not one.first.orientation:
        return True
    cosines = np.asarray(one.first.orientation)
    along = np.asarray(places, float) @ np.cross(cosines[:3], cosines[3:])
    first, second = np.sort(along[: len(one.slices)]), np.sort(along[len(one.slices) :])
    nearest = np.searchsorted(second, first)
    left, right = np.clip(nearest - 1, 0, len(second) - 1), np.clip(nearest, 0, len(second) - 1)
    return bool(np.minimum(np.abs(first - second[left]), np.abs(first - second[right])).min() < 0.05)


def _same_orientation(one: tuple[float, ...] | None, other: tuple[float, ...] | None) -> bool:
    if one is None or other is None:
        return one is other
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) < 2e-3


def choose(groups: list[Group]) -> tuple[Group, list[str]]:
    """The group that is the scan, and warnings about the choice.

    Raises
    ------
    RejectedScan
        `several_patients`; `tilt_not_uniform` when the chosen series also has slices at another angle.
    """
    if len({one.patient for group in groups for one in group.slices if one.patient}) > 1:
        raise rejected("several_patients", "the files belong to more than one patient")
    largest = max(len(group.slices) for group in groups)
    able = [group for group in groups if len(group.slices) * 4 >= largest]
    chosen = max(able, key=_merit)
    warnings = []
    others = [group for group in groups if group is not chosen]
    if any(group.first.series_uid != chosen.first.series_uid for group in others):
        warnings.append(f"several_series: {len(groups)} groups of CT slices were found; the one of {len(chosen.slices)} slices was taken")
    rest = [group for group in others if group.first.series_uid == chosen.first.series_uid]
    if rest:
        _check_angles(chosen, rest)
        count = sum(len(group.slices) for group in rest)
        warnings.append(f"series_split: {count} slices of the same series differ in size, spacing, orientation or type and were left out")
    return chosen, warnings


def _merit(group: Group) -> tuple[bool, bool, float, int, int]:
    coverage, count = group.coverage_mm(), sum(one.frames for one in group.slices)
    step = coverage / (count - 1) if count > 1 and coverage else 10.0
    fineness = round(min(coverage, 400.0) / 50.0) - (0 if step <= 1.6 else 3 if step <= 3.5 else 5)
    return group.contrast, "ORIGINAL" in group.first.image_type[:1], float(fineness), count, -(group.first.series_number or 0)


def _check_angles(chosen: Group, rest: list[Group]) -> None:
    if not chosen.first.orientation:
        return
    cosines = np.asarray(chosen.first.orientation)
    normal = np.cross(cosines[:3], cosines[3:])
    for group in rest:
        other = group.first
        if other.orientation and (other.rows, other.columns) == (chosen.first.rows, chosen.first.columns):
            cosine = abs(float(np.dot(normal, np.cross(other.orientation[:3], other.orientation[3:]))))
            if 0.7 < cosine < 0.9999985 and len(group.slices) >= 2:  # 0.1 to 45 degrees
                raise rejected(
                    "tilt_not_uniform",
                    f"the slices of one series lie at angles {np.degrees(np.arccos(min(1.0, cosine))):.1f} degrees apart",
                )


def no_candidate(left_out: list[LeftOut]) -> RejectedScan:
    """The rejection when nothing in the folder is a CT slice: the reason that most helps."""
    reasons = Counter(item.reason for item in left_out)
    for code, found in (
        ("burned_in_text", "all CT images are marked as having text burned in"),
        ("projection", "only projections or renderings were found"),
        ("colour_image", "only colour images were found"),
        ("secondary_capture", "only secondary captures were found"),
        ("localizer_only", "only localizers were found"),
        ("not_ct", "the images are of another modality"),
        ("no_pixels", "the DICOM files hold no image"),
    ):
        if reasons[code]:
            return rejected(code, found)
    for code in ("too_nested", "too_large", "truncated", "damaged"):
        if reasons[code]:
            return rejected(code, "no file can be read as a scan")
    return rejected("not_an_image", "nothing in the files is a scan")
