"""What can go wrong with the database, each with an exit status and one clear line."""


class DatabaseError(Exception):
    """Base of every error this package raises on purpose. `exit_status` is what the command line returns."""

    exit_status = 1


class DatabaseUnreachable(DatabaseError, ConnectionError):
    """The database cannot be opened, or a driver for it is missing."""

    exit_status = 3


class SchemaMismatch(DatabaseError, RuntimeError):
    """The tables are of another revision than this program needs."""

    exit_status = 1


class UnauditedChange(DatabaseError, RuntimeError):
    """A statement that would change audited rows behind the audit's back.

    Examples
    --------
    >>> raise UnauditedChange("update of case in bulk; change the rows one by one through the session")
    Traceback (most recent call last):
    db.errors.UnauditedChange: update of case in bulk; change the rows one by one through the session
    """


class DatabaseFull(DatabaseError, OSError):
    """The disk is full: nothing of this transaction was kept."""


class StudyLocked(DatabaseError, PermissionError):
    """A write to a study whose data are closed."""

    exit_status = 5
