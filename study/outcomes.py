"""Outcomes by arm, for those who may see them and when: every look is permitted first and audited."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Engine, func
from sqlalchemy import select as sql_select
from sqlmodel import col, select

from db import frames
from db.audit import Actor, record
from db.department import heads
from db.engine import snapshot, transaction
from db.tables import Consent, Event, Rating, Reading, Study, Task
from study.comparison import Comparison, compare
from study.department import SMALL, department
from study.permissions import KNOWN, require
from study.protocol import Protocol
from study.studies import find_study, protocol_of


@dataclass(frozen=True)
class Outcomes:
    """A study's tasks and readings with the protocol in force."""

    study: Study
    protocol: Protocol
    tasks: pd.DataFrame
    readings: pd.DataFrame

    def compare(self) -> Comparison:
        """The headline comparison, with the margin and level of the protocol."""
        margins = [endpoint.margin for endpoint in self.protocol.endpoints if endpoint.measure == "pass" and endpoint.margin]
        finished = self.tasks.dropna(subset=["hands_on_seconds"])
        return compare(finished, self.readings, margin=margins[0] if margins else 0.05, level=self.protocol.analysis.level)


def permit_outcomes(engine: Engine, *, actor: Actor, study_id: str) -> None:
    """Let the actor see outcomes by arm, and write that down.

    Raises
    ------
    study.errors.Forbidden
        Unless the study is unblinded and the role may see outcomes; the monitor alone may look earlier.
    """
    with transaction(engine, actor=actor) as db_session:
        study = find_study(db_session, study=study_id)
        operation = "outcomes.interim" if actor.role == "monitor" and study.state not in KNOWN else "outcomes.view"
        require(db_session, actor=actor, operation=operation, study=study)
        record(db_session, operation=operation, entity="study", entity_id=study.id)


def read_outcomes(engine: Engine, *, study_id: str, folder: Path | None = None) -> Outcomes:
    """Tasks and readings as they stand; call `permit_outcomes` first, in the name of whoever will see them.

    Parameters
    ----------
    folder : Path, optional
        Where the figures of large studies are kept (`study.department`). Without it every event is read, whatever the size.
    """
    with snapshot(engine) as db_session:
        study = find_study(db_session, study=study_id)
        protocol = protocol_of(db_session, study_id=study.id)
        rules = protocol.timing.idle_rules_seconds
        readings = frames.readings(db_session, study_id=study.id)
        if folder is None or heads(db_session).event <= SMALL:
            details = frames.task_details(db_session, study_id=study.id, idle_seconds=rules)
            tasks = details[[*frames.TASKS, *(f"active_{rule:g}_seconds" for rule in rules)]]
            return Outcomes(study, protocol, tasks, readings)
    tasks = department(engine, study_id=study.id, folder=folder).tasks[frames.TASKS]
    words = {name: str for name in ("site", "technologist", "arm", "instrument")}
    return Outcomes(study, protocol, tasks.astype(words), readings)


def outcome_version(engine: Engine, *, study_id: str, folder: Path) -> tuple[object, ...]:
    """What a cache of outcomes goes by: `data_version`, and for large studies the ends of the logs, which cost nothing to read."""
    with snapshot(engine) as db_session:
        if heads(db_session).event > SMALL:
            state = find_study(db_session, study=study_id).state
            large = True
        else:
            large = False
    if not large:
        return data_version(engine, study_id=study_id)
    return (department(engine, study_id=study_id, folder=folder).version, state)


def data_version(engine: Engine, *, study_id: str) -> tuple[object, ...]:
    """A fingerprint of what outcomes rest on: it moves when an event or a rating is added or its figures are changed, however."""
    in_study = select(Task.id).where(Task.study_id == study_id)
    of_readings = select(Reading.id).where(Reading.study_id == study_id)
    events: Any = (func.count(col(Event.id)), func.sum(Event.monotonic_seconds), func.sum(Event.client_offset_seconds))
    inputs: Any = (func.sum(Event.count), func.max(Event.at))
    ratings: Any = (func.count(col(Rating.id)), func.sum(Rating.quality), func.max(Rating.amendment))
    passed: Any = func.count(col(Rating.id))
    erased: Any = func.count(col(Consent.id))
    statements = (
        sql_select(*events, *inputs).where(col(Event.task_id).in_(in_study)),
        sql_select(*ratings).where(col(Rating.reading_id).in_(of_readings)),
        sql_select(passed).where(col(Rating.passed).is_(True), col(Rating.reading_id).in_(of_readings)),
        sql_select(erased).where(col(Consent.study_id) == study_id, col(Consent.erase_data).is_(True)),
        sql_select(col(Study.state)).where(col(Study.id) == study_id),
    )
    with snapshot(engine) as db_session:
        rows = [db_session.execute(statement).one() for statement in statements]
    return tuple(str(value) for row in rows for value in row)
