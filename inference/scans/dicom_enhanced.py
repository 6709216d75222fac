"""Frames of an enhanced multi-frame CT as slices, from its shared and per-frame functional groups."""

import dataclasses
import math
from typing import Any

from inference.scans.codes import rejected
from inference.scans.dicom_slice import Slice
from inference.scans.words import code_string


def expand(path: str, one: Slice, *, frames_limit: int = 20_000) -> list[Slice]:
    """One `Slice` per frame.

    Raises
    ------
    RejectedScan
        `damaged` when groups and frames do not match, `too_nested` for nesting that breaks the reader.
    """
    import pydicom

    if one.frames > frames_limit:
        raise rejected("too_large", f"the image claims {one.frames} frames")
    try:
        tags = ["SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"]
        data = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags, force=True)
        shared = (data.get("SharedFunctionalGroupsSequence") or [pydicom.Dataset()])[0]
        each = list(data.get("PerFrameFunctionalGroupsSequence") or [])
    except RecursionError:
        raise rejected("too_nested", "the functional groups nest deeper than the reader follows") from None
    except MemoryError:
        raise
    except Exception:
        raise rejected("damaged", "the functional groups of a multi-frame image cannot be read") from None
    if len(each) != one.frames:
        raise rejected("damaged", f"the image has {one.frames} frames and {len(each)} functional groups")
    return [_frame(one, number, group, shared) for number, group in enumerate(each)]


def _frame(one: Slice, number: int, group: Any, shared: Any) -> Slice:
    def macro(sequence: str, name: str) -> Any:
        for place in (group, shared):
            items = place.get(sequence)
            if items and items[0].get(name) is not None:
                return items[0].get(name)
        return None

    frame_type = macro("CTImageFrameTypeSequence", "FrameType")
    return dataclasses.replace(
        one,
        frame=number,
        instance=number + 1,
        position=_numbers(macro("PlanePositionSequence", "ImagePositionPatient"), 3),
        orientation=_numbers(macro("PlaneOrientationSequence", "ImageOrientationPatient"), 6),
        spacing=_numbers(macro("PixelMeasuresSequence", "PixelSpacing"), 2),
        thickness=_number(macro("PixelMeasuresSequence", "SliceThickness")),
        between=_number(macro("PixelMeasuresSequence", "SpacingBetweenSlices")),
        slope=_number(macro("PixelValueTransformationSequence", "RescaleSlope")),
        intercept=_number(macro("PixelValueTransformationSequence", "RescaleIntercept")),
        rescale_type=code_string(str(macro("PixelValueTransformationSequence", "RescaleType") or "")),
        image_type=tuple(code_string(str(part)) for part in frame_type) if frame_type else one.image_type,
    )


def _numbers(value: Any, count: int) -> tuple[float, ...] | None:
    try:
        numbers = tuple(float(part) for part in value)
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else None


def _number(value: Any) -> float | None:
    found = _numbers([value], 1)
    return found[0] if found else None
