"""Efficiency: weekly indicators as control charts with NHS icons, re-based only at known changes; models, learning, effect."""

import streamlit as st

from dashboard import operations, parts
from dashboard.state import text
from study import indicators

VIEWS = {
    "time": ("minutes", "elapsed", "ai_wait", "clicks"),
    "flow": ("volume", "turnaround", "backlog", "usage"),
    "pass": ("pass_all", "pass_accepted", "pass_read", "correction"),
    "models": (),
}
TARGETS = ("minutes", "turnaround", "pass_all")

st.title(text("page.efficiency"))
tasks, change = operations.tasks_and_change()
operations.banner()
chosen, words = operations.filtered(tasks)
st.session_state["filter-words"] = words
view = st.segmented_control(text("efficiency.view"), list(VIEWS), default="time", format_func=lambda key: text(f"efficiency.{key}"))
with st.container(horizontal=True, vertical_alignment="center"):
    known, known_words = operations.known_changes(change)
    aims = st.popover(text("efficiency.targets"), icon=":material/flag:")
    follow = st.toggle(text("efficiency.follow"), help=text("efficiency.follow.help"), key="follow")
with aims:
    asked = {key: st.number_input(text(f"efficiency.target.{key}"), 0.0, 10_000.0, 0.0, key=f"target-{key}") for key in TARGETS}
targets = {key: value for key, value in asked.items() if value > 0}
found = operations.charts_of(chosen, VIEWS[view or "time"], known=known, targets=targets, follow=follow)
if view == "models":
    st.subheader(text("efficiency.by_model"))
    st.dataframe(operations.models(chosen).assign(Filter=words), hide_index=True)
    operations.learning_curves(chosen)
else:
    operations.draw(found, words=words)
    st.caption(known_words[0].upper() + known_words[1:] + ".")
    st.dataframe(operations.icon_table(found, words=words), hide_index=True)
    csv = indicators.chart_csv(found, words=words, changes=known_words, study=operations.permitted()[0].name)
    st.download_button(text("efficiency.export"), csv, file_name=f"efficiency-{view or 'time'}.csv", mime="text/csv", on_click="ignore")
    st.caption(text("efficiency.rules"))
if view == "time":
    operations.effect()
parts.claims()
