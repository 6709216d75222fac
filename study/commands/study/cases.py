"""enrol, allocate, assign."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from study.commands.study.options import As, Home, Json, Study

Strata = Annotated[list[str] | None, typer.Option("--stratum", help="Factor of the protocol, as name=level; repeat.")]
Exclude = Annotated[list[str] | None, typer.Option("--exclude", help="Exclude for this reason of the protocol; repeat.")]


def register(group: typer.Typer) -> None:
    """Add the verbs."""
    group.command("enrol")(enrol)
    group.command("allocate")(allocate)
    group.command("assign")(assign)
    group.command("add-site")(add_site)


def enrol(
    paths: Annotated[list[Path], typer.Argument(help="Scans: files, folders or zips.")],
    site: Annotated[str, typer.Option(help="Code of the site.")] = "S1",
    stratum: Strata = None, exclude: Exclude = None,
    training: Annotated[bool, typer.Option("--training", help="A practice case, left out of every analysis.")] = False,
    scans: Annotated[int | None, typer.Option(min=1, max=9, help="Scans of each exam, where the files do not tell.")] = None,
    home: Home = None, study: Study = None, as_: As = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Take exams in: read, checked, de-identified, locked. Example: gilbreth study enrol scan.zip --stratum priority=elective"""
    from db.base import utc_now
    from study.acting import cli_actor
    from study.console import answer, home_directory, progress
    from study.home import open_home

    opened = open_home(home_directory(home))
    actor, _ = cli_actor(opened.engine, name=as_, role="investigator", now=utc_now())
    protocol = _check_before_reading(opened.engine, study=study, site=site, stratum=stratum, exclude=exclude, actor=actor)
    common = {
        "protocol": protocol, "site": site, "stratum": stratum, "exclude": exclude, "training": training, "study": study, "scans": scans,
    }  # fmt: skip
    results: list[dict[str, Any]] = []
    with progress("Enrolling", total=len(paths)) as step:
        for path in paths:
            results.append(_enrol_one(opened, path, actor=actor, **common))
            step(f"{results[-1]['case']}: {results[-1]['state']}")
    lines = [_line(item) for item in results]
    answer({"cases": results}, as_json=as_json, lines=lines)
    return int(any(item["state"] == "excluded" and not exclude for item in results))


def _line(item: dict[str, Any]) -> str:
    review = ", ".join(code for code, severity, _ in item["findings"] if severity == "review")
    words = [item["case"], item["state"] + ("" if item["new"] else " (known)"), ", ".join(item["reasons"])]
    return "  ".join(word for word in [*words, f"look at: {review}" if review else ""] if word)


def _levels(stratum: list[str] | None) -> dict[str, str]:
    from study.errors import WrongUsage

    if bad := [item for item in stratum or [] if "=" not in item]:
        raise WrongUsage(f"--stratum {bad[0]}: write name=level")
    return {name: level for name, _, level in (item.partition("=") for item in stratum or [])}


def _check_before_reading(
    engine: Any, *, study: str | None, site: str, stratum: list[str] | None, exclude: list[str] | None, actor: Any
) -> Any:
    """The protocol; says no before minutes are spent on reading scans."""
    from db.engine import snapshot
    from study.enrolment import check_strata
    from study.errors import RejectedInput
    from study.permissions import require
    from study.planning import require_site
    from study.studies import find_study, protocol_of

    with snapshot(engine) as db_session:
        found = find_study(db_session, study=study)
        require(db_session, actor=actor, operation="case.enrol", study=found)
        require_site(db_session, code=site)
        check_strata(db_session, study=found, strata=_levels(stratum))
        protocol = protocol_of(db_session, study_id=found.id)
    known = [reason.name for reason in protocol.eligibility.exclusion]
    if unknown := sorted(set(exclude or []) - set(known)):
        raise RejectedInput("no_such_reason", f"{', '.join(unknown)} is no exclusion reason of the protocol", f"use {', '.join(known)}")
    return protocol


def _enrol_one(
    opened: Any, path: Path, *, protocol: Any, site: str, stratum: Any, exclude: Any, training: bool, study: Any, scans: Any, actor: Any
) -> dict[str, Any]:
    from db.base import utc_now
    from db.engine import transaction
    from study.enrolment import enrol_case, get_site, pseudonym, site_key
    from study.scan_intake import take_in
    from study.studies import find_study

    key = site_key(opened.keys)
    intake = take_in(path, scans=opened.scans, key=key, protocol=protocol)
    reasons = tuple(dict.fromkeys((*intake.reasons, *(exclude or ()))))
    with transaction(opened.engine, actor=actor) as db_session:
        done = enrol_case(
            db_session, study=find_study(db_session, study=study), site=get_site(db_session, code=site),
            pseudonym=pseudonym(intake.sha256, key=key), actor=actor, now=utc_now(), eligible=not reasons, reasons=reasons,
            strata=_levels(stratum), facts={"scans": scans, **intake.facts, "scan_sha256": intake.sha256}, training=training,
            remark=intake.remark,
        )  # fmt: skip
        answer = {"case": done.case.number, "state": done.case.state, "eligible": done.eligible, "reasons": list(done.reasons)}
    checked = json.loads(intake.remark) if intake.remark else {"verdict": "accept" if intake.accepted else "reject", "findings": []}
    return {**answer, "new": done.new, **checked}


