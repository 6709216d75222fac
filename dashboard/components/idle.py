"""The idle warning: two minutes before the sign-in ends, on every page; reading and turning pictures count as signs of life."""

from typing import Any

import streamlit as st

from dashboard.components import asset
from dashboard.state import text
from study.sign_in import IDLE, WARN_BEFORE


@st.cache_resource
def _component() -> Any:
    return st.components.v2.component("gilbreth_idle", html='<span class="idle" hidden></span>', js=asset("idle.js"))


def idle_warning() -> None:
    """Watch for signs of life in this page and tell the server of them; warn before the sign-in ends."""
    words = {name: text(f"idle.{name}") for name in ("soon", "stay")}
    data = {"idle_seconds": IDLE.total_seconds(), "warn_seconds": WARN_BEFORE.total_seconds(), "words": words}
    _component()(key="idle", data=data)
