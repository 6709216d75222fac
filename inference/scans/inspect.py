"""Read a scan without processing it, and say whether it is accepted and what was noticed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.errors import RejectedScan
from inference.scans.limits import Limits
from inference.scans.load import read_facts, to_volume
from inference.volume import Volume


@dataclass(frozen=True)
class Inspection:
    """The answer about one path.

    Parameters
    ----------
    accepted : bool
        Whether the scan can be read correctly.
    code, reason, remedy : str
        Why not: `docs/rejections.md`; code `ok` when accepted.
    warnings, details : tuple of str
        Codes of what was noticed, and the same in words.
    series, left_out : tuple of dict
        CT series found, and files that are not part of the scan with the reason.
    shape, spacing_mm : tuple or None
        (z, y, x) of the volume in LPS order. [mm]
    header : dict
        Technical values.
    """

    accepted: bool
    code: str = "ok"
    reason: str = ""
    remedy: str = ""
    warnings: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    series: tuple[dict[str, Any], ...] = ()
    left_out: tuple[dict[str, str], ...] = ()
    shape: tuple[int, int, int] | None = None
    spacing_mm: tuple[float, float, float] | None = None
    header: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "accepted": self.accepted, "code": self.code, "reason": self.reason, "remedy": self.remedy,
            "warnings": list(self.warnings), "details": list(self.details), "series": list(self.series),
            "shape": list(self.shape) if self.shape else None, "spacing_mm": list(self.spacing_mm) if self.spacing_mm else None,
            "left_out": list(self.left_out), "header": self.header or {},
        }  # fmt: skip


def inspect(path: str | Path, *, limits: Limits | None = None, progress: Callable[[int, int], None] | None = None) -> Inspection:
    """Whether a scan is accepted; never raises for a bad scan."""
    return look(path, limits=limits, progress=progress)[0]


def look(
    path: str | Path, *, limits: Limits | None = None, progress: Callable[[int, int], None] | None = None
) -> tuple[Inspection, Volume | None]:
    """The answer about a path, and the volume when it is accepted."""
    try:
        facts, array = read_facts(path, limits=limits, progress=progress)
    except RejectedScan as refusal:
        return Inspection(False, refusal.code, refusal.found, refusal.remedy), None
    volume = to_volume(facts, array)
    details = tuple(facts["warnings"])
    codes = tuple(dict.fromkeys(text.split(":", 1)[0] for text in details))
    return (
        Inspection(
            True, "ok", "the scan can be read", "", codes, details, tuple(facts["series"]), tuple(facts["left_out"]),
            volume.shape, volume.spacing_mm, volume.source.header,
        ),
        volume,
    )  # fmt: skip
