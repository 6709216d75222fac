"""Bring the ledger in line with the list and with what lies on disk, before anything is handed out."""

import os
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import Engine
from sqlmodel import col, select

from db.base import utc_now
from db.engine import snapshot, transaction
from db.tables import Job
from study.batch.ledger import batch_name
from study.batch.listing import Entry
from study.batch.outputs import case_record, outputs_sha256
from study.batch.patience import patient

CHUNK = 500
READERS = min(8, 2 * (os.cpu_count() or 1))

Asked = Callable[[dict[str, Any]], bool]


def enter(
    engine: Engine,
    *,
    out: Path,
    entries: Iterable[Entry],
    asked: Asked = lambda record: True,
    checked: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Bring the ledger in line with the list and with what lies on disk; returns how many cases are left to do.

    A case stays done only if its outputs still hash to the ledger's value and were made as asked. One whose row is missing is done
    again, for nobody vouches for its outputs. A running case is another program's until its lease ends.

    Parameters
    ----------
    asked : callable
        Whether a case record was made with the options of this run.
    checked : callable
        Called with how many finished cases have been looked at, and how many there are.
    """
    listed = tuple(entries)
    finished = _entered_as_done(engine, batch_name(out), listed)
    good: set[str] = set()
    with ThreadPoolExecutor(READERS) as readers:  # before any transaction: reading terabytes must keep nobody waiting
        answers = readers.map(lambda item: _holds(out / item[0], item[1], asked), finished.items())
        for number, (case, holds) in enumerate(zip(finished, answers, strict=True), start=1):
            good |= {case} if holds else set()
            checked(number, len(finished))
    todo = [entry for entry in listed if entry.case not in good]
    return sum(_wait(engine, batch_name(out), todo[start : start + CHUNK]) for start in range(0, len(todo), CHUNK))


@patient
def _entered_as_done(engine: Engine, batch: str, entries: tuple[Entry, ...]) -> dict[str, str]:
    """Hash by case of those on the list that the ledger calls done, from the same scans."""
    with snapshot(engine) as db_session:
        done = db_session.exec(select(Job).where(Job.batch == batch, Job.state == "done")).all()
    known = {job.name: ((job.path, job.unenhanced), job.output_sha256 or "") for job in done}
    return {entry.case: known[entry.case][1] for entry in entries if entry.case in known and known[entry.case][0] == _scans(entry)}


def _holds(folder: Path, digest: str, asked: Asked) -> bool:
    record = case_record(folder)
    return record is not None and asked(record) and outputs_sha256(folder) == digest


@patient
def _wait(engine: Engine, batch: str, entries: list[Entry]) -> int:
    """Let cases wait to be taken; how many do."""
    now, left = utc_now(), 0
    with transaction(engine) as db_session:
        here = select(Job).where(Job.batch == batch, col(Job.name).in_([entry.case for entry in entries]))
        known = {job.name: job for job in db_session.exec(here)}
        for entry in entries:
            path, second = _scans(entry)
            job = known.get(entry.case)
            if job is None:
                fresh = {"batch": batch, "name": entry.case, "path": path, "unenhanced": second, "created_at": now}
                db_session.add(Job.model_validate(fresh))
            elif job.state == "running" and not _abandoned(job, now):
                continue
            else:
                job.state, job.attempts, job.path, job.unenhanced = "waiting", 0, path, second
                job.code = job.reason = job.leased_until = None
            left += 1
    return left


def _scans(entry: Entry) -> tuple[str, str | None]:
    return str(entry.path), str(entry.unenhanced) if entry.unenhanced else None


def _abandoned(job: Job, now: datetime) -> bool:
    """Whether nobody works on a running case any more: its lease ran out, or the program that took it on this host is gone."""
    host, _, rest = (job.worker or "").partition("/")
    pid = rest.partition("/")[0]
    gone = host == socket.gethostname()[:60] and pid.isdigit() and not psutil.pid_exists(int(pid))
    return job.leased_until is None or job.leased_until < now or gone
