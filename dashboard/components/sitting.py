"""A reader's clock and keys: the light that says time is taken, the question after a long stillness, keys that fill the form."""

from typing import Any

import streamlit as st

from dashboard.components import asset
from dashboard.state import text

HTML = """<div class="sitting" data-rec-ignore="1" role="group" aria-label="Reading time"><div class="head">
<span class="light" aria-hidden="true"></span><span class="number"></span><span class="state" role="status"></span></div>
<div class="question" role="alertdialog" hidden><span class="words"></span><button class="yes"></button><button class="no"></button></div>
<div class="keys"></div></div>"""
WORDS = ("on", "asking", "question", "yes", "no", "offline", "signed_out", "keys")


@st.cache_resource
def _component() -> Any:
    return st.components.v2.component("gilbreth_sitting", html=HTML, css=asset("sitting.css"), js=asset("sitting.js"))


def reading_clock(*, reading: str, title: str, idle_seconds: float | None = None) -> None:
    """Take the time of a reading while it is on the screen, and answer its form by keys.

    Parameters
    ----------
    reading : str
        Id of the reading.
    title : str
        What it is called in the reader's own queue.
    idle_seconds : float, optional
        Stillness after which the reader is asked whether they were reading; without it there are keys but no clock. [s]
    """
    words = {name: text(f"clock.{name}") for name in WORDS}
    data = {"reading": reading, "title": title, "idle_seconds": idle_seconds, "timed": idle_seconds is not None, "words": words}
    _component()(key=f"sitting-{reading}", data=data)
