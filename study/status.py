"""Where a study stands, without a word on outcomes: accrual, tasks, readings, queries, deviations, audit head."""

from typing import Any

from sqlalchemy import func
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from db.audit import head_of
from db.frames import withheld
from db.tables import Allocation, Case, DataQuery, Deviation, ProtocolVersion, Reading, Study, Task
from study.studies import protocol_of


def study_status(db_session: Session, *, study: Study) -> dict[str, Any]:
    """Counts that blind nobody: none is split by arm."""
    protocol = protocol_of(db_session, study_id=study.id)
    version = db_session.exec(select(func.max(ProtocolVersion.number)).where(ProtocolVersion.study_id == study.id)).one()
    return {
        "study": study.name, "id": study.id, "title": study.title, "state": study.state, "simulated": study.simulated,
        "design": protocol.design, "protocol_version": version, "protocol_sha256": protocol.sha256, "cases_planned": protocol.study.cases,
        "cases": _by_state(db_session, Case, study), "allocated": _count(db_session, Allocation, study),
        "tasks": _by_state(db_session, Task, study), "readings": _by_state(db_session, Reading, study),
        "open_queries": _by_state(db_session, DataQuery, study).get("open", 0), "deviations": _count(db_session, Deviation, study),
        "withheld": withheld(db_session, study_id=study.id), "audit_entries": head_of(db_session)[0], "audit_head": head_of(db_session)[1],
    }  # fmt: skip


def _by_state(db_session: Session, table: Any, study: Study) -> dict[str, int]:
    statement = sql_select(table.state, func.count()).where(table.study_id == study.id).group_by(table.state)
    return {state: number for state, number in sorted(db_session.execute(statement).all())}


def _count(db_session: Session, table: Any, study: Study) -> int:
    return int(db_session.execute(sql_select(func.count(col(table.id))).where(table.study_id == study.id)).scalar_one())


def status_lines(status: dict[str, Any]) -> list[str]:
    """The status for people."""
    marked = " (simulated)" if status["simulated"] else ""
    counts = {
        name: ", ".join(f"{number} {state}" for state, number in status[name].items()) or "none" for name in ("cases", "tasks", "readings")
    }
    left_out = status["withheld"]
    gone = (
        f"; left out because somebody withdrew: {left_out['tasks']} tasks, {left_out['readings']} readings"
        if any(left_out.values())
        else ""
    )
    return [
        f"{status['study']}{marked}: {status['state']}, {status['design']}, protocol version {status['protocol_version']}",
        f"cases     {counts['cases']}; {status['allocated']} allocated of {status['cases_planned']} planned",
        f"tasks     {counts['tasks']}",
        f"readings  {counts['readings']}{gone}",
        f"queries   {status['open_queries']} open; deviations {status['deviations']}",
        f"audit     {status['audit_entries']} entries, head {status['audit_head'][:16]}",
    ]
