"""The record on this machine: lines of events that wait until their owner has looked and sends or deletes them."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class Record:
    """A file of one task's events; survives a crash and a cut network.

    Parameters
    ----------
    folder : Path
        Folder of all records of this machine's user.
    token : str
        The task's token; the file is named by its hash, so that the file does not give the token away.
    """

    def __init__(self, folder: Path, *, token: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = folder / f"{hashlib.sha256(token.encode()).hexdigest()[:16]}.jsonl"

    def append(self, events: Iterable[dict[str, Any]]) -> None:
        """Write events to the file."""
        lines = "".join(json.dumps(event) + "\n" for event in events)
        if lines:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(lines)

    def events(self) -> list[dict[str, Any]]:
        """Everything in the file; a last line that a crash cut off is left out."""
        if not self.path.exists():
            return []
        found = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def delete(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)
