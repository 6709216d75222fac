"""A finished reconstruction, opened for correction: its record, and its arrays as they are needed."""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.correction.click import CorrectionRefused
from inference.correction.journal import finish_interrupted
from inference.volume import Volume

Mask = npt.NDArray[np.uint8]
Record = dict[str, Any]
MASKS = ("vessel", "veins", "bone", "arteries")
VOLUME_FILE = "volumes/bone_removed.nii.gz"


class CorrectionCase:
    """A result folder with its masks and volumes, read when first used and kept.

    Parameters
    ----------
    folder : Path
        What `reconstruct` wrote.
    scan : Volume, path or None
        The scan it was made of; needed to put back what bone removal took away, and to make reformats and DICOM anew.
    """

    def __init__(self, folder: Path, *, scan: Volume | str | Path | None = None) -> None:
        self.folder = folder
        self._scan = scan
        self.masks: dict[str, Mask] = {}
        self.reread()

    def reread(self) -> None:
        """Read the record again and forget the arrays."""
        path = self.folder / "case.json"
        try:
            text = path.read_text(encoding="utf-8")
            self.record: Record = json.loads(text)
        except (OSError, ValueError):
            raise CorrectionRefused(
                "not_finished", "the folder holds no finished reconstruction", "give a folder that gilbreth reconstruct wrote"
            ) from None
        self.version = hashlib.sha256(text.encode()).hexdigest()[:16]
        self.masks.clear()
        self.__dict__.pop("bone_removed", None)

    def is_current(self) -> bool:
        """Whether the folder is still as it was when it was read."""
        try:
            return hashlib.sha256((self.folder / "case.json").read_bytes()).hexdigest()[:16] == self.version
        except OSError:
            return False

    def mask(self, name: str) -> Mask:
        """`vessel`, `veins`, `bone` or `arteries` as uint8 (z, y, x), read-only."""
        if name not in self.masks:
            array = _loaded(self.folder / "masks" / f"{name}.nii.gz").array.astype(np.uint8)
            array.flags.writeable = False
            self.masks[name] = array
        return self.masks[name]

    @cached_property
    def bone_removed(self) -> Volume:
        """The bone-removed volume as it stands. [HU]"""
        return _loaded(self.folder / VOLUME_FILE)

    @cached_property
    def scan(self) -> Volume | None:
        """The scan itself, checked to be the one of this case; None if it was not given. [HU]"""
        from inference.pipeline import in_hu
        from inference.reconstruction import fingerprint

        if self._scan is None:
            return None
        volume = self._scan if isinstance(self._scan, Volume) else _loaded(Path(self._scan))
        if fingerprint(volume) != self.record["request"]["input_sha256"]:
            raise CorrectionRefused("other_scan", "the scan is not the one this case was made of", "give the scan that was reconstructed")
        return in_hu(volume)

    @property
    def scan_path(self) -> Path | None:
        """Where the scan lies, if a path was given."""
        return None if self._scan is None or isinstance(self._scan, Volume) else Path(self._scan)

    def need_scan(self) -> Volume:
        """The scan, or a refusal that asks for it."""
        if self.scan is None:
            raise CorrectionRefused(
                "needs_scan", "what bone removal took away is only in the scan itself", "give the scan as well (--scan PATH)"
            )
        return self.scan

    def note(self, name: str, otherwise: float) -> float:
        """A figure of the segmentation's notes, such as `lower_hu`."""
        return float(self.record.get("notes", {}).get(name) or otherwise)


def open_case(folder: str | Path | CorrectionCase, *, scan: Volume | str | Path | None = None) -> CorrectionCase:
    """Open a result folder for correction; a correction that was cut off by a crash is finished first.

    Parameters
    ----------
    folder : path
        What `gilbreth reconstruct` wrote.
    scan : Volume or path, optional
        The scan it was made of.

    Raises
    ------
    CorrectionRefused
        `not_finished`, if there is no whole result.
    """
    if isinstance(folder, CorrectionCase):
        return folder
    finish_interrupted(Path(folder))
    return CorrectionCase(Path(folder), scan=scan)


def corrections_of(folder: str | Path) -> list[Record]:
    """The corrections in force, the oldest first, as their events were."""
    return list(CorrectionCase(Path(folder)).record.get("corrections", []))


def _loaded(path: Path) -> Volume:
    from inference.scans.load import load

    return load(path)
