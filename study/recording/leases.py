"""Who may write a task now: one tab of one person. A second tab reads; it may take over once the first is silent."""

from datetime import timedelta

from sqlmodel import Session

from db.tables import Lease
from study.clock import Instant
from study.errors import Forbidden

LEASE = timedelta(seconds=60)


def take_lease(db_session: Session, *, task_id: str, account_id: str, holder: str, now: Instant) -> bool:
    """Take or renew the lease; False when another tab holds it.

    Parameters
    ----------
    holder : str
        A random name of the tab or agent.
    """
    lease = db_session.get(Lease, task_id)
    if lease is not None and lease.holder != holder and lease.expires_at > now.at and lease.renewed_boot == now.boot:
        return False
    values = {
        "task_id": task_id, "account_id": account_id, "holder": holder, "renewed_at": now.at,
        "renewed_monotonic_seconds": now.monotonic_seconds, "renewed_boot": now.boot, "expires_at": now.at + LEASE,
    }  # fmt: skip
    if lease is None:
        db_session.add(Lease.model_validate(values))
    else:
        for name, value in values.items():
            setattr(lease, name, value)
        db_session.add(lease)
    db_session.flush()
    return True


def renew_lease(db_session: Session, *, task_id: str, holder: str, now: Instant) -> bool:
    """The heartbeat of a tab; False when the lease is somebody else's now."""
    lease = db_session.get(Lease, task_id)
    if lease is None or lease.holder != holder:
        return False
    return take_lease(db_session, task_id=task_id, account_id=lease.account_id, holder=holder, now=now)


def release_lease(db_session: Session, *, task_id: str, holder: str) -> None:
    """Give the lease back, when a tab closes in good order."""
    lease = db_session.get(Lease, task_id)
    if lease is not None and lease.holder == holder:
        db_session.delete(lease)
        db_session.flush()


def require_lease(db_session: Session, *, task_id: str, holder: str, now: Instant) -> None:
    """Raise `Forbidden` when another tab holds the lease."""
    lease = db_session.get(Lease, task_id)
    if lease is not None and lease.holder != holder and lease.expires_at > now.at:
        raise Forbidden("this task is open in another tab, this one only reads; go on there, or close it and wait a minute")
