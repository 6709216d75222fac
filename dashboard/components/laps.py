"""Lap buttons: mark the steps of manual work; the marks go through the recorder and never count as clicks."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

HTML = '<div class="laps" data-rec-ignore="1"></div>'
CSS = """.laps { display: flex; flex-wrap: wrap; gap: .4rem; }
button { font: 14px var(--st-font, system-ui), sans-serif; color: var(--st-text-color, inherit); padding: .45rem .8rem;
border: 1px solid rgba(128,128,128,.5); border-radius: .4rem; background: transparent; cursor: pointer; }
button.done { border-color: var(--st-primary-color, #0b6e99); border-width: 2px; }"""
JS = """export default function (component) {
  const root = component.parentElement.querySelector(".laps");
  const all = (globalThis.__gilbrethLaps ??= {});
  const done = (all[component.data.task] ??= new Set());
  if (root.childElementCount) return;
  for (const [name, label] of component.data.steps) {
    const button = document.createElement("button");
    button.textContent = label;
    const mark = () => { button.classList.toggle("done", done.has(name)); button.setAttribute("aria-pressed", String(done.has(name))); };
    button.onclick = () => { globalThis.__gilbrethLap?.(name); done.add(name); mark(); };
    mark();
    root.append(button);
  }
}"""


@st.cache_resource
def _component() -> Any:
    return st.components.v2.component("gilbreth_laps", html=HTML, css=CSS, js=JS)


def lap_buttons(steps: Sequence[tuple[str, str]], *, task: str) -> None:
    """A button per step (name, label) of the protocol's task taxonomy; marks stay for as long as the page lives."""
    _component()(key=f"laps-{task}", data={"steps": [list(step) for step in steps], "task": task})
