"""What pages share: who is signed in, the open study, its outcomes. The only place that touches session state and caches."""

import os
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from dashboard.text import lookup
from db.audit import Actor
from study.comparison import Comparison, Effect, pair_tasks
from study.home import Home, open_home
from study.outcomes import Outcomes, data_version, permit_outcomes, read_outcomes

COOKIE = "gilbreth_session"


@st.cache_resource
def home() -> Home:
    """The home this server was started on."""
    return open_home(Path(os.environ["GILBRETH_HOME"]))


def engine() -> Engine:
    """The database engine of the home."""
    return home().engine


def text(key: str) -> str:
    """A sentence in the language of the signed-in account."""
    return lookup(key, language=st.session_state.get("language", "en"))


def remember(**values: Any) -> None:
    """Keep what `main.py` found out about this run for the pages below it."""
    st.session_state.update(values)


def actor() -> Actor:
    """Who is signed in, in the role under which the page was opened."""
    found: Actor = st.session_state["actor"]
    return found


def study_id() -> str:
    """The study chosen at the top."""
    return str(st.session_state["study_id"])


@st.cache_data(max_entries=8, show_spinner=False)
def _outcomes(study: str, version: tuple[object, ...]) -> tuple[Outcomes, Comparison]:
    """Shared by everyone who may see outcomes: permission is checked before, never here."""
    found = read_outcomes(engine(), study_id=study)
    return found, found.compare()


def outcomes() -> tuple[Outcomes, Comparison]:
    """Outcomes of the open study, once the look is permitted and written down (once per study and sign-in)."""
    looked = st.session_state.setdefault("looked", set())
    key = (study_id(), actor().role, actor().session_id)
    if key not in looked:
        permit_outcomes(engine(), actor=actor(), study_id=study_id())
        looked.add(key)
    return _outcomes(study_id(), data_version(engine(), study_id=study_id()))


def comparison() -> Comparison:
    """The headline comparison of the open study."""
    return outcomes()[1]


def pairs(value: str) -> pd.DataFrame:
    """Cases with a finished task in both arms; columns `manual` and `ai` of `minutes` or `clicks`."""
    tasks = outcomes()[0].tasks
    return pair_tasks(tasks.assign(minutes=tasks["hands_on_seconds"] / 60.0), value)


def banner() -> None:
    """Say what the data are, on every page that shows any."""
    if outcomes()[0].study.simulated:
        st.warning(text("simulated"), icon=":material/science:")
    st.caption(text("claims"))
