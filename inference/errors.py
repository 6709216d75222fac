"""What can go wrong with a scan, a model or a device, each with an exit status and one clear line."""


class InferenceError(Exception):
    """Base of every error this package raises on purpose. `exit_status` is what the command line returns."""

    exit_status = 1


class RejectedScan(InferenceError, ValueError):
    """A scan that must not be processed.

    Parameters
    ----------
    code : str
        Stable, machine-readable reason, listed in `docs/rejections.md` (`missing_slices`, `not_ct`, ...).
    found : str
        What was found, without raw header text.
    remedy : str
        What the user can do about it.

    Examples
    --------
    >>> print(RejectedScan("missing_slices", "2 of 120 slices are missing", "export the whole series again"))
    rejected [missing_slices]: 2 of 120 slices are missing; export the whole series again
    """

    exit_status = 4

    def __init__(self, code: str, found: str, remedy: str) -> None:
        self.code, self.found, self.remedy = code, found, remedy
        super().__init__(f"rejected [{code}]: {found}; {remedy}")


class MissingPart(InferenceError, RuntimeError):
    """An optional part, model or device is not there; says which command installs it."""

    exit_status = 3


class WrongSetting(InferenceError, ValueError):
    """A setting of the environment has a value that means nothing; says which do."""

    exit_status = 2


class GeometryMismatch(InferenceError, ValueError):
    """Two volumes that must share a grid do not."""

    exit_status = 4

    def __init__(self, expected: object, actual: object) -> None:
        self.expected, self.actual = expected, actual
        super().__init__(f"expected the grid {expected}, got {actual}; resample one onto the other first")
