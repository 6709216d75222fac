"""Who acts on the command line.

Whoever can read the home's files acts as `local-investigator` or `local-administrator`, accounts without a password that
are made on first use and appear in the audit with the operating-system user. `gilbreth users disable` on them makes
`--as NAME` with a password (`GILBRETH_PASSWORD`, or asked for) the only way.
"""

import getpass
import os
import sys
from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session, select

from db.audit import Actor
from db.engine import transaction
from db.tables import Account
from study.accounts import check_password, create_account, find_account, grant_role
from study.errors import Forbidden
from study.permissions import roles_of
from study.signatures import Confirmation

LOCAL_ROLES = ("investigator", "administrator")


def cli_actor(engine: Engine, *, name: str | None, role: str, now: datetime) -> tuple[Actor, Confirmation]:
    """The actor of a command, in a role, with the confirmation that signs for them.

    Parameters
    ----------
    name : str, optional
        From `--as`; the local account of this role when absent.

    Raises
    ------
    Forbidden
        When the password is wrong, the role is not held, or the local account was disabled.
    """
    if name is None:
        with transaction(engine) as db_session:
            account = _local(db_session, role=role, now=now)
        return Actor(account.name, role, account.id, f"os:{_os_user()}"), Confirmation(account.id, "operating system", now)
    password = os.environ.get("GILBRETH_PASSWORD") or _ask(name)
    with transaction(engine) as db_session:
        account = find_account(db_session, name=name)
        refusal = check_password(db_session, account=account, password=password, now=now)
        held = roles_of(db_session, account_id=account.id)
    if refusal:
        raise Forbidden(f"{name}: {refusal}")
    if role not in held:
        raise Forbidden(f"{name} does not hold the role {role}; an administrator can grant it (gilbreth users role)")
    return Actor(account.name, role, account.id, f"os:{_os_user()}"), Confirmation(account.id, "password", now)


def _local(db_session: Session, *, role: str, now: datetime) -> Account:
    name = f"local-{role}"
    account = db_session.exec(select(Account).where(Account.name == name)).first()
    if account is None:
        if role not in LOCAL_ROLES:
            raise Forbidden(f"this needs the role {role}; say who you are with --as NAME")
        display = f"{role} at this machine"
        account = create_account(db_session, name=name, display_name=display, code=name, now=now)
        grant_role(db_session, account=account, role=role, actor=Actor(), now=now)
    if account.disabled_at is not None:
        raise Forbidden(f"{name} is disabled on this home; say who you are with --as NAME")
    return account


def _os_user() -> str:
    try:
        return getpass.getuser()[:60]
    except (KeyError, OSError):
        return "unknown"


def _ask(name: str) -> str:
    if not sys.stdin.isatty():
        raise Forbidden(f"no password for {name}; set GILBRETH_PASSWORD or run on a terminal")
    return getpass.getpass(f"Password of {name}: ", stream=sys.stderr)
