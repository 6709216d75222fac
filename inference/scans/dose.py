"""What a radiation dose report (TID 10011) beside the scan says of its exam: the dose-length product, and how many scans it had."""

import math
from typing import Any

_TOTAL, _DEEPEST = "113813", 8  # DCM 113813: CT Dose Length Product Total
_ACQUISITION, _TYPE, _LENGTH = "113819", "113820", "113825"  # DCM: CT Acquisition, CT Acquisition Type, Scanning Length
_LOCALIZER, _SPIRAL = frozenset({"113805"}), frozenset({"116152004", "P5-08001"})  # Constant Angle Acquisition; Spiral Acquisition
SHORTEST_SCAN_MM = 100.0  # timing of the bolus and repeated slices are shorter


def dose_length_mgy_cm(data: Any, *, depth: int = 0) -> float | None:
    """Total dose-length product that a dose report states; None when the data set is no report or states none. [mGy·cm]

    Examples
    --------
    >>> from pydicom.dataset import Dataset
    >>> name, value, item, report = Dataset(), Dataset(), Dataset(), Dataset()
    >>> name.CodeValue, value.NumericValue = "113813", "612.5"
    >>> item.ConceptNameCodeSequence, item.MeasuredValueSequence = [name], [value]
    >>> report.ContentSequence = [item]
    >>> dose_length_mgy_cm(report)
    612.5
    """
    for item in data.get("ContentSequence") or ():
        names = item.get("ConceptNameCodeSequence") or ()
        values = item.get("MeasuredValueSequence") or ()
        if names and values and str(names[0].get("CodeValue", "")) == _TOTAL:
            return _number(values[0].get("NumericValue"))
        found = dose_length_mgy_cm(item, depth=depth + 1) if depth < _DEEPEST else None
        if found is not None:
            return found
    return None


def scans_of_exam(data: Any) -> int | None:
    """How many scans a dose report counts: acquisitions of 100 mm or more, localizers left out; None when it lists none.

    Where an acquisition does not state its length, a spiral one counts and any other does not.

    Examples
    --------
    >>> from pydicom.dataset import Dataset
    >>> scans_of_exam(Dataset()) is None
    True
    """
    found = [_is_scan(item) for item in _acquisitions(data, 0)]
    return sum(found) or None


def _acquisitions(data: Any, depth: int) -> list[Any]:
    found = []
    for item in data.get("ContentSequence") or ():
        if _code(item.get("ConceptNameCodeSequence")) == _ACQUISITION:
            found.append(item)
        elif depth < _DEEPEST:
            found += _acquisitions(item, depth + 1)
    return found


def _is_scan(acquisition: Any) -> bool:
    kind, length_mm = _stated(acquisition, _TYPE, 0), _stated(acquisition, _LENGTH, 0)
    if kind in _LOCALIZER:
        return False
    return length_mm >= SHORTEST_SCAN_MM if isinstance(length_mm, float) else kind in _SPIRAL


def _stated(data: Any, name: str, depth: int) -> str | float | None:
    """Code or number that an item of the tree states under a name."""
    for item in data.get("ContentSequence") or ():
        if _code(item.get("ConceptNameCodeSequence")) == name:
            values = item.get("MeasuredValueSequence") or ()
            return _number(values[0].get("NumericValue")) if values else _code(item.get("ConceptCodeSequence"))
        found = _stated(item, name, depth + 1) if depth < _DEEPEST else None
        if found is not None:
            return found
    return None


def _code(sequence: Any) -> str:
    return str(sequence[0].get("CodeValue", "")) if sequence else ""


def _number(text: Any) -> float | None:
    try:
        number = float(text)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and 0.0 <= number < 1e6 else None
