"""`gilbreth users ..`: accounts and roles."""

from pathlib import Path
from typing import Annotated, Any

import typer

Home = Annotated[Path | None, typer.Option(help="Home of this installation; GILBRETH_HOME when absent.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
As = Annotated[str | None, typer.Option("--as", help="Administrator that acts; its password from GILBRETH_PASSWORD or asked for.")]
Name = Annotated[str, typer.Argument(help="Sign-in name.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input; else one is made and shown once.")
]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="Accounts and roles. Example: gilbreth users add anna --role reader", no_args_is_help=True)
    for name, verb in (("add", add), ("list", list_), ("role", role_), ("reset-password", reset_password), ("disable", disable)):
        group.command(name)(verb)
    app.add_typer(group, name="users")


def _open(home: Path | None, as_: str | None) -> tuple[Any, Any]:
    """The home, and an administrator who may manage users."""
    from db.base import utc_now
    from db.engine import snapshot
    from study.acting import cli_actor
    from study.console import home_directory
    from study.home import open_home
    from study.permissions import require

    opened = open_home(home_directory(home))
    actor, _ = cli_actor(opened.engine, name=as_, role="administrator", now=utc_now())
    with snapshot(opened.engine) as db_session:
        require(db_session, actor=actor, operation="users.manage")
    return opened, actor


def _password(from_stdin: bool) -> tuple[str, str | None]:
    """The password, and the same to be shown when it was made here."""
    import sys

    from study.accounts import random_password

    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n"), None
    made = random_password()
    return made, made


def add(
    name: Name,
    role: Annotated[list[str] | None, typer.Option(help="Role; repeat for several.")] = None,
    display_name: Annotated[str, typer.Option(help="Name printed under signatures.")] = "",
    site: Annotated[str | None, typer.Option(help="Code of the site.")] = None,
    study: Annotated[str | None, typer.Option(help="Roles hold in this study only.")] = None,
    oidc_subject: Annotated[str | None, typer.Option(help="Subject at the identity provider, instead of a password.")] = None,
    password_stdin: FromStdin = False, home: Home = None, as_: As = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Add an account. Example: gilbreth users add anna --role reader"""
    from db.base import utc_now
    from db.engine import transaction
    from study.accounts import create_account, grant_role
    from study.console import answer
    from study.enrolment import get_site
    from study.studies import find_study

    opened, actor = _open(home, as_)
    password, shown = (None, None) if oidc_subject else _password(password_stdin)
    with transaction(opened.engine, actor=actor) as db_session:
        site_id = get_site(db_session, code=site).id if site else None
        study_id = find_study(db_session, study=study).id if study else None
        account = create_account(
            db_session, name=name, password=password, display_name=display_name, site_id=site_id, now=utc_now(),
            must_change_password=shown is not None, oidc_subject=oidc_subject,
        )  # fmt: skip
        for each in role or []:
            grant_role(db_session, account=account, role=each, actor=actor, now=utc_now(), study_id=study_id)
    result = {"name": account.name, "code": account.code, "roles": role or []} | ({"password": shown} if shown else {})
    lines = [f"{account.name} ({account.code}): {', '.join(role or []) or 'no role yet'}"] + (
        [f"password, shown once: {shown}"] if shown else []
    )
    answer(result, as_json=as_json, lines=lines)
    return 0


def list_(home: Home = None, as_: As = None, as_json: Json = False) -> int:
    """List accounts with their roles. Example: gilbreth users list"""
    from sqlmodel import select

    from db.engine import snapshot
    from db.tables import Account
    from study.console import answer
    from study.permissions import roles_of

    opened, _ = _open(home, as_)
    with snapshot(opened.engine) as db_session:
        rows = [
            {
                "name": account.name,
                "code": account.code,
                "roles": sorted(roles_of(db_session, account_id=account.id)),
                "disabled": account.disabled_at is not None,
            }
            for account in db_session.exec(select(Account).order_by(Account.name)).all()
        ]
    lines = [f"{row['name']:<24} {row['code']:<20} {', '.join(row['roles'])}{'  (disabled)' if row['disabled'] else ''}" for row in rows]  # type: ignore[arg-type]
    answer({"accounts": rows}, as_json=as_json, lines=lines)
    return 0


def role_(
    name: Name,
    role: Annotated[str, typer.Argument(help="Role to give, or to take with --revoke.")],
    revoke: Annotated[bool, typer.Option("--revoke", help="Take the role away.")] = False,
    study: Annotated[str | None, typer.Option(help="Give it in this study only.")] = None,
    home: Home = None, as_: As = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Give or take a role. Example: gilbreth users role anna reader"""
    from db.base import utc_now
    from db.engine import transaction
    from study.accounts import find_account, grant_role, revoke_role
    from study.console import answer
    from study.permissions import roles_of
    from study.studies import find_study

    opened, actor = _open(home, as_)
    with transaction(opened.engine, actor=actor) as db_session:
        account = find_account(db_session, name=name)
        if revoke:
            revoke_role(db_session, account=account, role=role, actor=actor, now=utc_now())
        else:
            study_id = find_study(db_session, study=study).id if study else None
            grant_role(db_session, account=account, role=role, actor=actor, now=utc_now(), study_id=study_id)
        db_session.flush()
        held = sorted(roles_of(db_session, account_id=account.id))
    answer({"name": name, "roles": held}, as_json=as_json, lines=[f"{name}: {', '.join(held) or 'no role'}"])
    return 0


def reset_password(name: Name, password_stdin: FromStdin = False, home: Home = None, as_: As = None, as_json: Json = False) -> int:
    """Set a new password, unlock the account and end its sessions. Example: gilbreth users reset-password anna"""
    from db.base import utc_now
    from db.engine import transaction
    from study.accounts import find_account, set_password
    from study.console import answer

    opened, actor = _open(home, as_)
    password, shown = _password(password_stdin)
    with transaction(opened.engine, actor=actor) as db_session:
        account = find_account(db_session, name=name)
        set_password(db_session, account=account, password=password, now=utc_now(), must_change=shown is not None)
    lines = [f"password of {name}, shown once: {shown}" if shown else f"{name}: password set"]
    answer({"name": name} | ({"password": shown} if shown else {}), as_json=as_json, lines=lines)
    return 0


def disable(name: Name, home: Home = None, as_: As = None, as_json: Json = False) -> int:
    """Bar an account from signing in; what it did stays. Example: gilbreth users disable anna"""
    from db.base import utc_now
    from db.engine import transaction
    from study.accounts import disable_account, find_account
    from study.console import answer

    opened, actor = _open(home, as_)
    with transaction(opened.engine, actor=actor) as db_session:
        disable_account(db_session, account=find_account(db_session, name=name), now=utc_now())
    answer({"name": name, "disabled": True}, as_json=as_json, lines=[f"{name}: disabled"])
    return 0
