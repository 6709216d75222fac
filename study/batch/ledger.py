"""The ledger of a batch, in the database: the truth about what is done, whatever happens to workers, cluster or this program."""

import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psutil
from sqlalchemy import Engine
from sqlmodel import col, select

from db.base import utc_now
from db.engine import snapshot, transaction
from db.tables import Job
from study.batch.listing import Entry
from study.batch.outputs import outputs_sha256

LEASE = timedelta(minutes=30)
MOST_ATTEMPTS = 3


@dataclass(frozen=True)
class Claimed:
    """A case that a worker has taken, with the number of this attempt."""

    case: str
    path: str
    unenhanced: str | None
    attempt: int


def batch_name(out: Path) -> str:
    """The name of a batch is the folder it writes to, so that the same command continues it."""
    return str(out.resolve())[-200:]


def enter(engine: Engine, *, out: Path, entries: Iterable[Entry]) -> int:
    """Bring the ledger in line with the list and with what lies on disk; returns how many cases are left to do.

    A case stays done only if its outputs still hash to the ledger's value. One whose row is missing is done again, for
    nobody vouches for its outputs. A running case is another program's until its lease ends.
    """
    batch, now = batch_name(out), utc_now()
    with transaction(engine) as db_session:
        known = {job.name: job for job in db_session.exec(select(Job).where(Job.batch == batch)).all()}
        left = 0
        for entry in entries:
            job = known.get(entry.case)
            if job is None:
                job = Job.model_validate({"batch": batch, "name": entry.case, "path": str(entry.path), "created_at": now})
                job.unenhanced = str(entry.unenhanced) if entry.unenhanced else None
                db_session.add(job)
            elif job.state == "done" and job.path == str(entry.path) and outputs_sha256(out / entry.case) == job.output_sha256:
                continue
            elif job.state != "running" or _expired(job, now):
                job.state, job.attempts, job.path, job.code, job.reason = "waiting", 0, str(entry.path), None, None
            left += job.state == "waiting"
        return left


def claim(engine: Engine, *, out: Path, worker: str, among: Iterable[str] | None = None, lease: timedelta = LEASE) -> Claimed | None:
    """Take the next waiting case for a worker; None when there is none. A case whose lease ran out is waiting again."""
    batch, now = batch_name(out), utc_now()
    with transaction(engine) as db_session:
        waiting = (col(Job.state) == "waiting") | ((col(Job.state) == "running") & (col(Job.leased_until) < now))
        statement = select(Job).where(Job.batch == batch, waiting).order_by(col(Job.attempts), col(Job.created_at), col(Job.name))
        if among is not None:
            statement = statement.where(col(Job.name).in_(list(among)))
        job = db_session.exec(statement.limit(1)).first()
        if job is None:
            return None
        job.state, job.worker, job.leased_until = "running", f"{socket.gethostname()}/{os.getpid()}/{worker}"[:120], now + lease
        job.attempts += 1
        return Claimed(job.name, job.path, job.unenhanced, job.attempts)


def finish(engine: Engine, *, out: Path, case: str, output_sha256: str, seconds: float, verdict: str = "") -> None:
    """Enter a case as done, with the hash of its outputs. Entering it twice changes nothing."""
    _settle(engine, out, case, state="done", output_sha256=output_sha256, seconds=seconds, code=verdict or None, finished_at=utc_now())


def fail(engine: Engine, *, out: Path, case: str, code: str, reason: str, final: bool) -> str:
    """Enter a failed attempt; returns the new state.

    A rejected scan (`final`) fails at once: it would be rejected again. A crash or a lost worker is tried again with the
    others first, and after three attempts the case is set aside as `poisoned`.
    """
    with transaction(engine) as db_session:
        job = db_session.exec(select(Job).where(Job.batch == batch_name(out), Job.name == case)).one()
        job.state = "failed" if final else ("poisoned" if job.attempts >= MOST_ATTEMPTS else "waiting")
        job.code, job.reason, job.leased_until, job.finished_at = code[:60], reason[:1000], None, utc_now()
        return job.state


def tally(engine: Engine, *, out: Path) -> dict[str, int]:
    """Cases by state."""
    counts: dict[str, int] = {}
    with snapshot(engine) as db_session:
        for state in db_session.exec(select(Job.state).where(Job.batch == batch_name(out))):
            counts[state] = counts.get(state, 0) + 1
    return counts


def failures(engine: Engine, *, out: Path) -> list[tuple[str, str, str]]:
    """Case, code and reason of every case that failed or was set aside."""
    with snapshot(engine) as db_session:
        statement = select(Job).where(Job.batch == batch_name(out), col(Job.state).in_(("failed", "poisoned"))).order_by(Job.name)
        return [(job.name, job.code or "", job.reason or "") for job in db_session.exec(statement)]


def _expired(job: Job, now: datetime) -> bool:
    """Whether nobody works on a running case any more: its lease ran out, or the program that took it on this host is gone."""
    host, _, rest = (job.worker or "").partition("/")
    pid = rest.partition("/")[0]
    gone = host == socket.gethostname() and pid.isdigit() and not psutil.pid_exists(int(pid))
    return job.leased_until is None or job.leased_until < now or gone


def _settle(engine: Engine, out: Path, case: str, **values: object) -> None:
    with transaction(engine) as db_session:
        job = db_session.exec(select(Job).where(Job.batch == batch_name(out), Job.name == case)).one()
        for name, value in {**values, "reason": None, "leased_until": None}.items():
            setattr(job, name, value)
