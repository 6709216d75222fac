"""The observer's tablet page: big buttons of the protocol's taxonomy, in the page itself, so that quick taps are never lost."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.components import asset
from dashboard.state import text

WORDS = ("what", "who", "tool", "interruption", "back", "tally", "click", "undo", "note", "offline", "stored")


@st.cache_resource
def _component() -> Any:
    html = '<div class="observer" data-rec-ignore="1"></div>'
    return st.components.v2.component("gilbreth_observer", html=html, css=asset("observer.css"), js=asset("observer.js"))


def observer_board(
    *, observation: str, activities: Sequence[tuple[str, str]], choices: Mapping[str, Sequence[str]], so_far: Mapping[str, Any]
) -> None:
    """Show the board.

    Parameters
    ----------
    activities : sequence of (name, label)
        What the watched person may do.
    choices : mapping
        `with_whom`, `tools` and `interruptions` of the protocol.
    so_far : mapping
        `running`, `interrupted` and `taps` of this observation, for a page that was loaded again.
    """
    words = {name: text(f"observe.{name}") for name in WORDS}
    data = {
        "observation": observation,
        "activities": [list(item) for item in activities],
        "words": words,
        **{name: list(items) for name, items in choices.items()},
        **so_far,
    }
    _component()(key=f"observe-{observation}", data=data)
