"""Accounts and roles: argon2 passwords, lockout, roles kept apart, disabling without forgetting."""

import secrets
from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlmodel import Session, col, func, select

from db.audit import Actor, record
from db.tables import Account, LoginSession, RoleGrant, Study
from study.errors import Forbidden, RejectedInput
from study.permissions import KEPT_APART, ROLES, roles_of
from study.signatures import CONFIRMATION_LASTS, Confirmation
from study.studies import protocol_of

SHORTEST_PASSWORD = 12
ATTEMPTS = 5
LOCKED_FOR = timedelta(minutes=15)


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


def random_password() -> str:
    """A password to be printed once.

    Examples
    --------
    >>> len(random_password()) >= SHORTEST_PASSWORD
    True
    """
    return secrets.token_urlsafe(12)


def find_account(db_session: Session, *, name: str) -> Account:
    """An account by its sign-in name."""
    account = db_session.exec(select(Account).where(Account.name == name)).first()
    if account is None:
        raise RejectedInput("no_such_account", f"there is no account {name!r}", "gilbreth users list shows them")
    return account


def create_account(
    db_session: Session,
    *,
    name: str,
    now: datetime,
    password: str | None = None,
    display_name: str = "",
    site_id: str | None = None,
    must_change_password: bool = False,
    code: str | None = None,
    oidc_subject: str | None = None,
) -> Account:
    """A new account; `code` (P001, ...) stands for the person in tables and exports.

    `oidc_subject` lets the person whom the identity provider knows under it sign in without a password.

    Raises
    ------
    RejectedInput
        When the name is taken or the password too short.
    """
    name = name.strip()
    if not name or len(name) > 60 or any(character.isspace() or not character.isprintable() for character in name):
        raise RejectedInput("bad_name", f"{name!r} cannot be an account name", "use 1 to 60 characters without spaces")
    if db_session.exec(select(Account).where(func.lower(Account.name) == name.lower())).first():
        raise RejectedInput("name_taken", f"there is already an account {name!r}", "choose another name")
    if code is not None and db_session.exec(select(Account).where(Account.code == code)).first():
        raise RejectedInput("code_taken", f"there is already somebody with the code {code!r}", "choose another")
    account = Account.model_validate(
        {
            "name": name, "code": code or _next_code(db_session), "display_name": display_name or name, "site_id": site_id,
            "created_at": now,
            "password_hash": hash_password(password) if password is not None else None, "must_change_password": must_change_password,
            "oidc_subject": oidc_subject,
        }
    )  # fmt: skip
    db_session.add(account)
    db_session.flush()
    return account


def _next_code(db_session: Session) -> str:
    """The next code for a person, counted on from how many there are; one that an import has taken is passed over."""
    number = int(db_session.exec(select(func.count()).select_from(Account)).one()) + 1
    while db_session.exec(select(Account.id).where(Account.code == f"P{number:03d}")).first() is not None:
        number += 1
    return f"P{number:03d}"


def hash_password(password: str) -> str:
    """Argon2id hash; refuses a short password."""
    if len(password) < SHORTEST_PASSWORD:
        raise RejectedInput("short_password", f"the password has {len(password)} characters", f"use {SHORTEST_PASSWORD} or more")
    return _hasher().hash(password)


def set_password(db_session: Session, *, account: Account, password: str, now: datetime, must_change: bool = False) -> None:
    """Set a password, unlock the account and end its sessions everywhere."""
    account.password_hash, account.must_change_password = hash_password(password), must_change
    account.failed_attempts, account.locked_until = 0, None
    db_session.add(account)
    end_sessions(db_session, account=account, now=now)
    record(db_session, operation="set_password", entity="account", entity_id=account.id)


def change_own_password(db_session: Session, *, account_id: str, old: str, new: str, now: datetime) -> str | None:
    """Set one's own password; None when it is done, else why not. Every session ends, so the next thing is to sign in with it.

    Raises
    ------
    RejectedInput
        For a new password that is too short, or the old one again.

    Notes
    -----
    A wrong old password counts as a wrong sign-in; commit the transaction in either case.
    """
    account = db_session.get_one(Account, account_id)
    refusal = check_password(db_session, account=account, password=old, now=now)
    if refusal is not None:
        return refusal
    if old == new:
        raise RejectedInput("same_password", "the new password is the old one", "choose another")
    set_password(db_session, account=account, password=new, now=now)
    return None


def end_sessions(db_session: Session, *, account: Account, now: datetime) -> None:
    """End every session of an account."""
    live = select(LoginSession).where(LoginSession.account_id == account.id, col(LoginSession.ended_at).is_(None))
    for session in db_session.exec(live):
        session.ended_at, session.end_reason = now, "revoked"
        db_session.add(session)


