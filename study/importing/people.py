"""People and cases named in imported tables: found by their code, or taken in without a password."""

from datetime import datetime

from sqlmodel import Session, select

from db.tables import Account
from study.accounts import create_account


def accounts_for(db_session: Session, *, codes: set[str], now: datetime) -> dict[str, str]:
    """Account ids by code; somebody unknown gets an account that cannot sign in."""
    found = {account.code: account.id for account in db_session.exec(select(Account)).all()}
    by_name = {account.name: account.id for account in db_session.exec(select(Account)).all()}
    people = {}
    for code in sorted(codes):
        known = found.get(code) or by_name.get(code)
        people[code] = (
            known or create_account(db_session, name=f"imported-{code.replace(' ', '_')}", code=code, display_name=code, now=now).id
        )
    return people
