"""Readings from a CSV file, one row per rating; the tasks whose pictures were read must be in the study."""

from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from db.audit import Actor
from db.base import new_id
from db.batches import insert_batch
from db.frames import READINGS
from db.tables import Case, ImageSet, Rating, Reading, Study, Task
from study.importing.people import accounts_for
from study.importing.table import FaultyTable, RowFault, Table, choice, number, text_of
from study.importing.tasks import new_batch
from study.permissions import require
from study.protocol import Protocol
from study.reading.answers import OVERALL
from study.studies import protocol_of

COLUMNS = tuple(READINGS)
REQUIRED = ("case", "reader", "arm", "region")
TRUE, FALSE = frozenset({"1", "true", "yes", "pass"}), frozenset({"0", "false", "no", "fail"})


def import_readings(
    db_session: Session, *, study: Study, table: Table, actor: Actor, now: datetime, dry_run: bool = False
) -> dict[str, Any]:
    """Take a table of ratings in, whole or not at all; one audit entry with the hash of the rows.

    Raises
    ------
    RejectedInput
        With every fault by row.
    """
    require(db_session, actor=actor, operation="reading.import", study=study)
    tasks = _tasks(db_session, study=study)
    ratings, faults = _check(table, protocol=protocol_of(db_session, study_id=study.id), tasks=set(tasks))
    if faults:
        raise FaultyTable(table.name, sorted(faults, key=lambda fault: fault.row))
    summary = {"rows": len(ratings), "readers": len({row["reader"] for row in ratings}), "cases": len({row["case"] for row in ratings})}
    if dry_run:
        return {**summary, "dry_run": True}
    batch = new_batch(db_session, study=study, table=table, kind="readings", actor=actor, now=now)
    people = accounts_for(db_session, codes={row["reader"] for row in ratings}, now=now)
    sets = {item.task_id: item.id for item in db_session.exec(select(ImageSet).where(ImageSet.study_id == study.id)).all()}
    image_sets: list[dict[str, Any]] = []
    readings: dict[tuple[str, str, int], dict[str, Any]] = {}
    rows: list[dict[str, Any]] = []
    for row in ratings:
        task_id = tasks[row["case"], row["arm"]]
        if task_id not in sets:
            sets[task_id] = new_id()
            image_sets.append(
                {
                    "id": sets[task_id], "study_id": study.id, "task_id": task_id, "path": f"imported/{sets[task_id]}", "sha256": "",
                    "frames": 0, "created_at": now,
                }
            )  # fmt: skip
        key = (people[row["reader"]], sets[task_id], row["round"])
        if key not in readings:
            readings[key] = {
                "id": new_id(), "study_id": study.id, "image_set_id": sets[task_id], "reader_id": key[0], "round": row["round"],
                "state": "submitted", "assigned_at": now, "submitted_at": now, "position": len(readings) + 1,
            }  # fmt: skip
        rows.append(
            {
                "id": new_id(), "reading_id": readings[key]["id"], "region": row["region"], "quality": row["quality"],
                "passed": row["passed"], "reason": row["reason"], "rated_at": now,
            }
        )  # fmt: skip
    insert_batch(db_session, batch=batch, rows={ImageSet: image_sets, Reading: list(readings.values()), Rating: rows})
    return {**summary, "batch": batch.id, "sha256": table.sha256, "dry_run": False}


def _tasks(db_session: Session, *, study: Study) -> dict[tuple[str, str], str]:
    statement = (
        select(Case.number, Task.arm, Task.id)
        .join(Task, col(Task.case_id) == Case.id)
        .where(Task.study_id == study.id, col(Task.state).notin_(("undone", "aborted")))
        .order_by(Task.id)
    )
    return {(number, arm): task_id for number, arm, task_id in db_session.execute(statement).all()}


def _check(table: Table, *, protocol: Protocol, tasks: set[tuple[str, str]]) -> tuple[list[dict[str, Any]], list[RowFault]]:
    regions = [*(region.name for region in protocol.regions), OVERALL]
    faults = list(table.ragged)
    rows: list[dict[str, Any]] = []
    seen: dict[tuple[Any, ...], int] = {}
    for place, row in enumerate(table.rows, start=2):
        checked = _row(row, place, faults, regions)
        key = (checked["case"], checked["reader"], checked["arm"], checked["round"], checked["region"])
        if key in seen:
            faults.append(RowFault(place, "region", f"repeats row {seen[key]}", "keep one row per rating"))
        seen.setdefault(key, place)
        if checked["arm"] in ("manual", "ai") and (checked["case"], checked["arm"]) not in tasks:
            faults.append(RowFault(place, "case", f"{checked['case']} has no task in arm {checked['arm']}", "import its tasks first"))
        rows.append(checked)
    return rows, faults


def _row(row: dict[str, str], place: int, faults: list[RowFault], regions: list[str]) -> dict[str, Any]:
    quality = number(row, "quality", place, faults, whole=True)
    if quality is not None and not 1 <= quality <= 5:
        faults.append(RowFault(place, "quality", f"is {row['quality']}", "use 1 to 5"))
    passed = row["passed"].lower()
    if passed and passed not in TRUE | FALSE:
        faults.append(RowFault(place, "passed", f"is {row['passed']!r}", "use true or false"))
    if quality is None and not passed and not row["quality"]:
        faults.append(RowFault(place, "quality", "is empty, and so is passed", "give one of them"))
    return {
        "case": text_of(row, "case", place, faults),
        "reader": text_of(row, "reader", place, faults),
        "arm": choice(row, "arm", place, faults, ("manual", "ai")),
        "round": int(number(row, "round", place, faults, whole=True) or 1),
        "region": choice(row, "region", place, faults, regions),
        "quality": int(quality) if quality is not None else None,
        "passed": None if not passed else passed in TRUE,
        "reason": row["reason"] or None,
    }
