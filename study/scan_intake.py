"""A scan at the study's door: read in full, accepted or rejected with a reason, and known only by a keyed pseudonym after."""

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from study.errors import MissingPart, RejectedInput


@dataclass(frozen=True)
class Intake:
    """What the door found.

    Parameters
    ----------
    accepted : bool
        Whether the scan may be processed.
    reasons : tuple of str
        Codes of the rejection.
    sha256 : str
        Hash of the scan's files.
    facts : dict
        Columns of the case that hold no identifier (scanner).
    """

    accepted: bool
    reasons: tuple[str, ...]
    sha256: str
    facts: dict[str, Any] = field(default_factory=dict)


def take_in(path: Path) -> Intake:
    """Read a scan and judge it.

    Raises
    ------
    RejectedInput
        When there is nothing at the path.
    MissingPart
        When the reader of scans is not installed.
    """
    if not path.exists():
        raise RejectedInput("no_such_file", f"{path} does not exist", "give the path of a scan: a file, a folder or a zip")
    try:
        from inference import load
        from inference.errors import MissingPart as MissingReader
        from inference.errors import RejectedScan
    except ImportError as error:
        raise MissingPart("reading scans needs more packages; pip install 'gilbreth[infer]'") from error
    sha256 = scan_hash(path)
    try:
        volume = load(path)
    except RejectedScan as rejected:
        return Intake(False, (rejected.code,), sha256)
    except (MissingReader, ImportError) as error:
        raise MissingPart("reading scans needs more packages; pip install 'gilbreth[infer]'") from error
    header = volume.source.header
    scanner = " ".join(str(header[key]) for key in ("manufacturer", "model") if header.get(key))
    return Intake(True, (), sha256, {"scanner": scanner[:120] or None})


def scan_hash(path: Path) -> str:
    """Hash of a scan's files, whatever they are called and wherever they lie."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    digests = sorted(_file_hash(file) for file in files)
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remember_path(folder: Path, *, case_id: str, path: Path) -> None:
    """Keep where the scan lies outside the database: a path may hold a name."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / f"{case_id}.path", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(str(path.resolve()))


def scan_path(folder: Path, *, case_id: str) -> Path | None:
    """Where a case's scan lies; None when it was not enrolled from a file."""
    note = folder / f"{case_id}.path"
    return Path(note.read_text(encoding="utf-8")) if note.is_file() else None
