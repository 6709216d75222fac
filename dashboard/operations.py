"""What the managers' pages share: permitted tasks, filters, known changes, titles, tables and exports."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import state, worked_out
from dashboard.server.home import server_home
from dashboard.state import text
from db.base import utc_now
from db.engine import transaction
from study import charts, indicators
from study import known_changes as changes
from study.console import number
from study.department import Department, department, permit_operations
from study.errors import Forbidden, NotYetRead, RejectedInput
from study.operations import busy_hour_arrivals, rosters
from study.overview import Overview, overview
from study.protocol import Protocol
from study.weekly_charts import Chart, Mark

FILTERS = ("site", "arm", "scanner", "shift", "case_mix")
ICONS = {
    "common cause": "◯ common cause", "improving": "▲ improving", "concerning": "▼ concerning", "special cause": "◆ special cause",
    "pass": "✓ target met", "fail": "✗ target missed", "hit or miss": "? hit or miss", "": "–",
}  # fmt: skip


def permitted() -> tuple[Any, Protocol]:
    """The open study and its protocol, once the look is permitted and written down (once per study, sign-in and state)."""
    engine, study_id = state.engine(), state.study_id()
    looked: dict[Any, Any] = st.session_state.setdefault("looked_operations", {})
    with_state = (study_id, state.actor().role, state.actor().session_id, state.study_state(study_id))
    if with_state not in looked:
        try:
            looked[with_state] = permit_operations(engine, actor=state.actor(), study_id=study_id)
        except Forbidden as refusal:
            state.closed(refusal, key="closed.operations")
    found: tuple[Any, Protocol] = looked[with_state]
    return found


def banner() -> None:
    """Say what the data are, and whether newer records are still being read."""
    if permitted()[0].simulated:
        st.warning(text("simulated"), icon=":material/science:")
    if not figures().up_to_date:
        st.caption(text("operations.newer"))


def figures() -> Department:
    """Every task of the open study with its figures; permission comes first."""
    permitted()
    try:
        return department(state.engine(), study_id=state.study_id(), folder=server_home().path / "cache", wait=False)
    except NotYetRead as reading:
        _come_back(reading)
        st.stop()


def version() -> str:
    """What anything worked out from the figures may be kept under: the data, and the protocol that says how to read them."""
    return f"{figures().version}-{permitted()[1].sha256[:12]}"


def _words() -> str:
    return str(st.session_state.get("filter-words", ""))


@st.fragment(run_every=1.0)
def _come_back(reading: NotYetRead) -> None:
    """Looks every second whether figures can be shown, without running the page; then runs it."""
    try:
        department(state.engine(), study_id=state.study_id(), folder=server_home().path / "cache", wait=False)
    except NotYetRead as now:
        st.progress(
            min(1.0, now.events / max(1, now.total)), text("operations.reading").format(events=f"{now.events:,}", total=f"{now.total:,}")
        )
        return
    st.rerun()


def tasks_and_change() -> tuple[pd.DataFrame, pd.Timestamp | None]:
    """Tasks of the sites that switch, and the go-live if the protocol has one."""
    plan, tasks = permitted()[1].roll_out, figures().tasks
    if plan is not None and plan.comparison_sites:
        tasks = tasks[~tasks["site"].isin(list(plan.comparison_sites))]
    return tasks, pd.Timestamp(plan.go_live, tz="UTC") if plan is not None else None


def filtered(tasks: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Tasks of the sites, arms, scanners, shifts and case mix chosen, and the filter in words for every figure and export; none is all."""
    chosen: dict[str, tuple[list[str], list[str]]] = {}
    keep = pd.Series(True, index=tasks.index)
    for place, name in zip(st.columns(len(FILTERS)), FILTERS, strict=True):
        every = sorted(str(value) for value in tasks[name].unique())
        asked = place.multiselect(text(f"filter.{name}"), every, placeholder=text("filter.all"), key=f"filter-{name}")
        some = asked or every
        chosen[name.replace("_", " ")] = (some, every)
        if set(some) != set(every):
            keep &= tasks[name].isin(some)
    found = tasks[keep]
    if int((found["state"] == "finished").sum()) < 20:
        st.info(text("filter.few"))
        st.stop()
    return found, indicators.filter_words(chosen)


