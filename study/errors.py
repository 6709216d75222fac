"""What can go wrong in a study, each with an exit status and one clear line."""


class StudyError(Exception):
    """Base of every error this package raises on purpose. `exit_status` is what the command line returns."""

    exit_status = 1


class RejectedInput(StudyError, ValueError):
    """A protocol, table or other file that is missing, faulty or unusable.

    Examples
    --------
    >>> print(RejectedInput("no_such_file", "study.toml does not exist", "give the path of a protocol"))
    rejected [no_such_file]: study.toml does not exist; give the path of a protocol
    """

    exit_status = 4

    def __init__(self, code: str, found: str, remedy: str) -> None:
        self.code, self.found, self.remedy = code, found, remedy
        super().__init__(f"rejected [{code}]: {found}; {remedy}")

    @property
    def words(self) -> str:
        """What was found and what to do, for a page: without the code that scripts go by."""
        return f"{self.found}; {self.remedy}"

    def __reduce__(self) -> tuple[type["RejectedInput"], tuple[str, str, str]]:
        """So that a refusal can come back from another process."""
        return RejectedInput, (self.code, self.found, self.remedy)


class Forbidden(StudyError, PermissionError):
    """Not allowed for this role, or in this state of the study (locked, blinded).

    Parameters
    ----------
    message : str
        What is refused, and who or what would be allowed.
    state : str, optional
        The state of the study, where it alone is in the way.
    """

    exit_status = 5

    def __init__(self, message: str = "", *, state: str | None = None) -> None:
        self.state = state
        super().__init__(message)


class MissingPart(StudyError, RuntimeError):
    """An optional part is not installed; says which command installs it."""

    exit_status = 3


class NotYetRead(StudyError, RuntimeError):
    """Figures of a large study are being read for the first time here; ask again in a while.

    Parameters
    ----------
    events, total : int
        Events read so far, and all.
    """

    def __init__(self, events: int, total: int) -> None:
        self.events, self.total = events, total
        super().__init__(f"{events:,} of {total:,} events read; the page opens when all are")


class WrongUsage(StudyError, ValueError):
    """Options that cannot be meant together."""

    exit_status = 2
