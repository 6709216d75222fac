"""A click of the technologist on a picture, and how a click is refused."""

from dataclasses import dataclass
from typing import Literal

from inference.errors import InferenceError

Action = Literal["remove", "add"]


class CorrectionRefused(InferenceError, ValueError):
    """A correction that cannot be made.

    Parameters
    ----------
    code : str
        `nothing_there`, `needs_scan`, `other_scan`, `no_such_view`, `nothing_to_undo`, `changed_meanwhile`, `not_finished`.
    found, remedy : str
        What was found and what to do.
    """

    exit_status = 4

    def __init__(self, code: str, found: str, remedy: str) -> None:
        self.code, self.found, self.remedy = code, found, remedy
        super().__init__(f"refused [{code}]: {found}; {remedy}")


@dataclass(frozen=True)
class Click:
    """A click on a MIP.

    Parameters
    ----------
    view : str
        Name of the picture without folder and ending: `rotate_040`, `raw_rotate_030`, `whole_coronal`.
    x, y : float
        Column and row in pixels of the picture file; (0, 0) is the middle of the upper left pixel.
    action : {"remove", "add"}
        Take out what is seen there, or put back what should be seen there.
    choice : int
        Several things may lie behind a pixel: 0 is the most likely, 1 the next.
    """

    view: str
    x: float
    y: float
    action: Action = "remove"
    choice: int = 0
