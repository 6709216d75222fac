"""init, validate, amend, activate, status, lock, unlock, unblind, archive."""

from pathlib import Path
from typing import Annotated, Any

import typer

from study.commands.study.options import As, Home, Json, Reason, Study

Sites = Annotated[list[str] | None, typer.Option("--site", help="Code of a site; repeat for several. Default: S1.")]


def register(group: typer.Typer) -> None:
    """Add the verbs."""
    for name, verb in (
        ("init", init), ("validate", validate), ("amend", amend), ("activate", activate), ("status", status), ("lock", lock),
        ("unlock", unlock), ("unblind", unblind), ("archive", archive),
    ):  # fmt: skip
        group.command(name)(verb)


def init(
    protocol: Annotated[str, typer.Argument(help="A protocol file, or the name of one that ships.")],
    home: Home = None, site: Sites = None, as_: As = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Make a study in draft from a protocol. Example: gilbreth study init protocols/head_neck_cta.toml --site S1"""
    from db.base import utc_now
    from db.engine import transaction
    from study.acting import cli_actor
    from study.console import answer, home_directory
    from study.enrolment import get_site
    from study.home import open_home
    from study.planning import check_site_code
    from study.protocol import load_protocol
    from study.studies import create_study

    checked = load_protocol(protocol)
    for code in site or []:
        check_site_code(code)
    opened = open_home(home_directory(home))
    actor, _ = cli_actor(opened.engine, name=as_, role="investigator", now=utc_now())
    with transaction(opened.engine, actor=actor) as db_session:
        for code in site or ["S1"]:
            get_site(db_session, code=code)
        made = create_study(db_session, protocol=checked, actor=actor, now=utc_now())
    result = {"study": made.name, "id": made.id, "state": made.state, "design": checked.design, "protocol_sha256": checked.sha256}
    lines = [f"{made.name}: draft, {checked.design}, protocol {checked.sha256[:16]}", "next: gilbreth study activate"]
    answer(result, as_json=as_json, lines=lines)
    return 0


def validate(
    protocol: Annotated[str | None, typer.Argument(help="A protocol file.")] = None,
    keys: Annotated[bool, typer.Option("--keys", help="List every key with its meaning.")] = False,
    as_json: Json = False,
) -> int:
    """Explain every fault of a protocol with its key and line. Example: gilbreth study validate my_study.toml"""
    from study.console import answer, say
    from study.errors import WrongUsage
    from study.protocol import FaultyProtocol, load_protocol
    from study.protocol.keys import key_lines_for_people

    if keys:
        lines = key_lines_for_people()
        answer({"keys": lines}, as_json=as_json, lines=lines)
        return 0
    if protocol is None:
        raise WrongUsage("give the path of a protocol, or --keys")
    try:
        checked = load_protocol(protocol)
    except FaultyProtocol as faulty:
        faults: list[dict[str, Any]] = [vars(fault) for fault in faulty.faults]
        for fault in faulty.faults:
            say(str(fault))
        say(f"rejected [faulty_protocol]: {len(faults)} fault{'s' if len(faults) > 1 else ''}; mend and validate again")
        if as_json:
            answer({"accepted": False, "code": faulty.code, "reason": faulty.found, "faults": faults}, as_json=True, lines=[])
        return faulty.exit_status
    endpoints = [endpoint.name for endpoint in checked.endpoints]
    result = {"accepted": True, "name": checked.name, "design": checked.design, "sha256": checked.sha256, "endpoints": endpoints}
    answer(
        result, as_json=as_json, lines=[f"{protocol}: valid, {checked.design}, endpoints {', '.join(endpoints)}, sha256 {checked.sha256}"]
    )
    return 0


def amend(
    protocol: Annotated[str, typer.Argument(help="The new version of the protocol.")],
    reason: Reason = "", home: Home = None, study: Study = None, as_: As = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Put a new version of the protocol in force. Example: gilbreth study amend v2.toml --reason "accrual is slower than planned" """
    from db.base import utc_now
    from db.engine import transaction
    from study.acting import cli_actor
    from study.allocation import read_key, seal_list
    from study.console import answer, home_directory
    from study.home import open_home
    from study.protocol import load_protocol
    from study.studies import amend_study, find_study

    checked = load_protocol(protocol)
    opened = open_home(home_directory(home))
    actor, _ = cli_actor(opened.engine, name=as_, role="investigator", now=utc_now())
    with transaction(opened.engine, actor=actor, reason=reason) as db_session:
        found = find_study(db_session, study=study)
        version = amend_study(db_session, study=found, protocol=checked, reason=reason, actor=actor, now=utc_now())
        sealed = 0
        if found.state == "active" and checked.allocation.method != "none":
            sealed = seal_list(db_session, study=found, key=read_key(opened.keys / "allocation.key"), now=utc_now())
    result = {"study": found.name, "protocol_version": version.number, "protocol_sha256": version.sha256, "sealed_lines": sealed}
    more = f", {sealed} further allocation lines sealed" if sealed else ""
    answer(result, as_json=as_json, lines=[f"{found.name}: protocol version {version.number} is in force{more}"])
    return 0


def activate(home: Home = None, study: Study = None, as_: As = None, as_json: Json = False) -> int:
    """Seal the allocation list, freeze the protocol and open enrolment. Example: gilbreth study activate"""
    from db.base import utc_now
    from db.engine import transaction
    from study.acting import cli_actor
    from study.allocation import make_key, seal_list
    from study.console import answer, home_directory
    from study.home import open_home
    from study.studies import activate_study, find_study, protocol_of

    opened = open_home(home_directory(home))
    actor, _ = cli_actor(opened.engine, name=as_, role="investigator", now=utc_now())
    key = make_key(opened.keys / "allocation.key")
    with transaction(opened.engine, actor=actor) as db_session:
        found = find_study(db_session, study=study)
        sealed = seal_list(db_session, study=found, key=key, now=utc_now()) if found.state == "draft" else 0
        activate_study(db_session, study=found, actor=actor, now=utc_now())
        sha256 = protocol_of(db_session, study_id=found.id).sha256
    result = {"study": found.name, "state": found.state, "sealed_lines": sealed, "protocol_sha256": sha256}
    lines = [f"{found.name}: active, protocol {sha256[:16]} frozen, {sealed} allocation lines sealed", "next: gilbreth study enrol PATH"]
    answer(result, as_json=as_json, lines=lines)
    return 0


def status(home: Home = None, study: Study = None, as_json: Json = False) -> int:
    """Where the study stands, without outcomes. Example: gilbreth study status --json"""
    from sqlmodel import select

    from db.engine import snapshot
    from db.tables import Study as StudyTable
    from study.console import answer, home_directory
    from study.home import open_home
    from study.status import status_lines, study_status
    from study.studies import find_study

    opened = open_home(home_directory(home))
    with snapshot(opened.engine) as db_session:
        found = (
            [find_study(db_session, study=study)] if study else list(db_session.exec(select(StudyTable).order_by(StudyTable.name)).all())
        )
        found = found or [find_study(db_session)]
        states = [study_status(db_session, study=item) for item in found]
    lines = [line for item in states for line in status_lines(item)]
    answer(states[0] if len(states) == 1 else {"studies": states}, as_json=as_json, lines=lines)
    return 0


def lock(home: Home = None, study: Study = None, as_: As = None, as_json: Json = False) -> int:
    """Lock: data are final, every write is refused. Signed. Example: gilbreth study lock"""
    return _signed("lock", home, study, as_, as_json)


def unlock(reason: Reason = "", home: Home = None, study: Study = None, as_: As = None, as_json: Json = False) -> int:
    """Back to active, with a reason, before unblinding only. Example: gilbreth study unlock --reason "site B sent late data" """
    return _signed("unlock", home, study, as_, as_json, reason=reason)


def unblind(home: Home = None, study: Study = None, as_: As = None, as_json: Json = False) -> int:
    """Show outcomes by arm; there is no way back. Signed. Example: gilbreth study unblind"""
    return _signed("unblind", home, study, as_, as_json)


def archive(home: Home = None, study: Study = None, as_: As = None, as_json: Json = False) -> int:
    """Close the books; retention dates run from here. Example: gilbreth study archive"""
    return _signed("archive", home, study, as_, as_json)


def _signed(act: str, home: Path | None, study: str | None, as_: str | None, as_json: bool, reason: str = "") -> int:
    from db.base import utc_now
    from db.engine import transaction
    from study import studies
    from study.acting import cli_actor
    from study.console import answer, home_directory
    from study.home import open_home

    opened, now = open_home(home_directory(home)), utc_now()
    actor, confirmation = cli_actor(opened.engine, name=as_, role="investigator", now=now)
    with transaction(opened.engine, actor=actor, reason=reason) as db_session:
        found = studies.find_study(db_session, study=study)
        signed: dict[str, Any] = {"study": found, "actor": actor, "now": now}
        if act == "archive":
            studies.archive_study(db_session, **signed)
        elif act == "unlock":
            studies.unlock_study(db_session, **signed, confirmation=confirmation, reason=reason)
        elif act == "lock":
            studies.lock_study(db_session, **signed, confirmation=confirmation)
        else:
            studies.unblind_study(db_session, **signed, confirmation=confirmation)
    answer({"study": found.name, "state": found.state}, as_json=as_json, lines=[f"{found.name}: {found.state}"])
    return 0
