"""What came of a case: entered in the ledger, told in a line, or the end of the batch."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from study.batch import ledger
from study.batch.case import Options
from study.batch.halt import Halted

RUN_CASE = "study.batch.case:run_case"
REST_SECONDS = 0.25
LONGEST_SECONDS = ledger.LEASE.total_seconds() - 60


@dataclass(frozen=True)
class Settled:
    """A line about a case, and whether the case is over; one that will be tried again is not."""

    line: str
    over: bool
    good: bool


@dataclass(frozen=True)
class Errand:
    """What every engine is given.

    Parameters
    ----------
    out : Path
        Folder of the batch.
    cases : collection of str
        Names on the list.
    options : Options
        How to reconstruct.
    workers : int
        Cases worked on at the same time.
    threads : int
        CPU threads of a worker.
    told : callable
        Called whenever something came of a case.
    function : str
        `module:function` that the workers run.
    longest_seconds : float
        A case that takes longer loses its worker. [s]
    """

    out: Path
    cases: Collection[str]
    options: Options
    workers: int
    told: Callable[[Settled], None]
    threads: int = 1
    function: str = RUN_CASE
    longest_seconds: float = LONGEST_SECONDS

    def request(self, claimed: ledger.Claimed) -> dict[str, Any]:
        """What a worker is sent."""
        case = {"case": claimed.case, "path": claimed.path, "unenhanced": claimed.unenhanced}
        return {**case, "out": str(self.out), "options": self.options.as_dict()}


def settle(engine: Engine, *, out: Path, case: str, answer: dict[str, Any]) -> Settled:
    """Enter an answer in the ledger.

    Raises
    ------
    Halted
        For a fault that is not the case's; the case waits again.
    """
    if answer["ok"] and answer.get("sha256"):
        ledger.finish(engine, out=out, case=case, output_sha256=answer["sha256"], seconds=answer["seconds"], verdict=answer["verdict"])
        return Settled(f"{case}: done in {answer['seconds']:.1f} s, verdict {answer['verdict']}", over=True, good=True)
    code, reason = answer.get("code", "incomplete"), answer.get("reason", "outputs are incomplete")
    if answer.get("halt"):
        ledger.hand_back(engine, out=out, case=case)
        raise Halted(reason, status=int(answer["halt"]))
    state = ledger.fail(engine, out=out, case=case, code=code, reason=reason, final=bool(answer.get("final")))
    said = "will be tried again" if state == "waiting" else state
    return Settled(f"{case}: {said} [{code}] {reason}", over=state != "waiting", good=False)
