"""The source scan in three planes (NiiVue), its crosshair tied to the turning pictures; in words where a browser cannot show it."""

from typing import Any

import streamlit as st

from dashboard.components import asset
from dashboard.state import text

HTML = """<div class="source" data-rec-area="source" role="group" aria-label="Source scan"><div class="bar"><span class="presets"></span>
<span class="place" role="status"></span></div><div class="stage"><canvas></canvas></div></div>"""
LIBRARY = "/library/niivue.js"
# name, centre, width of the grey window [HU]
WINDOWS = (("vessel", 300, 700), ("brain", 40, 150), ("bone", 500, 2000))
WORDS = ("loading", "ready", "no_webgl", "missing", "failed")


@st.cache_resource
def _component() -> Any:
    return st.components.v2.component("gilbreth_source", html=HTML, css=asset("source.css"), js=asset("source.js"))


def source_viewer(address: str, *, key: str) -> None:
    """Show the volume behind a signed address; asked for once per key, so that a rerun loads nothing again."""
    kept = st.session_state.setdefault("source_address", {})
    if key not in kept:
        kept.clear()
        kept[key] = address
    words = {name: text(f"source.{name}") for name in WORDS}
    windows = [[text(f"source.{name}"), centre, width] for name, centre, width in WINDOWS]
    data = {"set": key, "volume": kept[key], "library": LIBRARY, "windows": windows, "words": words}
    _component()(key=f"volume-{key}", data=data)
