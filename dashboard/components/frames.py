"""The frame viewer: a stack of frames that turns by dragging, wheel or keys, with window presets and a zoom that stays."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.components import asset
from dashboard.state import text

HTML = """<div class="viewer" tabindex="0" data-rec-area="viewer" aria-label="Pictures">
<div class="bar"><span class="views"></span><span class="presets"></span><span class="place" role="status"></span></div>
<canvas width="720" height="720"></canvas><div class="help"></div></div>"""


@st.cache_resource
def _component() -> Any:
    return st.components.v2.component("gilbreth_viewer", html=HTML, css=asset("viewer.css"), js=asset("viewer.js"))


def frame_viewer(addresses: Mapping[str, Sequence[str]], *, key: str) -> None:
    """Show frames by view; addresses are asked for once per key, so that a rerun loads nothing again.

    Parameters
    ----------
    addresses : mapping of str to sequence of str
        Signed addresses by view, in order of angle.
    """
    kept = st.session_state.setdefault("frame_addresses", {})
    if key not in kept:
        kept.clear()
        kept[key] = {view: list(items) for view, items in addresses.items()}
    words = {name: text(f"viewer.{name}") for name in ("help", "soft", "normal", "hard", "failed")}
    _component()(key=f"viewer-{key}", data={"set": key, "views": kept[key], "words": words})
