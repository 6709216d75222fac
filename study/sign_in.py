"""Sessions of signed-in people, kept in the database: idle logout with warning, end at will, checked on every request."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, func, select

from db.audit import Actor, record
from db.tables import Account, LoginSession
from study.accounts import check_password
from study.errors import Forbidden
from study.permissions import roles_of

IDLE = timedelta(minutes=15)
WARN_BEFORE = timedelta(minutes=2)
LONGEST = timedelta(hours=12)
TOUCH_EVERY = timedelta(seconds=20)


@dataclass(frozen=True)
class Person:
    """Who is signed in.

    Parameters
    ----------
    account_id, name, display_name, code : str
        The account.
    roles : tuple of str
        Roles held now, in any study.
    session_id : str
        Hash of the cookie's token.
    idle_seconds_left : float
        Until the idle logout. [s]
    must_change_password : bool
        Whether the next thing to do is to choose a password.
    """

    account_id: str
    name: str
    display_name: str
    code: str
    roles: tuple[str, ...]
    session_id: str
    idle_seconds_left: float
    must_change_password: bool
    language: str

    def acting(self, role: str, *, study_id: str | None = None) -> Actor:
        """This person acting in one of their roles; raises `Forbidden` for a role they do not hold."""
        if role not in self.roles:
            raise Forbidden(f"{self.name} does not hold the role {role}")
        return Actor(self.name, role, self.account_id, self.session_id, study_id)


@dataclass(frozen=True)
class SignIn:
    """The answer to a sign-in: a token for the cookie, or a refusal in words."""

    token: str | None = None
    person: Person | None = None
    refusal: str | None = None


def sign_in(db_session: Session, *, name: str, password: str, now: datetime) -> SignIn:
    """Sign in with a password. Never raises for a wrong one: commit in either case, so that attempts count."""
    account = db_session.exec(select(Account).where(func.lower(Account.name) == name.strip().lower())).first()
    refusal = check_password(db_session, account=account, password=password, now=now)
    if refusal or account is None:
        return SignIn(refusal=refusal)
    return open_session(db_session, account=account, now=now)


def sign_in_oidc(db_session: Session, *, subject: str, now: datetime, proved_at: datetime | None = None) -> SignIn:
    """Sign in somebody whom the identity provider vouches for; the account must carry that subject.

    Parameters
    ----------
    proved_at : datetime, optional
        When they last proved to the provider who they are, if it says so; signing asks for a fresh proof.
    """
    account = db_session.exec(select(Account).where(Account.oidc_subject == subject)).first()
    if account is None or account.disabled_at is not None:
        return SignIn(refusal="no account belongs to this identity; ask an administrator")
    return open_session(db_session, account=account, now=now, proved_at=min(proved_at or now - LONGEST, now))


def open_session(db_session: Session, *, account: Account, now: datetime, proved_at: datetime | None = None) -> SignIn:
    """A new session for an account whose identity is established, just now if nothing else is said."""
    token = secrets.token_urlsafe(32)
    session = LoginSession.model_validate(
        {
            "id": token_hash(token), "account_id": account.id, "created_at": now, "last_seen_at": now, "authenticated_at": proved_at or now,
        }
    )  # fmt: skip
    db_session.add(session)
    record(db_session, operation="sign_in", entity="account", entity_id=account.id)
    return SignIn(token=token, person=_person(db_session, account, session, now))


def token_hash(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _person(db_session: Session, account: Account, session: LoginSession, now: datetime) -> Person:
    roles = tuple(sorted(roles_of(db_session, account_id=account.id)))
    left = (IDLE - (now - session.last_seen_at)).total_seconds()
    return Person(
        account.id,
        account.name,
        account.display_name,
        account.code,
        roles,
        session.id,
        left,
        account.must_change_password,
        account.language,
    )


def who_is(db_session: Session, *, token: str | None, now: datetime) -> Person | None:
    """The person behind a cookie's token; None when the session ended, idled out or is unknown. Writes nothing."""
    session = db_session.get(LoginSession, token_hash(token)) if token else None
    if session is None or session.ended_at is not None:
        return None
    if now - session.last_seen_at >= IDLE or now - session.created_at >= LONGEST:
        return None
    account = db_session.get(Account, session.account_id)
    return _person(db_session, account, session, now) if account and account.disabled_at is None else None


def needs_touch(person: Person) -> bool:
    """Whether enough time has passed that `touch` should be called; saves a write on every rerun."""
    return (IDLE - TOUCH_EVERY).total_seconds() > person.idle_seconds_left


def touch(db_session: Session, *, token: str, now: datetime) -> Person | None:
    """Note a sign of life of the person; call it on their acts, not on automatic refreshes."""
    person = who_is(db_session, token=token, now=now)
    session = db_session.get(LoginSession, token_hash(token))
    if person is None or session is None:
        _expire(db_session, session, now)
        return None
    session.last_seen_at = now
    db_session.add(session)
    return who_is(db_session, token=token, now=now)


def _expire(db_session: Session, session: LoginSession | None, now: datetime) -> None:
    if session is not None and session.ended_at is None:
        session.ended_at = now
        session.end_reason = "idle" if now - session.last_seen_at >= IDLE else "expired"
        db_session.add(session)
        record(db_session, operation="sign_out", entity="account", entity_id=session.account_id, reason=session.end_reason)


def sign_out(db_session: Session, *, token: str, now: datetime) -> None:
    """End the session behind a token, in every tab."""
    session = db_session.get(LoginSession, token_hash(token))
    if session is not None and session.ended_at is None:
        session.ended_at, session.end_reason = now, "logout"
        db_session.add(session)
        record(db_session, operation="sign_out", entity="account", entity_id=session.account_id, reason="logout")