def known_changes(change: pd.Timestamp | None) -> tuple[list[Mark], str]:
    """The go-live and what was marked beside it, and both in words; limits start afresh at these and nowhere else."""
    kept = changes.known_changes(state.engine(), study_id=state.study_id())
    marks: list[Mark] = [(pd.Timestamp(item.day, tz="UTC"), item.name) for item in kept]
    marks = sorted([*([(change, "go-live")] if change is not None else []), *marks])
    with st.popover(text("changes.title").format(number=len(marks)), icon=":material/edit_calendar:"):
        st.caption(text("changes.help"))
        if change is not None:
            st.markdown(f"{change:%Y-%m-%d} go-live")
        for item in kept:
            label, who = f"{item.day} {item.name}", f"{item.marked_by}, {item.marked_as}, {item.marked_at:%Y-%m-%d %H:%M} UTC"
            if st.button(label, key=f"unmark-{item.id}", icon=":material/close:", help=who):
                _unmark(item.id)
        day, name = st.date_input(text("changes.day"), value=None, key="change-day"), st.text_input(text("changes.name"), key="change-name")
        known_day = day if isinstance(day, date) else None
        if st.button(text("changes.add"), disabled=known_day is None or not name.strip()) and known_day is not None:
            _mark(known_day, name)
    return marks, changes.changes_in_words(kept, go_live=change.date() if change is not None else None)


def _mark(day: date, name: str) -> None:
    study, protocol = permitted()
    with _refusals(), transaction(state.engine(), actor=state.actor()) as db_session:
        given = {"study": study, "protocol": protocol, "actor": state.actor(), "now": utc_now()}
        changes.mark_change(db_session, day=day, name=name, **given)


def _unmark(change_id: str) -> None:
    study, protocol = permitted()
    with _refusals(), transaction(state.engine(), actor=state.actor()) as db_session:
        changes.unmark_change(db_session, study=study, protocol=protocol, actor=state.actor(), change_id=change_id)


@contextmanager
def _refusals() -> Iterator[None]:
    """Say why something was refused; else the page runs again."""
    try:
        yield
    except (Forbidden, RejectedInput) as refusal:
        st.error(refusal.words if isinstance(refusal, RejectedInput) else str(refusal))
        return
    st.rerun()


def overview_page() -> Overview:
    """The overview, worked out once for each version of the data, the marks and, in a paired study, the outcomes."""
    study, protocol = permitted()
    comparison = state.comparison() if protocol.design in ("paired", "multi_reader") else None
    known, found = changes.known_changes(state.engine(), study_id=study.id), figures()
    marked = tuple((item.id, item.day, item.name) for item in known)
    made = partial(overview, protocol, found.tasks, comparison, study=study.name, simulated=study.simulated, known=known)
    shown = worked_out.overview_page(study.id, version(), marked, repr(comparison), made)
    return shown if found.up_to_date else replace(shown, notes=(*shown.notes, text("operations.newer")))  # the PDF says it, too


def since(tasks: pd.DataFrame, change: pd.Timestamp | None) -> pd.DataFrame:
    """Finished tasks from the go-live on; all where there is none."""
    done = tasks[tasks["state"] == "finished"]
    return done if change is None else done[done["started_at"] >= change]


def charts_of(
    tasks: pd.DataFrame, keys: tuple[str, ...], *, known: list[Mark], targets: dict[str, float], follow: bool
) -> dict[str, Chart]:
    """The charts that the data allow, worked out once for each version of the data, filter and marks."""
    asked = (tuple(known), tuple(targets.items()), follow)
    return worked_out.weekly_charts(version(), state.study_id(), _words(), keys, asked, tasks)


def draw(found: dict[str, Chart], *, words: str) -> None:
    """Two columns of charts, each with its numbers in the title and filter, sample and source under it."""
    places = st.columns(2)
    source = f"study {permitted()[0].name}; {words}"
    for place, (key, chart) in enumerate(found.items()):
        item = indicators.BY_KEY[key]
        unit = next((f" {short}" for short in ("%", "min") if f"[{short}]" in item.unit), "")
        moved = f"{chart.before:.1f} → {chart.after:.1f}{unit}" if chart.changes else f"{chart.after:.1f}{unit}"
        note = f"n = {chart.n:,} {item.among}; {source}; {chart.method}"
        figure = charts.control_chart(chart, title=f"{item.title}: {moved}", note=note)
        places[place % 2].plotly_chart(figure, key=f"chart-{key}", config={"toImageButtonOptions": {"filename": key}})
    if not found:
        st.info(text("filter.few_weeks"))


