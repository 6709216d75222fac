"""What pages share: who is signed in, the open study, its outcomes. The only place that touches session state and caches."""

from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import streamlit as st
from sqlalchemy import Engine
from sqlmodel import col, select

from dashboard.server.home import COOKIE, server_home
from dashboard.text import lookup
from db.audit import Actor
from db.base import utc_now
from db.engine import snapshot, transaction
from db.tables import Study
from study.comparison import Comparison, pair_tasks
from study.errors import Forbidden
from study.outcomes import Outcomes, outcome_version, permit_outcomes, read_outcomes
from study.sign_in import Person, needs_touch, touch, who_is


def engine() -> Engine:
    """The database engine of the home this server was started on."""
    return server_home().engine


def reconstructions() -> Path:
    """Folder of the stored reconstructions."""
    return server_home().path / "reconstructions"


def images() -> Path:
    """Folder of the image sets that readers see."""
    return server_home().images


def page(name: str) -> Any:
    """A page of this run's navigation, for links from one page to another."""
    return st.session_state["pages"][name]


def text(key: str) -> str:
    """A sentence in the language of the signed-in account."""
    return lookup(key, language=st.session_state.get("language", "en"))


def sign_in_or_stop() -> Person:
    """The person behind the cookie; without one the page says so and stops. Each rerun is a sign of life."""
    token = st.context.cookies.get(COOKIE)
    with snapshot(engine()) as db_session:
        person = who_is(db_session, token=token, now=utc_now())
    if person is None:
        st.session_state.clear()
        st.info(text("signed_out"))
        st.link_button(text("sign_in"), "/signin?why=idle", type="primary")
        st.stop()
    if needs_touch(person):
        with transaction(engine(), quick=True) as db_session:
            person = touch(db_session, token=str(token), now=utc_now()) or person
    st.session_state["language"] = person.language
    return person


def top_bar(person: Person) -> None:
    """Study, name and the way out, at the top of the side bar."""
    with st.sidebar:
        _choose_study()
        st.caption(f"{person.display_name} · {', '.join(text(f'role.{role}') for role in person.roles) or '–'}")
        st.caption(text("idle_warning"))
        st.link_button(text("sign_out"), "/signout", width="stretch")


def _choose_study() -> None:
    with snapshot(engine()) as db_session:
        studies = db_session.exec(select(Study).order_by(col(Study.created_at))).all()
    if not studies:
        st.session_state["study_id"] = None
        return
    titles = {study.id: study.name for study in studies}
    if len(studies) == 1:  # nothing to choose
        st.session_state["study_id"] = studies[0].id
        st.markdown(f"**{studies[0].name}**")
        return
    st.selectbox(text("study"), list(titles), format_func=lambda key: titles[key], key="study_id")


def act_as(person: Person, role: str) -> None:
    """Fix the role in whose name the page below runs."""
    st.session_state["actor"] = person.acting(role, study_id=st.session_state.get("study_id"))


def actor() -> Actor:
    """Who is signed in, in the role under which the page was opened."""
    found: Actor = st.session_state["actor"]
    return found


def study_id() -> str:
    """The study chosen in the side bar; a page that needs one stops when there is none."""
    chosen = st.session_state.get("study_id")
    if not chosen:
        st.info(text("no_study"))
        st.stop()
    return str(chosen)


def study_state(study_id: str) -> str:
    """The state a study is in now."""
    with snapshot(engine()) as db_session:
        return str(db_session.exec(select(Study.state).where(Study.id == study_id)).one())


def closed(refusal: Forbidden, *, key: str) -> NoReturn:
    """Say in one sentence why the page shows nothing and who can open it; a role that was taken away is told as it is."""
    st.info(text(f"{key}.{refusal.state}") if refusal.state is not None else str(refusal), icon=":material/visibility_off:")
    st.stop()


@st.cache_resource(max_entries=8, show_spinner=False)
def _outcomes(study: str, version: tuple[object, ...]) -> tuple[Outcomes, Comparison]:
    """Shared by everyone who may see outcomes: permission is checked before, never here."""
    found = read_outcomes(engine(), study_id=study, folder=server_home().path / "cache")
    return found, found.compare()


def outcomes() -> tuple[Outcomes, Comparison]:
    """Outcomes of the open study, once the look is permitted and written down (once per study and sign-in)."""
    key = (study_id(), actor().role, actor().session_id)
    looked: set[Any] = st.session_state.setdefault("looked", set())
    now = study_state(study_id())
    if (key, now) not in looked:  # before anything is read: a page that stays closed costs nothing
        try:
            permit_outcomes(engine(), actor=actor(), study_id=study_id())
        except Forbidden as refusal:
            closed(refusal, key="closed")
        looked.add((key, now))
    return _outcomes(study_id(), outcome_version(engine(), study_id=study_id(), folder=server_home().path / "cache"))


def comparison() -> Comparison:
    """The headline comparison of the open study."""
    return outcomes()[1]


def pairs(value: str) -> pd.DataFrame:
    """Cases with a finished task in both arms; columns `manual` and `ai` of `minutes` or `clicks`."""
    tasks = outcomes()[0].tasks
    return pair_tasks(tasks.assign(minutes=tasks["hands_on_seconds"] / 60.0), value)
