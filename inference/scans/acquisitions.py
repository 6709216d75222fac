"""How many scans the images of an exam come from, told by when and where they were acquired."""

import math
from dataclasses import dataclass, field
from typing import Any

from inference.scans.dose import SHORTEST_SCAN_MM

GAP_SECONDS = 2.0  # reconstructions of one scan share its seconds; two scans lie further apart


@dataclass
class Acquisitions:
    """Takes images in one by one; reconstructions of the same scan count once.

    Examples
    --------
    >>> from pydicom.dataset import Dataset
    >>> def image(series, second, z):
    ...     found = Dataset()
    ...     found.Modality, found.SeriesInstanceUID, found.ImageType = "CT", series, ["ORIGINAL", "PRIMARY", "AXIAL"]
    ...     found.AcquisitionTime, found.ImagePositionPatient = f"1200{second:02d}", [0, 0, z]
    ...     return found
    >>> seen = Acquisitions()
    >>> for series, second in (("1.1", 0), ("1.2", 0), ("1.3", 40)):  # two reconstructions of one scan, and another scan
    ...     for z in (0, 150, 300):
    ...         seen.add(image(series, second, z))
    >>> seen.scans()
    2
    """

    spans: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, data: Any) -> None:
        """Take an image in: its second and its place, where it is an original CT slice that states both."""
        kinds = {str(kind).upper() for kind in (data.get("ImageType") or [])}
        if str(data.get("Modality", "")) != "CT" or "ORIGINAL" not in kinds or "LOCALIZER" in kinds:
            return
        second, place = _second(data), _place_mm(data)
        if second is not None and place is not None:
            self.spans.setdefault(str(data.get("SeriesInstanceUID", "")), []).append((second, place))

    def scans(self) -> int | None:
        """Scans of 100 mm or more; None when no image states when and where it was made."""
        series = [(min(s for s, _ in rows), max(s for s, _ in rows), _reach(rows)) for rows in self.spans.values()]
        series = sorted(item for item in series if item[2] >= SHORTEST_SCAN_MM)
        count, until = 0, -math.inf
        for first, last, _ in series:
            count += first > until + GAP_SECONDS
            until = max(until, last)
        return count or None


def _reach(rows: list[tuple[float, float]]) -> float:
    return max(place for _, place in rows) - min(place for _, place in rows)


def _second(data: Any) -> float | None:
    """Second of the day at which the slice was acquired."""
    text = str(data.get("AcquisitionTime") or str(data.get("AcquisitionDateTime") or "")[8:])
    try:
        return 3600.0 * int(text[:2]) + 60.0 * int(text[2:4]) + float(text[4:] or 0)
    except ValueError:
        return None


def _place_mm(data: Any) -> float | None:
    try:
        found = float(data.ImagePositionPatient[2])
    except (AttributeError, IndexError, TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None
