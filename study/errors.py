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


class Forbidden(StudyError, PermissionError):
    """Not allowed for this role, or in this state of the study (locked, blinded)."""

    exit_status = 5


class MissingPart(StudyError, RuntimeError):
    """An optional part is not installed; says which command installs it."""

    exit_status = 3


class WrongUsage(StudyError, ValueError):
    """Options that cannot be meant together."""

    exit_status = 2
