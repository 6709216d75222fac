"""record, consent, withdraw: what technologists, readers and observers may do about their own data."""

from pathlib import Path
from typing import Annotated, Any

import typer

from study.commands.study.options import Home, Json, Study

Who = Annotated[str, typer.Option("--as", help="Your account; its password from GILBRETH_PASSWORD or asked for.")]


def register(group: typer.Typer) -> None:
    """Add the verbs."""
    group.command("record")(record)
    group.command("consent")(consent)
    group.command("withdraw")(withdraw)


def record(
    as_: Who, out: Annotated[Path | None, typer.Option("--out", help="File to write it into.")] = None,
    home: Home = None, study: Study = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Everything recorded about you. Example: gilbreth study record --as tom --out my-record.json"""
    import json

    from db.engine import transaction
    from study.consent import own_record
    from study.console import answer
    from study.studies import find_study

    opened, actor = _person(home, as_)
    with transaction(opened.engine, actor=actor) as db_session:
        mine = own_record(db_session, study=find_study(db_session, study=study), actor=actor)
    if out is not None:
        out.write_text(json.dumps(mine, indent=1, ensure_ascii=False), encoding="utf-8")
    counts = ", ".join(f"{len(rows)} {name}" for name, rows in mine.items() if isinstance(rows, list))
    answer(
        mine if out is None else {"file": str(out)}, as_json=as_json, lines=[f"{as_}: {counts}", *([f"written to {out}"] if out else [])]
    )
    return 0


def consent(
    as_: Who, agree: Annotated[bool, typer.Option("--agree", help="Agree to the text shown.")] = False,
    home: Home = None, study: Study = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Read the consent text, and agree to it. Example: gilbreth study consent --as tom --agree"""
    from db.base import utc_now
    from db.engine import transaction
    from study.consent import consent_of, give_consent
    from study.console import answer
    from study.studies import find_study, protocol_of

    opened, actor = _person(home, as_, among=("technologist", "reader", "observer"))
    with transaction(opened.engine, actor=actor) as db_session:
        found = find_study(db_session, study=study)
        text = protocol_of(db_session, study_id=found.id).consent
        if agree:
            give_consent(db_session, study=found, actor=actor, now=utc_now())
        held = consent_of(db_session, account_id=actor.account_id or "", study_id=found.id)
    result = {"version": text.version, "text": text.text, "agreed": held is not None and held.text_version == text.version}
    answer(result, as_json=as_json, lines=[text.text, f"{as_}: {'agreed' if result['agreed'] else 'not agreed yet; add --agree'}"])
    return 0


def withdraw(
    as_: Who,
    erase: Annotated[bool, typer.Option("--erase/--keep", help="Take what was recorded out of tables, exports and analyses, or leave it.")],
    home: Home = None, study: Study = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Withdraw your consent, without giving a reason. Example: gilbreth study withdraw --as tom --erase"""
    from db.base import utc_now
    from db.engine import transaction
    from study.consent import withdraw_consent
    from study.console import answer
    from study.studies import find_study

    opened, actor = _person(home, as_, among=("technologist", "reader", "observer"))
    with transaction(opened.engine, actor=actor) as db_session:
        withdraw_consent(db_session, study=find_study(db_session, study=study), actor=actor, now=utc_now(), erase_data=erase)
    said = "what was recorded is left out from here on" if erase else "what was recorded stays in the study"
    answer({"account": as_, "withdrawn": True, "erased": erase}, as_json=as_json, lines=[f"{as_}: withdrawn; {said}"])
    return 0


def _person(home: Path | None, name: str, *, among: tuple[str, ...] = ()) -> tuple[Any, Any]:
    """The home, and the person in the first of their roles that can do this."""
    from db.base import utc_now
    from db.engine import snapshot
    from study.accounts import find_account
    from study.acting import cli_actor
    from study.console import home_directory
    from study.errors import Forbidden
    from study.home import open_home
    from study.permissions import roles_of

    opened = open_home(home_directory(home))
    with snapshot(opened.engine) as db_session:
        held = roles_of(db_session, account_id=find_account(db_session, name=name).id)
    fit = sorted(role for role in held if not among or role in among)
    if not fit:
        raise Forbidden(f"{name} holds none of the roles {', '.join(among) or 'of this study'}; an administrator can grant one")
    actor, _ = cli_actor(opened.engine, name=name, role=fit[0], now=utc_now())
    return opened, actor
