"""The figures of one study in this process: brought up to date by one thread at a time, shown by all.

Up to `SMALL` events every look walks all of them. Above that a page shows what there is after a short wait and never pays for the rest:
a thread reads on, and the next look shows it.
"""

import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from sqlalchemy import Engine
from sqlmodel import Session

from db import department as rows
from db.department import Heads
from db.engine import snapshot
from study.department_cache import Kept
from study.department_parts import CHANGES_RATINGS, CHANGES_RUNS, CHANGES_TASKS, Parts, joined, read_all, read_new
from study.errors import NotYetRead

SMALL = 60_000  # events up to which every look walks all of them, so that a row changed behind the program's back shows at once
DEEP_LOOK_SECONDS = 60.0
PATIENCE_SECONDS = 0.5
SAVE_SECONDS = 60.0


@dataclass(frozen=True)
class Department:
    """Tasks of a study with their figures.

    Parameters
    ----------
    tasks : pandas.DataFrame
        One row per task: `db.department.ATTRIBUTES` and `FIGURES`; `minutes`, `week` (Monday), `shift`, `model`, `check`, `passed`.
    version : str
        Moves whenever the tasks do.
    up_to_date : bool
        False while newer records are still being read.
    """

    tasks: pd.DataFrame
    version: str
    up_to_date: bool = True


class Store:
    """The figures of one study in this process."""

    def __init__(self, engine: Engine, study_id: str, folder: Path | None) -> None:
        self.engine, self.study_id = engine, study_id
        self.kept = Kept(folder, study_id) if folder else None
        self.lock, self.door = threading.Lock(), threading.Lock()
        self.parts: Parts | None = None
        self.made: Department | None = None
        self.seen: Heads | None = None
        self.events_read = 0
        self.saved = ("", 0.0)
        self.worker: threading.Thread | None = None
        self.waited_for: threading.Thread | None = None
        self.watch: threading.Timer | None = None

    def look(self) -> Department:
        """What can be shown now, without waiting for more than a moment.

        Raises
        ------
        study.errors.NotYetRead
            When nothing can be shown yet; the figures are being read.
        """
        with snapshot(self.engine) as db_session:
            heads = rows.heads(db_session)
            if heads.event > SMALL:
                self._take_kept(db_session)
        if heads.event <= SMALL:
            return self.refresh()
        if self.made is None or self.seen != heads:
            worker = self._read_on()
            if worker is not self.waited_for:  # once for each reading: a page looks several times
                self.waited_for = worker
                worker.join(PATIENCE_SECONDS)
        if self.made is None:
            raise NotYetRead(self.events_read, heads.event)
        self._watch_later()
        return self.made if self.seen is not None and self.seen.event >= heads.event else replace(self.made, up_to_date=False)

    def refresh(self, *, save: bool = False) -> Department:
        """The tasks as they stand, however long it takes."""
        with self.lock:
            with snapshot(self.engine) as db_session:
                if self._nothing_new(db_session) and self.made is not None and (not save or self.saved[0] == self.made.version):
                    return self.made
                before = self.parts or (self.kept.parts(db_session) if self.kept else None)
                now = self._up_to_date(db_session, before)
            if self.made is None or now.version != self.made.version:
                self.made = Department(joined(now), now.version)
            self.parts, self.seen = now, now.heads
            if now.heads.event > SMALL:
                self._save(now, self.made, at_once=save or before is None)
                self._watch_later()
            return self.made

    def _nothing_new(self, db_session: Session) -> bool:
        """Whether the logs tell of nothing that would change the tasks shown; what was kept is taken first."""
        heads = rows.heads(db_session)
        if heads.event <= SMALL:
            return False
        self._take_kept(db_session)
        if self.made is None or self.seen is None or heads.event != self.seen.event:
            return False
        if heads != self.seen and rows.changed_tables(db_session, since=self.seen.audit) & (CHANGES_TASKS | CHANGES_RUNS | CHANGES_RATINGS):
            return False
        self.seen = heads
        return True

    def _up_to_date(self, db_session: Session, before: Parts | None) -> Parts:
        heads = rows.heads(db_session)
        small = heads.event <= SMALL
        sums = rows.event_sums(db_session, study_id=self.study_id) if small else ()
        if before is None or (small and heads.event == before.heads.event and sums != before.sums):
            return read_all(db_session, self.study_id, heads, sums, seen=self._progress)
        if heads == before.heads:
            return before
        return read_new(db_session, self.study_id, before, heads, sums)

    def _progress(self, events: int) -> None:
        self.events_read = events

    def _read_on(self) -> threading.Thread:
        with self.door:
            if self.worker is None or not self.worker.is_alive():
                self.worker = threading.Thread(target=self.refresh, name="department", daemon=True)
                self.worker.start()
            return self.worker

    def _take_kept(self, db_session: Session) -> None:
        with self.door:
            found = self.kept.tasks(db_session) if self.kept and self.made is None else None
            if found is not None:
                self.made, self.seen = Department(found[0], found[2]), found[1]
                self.saved = (found[2], time.monotonic())
                self._watch_later()

    def _save(self, parts: Parts, made: Department, *, at_once: bool) -> None:
        version, when = self.saved
        if self.kept and version != parts.version and (at_once or time.monotonic() - when > SAVE_SECONDS):
            self.kept.save(parts, made.tasks)
            self.saved = (parts.version, time.monotonic())

    def _watch_later(self) -> None:
        if self.watch is None:
            self.watch = threading.Timer(DEEP_LOOK_SECONDS, self._deep_look)
            self.watch.daemon = True
            self.watch.start()

    def _deep_look(self) -> None:
        """Outside any page: walk all events now and then, start afresh if one was changed from outside, keep the rest."""
        self.watch = None
        try:
            self._walk()
        except RuntimeError as error:
            if "interpreter shutdown" not in str(error):  # else the program is ending, and starts no thread any more
                raise

    def _walk(self) -> None:
        with snapshot(self.engine) as db_session:
            with self.lock:
                self.parts = parts = self.parts or (self.kept.parts(db_session) if self.kept else None)
            if parts is None:
                return
            if rows.heads(db_session).event != parts.heads.event:
                return
            sums = rows.event_sums(db_session, study_id=self.study_id)
        with self.lock:
            if self.parts is not parts:
                return
            if parts.sums and parts.sums != sums:
                self.parts = self.made = None
                if self.kept:
                    self.kept.forget()
            elif not parts.sums:
                self.parts = replace(parts, sums=sums)
                if self.kept and self.made is not None:
                    self.kept.save(self.parts, self.made.tasks)
