"""Figures of a large department beside the database, so that a fresh process need not read every event again.

A set is written under a stamp of its own and named last in the list of contents: half a set is no set. It is used only by the database
whose audit it was made from.
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from sqlmodel import Session

from db import department as rows
from db.department import Heads
from study.department_parts import Parts

LAYOUT = 3
PARTS = ("attributes", "figures", "runs", "verdicts")


class Kept:
    """The kept figures of one study.

    Parameters
    ----------
    folder : Path
        `cache` of the home.
    study_id : str
    """

    def __init__(self, folder: Path, study_id: str) -> None:
        self.folder, self.study_id = folder, study_id
        self.contents = folder / f"{study_id}-contents.json"

    def save(self, parts: Parts, tasks: pd.DataFrame) -> None:
        """Write a set and drop the one before."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        stamp = f"{parts.heads.event}-{parts.heads.audit}-{os.getpid()}"
        frames = {name: getattr(parts, name) for name in PARTS} | {"verdicts": parts.verdicts.to_frame(), "tasks": tasks}
        for name, frame in frames.items():
            _put(self._frame(stamp, name), lambda target, frame=frame: frame.to_parquet(target))  # type: ignore[misc]
        told = {"layout": LAYOUT, "stamp": stamp, "heads": asdict(parts.heads), "sums": parts.sums, "version": parts.version}
        _put(self.contents, lambda target: target.write_text(json.dumps(told)))
        for old in self.folder.glob(f"{self.study_id}-*.parquet"):
            if f"-{stamp}-" not in old.name:
                old.unlink(missing_ok=True)

    def tasks(self, db_session: Session) -> tuple[pd.DataFrame, Heads, str] | None:
        """The tasks as kept, how far they go and their version; None when there are none of this database."""
        told = self._told(db_session)
        if told is None:
            return None
        try:
            return pd.read_parquet(self._frame(told["stamp"], "tasks")), Heads(**told["heads"]), str(told["version"])
        except (OSError, ValueError):
            return None  # a cache that cannot be read is no cache

    def parts(self, db_session: Session) -> Parts | None:
        """What the tasks were put together from, to follow the logs from there."""
        told = self._told(db_session)
        if told is None:
            return None
        try:
            attributes, figures, runs, verdicts = (pd.read_parquet(self._frame(told["stamp"], name)) for name in PARTS)
        except (OSError, ValueError):
            return None
        return Parts(Heads(**told["heads"]), tuple(told["sums"]), told["version"], attributes, figures, runs, verdicts["passed"])

    def forget(self) -> None:
        """The set is not what the database says."""
        self.contents.unlink(missing_ok=True)

    def _told(self, db_session: Session) -> dict[str, Any] | None:
        try:
            told: dict[str, Any] = json.loads(self.contents.read_text())
            heads = Heads(**told["heads"])
            if told["layout"] != LAYOUT:
                return None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        same = rows.audit_sha256(db_session, number=heads.audit) == heads.audit_sha256 and rows.heads(db_session).event >= heads.event
        return told if same else None

    def _frame(self, stamp: object, name: str) -> Path:
        return self.folder / f"{self.study_id}-{stamp}-{name}.parquet"


def _put(target: Path, write: Callable[[Path], object]) -> None:
    unfinished = target.with_suffix(f".{os.getpid()}.part")
    write(unfinished)
    os.chmod(unfinished, 0o600)
    os.replace(unfinished, target)
