"""When a case is done: its outputs are complete and hash to what the ledger says."""

import hashlib
import json
from pathlib import Path
from typing import Any


def outputs_sha256(folder: Path) -> str | None:
    """One hash over names and contents of everything `reconstruct` wrote; None while `case.json` or a listed file is missing.

    Parameters
    ----------
    folder : Path
        What `gilbreth reconstruct --out` was given.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> outputs_sha256(folder) is None
    True
    >>> _ = (folder / "case.json").write_text('{"outputs": []}')
    >>> len(outputs_sha256(folder) or "")
    64
    """
    record = case_record(folder)
    if record is None:
        return None
    paths = ["case.json", *sorted(_name(item) for item in record.get("outputs", []))]
    if not all((folder / name).is_file() for name in paths):
        return None
    total = hashlib.sha256()
    for name in paths:
        try:
            with (folder / name).open("rb") as file:
                total.update(f"{name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
        except OSError:
            return None
    return total.hexdigest()


def case_record(folder: Path) -> dict[str, Any] | None:
    """What `case.json` says; None if it is missing or cannot be read."""
    try:
        record = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def _name(item: object) -> str:
    return str(item.get("path") or item.get("name")) if isinstance(item, dict) else str(item)
