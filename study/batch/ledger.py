"""The ledger of a batch, in the database: the truth about what is done, whatever happens to workers, cluster or this program.

Whatever is asked here may be asked twice: the database may have done it and gone away before it could say so.
"""

import os
import secrets
import socket
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from db.base import utc_now
from db.engine import snapshot, transaction
from db.tables import Job
from study.batch.patience import patient

LEASE = timedelta(minutes=30)
MOST_ATTEMPTS = 3
BACK_OFF = timedelta(seconds=0.5)
"""How long a case rests after its first lost attempt; four times as long after the next."""
PAGE = 100


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


def claim(engine: Engine, *, out: Path, worker: str, among: Collection[str] | None = None, lease: timedelta = LEASE) -> Claimed | None:
    """Take the next waiting case for a worker; None when there is none to take now. A case whose lease ran out is waiting again.

    Parameters
    ----------
    among : collection of str, optional
        Only these cases; a set, or every name is looked for in a list.
    lease : timedelta
        After it the case may be taken by another.
    """
    mark = f"{socket.gethostname()[:60]}/{os.getpid()}/{worker[:20]}/{secrets.token_hex(4)}"
    return _claim(engine, batch_name(out), mark, among, lease)


@patient
def _claim(engine: Engine, batch: str, mark: str, among: Collection[str] | None, lease: timedelta) -> Claimed | None:
    with transaction(engine) as db_session:
        taken = select(Job).where(Job.batch == batch, Job.state == "running", Job.worker == mark)
        job = db_session.exec(taken).first()  # taken before the database went away
        if job is None:
            found = _next(db_session, batch, among)
            if found is None:
                return None
            job = db_session.exec(select(Job).where(Job.id == found)).one()
            job.state, job.worker, job.leased_until = "running", mark, utc_now() + lease
            job.attempts += 1
        return Claimed(job.name, job.path, job.unenhanced, job.attempts)


def _next(db_session: Session, batch: str, among: Collection[str] | None) -> str | None:
    """Id of the first case that may be taken: fewest attempts, then oldest."""
    rested = col(Job.leased_until).is_(None) | (col(Job.leased_until) < utc_now())
    waiting = col(Job.state).in_(("waiting", "running")) & rested
    statement = select(Job.id, Job.name).where(Job.batch == batch, waiting)
    statement = statement.order_by(col(Job.attempts), col(Job.created_at), col(Job.name)).limit(PAGE)
    start = 0
    while page := db_session.exec(statement.offset(start)).all():
        for number, name in page:
            if among is None or name in among:
                return number
        start += PAGE
    return None


@patient
def resting(engine: Engine, *, out: Path, among: Collection[str]) -> bool:
    """Whether a case rests after a lost attempt and will have to be taken later."""
    with snapshot(engine) as db_session:
        waiting = db_session.exec(select(Job.name).where(Job.batch == batch_name(out), Job.state == "waiting"))
        return any(name in among for name in waiting)


@patient
def renew(engine: Engine, *, out: Path, cases: Iterable[str], lease: timedelta = LEASE) -> None:
    """Tell that somebody still works on these cases."""
    with transaction(engine) as db_session:
        for job in db_session.exec(select(Job).where(Job.batch == batch_name(out), col(Job.name).in_(list(cases)))):
            if job.state == "running":
                job.leased_until = utc_now() + lease


@patient
def hand_back(engine: Engine, *, out: Path, case: str) -> None:
    """Let a case wait again as if it had not been taken: its machine went away, which is no fault of the case."""
    with transaction(engine) as db_session:
        job = _row(db_session, out, case)
        if job is not None and job.state == "running":
            job.state, job.leased_until, job.attempts = "waiting", None, max(0, job.attempts - 1)


@patient
def finish(engine: Engine, *, out: Path, case: str, output_sha256: str, seconds: float, verdict: str = "") -> None:
    """Enter a case as done, with the hash of its outputs. Entering it twice changes nothing."""
    values = {"state": "done", "output_sha256": output_sha256, "seconds": seconds, "code": verdict or None, "finished_at": utc_now()}
    with transaction(engine) as db_session:
        job = _row(db_session, out, case)
        if job is not None:  # a row that was taken away: nobody vouches for the outputs, and the next run makes them again
            _set(job, {**values, "reason": None, "leased_until": None})


@patient
def fail(engine: Engine, *, out: Path, case: str, code: str, reason: str, final: bool) -> str:
    """Enter a failed attempt; returns the new state.

    A rejected scan (`final`) fails at once: it would be rejected again. A crash or a lost worker is tried again with the
    others first and after a rest, and after three attempts the case is set aside as `poisoned`.
    """
    with transaction(engine) as db_session:
        job = _row(db_session, out, case)
        if job is None:
            return "failed"
        state = "failed" if final else ("poisoned" if job.attempts >= MOST_ATTEMPTS else "waiting")
        rest = utc_now() + BACK_OFF * 4 ** (job.attempts - 1) if state == "waiting" else None
        told = {"code": code[:60], "reason": reason[:1000], "finished_at": utc_now()}
        _set(job, {"state": state, "leased_until": rest, **told})
        return state


@patient
def tally(engine: Engine, *, out: Path, among: Collection[str] | None = None) -> dict[str, int]:
    """Cases by state."""
    counts: dict[str, int] = {}
    here = Job.batch == batch_name(out)
    with snapshot(engine) as db_session:
        if among is None:
            return dict(db_session.exec(select(Job.state, func.count()).where(here).group_by(Job.state)).all())
        for state, name in db_session.exec(select(Job.state, Job.name).where(here)):
            if name in among:
                counts[state] = counts.get(state, 0) + 1
    return counts


@patient
def failures(engine: Engine, *, out: Path, among: Collection[str] | None = None) -> list[tuple[str, str, str]]:
    """Case, code and reason of every case that failed or was set aside."""
    with snapshot(engine) as db_session:
        statement = select(Job).where(Job.batch == batch_name(out), col(Job.state).in_(("failed", "poisoned"))).order_by(Job.name)
        rows = db_session.exec(statement)
        return [(job.name, job.code or "", job.reason or "") for job in rows if among is None or job.name in among]


def _row(db_session: Session, out: Path, case: str) -> Job | None:
    return db_session.exec(select(Job).where(Job.batch == batch_name(out), Job.name == case)).first()


def _set(job: Job, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(job, name, value)
