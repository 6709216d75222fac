"""Patience with a database that goes away for a while: what a ledger is asked is asked again, so that a restart stops no batch."""

import functools
import logging
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from db.errors import DatabaseError, DatabaseUnreachable, SchemaMismatch

LONGEST_SECONDS = 600.0
FIRST_REST_SECONDS, LONGEST_REST_SECONDS = 0.5, 15.0
LOG = logging.getLogger("gilbreth.batch")

P = ParamSpec("P")
R = TypeVar("R")


def patient(ask: Callable[P, R]) -> Callable[P, R]:
    """Ask again, after rests that grow, for as long as the database is away; only for what may be done twice.

    Raises
    ------
    DatabaseUnreachable
        When it stays away for ten minutes.

    Examples
    --------
    >>> times = iter([True, False])
    >>> @patient
    ... def asked() -> str:
    ...     if next(times):
    ...         raise DatabaseUnreachable("restarting")
    ...     return "answered"
    >>> asked()
    'answered'
    """

    @functools.wraps(ask)
    def asked(*words: P.args, **named: P.kwargs) -> R:
        until, rest = time.monotonic() + LONGEST_SECONDS, FIRST_REST_SECONDS
        while True:
            try:
                return ask(*words, **named)
            except (DBAPIError, DatabaseError) as error:
                if not passing(error):
                    raise
                if time.monotonic() + rest > until:
                    remedy = "nothing is lost: run the same command again when it is back"
                    raise DatabaseUnreachable(f"the database stayed away for {LONGEST_SECONDS / 60:.0f} min; {remedy}") from error
                LOG.warning("the database does not answer (%s); asked again in %.1f s", str(error).splitlines()[0][:120], rest)
                time.sleep(rest)
                rest = min(2 * rest, LONGEST_REST_SECONDS)

    return asked


def passing(error: Exception) -> bool:
    """Whether this may be over after a while: not a wrong statement, and not tables of another version.

    Examples
    --------
    >>> passing(DatabaseUnreachable("no route")), passing(SchemaMismatch("older"))
    (True, False)
    """
    return not isinstance(error, IntegrityError | ProgrammingError | SchemaMismatch)
