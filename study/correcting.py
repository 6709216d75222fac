"""Correcting a reconstruction on the technologist's page: what runs in the worker process, and what the study keeps of it.

The worker keeps the case that was opened last, so that the second click is quick. Functions here take and give only what can be
sent between processes.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlmodel import col, select

from db.audit import Actor
from db.engine import snapshot, transaction
from db.tables import Event, Task
from study.clock import read_clock
from study.errors import StudyError
from study.recording.events import NewEvent, append_events
from study.recording.states import LIVE

_open: dict[str, Any] = {}


class CannotCorrect(StudyError):
    """A correction that cannot be made, in words for the person; unlike its causes it can be sent between processes."""


@dataclass(frozen=True)
class Pick:
    """A click on a MIP.

    Parameters
    ----------
    view : str
        Name of the picture's file without ending.
    x, y : float
        Column and row of the file; (0, 0) is the middle of the upper left pixel. [pixel]
    action : str
        `remove` or `add`.
    choice : int
        Several things may lie behind a pixel: 0 is the most likely.
    """

    view: str
    x: float
    y: float
    action: str
    choice: int = 0


@dataclass(frozen=True)
class Look:
    """What a pick would change: in words, and the MIP with the piece in colour as PNG."""

    pick: Pick
    what: str
    volume_ml: float
    choices: int
    picture: bytes


def look(folder: Path, scan: Path | None, pick: Pick) -> Look:
    """What a pick would change; nothing is changed yet. Runs in the worker."""
    import io

    from PIL import Image

    with _told():
        from inference.correction import preview_picture

    buffer = io.BytesIO()
    with _told():
        seen = _seen(folder, scan, pick)
        Image.fromarray(preview_picture(_case(folder, scan), seen)).save(buffer, "PNG")
    return Look(pick, seen.what, seen.volume_ml, seen.choices, buffer.getvalue())


def correct(folder: Path, scan: Path | None, pick: Pick) -> dict[str, Any]:
    """Carry out what was looked at; the event with before and after. Runs in the worker.

    MIPs are drawn anew at once; VR, reformats and DICOM when the case is confirmed, so that the next click need not wait.
    """
    with _told():
        from inference.correction import apply

        return apply(_case(folder, scan), _seen(folder, scan, pick), redraw=("mip",))


def take_back(folder: Path, scan: Path | None) -> dict[str, Any]:
    """Undo the last correction, byte for byte. Runs in the worker."""
    with _told():
        from inference.correction import undo

        return undo(_case(folder, scan))


def settle(folder: Path, scan: Path | None) -> dict[str, Any]:
    """Make anew what corrections withdrew, and mark the reconstruction as confirmed. Runs in the worker."""
    with _told():
        from inference.correction import confirm

        return confirm(_case(folder, scan))


def corrections_in_force(folder: Path) -> list[dict[str, Any]]:
    """The corrections that a reconstruction's record holds, the oldest first. Reads one small file."""
    import json

    found: list[dict[str, Any]] = json.loads((folder / "case.json").read_text(encoding="utf-8")).get("corrections", [])
    return found


def note_correction(engine: Engine, *, actor: Actor, task_id: str, event: dict[str, Any]) -> None:
    """Keep a correction, its undoing, a confirmation or a refusal as an event of the task, with before and after.

    What changes the pictures is of kind `correction`, for managers count those; a confirmation and an undoing are notes.
    """
    reason = str(event.get("what") or event.get("reason") or event["event"])[:500]
    kind = "correction" if event["event"] in ("correction", "refused") else "note"
    kept = NewEvent(kind=kind, key=f"correction-{secrets.token_hex(12)}", area="viewer", reason=reason, detail=event)
    with transaction(engine, actor=actor, quick=True) as db_session:
        append_events(db_session, task_id=task_id, events=[kept], actor=actor, now=read_clock())


def refusal_of(engine: Engine, *, task_id: str) -> str | None:
    """Why the technologist refused the reconstruction; None if they did not."""
    with snapshot(engine) as db_session:
        rows = db_session.exec(select(Event).where(Event.task_id == task_id, Event.kind == "correction").order_by(col(Event.id).desc()))
        return next((row.reason for row in rows if (row.detail or {}).get("event") == "refused"), None)


def note_wait(engine: Engine, *, actor: Actor, task_id: str, waits: bool) -> None:
    """Note that the task begins to wait for the machine, or that it waits no longer; nothing when that is known already."""
    with snapshot(engine) as db_session:
        if not _turns(db_session, task_id, waits):
            return
    with transaction(engine, actor=actor, quick=True) as db_session:
        if not _turns(db_session, task_id, waits):  # another tab was quicker
            return
        event = NewEvent(kind="ai_wait" if waits else "ai_ready", key=f"wait-{secrets.token_hex(12)}")
        append_events(db_session, task_id=task_id, events=[event], actor=actor, now=read_clock(), source="machine")


def _turns(db_session: Any, task_id: str, waits: bool) -> bool:
    task = db_session.get_one(Task, task_id)
    kinds = select(Event.kind).where(Event.task_id == task_id, col(Event.kind).in_(("ai_wait", "ai_ready")))
    waiting = db_session.exec(kinds.order_by(col(Event.id).desc()).limit(1)).first() == "ai_wait"
    return task.state in LIVE and waiting != waits


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise CannotCorrect(f"{error.name} is not installed; pip install 'gilbreth[infer]'") from None
    except (ValueError, KeyError, OSError, RuntimeError) as error:  # refusals of the reconstruction, and folders that are not whole
        raise CannotCorrect(str(error)) from None


def _case(folder: Path, scan: Path | None) -> Any:
    from inference.correction import open_case

    known = _open.get("case")
    if known is None or known.folder != folder or not known.is_current():
        _open.clear()
        known = _open["case"] = open_case(folder, scan=scan)
    return known


def _seen(folder: Path, scan: Path | None, pick: Pick) -> Any:
    from inference.correction import Click, preview

    case = _case(folder, scan)
    if _open.get("seen", (None, None))[0] != (pick, case.version):
        action: Any = pick.action
        _open["seen"] = ((pick, case.version), preview(case, Click(pick.view, pick.x, pick.y, action, pick.choice)))
    return _open["seen"][1]
