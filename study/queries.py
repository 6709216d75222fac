"""Questions about recorded values, asked, answered and closed; and deviations from the protocol, which the report lists."""

from datetime import datetime
from typing import Any

from sqlmodel import Session, SQLModel, col, select

from db.audit import Actor
from db.locks import study_of
from db.tables import Case, DataQuery, Deviation, Event, ImageSet, Reading, Study, Task
from study.errors import Forbidden, RejectedInput
from study.permissions import require

RECORDS: dict[str, type[SQLModel]] = {"study_case": Case, "task": Task, "reading": Reading, "event": Event, "image_set": ImageSet}
OWN_ONLY = ("technologist", "reader")  # roles that answer for their own records and see no others' questions


def raise_query(db_session: Session, *, study: Study, entity: str, entity_id: str, question: str, actor: Actor, now: datetime) -> DataQuery:
    """Ask about a recorded value of this study."""
    require(db_session, actor=actor, operation="query.raise", study=study)
    if entity not in RECORDS:
        raise RejectedInput("no_such_entity", f"{entity!r} cannot be asked about", f"use {', '.join(RECORDS)}")
    row = record_asked_about(db_session, entity=entity, entity_id=entity_id)
    if row is None or study_of(db_session, row) != study.id:
        raise RejectedInput("no_such_record", f"{study.name} has no {entity} {entity_id!r}", "take the id from an export or the audit")
    if not question.strip():
        raise RejectedInput("no_reason", "a query without a question", "say what is to be clarified")
    query = DataQuery.model_validate(
        {
            "study_id": study.id, "entity": entity, "entity_id": entity_id, "question": question, "raised_at": now,
            "raised_by": actor.account,
        }
    )  # fmt: skip
    db_session.add(query)
    db_session.flush()
    return query


def record_asked_about(db_session: Session, *, entity: str, entity_id: str) -> Any:
    """The row that a question is about; None when there is none of that id."""
    key: Any = entity_id
    if entity == "event":
        if not entity_id.isdecimal():
            return None
        key = int(entity_id)
    return db_session.get(RECORDS[entity], key)


def is_about(db_session: Session, query: DataQuery, *, actor: Actor) -> bool:
    """Whether a question concerns what this person recorded: their task, its events and pictures, their reading."""
    row = record_asked_about(db_session, entity=query.entity, entity_id=query.entity_id)
    if isinstance(row, ImageSet):
        row = db_session.get_one(Task, row.task_id)
    owners = (getattr(row, name, None) for name in ("technologist_id", "reader_id", "actor_id"))
    return actor.account_id is not None and actor.account_id in owners


def answer_query(db_session: Session, *, query_id: str, answer: str, actor: Actor, now: datetime) -> DataQuery:
    """Answer an open query; it stays until somebody else closes it.

    Raises
    ------
    Forbidden
        For a technologist or reader whom the query does not concern.
    """
    query, _ = _find(db_session, query_id, actor=actor, operation="query.answer", states=("open",))
    if actor.role in OWN_ONLY and not is_about(db_session, query, actor=actor):
        raise Forbidden("this query is about somebody else's record; an investigator answers it, or whoever recorded it")
    if not answer.strip():
        raise RejectedInput("no_reason", "an answer without words", "say what was found")
    query.state, query.answer, query.answered_at, query.answered_by = "answered", answer, now, actor.account
    db_session.add(query)
    db_session.flush()
    return query


def close_query(db_session: Session, *, query_id: str, actor: Actor, now: datetime) -> DataQuery:
    """Close an answered query; whoever answered cannot close."""
    query, _ = _find(db_session, query_id, actor=actor, operation="query.close", states=("answered",))
    if query.answered_by == actor.account:
        raise Forbidden("whoever answered a query cannot close it; somebody else looks first")
    query.state, query.closed_at, query.closed_by = "closed", now, actor.account
    db_session.add(query)
    db_session.flush()
    return query


def _find(db_session: Session, query_id: str, *, actor: Actor, operation: str, states: tuple[str, ...]) -> tuple[DataQuery, Study]:
    query = db_session.get(DataQuery, query_id)
    if query is None:
        raise RejectedInput("no_such_query", f"there is no query {query_id!r}", "open the list again")
    study = db_session.get_one(Study, query.study_id)
    require(db_session, actor=actor, operation=operation, study=study)
    if query.state not in states:
        raise Forbidden(f"this query is {query.state}; it must be {' or '.join(states)}")
    return query, study


def open_queries(db_session: Session, *, study: Study) -> list[DataQuery]:
    """Queries that are not closed, oldest first."""
    statement = select(DataQuery).where(DataQuery.study_id == study.id, DataQuery.state != "closed")
    return list(db_session.exec(statement.order_by(col(DataQuery.raised_at))).all())


def record_deviation(
    db_session: Session, *, study: Study, kind: str, description: str, actor: Actor, now: datetime, case_id: str | None = None
) -> Deviation:
    """Record something done otherwise than the protocol says."""
    require(db_session, actor=actor, operation="deviation.record", study=study)
    if not description.strip():
        raise RejectedInput("no_reason", "a deviation without words", "say what happened")
    deviation = Deviation.model_validate(
        {
            "study_id": study.id, "case_id": case_id, "kind": kind, "description": description, "recorded_at": now,
            "recorded_by": actor.account,
        }
    )  # fmt: skip
    db_session.add(deviation)
    db_session.flush()
    return deviation
