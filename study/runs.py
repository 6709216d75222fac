"""What the machine did for a case, taken from the `case.json` that a reconstruction writes; machine time stays machine time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from db.audit import Actor
from db.tables import Case, Run, Study
from study.errors import RejectedInput
from study.model_versions import require_pinned
from study.permissions import require
from study.recording.events import software_version


def record_run(
    db_session: Session, *, case: Case, outcome: Mapping[str, Any], actor: Actor, now: datetime, output_path: str | None = None,
    output_sha256: str | None = None,
) -> Run:  # fmt: skip
    """Store one reconstruction of a case.

    Parameters
    ----------
    outcome : mapping
        Content of `case.json`: `model`, `device`, `engine`, `stages`, `qc`; or `{"failure": ".."}` when it crashed. A
        rejected or failed run stays in the AI arm.
    now : datetime
        When it started.

    Raises
    ------
    RejectedInput
        When the outcome is not that of a reconstruction, or was made with another model than the study started with.
    """
    from inference.stages import wall_seconds

    require(db_session, actor=actor, operation="run.record", study=db_session.get_one(Study, case.study_id))
    model, quality = outcome.get("model") or {}, outcome.get("qc") or {}
    require_pinned(db_session, case=case, sha256=str(model.get("sha256") or ""))
    stages = [dict(stage) for stage in outcome.get("stages") or []]
    failure = outcome.get("failure")
    if failure is None and not stages:
        raise RejectedInput("bad_outcome", "the outcome has neither stages nor a failure", "give the content of case.json")
    try:
        run = Run.model_validate(
            {
                "case_id": case.id, "state": "failed" if failure else "done", "method": str(outcome.get("method") or "network"),
                "model_name": str(model.get("name") or ""), "model_version": str(model.get("version") or ""),
                "model_sha256": str(model.get("sha256") or ""), "device": str(outcome.get("device") or ""),
                "engine": str(outcome.get("engine") or ""), "software_version": software_version(), "started_at": now,
                "seconds": wall_seconds(stages), "stages": stages, "verdict": quality.get("verdict"),
                "findings": list(quality.get("findings") or []), "output_path": output_path, "output_sha256": output_sha256,
                "failure": str(failure)[:1000] if failure else None,
            }
        )  # fmt: skip
    except (ValueError, AttributeError) as error:
        raise RejectedInput("bad_outcome", "the outcome is not that of a reconstruction", "give the content of case.json") from error
    db_session.add(run)
    db_session.flush()
    return run
