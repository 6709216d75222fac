"""The dose-length product of an exam from its radiation dose report (TID 10011), when the report lies beside the scan."""

import math
from typing import Any

_TOTAL, _DEEPEST = "113813", 8  # DCM 113813: CT Dose Length Product Total


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


def _number(text: Any) -> float | None:
    try:
        number = float(text)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and 0.0 <= number < 1e6 else None
