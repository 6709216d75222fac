"""Questions about records, as the person asked meets them: their own task or reading, the question, and a place for the answer.

Nothing here hands out an arm or a stranger's name: a technologist sees the number of a case, a reader the number in the own queue.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session

from db.audit import Actor
from db.engine import snapshot, transaction
from db.tables import Case, DataQuery, Reading, Task
from study.clock import read_clock
from study.errors import Forbidden
from study.permissions import may
from study.queries import answer_query, close_query, is_about, open_queries
from study.reading.queue import queue_numbers
from study.studies import find_study


@dataclass(frozen=True)
class Question:
    """One question that is not closed.

    Parameters
    ----------
    about : str
        Kind of record: `study_case`, `task`, `reading`, `event`, `image_set`.
    label : str
        Which one, in the words of whoever asks for the list.
    can_answer, can_close : bool
        What that person may do with it now.
    """

    query_id: str
    about: str
    label: str
    words: str
    raised_by: str
    raised_at: datetime
    answer: str | None
    can_answer: bool
    can_close: bool


def questions(engine: Engine, *, actor: Actor, study_id: str) -> list[Question]:
    """Questions for the person who asks, oldest first: all of a study for whoever may raise them, else those on own records."""
    with snapshot(engine) as db_session:
        study = find_study(db_session, study=study_id)
        everything = may(actor.role, "query.raise", None)
        if not (everything or may(actor.role, "query.answer", None)):
            return []
        running = may(actor.role, "query.answer", study.state), may(actor.role, "query.close", study.state)
        return [
            _question(db_session, query, actor, running)
            for query in open_queries(db_session, study=study)
            if everything or is_about(db_session, query, actor=actor)
        ]


def unanswered(engine: Engine, *, actor: Actor, study_id: str) -> int:
    """How many questions wait for an answer of the person who asks."""
    return sum(item.can_answer for item in questions(engine, actor=actor, study_id=study_id))


def _question(db_session: Session, query: DataQuery, actor: Actor, may_answer_close: tuple[bool, bool]) -> Question:
    answers, closes = may_answer_close
    return Question(
        query.id, query.entity, _label(db_session, query, actor), query.question, query.raised_by, query.raised_at, query.answer,
        can_answer=answers and query.state == "open",
        can_close=closes and query.state == "answered" and query.answered_by != actor.account,
    )  # fmt: skip


def _label(db_session: Session, query: DataQuery, actor: Actor) -> str:
    """What the person calls the record; its id for those who look after the study."""
    if actor.role == "technologist" and query.entity == "task":
        task = db_session.get_one(Task, query.entity_id)
        return db_session.get_one(Case, task.case_id).number
    if actor.role == "reader":
        return _place_in_queue(db_session, reading_id=query.entity_id)
    return query.entity_id


def _place_in_queue(db_session: Session, *, reading_id: str) -> str:
    """The number under which a reader meets a reading; a dash when it was taken out of the queue."""
    reading = db_session.get_one(Reading, reading_id)
    return str(queue_numbers(db_session, reader_id=reading.reader_id, study_id=reading.study_id).get(reading_id, "–"))


def answer_question(engine: Engine, *, actor: Actor, query_id: str, words: str) -> None:
    """Answer one question.

    Raises
    ------
    Forbidden
        For a question about somebody else's record, or one that is answered already.
    RejectedInput
        For an answer without words.
    """
    with transaction(engine, actor=actor) as db_session:
        answer_query(db_session, query_id=query_id, answer=words, actor=actor, now=read_clock().at)


def close_question(engine: Engine, *, actor: Actor, query_id: str) -> None:
    """Close an answered question; somebody else than who answered it."""
    if not may(actor.role, "query.close", None):
        raise Forbidden("an investigator or the monitor closes questions")
    with transaction(engine, actor=actor) as db_session:
        close_query(db_session, query_id=query_id, actor=actor, now=read_clock().at)
