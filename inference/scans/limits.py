"""How much a file may ask for before the reader is stopped."""

from dataclasses import asdict, dataclass
from typing import Any

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Bounds on one read.

    Parameters
    ----------
    voxels : int
        Largest volume; 10⁹ voxels are 3,800 slices of 512×512.
    stall_seconds : float
        The reader is stopped when it reports no progress for this long; a refusal therefore takes under ten seconds. [s]
    total_seconds : float
        The reader is stopped after this long whatever it reports. [s]
    parse_bytes : int
        Address space the child may add to that of its libraries before the header has bounded the volume. [byte]
    files, depth : int
        Most files and deepest folder looked at.
    archive_entries, archive_bytes, archive_ratio : int
        Caps on a zip: entries, unpacked bytes in all, and unpacked over packed bytes of an entry.
    """

    voxels: int = 1_000_000_000
    stall_seconds: float = 8.0
    total_seconds: float = 900.0
    parse_bytes: int = 768 * MIB
    files: int = 20_000
    depth: int = 12
    archive_entries: int = 20_000
    archive_bytes: int = 8192 * MIB
    archive_ratio: int = 400

    def to_dict(self) -> dict[str, Any]:
        """The bounds as JSON."""
        return asdict(self)
