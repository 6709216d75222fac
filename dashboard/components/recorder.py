"""The strip of an open task: case, arm, recording light, pause with reason, finish, give up."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard.components import asset
from dashboard.state import text

HTML = """<div class="strip" data-rec-ignore="1" role="group" aria-label="Recording">
<span class="light" aria-hidden="true"></span><span class="case"></span><span class="arm"></span>
<span class="state" role="status"></span><span class="note" role="alert"></span>
<select class="reason" aria-label="Reason"></select><button class="pause"></button>
<button class="finish">FINISH</button><button class="abort">ABORT</button>
<span class="confirm" hidden><select class="why" aria-label="Reason"></select><button class="sure">SURE</button></span></div>"""


@st.cache_resource
def _component(finish: str, abort: str, sure: str) -> Any:
    html = HTML.replace("FINISH", finish).replace("ABORT", abort).replace("SURE", sure)
    return st.components.v2.component("gilbreth_recorder", html=html, css=asset("recorder.css"), js=asset("recorder.js"))


def recorder_strip(
    *, task: str, case: str, arm: str, state: str, holder: str, read_only: bool, reasons: Sequence[str], abort_reasons: Sequence[str]
) -> str | None:
    """Show the strip and keep the recorder running; `finish` or `abort` once the task has ended, else None.

    Parameters
    ----------
    holder : str
        Random name of this tab, which holds the task's lease.
    read_only : bool
        Another tab holds the task.
    """
    words = {
        key: text(f"strip.{key}")
        for key in ("open", "paused", "interrupted", "offline", "signed_out", "finishing", "refused", "read_only", "pause", "resume")
    }
    data = {
        "task": task, "case": case, "arm": arm, "state": state, "holder": holder, "read_only": read_only, "reasons": list(reasons),
        "abort_reasons": list(abort_reasons), "words": words,
    }  # fmt: skip
    strip = _component(text("strip.finish"), text("strip.abort"), text("strip.sure"))
    answer = strip(key=f"strip-{task}", data=data, on_ended_change=lambda: None, on_took_change=lambda: None)
    ended = getattr(answer, "ended", None)
    return str(ended["how"]) if ended and ended.get("task") == task else None
