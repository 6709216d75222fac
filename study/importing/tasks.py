"""Tasks from a CSV file: each row becomes a task and the events from which its own figures come out again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from db.audit import Actor
from db.base import new_id
from db.batches import insert_batch
from db.frames import TASKS
from db.tables import Account, Case, Event, ImportBatch, Study, Task
from study.enrolment import get_site
from study.errors import RejectedInput
from study.importing.people import accounts_for
from study.importing.table import FaultyTable, RowFault, Table, choice, moment, number, text_of
from study.permissions import require
from study.recording.events import software_version

COLUMNS = tuple(TASKS)
REQUIRED = ("site", "case", "technologist", "arm", "started_at", "elapsed_seconds")
INSTRUMENTS = ("browser", "agent", "observer", "import", "simulation")


@dataclass(frozen=True)
class TaskRow:
    """One checked row of tasks.csv; `place` is where it stands, the header being row 1."""

    place: int
    site: str
    case: str
    technologist: str
    arm: str
    period: int
    sequence: str | None
    started_at: datetime | None
    elapsed_seconds: float | None
    hands_on_seconds: float | None
    ai_wait_seconds: float | None
    clicks: float | None
    instrument: str
    missing_reason: str | None


def check_tasks(table: Table) -> tuple[list[TaskRow], list[RowFault]]:
    """Rows, and every fault in them."""
    rows: list[TaskRow] = []
    faults = list(table.ragged)
    seen: dict[tuple[str, str, str], int] = {}
    for place, row in enumerate(table.rows, start=2):
        before = len(faults)
        checked = _row(row, place, faults)
        key = (checked.case, checked.arm, checked.technologist)
        if key in seen:
            faults.append(RowFault(place, "case", f"repeats row {seen[key]} (same case, arm and technologist)", "keep one row per task"))
        seen.setdefault(key, place)
        if len(faults) == before:
            rows.append(checked)
    return rows, faults


def _row(row: dict[str, str], place: int, faults: list[RowFault]) -> TaskRow:
    started = moment(row, "started_at", place, faults)
    elapsed, hands_on, wait = (number(row, f"{name}_seconds", place, faults) for name in ("elapsed", "hands_on", "ai_wait"))
    if elapsed is None and not row["missing_reason"] and not row["elapsed_seconds"]:
        faults.append(RowFault(place, "elapsed_seconds", "is empty", "give it, or say why in missing_reason"))
    if elapsed is not None and started is None and not row["started_at"]:
        faults.append(RowFault(place, "started_at", "is empty", "give the time at which the task started"))
    if elapsed is not None and (hands_on or 0) + (wait or 0) > elapsed + 0.001:
        faults.append(RowFault(place, "hands_on_seconds", "with AI wait exceeds elapsed_seconds", "elapsed = hands-on + pauses + AI wait"))
    period = number(row, "period", place, faults, whole=True)
    return TaskRow(
        place=place,
        site=text_of(row, "site", place, faults),
        case=text_of(row, "case", place, faults),
        technologist=text_of(row, "technologist", place, faults),
        arm=choice(row, "arm", place, faults, ("manual", "ai")),
        period=int(period) if period else 1,
        sequence=row["sequence"] or None,
        started_at=started,
        elapsed_seconds=elapsed,
        hands_on_seconds=hands_on,
        ai_wait_seconds=wait,
        clicks=number(row, "clicks", place, faults, whole=True),
        instrument=choice(row, "instrument", place, faults, INSTRUMENTS) if row["instrument"] else "import",
        missing_reason=row["missing_reason"] or None,
    )


def import_tasks(db_session: Session, *, study: Study, table: Table, actor: Actor, now: datetime, dry_run: bool = False) -> dict[str, Any]:
    """Take a table of tasks in, whole or not at all; one audit entry with the hash of the rows.

    Raises
    ------
    RejectedInput
        With every fault by row, when the file was taken in before, or when a task is in the study already.
    """
    require(db_session, actor=actor, operation="task.import", study=study)
    rows, faults = check_tasks(table)
    faults += _already_there(db_session, study=study, rows=rows)
    if faults:
        raise FaultyTable(table.name, sorted(faults, key=lambda fault: fault.row))
    summary = {"rows": len(rows), "cases": len({row.case for row in rows}), "technologists": len({row.technologist for row in rows})}
    if dry_run:
        return {**summary, "dry_run": True}
    batch = new_batch(db_session, study=study, table=table, kind="tasks", actor=actor, now=now)
    people = accounts_for(db_session, codes={row.technologist for row in rows}, now=now)
    cases, new_cases = _cases(db_session, study=study, rows=rows, now=now)
    tasks, events = [], []
    for row in rows:
        task = _task(row, study=study, case_id=cases[row.case], technologist_id=people[row.technologist], now=now)
        tasks.append(task)
        events += _events(row, task_id=task["id"], batch_id=batch.id, now=now)
    insert_batch(db_session, batch=batch, rows={Case: new_cases, Task: tasks, Event: events})
    return {**summary, "batch": batch.id, "sha256": table.sha256, "dry_run": False}


def new_batch(db_session: Session, *, study: Study, table: Table, kind: str, actor: Actor, now: datetime) -> ImportBatch:
    """The record of one import; a file is taken in once."""
    known = select(ImportBatch).where(ImportBatch.study_id == study.id, ImportBatch.file_sha256 == table.sha256)
    if db_session.exec(known).first():
        raise RejectedInput("imported_before", f"{table.name} was taken in before", "import only new rows, in a new file")
    batch = ImportBatch.model_validate(
        {
            "study_id": study.id, "kind": kind, "file_name": table.name[:200], "file_sha256": table.sha256, "row_count": len(table.rows),
            "mapping": table.mapping, "imported_at": now, "imported_by": actor.account,
        }
    )  # fmt: skip
    db_session.add(batch)
    db_session.flush()
    return batch


def _already_there(db_session: Session, *, study: Study, rows: Sequence[TaskRow]) -> list[RowFault]:
    known = (
        select(Case.number, Task.arm, Account.code)
        .join(Case, col(Case.id) == Task.case_id)
        .join(Account, col(Account.id) == Task.technologist_id)
        .where(Task.study_id == study.id, col(Task.state).notin_(("undone", "aborted")))
    )
    present = set(db_session.execute(known).tuples())
    return [
        RowFault(row.place, "case", f"{row.case} has a task of {row.technologist} in arm {row.arm} already", "leave the row out")
        for row in rows
        if (row.case, row.arm, row.technologist) in present
    ]


def _cases(db_session: Session, *, study: Study, rows: Sequence[TaskRow], now: datetime) -> tuple[dict[str, str], list[dict[str, Any]]]:
    known = {case.number: case.id for case in db_session.exec(select(Case).where(Case.study_id == study.id)).all()}
    new: list[dict[str, Any]] = []
    for row in rows:
        if row.case not in known:
            known[row.case] = new_id()
            site = get_site(db_session, code=row.site)
            new.append(
                {
                    "id": known[row.case], "study_id": study.id, "site_id": site.id, "number": row.case,
                    "pseudonym": f"imported-{row.case}", "state": "allocated", "enrolled_at": row.started_at or now,
                }
            )  # fmt: skip
    return known, new


def _task(row: TaskRow, *, study: Study, case_id: str, technologist_id: str, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(), "study_id": study.id, "case_id": case_id, "technologist_id": technologist_id, "arm": row.arm, "period": row.period,
        "sequence": row.sequence, "state": "interrupted" if row.elapsed_seconds is None else "finished", "instrument": row.instrument,
        "missing_reason": row.missing_reason, "created_at": row.started_at or now,
    }  # fmt: skip


def _events(row: TaskRow, *, task_id: str, batch_id: str, now: datetime) -> list[dict[str, Any]]:
    """Start, AI wait, one pause for whatever was neither hands-on nor wait, inputs, finish."""
    started = row.started_at or now
    marks: list[tuple[str, float, dict[str, Any]]] = [("start", 0.0, {})]
    if row.elapsed_seconds is not None:
        wait = row.ai_wait_seconds or 0.0
        pause = max(
            0.0, row.elapsed_seconds - wait - (row.elapsed_seconds - wait if row.hands_on_seconds is None else row.hands_on_seconds)
        )
        if wait:
            marks += [("ai_wait", 0.0, {}), ("ai_ready", wait, {})]
        if pause > 1e-6:
            marks += [("pause", wait, {"reason": "imported"}), ("resume", wait + pause, {})]
        if row.clicks is not None:
            span = max(0.0, row.elapsed_seconds - wait - pause)
            marks.append(
                ("input", row.elapsed_seconds, {"input": "click", "count": int(row.clicks), "area": "imported", "span_seconds": span})
            )
        marks.append(("finish", row.elapsed_seconds, {}))
    return [
        {
            "task_id": task_id, "kind": kind, "at": started + timedelta(seconds=second), "boot": f"import-{batch_id}",
            "monotonic_seconds": second, "source": "import", "software_version": software_version(), "key": f"{task_id}-{place}", **more,
        }
        for place, (kind, second, more) in enumerate(marks)
    ]  # fmt: skip
