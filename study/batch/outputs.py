"""When a case is done: its outputs are complete and hash to what the ledger says."""

import hashlib
import json
from pathlib import Path


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
    record = folder / "case.json"
    try:
        listed = json.loads(record.read_text(encoding="utf-8")).get("outputs", [])
    except (OSError, ValueError):
        return None
    total = hashlib.sha256()
    for name in ["case.json", *sorted(_name(item) for item in listed)]:
        path = folder / name
        if not path.is_file():
            return None
        with path.open("rb") as file:
            total.update(f"{name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()


def _name(item: object) -> str:
    return str(item.get("path") or item.get("name")) if isinstance(item, dict) else str(item)
