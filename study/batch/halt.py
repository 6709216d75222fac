"""The end of a batch for a fault that is no case's own."""

from study.errors import StudyError


class Halted(StudyError, RuntimeError):
    """A fault that would befall every case: a full disk, a missing model, no GPU. No case is blamed for it."""

    def __init__(self, reason: str, *, status: int = 1) -> None:
        self.exit_status = status
        super().__init__(f"stopped: {reason}; run the same command again when that is put right")
