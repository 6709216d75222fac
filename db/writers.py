"""Writers in the order they came; quick ones that wait together share one commit.

A commit waits for the disk, whatever it holds. So a use case that says it is quick may leave its work, whole, in a
transaction that the next quick one in the queue goes on with; the last of them commits for all. Each is a savepoint: one
that fails takes nothing of the others with it. Nobody is told that something is done before the commit that holds it.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlmodel import Session

from db.audit import settle
from db.errors import DatabaseError, DatabaseFull

MOST_TOGETHER = 50
LONGEST_TOGETHER_SECONDS = 0.05  # after this the next commit comes at once, however many wait
_WRITER_LOCK = 4829_2020  # the advisory lock that PostgreSQL writers of all processes queue for
FULL = "the disk is full, nothing was kept; make room and send it again"


@dataclass(eq=False)
class Turn:
    """One writer's place in the queue."""

    quick: bool
    called: threading.Event = field(default_factory=threading.Event)
    group: "Group | None" = None


@dataclass(eq=False)
class Group:
    """An open transaction and those whose work it holds."""

    connection: Connection
    began: float
    members: int = 0
    head: tuple[int, str] | None = None
    broken: bool = False
    failure: BaseException | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def has_room(self) -> bool:
        """Whether another may still go on with it."""
        return not self.broken and self.members < MOST_TOGETHER and time.monotonic() - self.began < LONGEST_TOGETHER_SECONDS


class Writers:
    """The queue of one engine: serves threads in the order they came, so that no writer starves."""

    def __init__(self) -> None:
        self._guard, self._queue, self._held = threading.Lock(), deque[Turn](), False
        self._writing: int | None = None  # the thread whose turn it is

    @property
    def waiting(self) -> int:
        """How many stand in the queue."""
        return len(self._queue)

    def enter(self, *, quick: bool) -> Group | None:
        """Wait for one's turn; the group to go on with, or None to open one.

        Raises
        ------
        RuntimeError
            For a use case inside another one of the same thread, which would wait for itself for ever.
        """
        me = threading.get_ident()
        with self._guard:
            if self._held and self._writing == me:
                raise RuntimeError("expected one transaction at a time, got one inside another; use the session that is open")
            if not self._held:
                self._held, self._writing = True, me
                return None
            turn = Turn(quick)
            self._queue.append(turn)
        try:
            turn.called.wait()
        except BaseException:  # interrupted: nobody must wait for somebody who has gone
            self._give_up(turn)
            raise
        self._writing = me
        return turn.group

    def _give_up(self, turn: Turn) -> None:
        with self._guard:
            if turn in self._queue:
                self._queue.remove(turn)
                return
        turn.called.wait()
        if turn.group is None:
            self.leave()
        else:
            self.finish(turn.group)

    def hand_on(self, group: Group) -> bool:
        """Pass the open group to the next in the queue; False when it must be committed first."""
        with self._guard:
            if not (self._queue and self._queue[0].quick and group.has_room()):
                return False
            turn, self._writing = self._queue.popleft(), None
        turn.group = group
        turn.called.set()
        return True

    def leave(self) -> None:
        """Let the next one begin afresh."""
        with self._guard:
            self._writing = None
            if self._queue:
                self._queue.popleft().called.set()
            else:
                self._held = False

    def finish(self, group: Group) -> None:
        """Commit for all, move the anchor, tell everybody, and let the next one in."""
        try:
            if group.broken:
                group.connection.rollback()
            else:
                group.connection.commit()
                settle(group.connection.engine, group.head)
        except BaseException as error:
            group.failure = group.failure or error
            with suppress(DBAPIError):
                group.connection.rollback()
            if not isinstance(error, Exception):
                raise
        finally:
            with suppress(DBAPIError):
                group.connection.close()
            group.over.set()
            self.leave()


@contextmanager
def written(engine: Engine, writers: Writers, *, quick: bool) -> Iterator[Session]:
    """A session whose work is durable when the block is left, and gone when the block raises."""
    group = writers.enter(quick=quick)
    first = group is None
    if group is None:
        try:
            group = _open(engine)
        except BaseException:
            writers.leave()
            raise
    try:
        with _member(group, first=first) as db_session:
            yield db_session
    except BaseException:
        if not (group.members and writers.hand_on(group)):
            writers.finish(group)
        raise
    if not (quick and writers.hand_on(group)):
        writers.finish(group)
    group.over.wait()
    if group.failure is not None:
        raise _told(group.failure) from group.failure


def _open(engine: Engine) -> Group:
    connection = engine.connect()
    try:
        connection.begin()
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITER_LOCK})
    except BaseException:
        connection.close()
        raise
    return Group(connection, time.monotonic())


@contextmanager
def _member(group: Group, *, first: bool) -> Iterator[Session]:
    """One use case in a group: a savepoint, but for the first, whose failure leaves nothing that is to be kept."""
    mode: Any = "rollback_only" if first else "create_savepoint"
    db_session = Session(group.connection, expire_on_commit=False, join_transaction_mode=mode)
    if group.head is not None:
        db_session.info["audit_head"] = group.head
    try:
        yield db_session
        db_session.commit()
        group.members += 1
        group.head = db_session.info.get("audit_head") or group.head
    except BaseException as error:
        # On a full disk or a lost connection the database gives up the whole transaction, the others' work with it.
        lost = isinstance(error, DBAPIError) and not isinstance(error, IntegrityError)
        group.broken = first or lost
        if not group.broken:
            db_session.rollback()
        elif not first:
            group.failure = error
        if isinstance(error, OperationalError) and is_full(error):
            raise DatabaseFull(FULL) from error
        raise
    finally:
        with suppress(DBAPIError) if group.broken else nullcontext():
            db_session.close()


def is_full(error: BaseException) -> bool:
    """Whether this is how a full disk shows."""
    return any(sign in str(error) for sign in ("disk is full", "disk I/O error", "No space left"))


def _told(failure: BaseException) -> DatabaseError:
    """What everybody hears whose work was in a transaction that could not be committed."""
    if is_full(failure):
        return DatabaseFull(FULL)
    return DatabaseError(f"the database did not keep this ({str(failure).splitlines()[0]}); send it again")
