"""What `reconstruct` wrote, for a page: pictures by view and angle, verdict, arteries, time by stage."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

FRAME = re.compile(r"(?P<view>.+?)_?(?P<angle>\d{1,3})?$")
GRAVITY = {"reject": 0, "review": 1, "note": 2}
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
    return {path.parent.name: read_record(path.parent) for path in sorted(folder.glob("*/case.json"))}


def read_record(folder: Path) -> Record:
    """One finished reconstruction."""
    path = folder / "case.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    check, model = content["qc"], content["model"]
    gravest_first = sorted(check["findings"], key=lambda item: GRAVITY.get(item["severity"], 0))
    findings = tuple(f"{item['text']} ({item['severity']})" for item in gravest_first)
    vessels = tuple(str(item["name"] if isinstance(item, dict) else item).replace("_", " ") for item in content["vessels"])
    names = {"name": "Stage", "seconds": "Seconds", "peak_rss_mb": "Peak memory [MB]"}
    stages = pd.DataFrame(content["stages"], columns=list(names)).rename(columns=names).round(2)
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


def in_words(view: str) -> str:
    """A view's name as a person would write it.

    Examples
    --------
    >>> in_words("mip rotate"), in_words("cpr carotid r")
    ('MIP, turning', 'CPR, carotid r')
    """
    kind, _, rest = view.partition(" ")
    return f"{kind.upper()}, {'turning' if rest == 'rotate' else rest}"
