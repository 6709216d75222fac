"""The strip of an open task: case, arm, recording light, pause with reason, finish, and the ways out."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import streamlit as st

from dashboard.components import asset
from dashboard.state import text

HTML = """<div class="strip" data-rec-ignore="1" role="group" aria-label="{recording}">
<span class="light" aria-hidden="true"></span><span class="case"></span><span class="arm"></span>
<span class="state" role="status"></span><span class="note" role="alert"></span>
<select class="reason" aria-label="{reason}"></select><button class="pause"></button>
<button class="finish" title="{finish_help}">{finish}</button><button class="more" aria-expanded="false">{more}</button>
<span class="leave" hidden><select class="way" aria-label="{more}"></select><select class="why" aria-label="{reason}"></select>
<button class="sure">{sure}</button></span></div>"""
LABELS = ("recording", "reason", "finish", "finish_help", "more", "sure")
WORDS = (
    "open", "paused", "interrupted", "offline", "signed_out", "finishing", "refused", "read_only", "pause", "resume", "abort", "undo",
    "hand_over", "needs_images",
)  # fmt: skip


@dataclass(frozen=True)
class End:
    """How a task ended in the browser: `finish`, `abort`, `undo` or `hand_over`; with the reason, or the colleague's id."""

    how: str
    what: str


@st.cache_resource
def _component(labels: tuple[str, ...]) -> Any:
    html = HTML.format(**dict(zip(LABELS, map(escape, labels), strict=True)))
    return st.components.v2.component("gilbreth_recorder", html=html, css=asset("recorder.css"), js=asset("recorder.js"))


def recorder_strip(
    *, task: str, case: str, arm: str, state: str, holder: str, read_only: bool, reasons: Sequence[str], abort_reasons: Sequence[str],
    colleagues: Sequence[tuple[str, str]] = (), needs_images: bool = False, finish: str = "",
) -> End | None:  # fmt: skip
    """Show the strip and keep the recorder running; how the task ended once it has, else None.

    Parameters
    ----------
    holder : str
        Random name of this tab, which holds the task's lease.
    read_only : bool
        Another tab holds the task.
    colleagues : sequence of (id, name)
        Who may take the task over.
    needs_images : bool
        A finish would be refused, for the study has no pictures of this task yet.
    finish : str
        Not empty: the person has confirmed on the page, the recorder finishes; once for every text.
    """
    data = {
        "task": task, "case": case, "arm": arm, "state": state, "holder": holder, "read_only": read_only, "reasons": list(reasons),
        "abort_reasons": list(abort_reasons), "undo_reasons": [text(f"strip.undo.{key}") for key in ("wrong", "test", "other")],
        "colleagues": [list(item) for item in colleagues], "needs_images": needs_images, "finish": finish,
        "words": {key: text(f"strip.{key}") for key in WORDS},
    }  # fmt: skip
    strip = _component(tuple(text(f"strip.{key}") for key in LABELS))
    answer = strip(key=f"strip-{task}", data=data, on_ended_change=lambda: None, on_took_change=lambda: None)
    ended = getattr(answer, "ended", None)
    return End(str(ended["how"]), str(ended.get("what", ""))) if ended and ended.get("task") == task else None
