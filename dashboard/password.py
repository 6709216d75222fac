"""One's own password: changed at will, and first of all where an administrator gave a new one."""

import streamlit as st

from dashboard import state
from dashboard.state import text
from db.base import utc_now
from db.engine import transaction
from study.accounts import change_own_password
from study.errors import StudyError
from study.sign_in import Person


def form(account_id: str) -> None:
    """Old, new, and new again; every session ends when it is done."""
    with st.form("password"):
        old = st.text_input(text("password.old"), type="password", key="password-old", autocomplete="current-password")
        new = st.text_input(text("password.new"), type="password", key="password-new", autocomplete="new-password")
        again = st.text_input(text("password.again"), type="password", key="password-again", autocomplete="new-password")
        if not st.form_submit_button(text("password.change"), key="password-change", type="primary"):
            return
    if new != again:
        st.error(text("password.differ"))
        return
    try:
        with transaction(state.engine()) as db_session:
            refusal = change_own_password(db_session, account_id=account_id, old=old, new=new, now=utc_now())
    except StudyError as error:
        st.error(str(error))
        return
    if refusal is not None:
        st.error(text("password.wrong"))
        return
    st.success(text("password.done"), icon=":material/check:")
    st.link_button(text("sign_in"), "/signin", type="primary")


def change_first(person: Person) -> None:
    """Whoever got a password from somebody else chooses an own one before anything else."""
    if not person.must_change_password:
        return
    st.title(text("page.password"))
    st.info(text("password.first"), icon=":material/key:")
    form(person.account_id)
    st.stop()
