"""The frame viewer: stacks of frames that turn by dragging, wheel or keys, side by side, with window presets and a zoom that stays."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.components import asset
from dashboard.state import text

HTML = """<div class="viewer" tabindex="0" data-rec-area="viewer" role="group" aria-label="Pictures">
<div class="bar"><span class="views"></span><span class="layouts"></span><span class="links"></span><span class="presets"></span>
<span class="place" role="status"></span></div><div class="panes"></div><div class="help"></div></div>"""
WORDS = ("help", "soft", "normal", "hard", "failed", "loading", "layout", "together")


@st.cache_resource
def _component() -> Any:
    return st.components.v2.component("gilbreth_viewer", html=HTML, css=asset("viewer.css"), js=asset("viewer.js"))


def frame_viewer(addresses: Mapping[str, Sequence[str]], *, key: str, panes: int = 1) -> None:
    """Show frames by view; addresses are asked for once per key, so that a rerun loads nothing again.

    Parameters
    ----------
    addresses : mapping of str to sequence of str
        Signed addresses by view, in order of angle.
    panes : int
        Views side by side until the person chooses another layout.
    """
    kept = st.session_state.setdefault("frame_addresses", {})
    if key not in kept:
        kept.clear()
        kept[key] = {view: list(items) for view, items in addresses.items()}
    words = {name: text(f"viewer.{name}") for name in WORDS}
    _component()(key=f"viewer-{key}", data={"set": key, "views": kept[key], "words": words, "start": min(panes, len(kept[key]))})
