"""audit, ask, answer, deviation, screening, withdraw-case, sealed-list: what watches over a study."""

from pathlib import Path
from typing import Annotated, Any

import typer

from study.commands.study.options import As, Home, Json, Reason, Study

Role = Annotated[str, typer.Option(help="Role in which you act.")]


def register(group: typer.Typer) -> None:
    """Add the verbs."""
    for name, verb in (
        ("audit", audit), ("ask", ask), ("answer", answer_), ("deviation", deviation), ("screening", screening),
        ("withdraw-case", withdraw_case), ("sealed-list", sealed_list),
    ):  # fmt: skip
        group.command(name)(verb)


def audit(
    limit: Annotated[int, typer.Option(help="How many entries, newest first.")] = 30,
    entity: Annotated[str | None, typer.Option(help="Only entries about this kind of record, such as task.")] = None,
    account: Annotated[str | None, typer.Option(help="Only what this account did.")] = None,
    role: Role = "investigator", home: Home = None, study: Study = None, as_: As = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Who did what, when and why; without anything that tells an arm, but for the monitor. Example: gilbreth study audit --limit 20"""
    from dataclasses import asdict

    from study.audit_views import audit_lines
    from study.console import answer

    with _acting(home, study, as_, role) as (db_session, found, actor):
        lines = audit_lines(db_session, study=found, actor=actor, limit=limit, entity=entity, account=account)
    rows = [{**asdict(line), "at": line.at.isoformat()} for line in lines]
    shown = [
        f"{line.number:>7}  {line.at:%Y-%m-%d %H:%M:%S}  {line.account} ({line.role})  {line.operation} {line.entity} {line.entity_id}"
        + (f"  why: {line.reason}" if line.reason else "")
        for line in lines
    ]
    answer({"entries": rows}, as_json=as_json, lines=shown)
    return 0


def ask(
    question: Annotated[str, typer.Argument(help="What is to be clarified; without it, open queries are listed.")] = "",
    about: Annotated[str, typer.Option(help="Kind and id of the record: study_case:ID, task:ID, reading:ID.")] = "",
    close: Annotated[str | None, typer.Option(help="Id of an answered query to close.")] = None,
    role: Role = "investigator", home: Home = None, study: Study = None, as_: As = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Raise, list and close data queries. Example: gilbreth study ask "why 2 s?" --about task:4f0c"""
    from db.base import utc_now
    from study.console import answer
    from study.errors import WrongUsage
    from study.queries import close_query, open_queries, raise_query

    if question and ":" not in about:
        raise WrongUsage("say what the question is about: --about task:ID")
    with _acting(home, study, as_, role) as (db_session, found, actor):
        if question:
            entity, _, key = about.partition(":")
            raise_query(db_session, study=found, entity=entity, entity_id=key, question=question, actor=actor, now=utc_now())
        if close:
            close_query(db_session, query_id=close, actor=actor, now=utc_now())
        rows = [
            item.model_dump(mode="json", include={"id", "entity", "entity_id", "question", "state", "answer"})
            for item in open_queries(db_session, study=found)
        ]
    lines = [f"{row['id']}  {row['state']}  {row['entity']} {row['entity_id']}: {row['question']}  {row['answer'] or ''}" for row in rows]
    answer({"queries": rows}, as_json=as_json, lines=lines or ["no open queries"])
    return 0


def answer_(
    query: Annotated[str, typer.Argument(help="Id of the query.")],
    words: Annotated[str, typer.Argument(help="What was found.")],
    role: Role = "investigator", home: Home = None, study: Study = None, as_: As = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Answer a data query; somebody else closes it. Example: gilbreth study answer 9a1b "opened twice by mistake" """
    from db.base import utc_now
    from study.console import answer
    from study.queries import answer_query

    with _acting(home, study, as_, role) as (db_session, _, actor):
        done = answer_query(db_session, query_id=query, answer=words, actor=actor, now=utc_now())
    answer({"query": done.id, "state": done.state}, as_json=as_json, lines=[f"{done.id}: {done.state}"])
    return 0


def deviation(
    description: Annotated[str, typer.Argument(help="What was done otherwise than the protocol says.")] = "",
    kind: Annotated[str, typer.Option(help="A word for it, such as washout, wrong_tool, late_consent.")] = "other",
    case: Annotated[str | None, typer.Option(help="Number of the case.")] = None,
    role: Role = "investigator", home: Home = None, study: Study = None, as_: As = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Record a deviation from the protocol; the report lists them all. Example: gilbreth study deviation "read at home" --case C00001"""
    from db.base import utc_now
    from study.console import answer
    from study.enrolment import find_case
    from study.queries import record_deviation

    with _acting(home, study, as_, role) as (db_session, found, actor):
        about = find_case(db_session, study=found, number=case).id if case else None
        done = record_deviation(
            db_session, study=found, kind=kind, description=description, actor=actor, now=utc_now(), case_id=about
        )  # fmt: skip
    answer({"deviation": done.id, "kind": done.kind}, as_json=as_json, lines=[f"{found.name}: deviation {done.kind} recorded"])
    return 0


def screening(
    out: Annotated[Path | None, typer.Option("--out", help="CSV file to write.")] = None,
    role: Role = "investigator", home: Home = None, study: Study = None, as_: As = None, as_json: Json = False,
) -> int:  # fmt: skip
    """The screening log: every exam looked at, eligible or not, and why. Example: gilbreth study screening --out screening.csv"""
    import pandas as pd

    from study.console import answer
    from study.enrolment import screening_log
    from study.exports.csv_safe import write_csv

    with _acting(home, study, as_, role) as (db_session, found, actor):
        rows = screening_log(db_session, study=found, actor=actor)
    if out is not None:
        write_csv(pd.DataFrame(rows), out)
    lines = [f"{row['case']}  {row['state']:<10} {row['reasons']}" for row in rows]
    answer({"screened": len(rows), "log": rows}, as_json=as_json, lines=[*lines, f"{len(rows)} exams screened"])
    return 0


def withdraw_case(
    case: Annotated[str, typer.Argument(help="Number of the case.")],
    reason: Reason = "", home: Home = None, study: Study = None, as_: As = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Take a case out; what was recorded stays. Example: gilbreth study withdraw-case C00007 --reason "patient objected" """
    from db.base import utc_now
    from study.console import answer
    from study.enrolment import find_case, withdraw_case
    from study.errors import RejectedInput

    if not reason.strip():
        raise RejectedInput("no_reason", "a case taken out without a reason", "say why with --reason")
    with _acting(home, study, as_, "investigator", reason=reason) as (db_session, found, actor):
        taken = find_case(db_session, study=found, number=case)
        withdraw_case(db_session, case=taken, actor=actor, now=utc_now())
    answer({"case": taken.number, "state": taken.state}, as_json=as_json, lines=[f"{taken.number}: {taken.state}"])
    return 0


def sealed_list(
    as_: Annotated[str, typer.Option("--as", help="The allocator's account; its password from GILBRETH_PASSWORD or asked for.")],
    home: Home = None, study: Study = None, as_json: Json = False,
) -> int:  # fmt: skip
    """The allocation list in the clear, for the allocator alone; the look is audited. Example: gilbreth study sealed-list --as alma"""
    import json

    from study.allocation import opened_list, read_key
    from study.console import answer, home_directory
    from study.home import open_home

    key = read_key(open_home(home_directory(home)).keys / "allocation.key")
    with _acting(home, study, as_, "allocator") as (db_session, found, actor):
        lines = json.loads(opened_list(db_session, study=found, key=key, actor=actor))
    answer({"lines": lines}, as_json=as_json, lines=[f"{item['stratum']}  {item['position']:>4}  {item['line']}" for item in lines])
    return 0


def _acting(home: Path | None, study: str | None, name: str | None, role: str, *, reason: str = "") -> Any:
    """One audited use case: the session, the study and the actor."""
    from collections.abc import Iterator
    from contextlib import contextmanager

    from db.base import utc_now
    from db.engine import transaction
    from study.acting import cli_actor
    from study.console import home_directory
    from study.home import open_home
    from study.studies import find_study

    @contextmanager
    def acting() -> Iterator[tuple[Any, Any, Any]]:
        opened = open_home(home_directory(home))
        actor, _ = cli_actor(opened.engine, name=name, role=role, now=utc_now())
        with transaction(opened.engine, actor=actor, reason=reason) as db_session:
            yield db_session, find_study(db_session, study=study), actor

    return acting()
