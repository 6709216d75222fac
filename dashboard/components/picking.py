"""Picking on the MIP: what a click in the viewer means, and where it went. The clicks count, for they are the arm's own work."""

from typing import Any

import streamlit as st

from dashboard.components import asset
from dashboard.state import text

HTML = '<div class="picking" role="group"></div>'


@st.cache_resource
def _component() -> Any:
    return st.components.v2.component("gilbreth_picking", html=HTML, css=asset("picking.css"), js=asset("picking.js"))


def picked(*, key: str, enabled: bool) -> dict[str, Any] | None:
    """Where the person has clicked in the viewer since the last run: `view`, `frame`, `u`, `v`, `action`; None if nowhere.

    Parameters
    ----------
    key : str
        Task and state of the pictures.
    enabled : bool
        False while the machine is at work, or where another tab holds the task.
    """
    words = {name: text(f"pick.{name}") for name in ("remove", "add", "only_mip", "title")}
    answer = _component()(key=f"picking-{key}", data={"enabled": enabled, "words": words}, on_picked_change=lambda: None)
    found = getattr(answer, "picked", None)
    return dict(found) if found and enabled else None
