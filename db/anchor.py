"""The head of the audit chain, kept in a file outside the database so that a shortened chain shows."""

import json
import os
from pathlib import Path

try:
    import fcntl
except ModuleNotFoundError:  # Windows: one process writes there
    fcntl = None  # type: ignore[assignment]


def write_anchor(path: Path, *, number: int, sha256: str) -> None:
    """Move the anchor forward; a late writer never moves it back.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "audit.head"
    >>> write_anchor(path, number=2, sha256="b" * 64)
    >>> write_anchor(path, number=1, sha256="a" * 64)
    >>> read_anchor(path)[0]
    2
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if fcntl:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _parse(os.pread(descriptor, 200, 0))[0] < number:
            line = json.dumps({"number": number, "sha256": sha256}).ljust(127) + "\n"  # one length, so one write replaces it
            os.pwrite(descriptor, line.encode(), 0)
    finally:
        os.close(descriptor)


def read_anchor(path: Path) -> tuple[int, str]:
    """Number and hash of the anchored head; (0, "") when nothing is anchored."""
    return _parse(path.read_bytes()) if path.is_file() else (0, "")


def _parse(content: bytes) -> tuple[int, str]:
    if not content.strip():
        return 0, ""
    value = json.loads(content)
    return int(value["number"]), str(value["sha256"])
