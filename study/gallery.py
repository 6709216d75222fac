"""What `reconstruct` wrote, for a page: pictures by view and angle, verdict, arteries, time by stage."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

FRAME = re.compile(r"(?P<view>.+?)_?(?P<angle>\d{1,3})?$")
FOLDERS = ("mip", "vr", "cpr", "mpr")


@dataclass(frozen=True)
class Record:
    """One reconstruction: its folder and what `case.json` says in words."""

    folder: Path
    verdict: str
    findings: tuple[str, ...]
    vessels: tuple[str, ...]
    stages: pd.DataFrame
    made_by: str


def find_records(folder: Path) -> dict[str, Record]:
    """Every finished reconstruction below a folder, by name."""
    return {path.parent.name: _record(path) for path in sorted(folder.glob("*/case.json"))}


def _record(path: Path) -> Record:
    content = json.loads(path.read_text(encoding="utf-8"))
    check, model = content["qc"], content["model"]
    findings = tuple(f"{item['text']} ({item['severity']})" for item in check["findings"])
    vessels = tuple(str(item["name"] if isinstance(item, dict) else item).replace("_", " ") for item in content["vessels"])
    stages = pd.DataFrame(content["stages"]).rename(columns={"name": "Stage", "seconds": "Seconds", "peak_rss_mb": "Peak memory [MB]"})
    made_by = f"{model['name']} {model['version']} on {content['device']}, {content['engine']}"
    return Record(path.parent, check["verdict"], findings, vessels, stages, made_by)


def frames_of(record: Record) -> dict[str, dict[int, Path]]:
    """Picture files by view and angle, in order of angle; a view without angle has the single angle 0.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "mip").mkdir()
    >>> for name in ("rotate_000.png", "rotate_010.png", "axial.png"):
    ...     _ = (folder / "mip" / name).write_bytes(b"")
    >>> record = Record(folder, "accept", (), (), pd.DataFrame(), "")
    >>> {view: list(frames) for view, frames in frames_of(record).items()}
    {'mip axial': [0], 'mip rotate': [0, 10]}
    """
    views: dict[str, dict[int, Path]] = {}
    for kind in FOLDERS:
        for path in sorted((record.folder / kind).glob("*.png")):
            match = FRAME.fullmatch(path.stem)
            if match:
                view = f"{kind} {match['view'].replace('_', ' ')}"
                views.setdefault(view, {})[int(match["angle"] or 0)] = path
    return {view: dict(sorted(frames.items())) for view, frames in views.items()}