def check_password(db_session: Session, *, account: Account | None, password: str, now: datetime) -> str | None:
    """None when the password is right, else why not, in words that do not tell whether the account exists.

    Notes
    -----
    Counts wrong attempts and locks the account for 15 minutes after five; commit the transaction in either case.
    """
    refusal = "name or password is wrong"
    if account is None or account.password_hash is None or account.disabled_at is not None:
        _matches(_decoy(), password)  # the same time as for a real account
        return refusal
    if account.locked_until is not None and account.locked_until > now:
        minutes = int((account.locked_until - now).total_seconds() // 60) + 1
        return f"too many wrong passwords; try again in {minutes} minutes, or ask an administrator"
    if _matches(account.password_hash, password):
        if account.failed_attempts:
            account.failed_attempts, account.locked_until = 0, None
            db_session.add(account)
        return None
    account.failed_attempts += 1
    if account.failed_attempts >= ATTEMPTS:
        account.failed_attempts, account.locked_until = 0, now + LOCKED_FOR
    db_session.add(account)
    record(db_session, operation="password_refused", entity="account", entity_id=account.id)
    return refusal


def _matches(password_hash: str, password: str) -> bool:
    try:
        return _hasher().verify(password_hash, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


@cache
def _decoy() -> str:
    return _hasher().hash(secrets.token_hex(16))


def confirm_identity(db_session: Session, *, account_id: str, password: str, now: datetime, session_id: str = "") -> Confirmation | None:
    """Ask for the password again, to sign; None when it is wrong (commit either way, so that attempts count).

    Somebody who signs in through an identity provider and has no password proves there who they are, in this very session and
    within the last two minutes.

    Raises
    ------
    Forbidden
        When they have not; it says where.
    """
    account = db_session.get(Account, account_id)
    if account is not None and account.password_hash is None and account.oidc_subject is not None:
        return _confirmed_by_provider(db_session, account=account, session_id=session_id, now=now)
    if check_password(db_session, account=account, password=password, now=now) is not None:
        return None
    record(db_session, operation="confirmed_identity", entity="account", entity_id=account_id)
    return Confirmation(account_id, "password", now)


def _confirmed_by_provider(db_session: Session, *, account: Account, session_id: str, now: datetime) -> Confirmation:
    session = db_session.get(LoginSession, session_id)
    if (
        session is None
        or session.account_id != account.id
        or session.ended_at is not None
        or not timedelta(0) <= now - session.authenticated_at <= CONFIRMATION_LASTS
    ):
        raise Forbidden("confirm who you are with your hospital account: open /signin/oidc?again=1, then sign within two minutes")
    record(db_session, operation="confirmed_identity", entity="account", entity_id=account.id)
    return Confirmation(account.id, "identity provider", session.authenticated_at)


def grant_role(db_session: Session, *, account: Account, role: str, actor: Actor, now: datetime, study_id: str | None = None) -> RoleGrant:
    """Give a role, everywhere or in one study.

    Raises
    ------
    RejectedInput
        For an unknown role.
    Forbidden
        When the account holds a role that must be kept apart from it.
    """
    if role not in ROLES:
        raise RejectedInput("no_such_role", f"{role!r} is not a role", f"use one of {', '.join(ROLES)}")
    held = roles_of(db_session, account_id=account.id)
    for first, second in (*KEPT_APART, *_apart_by_protocol(db_session, study_id)):
        if (role == first and second in held) or (role == second and first in held):
            other = second if role == first else first
            raise Forbidden(f"{role} and {other} must be different people; give {role} to another account")
    existing = db_session.exec(
        select(RoleGrant).where(
            RoleGrant.account_id == account.id,
            RoleGrant.role == role,
            RoleGrant.study_id == study_id,
            col(RoleGrant.revoked_at).is_(None),
        )
    ).first()
    if existing:
        return existing
    grant = RoleGrant.model_validate(
        {"account_id": account.id, "role": role, "study_id": study_id, "granted_at": now, "granted_by": actor.account}
    )
    db_session.add(grant)
    db_session.flush()
    return grant


def _apart_by_protocol(db_session: Session, study_id: str | None) -> list[tuple[str, str]]:
    """Pairs that the protocol of this study keeps apart, or of any study when a role is given everywhere."""
    studies = [study_id] if study_id else db_session.exec(select(Study.id)).all()
    return [pair for study in studies for pair in protocol_of(db_session, study_id=study).roles.apart]


def revoke_role(db_session: Session, *, account: Account, role: str, actor: Actor, now: datetime) -> int:
    """Take a role away everywhere, at once; returns how many grants ended."""
    live = select(RoleGrant).where(RoleGrant.account_id == account.id, RoleGrant.role == role, col(RoleGrant.revoked_at).is_(None))
    grants = db_session.exec(live).all()
    for grant in grants:
        grant.revoked_at, grant.revoked_by = now, actor.account
        db_session.add(grant)
    return len(grants)


def disable_account(db_session: Session, *, account: Account, now: datetime) -> None:
    """Bar an account from signing in; what it did stays."""
    account.disabled_at = now
    db_session.add(account)
    end_sessions(db_session, account=account, now=now)