def icon_table(found: dict[str, Chart], *, words: str) -> pd.DataFrame:
    """Every indicator with its last week, limits, NHS icons and the filter, for the table can be taken away."""
    rows = []
    for key, chart in found.items():
        item = indicators.BY_KEY[key]
        last = next((value for value in reversed(chart.values) if value == value), float("nan"))
        rows.append(
            {
                "Indicator": item.title, "Last week": round(last, 1), "Centre": round(chart.after, 1),
                "Limits": f"{chart.lower[-1]:.1f} to {chart.upper[-1]:.1f}", "Unit": item.unit, "Variation": ICONS[chart.variation],
                "Assurance": ICONS[chart.assurance], "n": chart.n, "Counted": item.among, "Filter": words,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def models(tasks: pd.DataFrame) -> pd.DataFrame:
    """Pass and correction rates by model version of the tasks chosen."""
    return worked_out.models(version(), state.study_id(), _words(), tasks)


def learning_curves(tasks: pd.DataFrame) -> None:
    """Learning by arm: nobody is named, and arms of fewer than five people are suppressed."""
    lines, rows = worked_out.learning(version(), state.study_id(), _words(), tasks)
    if lines:
        title, across = text("efficiency.learning"), "cases done by the same technologist in this arm"
        note = f"n = {int(rows['Tasks'].sum()):,} finished cases; study {permitted()[0].name}; {_words()}"
        figure = charts.course(lines, title=title, x=across, y="hands-on time [min], geometric mean", note=note)
        st.plotly_chart(figure, key="chart-learning")
    st.dataframe(rows.assign(Filter=_words()), hide_index=True)


def effect() -> None:
    """Level and slope change at go-live, where the protocol is a roll-out."""
    protocol = permitted()[1]
    if protocol.design != "before_after":
        return
    st.subheader(text("efficiency.effect"))
    lines = worked_out.effect(version(), state.study_id(), protocol, figures().tasks)
    rows = [
        {
            "Change": line.effect,
            "Estimate": f"{number(line.estimate)} {line.unit}" if line.estimate is not None else "–",
            "95 % interval": f"{number(line.low)} to {number(line.high)}" if line.low is not None else "– (descriptive)",
            "p": "–" if line.p_value is None else ("< 0.001" if line.p_value < 0.001 else f"{line.p_value:.3f}"),
        }
        for line in lines
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True)
    for method in dict.fromkeys("; ".join((line.method, *line.notes)) for line in lines):
        st.caption(f"{method[0].upper()}{method[1:]}.")


def busy_arrivals() -> float:
    """Cases an hour in the busy hours since the go-live."""
    return _busy_arrivals(version(), state.study_id())


@st.cache_data(max_entries=8, show_spinner=False)
def _busy_arrivals(version: str, study: str) -> float:
    tasks, change = tasks_and_change()
    return round(busy_hour_arrivals(since(tasks[["state", "started_at"]], change)), 1)


def roster_table(**options: float) -> pd.DataFrame:
    """Scenarios of AI share and volume with the technologists they need by Erlang C."""
    return _roster_table(version(), state.study_id(), **options)


@st.cache_data(max_entries=32, show_spinner=False)
def _roster_table(
    version: str, study: str, *, arrivals: float, level: float, within: float, occupancy: float, shrinkage: float
) -> pd.DataFrame:
    tasks, _ = tasks_and_change()
    found = rosters(
        tasks[["arm", "hands_on_seconds"]].dropna(), arrivals_per_hour=arrivals, service_level=level, within_minutes=within,
        max_occupancy=occupancy, shrinkage=shrinkage,
    )  # fmt: skip
    return pd.DataFrame(
        [
            {
                "Scenario": item.name,
                "Hands-on min per case": round(item.minutes, 2),
                "Cases per hour": round(item.arrivals_per_hour, 1),
                "Technologists at work": item.servers,
                "95 % interval": f"{item.low} to {item.high}" if item.low is not None else "–",
                "On the roster": item.rostered,
            }
            for item in found
        ]
    )