def allocate(
    case: Annotated[str, typer.Argument(help="Number of the case, such as C00001.")],
    technologist: Annotated[str | None, typer.Option(help="Account that processes it; the least busy one when absent.")] = None,
    home: Home = None, study: Study = None, as_: As = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Open the next line of the sealed list for an eligible case, and plan its tasks. Example: gilbreth study allocate C00001

    Where the protocol draws nothing the day, the site or the design says the arms; a training case is planned in both.
    """
    from db.base import utc_now
    from db.engine import transaction
    from study.accounts import find_account
    from study.acting import cli_actor
    from study.allocation import read_key, reveal
    from study.console import answer, home_directory
    from study.enrolment import find_case, plan_case, plan_training
    from study.home import open_home
    from study.permissions import require
    from study.planning import plan_by_design, require_technologist
    from study.studies import find_study, protocol_of

    opened, chosen, drawn = open_home(home_directory(home)), None, None
    actor, _ = cli_actor(opened.engine, name=as_, role="investigator", now=utc_now())
    with transaction(opened.engine, actor=actor) as db_session:
        within = find_study(db_session, study=study)
        require(db_session, actor=actor, operation="allocation.reveal", study=within)
        found = find_case(db_session, study=within, number=case)
        if technologist:
            account_id = find_account(db_session, name=technologist).id
            chosen = require_technologist(db_session, account_id=account_id, name=technologist, study_id=within.id)
        planned: dict[str, Any] = {"case": found, "now": utc_now(), "technologist_id": chosen}
        if found.training:
            tasks = plan_training(db_session, **planned, actor=actor)
        elif protocol_of(db_session, study_id=within.id).allocation.method == "none":
            tasks = plan_by_design(db_session, **planned, actor=actor)
        else:
            drawn = reveal(db_session, case=found, key=read_key(opened.keys / "allocation.key"), actor=actor, now=utc_now())
            tasks = plan_case(db_session, **planned, revealed=drawn)
    if found.training:
        practice = {"case": found.number, "training": True, "tasks": [task.id for task in tasks]}
        answer(practice, as_json=as_json, lines=[f"{found.number}: training case, {len(tasks)} practice tasks planned, nothing drawn"])
        return 0
    arms = drawn.arms if drawn else tuple(task.arm for task in tasks)
    result = {
        "case": found.number, "sequence": drawn.sequence if drawn else "-".join(arms), "arms": list(arms), "drawn": drawn is not None,
        "new": drawn.new if drawn else None, "tasks": [task.id for task in tasks],
    }  # fmt: skip
    how = "" if drawn is None or drawn.new else " (drawn before)"
    lines = [f"{found.number}: {' then '.join(arms)}{how}"] if arms else []
    if not tasks:
        lines.append(
            f"no technologist has an account yet, so no task was planned: gilbreth users add NAME --role technologist, then allocate {case}"
        )
    answer(result, as_json=as_json, lines=lines)
    return 0


def add_site(
    code: Annotated[str, typer.Argument(help="Code of the site, such as S2.")],
    name: Annotated[str, typer.Option(help="Name of the site.")] = "",
    home: Home = None, study: Study = None, as_: As = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Let a site join a study; its allocation lines are sealed at once. Example: gilbreth study add-site S2 --name "Second hospital" """
    from db.base import utc_now
    from db.engine import transaction
    from study.acting import cli_actor
    from study.allocation import read_key, seal_list
    from study.console import answer, home_directory
    from study.home import open_home
    from study.planning import add_site as join
    from study.studies import find_study

    opened = open_home(home_directory(home))
    actor, _ = cli_actor(opened.engine, name=as_, role="investigator", now=utc_now())
    with transaction(opened.engine, actor=actor) as db_session:
        found = find_study(db_session, study=study)
        site = join(db_session, study=found, code=code, name=name, actor=actor)
        sealed = 0
        if found.state == "active":
            sealed = seal_list(db_session, study=found, key=read_key(opened.keys / "allocation.key"), now=utc_now())
    result = {"study": found.name, "site": site.code, "sealed_lines": sealed}
    answer(result, as_json=as_json, lines=[f"{found.name}: site {site.code}, {sealed} allocation lines sealed"])
    return 0


def assign(
    seed: Annotated[int, typer.Option(help="Of the readers' orders and repeats.")] = 1,
    home: Home = None, study: Study = None, as_: As = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Give settled image sets to readers, as the protocol says. Example: gilbreth study assign"""
    from db.base import utc_now
    from db.engine import transaction
    from study.acting import cli_actor
    from study.console import answer, home_directory
    from study.home import open_home
    from study.reading import assign_readings
    from study.studies import find_study

    opened = open_home(home_directory(home))
    actor, _ = cli_actor(opened.engine, name=as_, role="investigator", now=utc_now())
    with transaction(opened.engine, actor=actor) as db_session:
        found = find_study(db_session, study=study)
        added = assign_readings(db_session, study=found, actor=actor, now=utc_now(), seed=seed)
    answer({"study": found.name, "added": added}, as_json=as_json, lines=[f"{found.name}: {added} readings added"])
    return 0
