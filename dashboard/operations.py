"""What the managers' pages share: permitted tasks, filters, the go-live, titles and the staffing table."""

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.state import text
from study.analysis import run_plan
from study.console import number
from study.operations import MEASURES, Chart, rosters


def tasks_and_change() -> tuple[pd.DataFrame, pd.Timestamp | None]:
    """Finished tasks of the open study, and its go-live if the protocol has one; outcomes are permitted and noted first."""
    found = state.outcomes()[0]
    plan = found.protocol.roll_out
    tasks = found.tasks.dropna(subset=["hands_on_seconds"])
    if plan is not None:
        tasks = tasks[~tasks["site"].isin(list(plan.comparison_sites))]
    return tasks, pd.Timestamp(plan.go_live, tz="UTC") if plan is not None else None


def filtered(tasks: pd.DataFrame) -> pd.DataFrame:
    """Tasks of the sites and arms chosen; the filter stands on the page and so on every print of it."""
    left, right = st.columns(2)
    sites = left.multiselect(text("filter.sites"), sorted(tasks["site"].unique()), default=sorted(tasks["site"].unique()))
    arms = right.multiselect(text("filter.arms"), ["manual", "ai"], default=["manual", "ai"], format_func=lambda arm: text(f"arm.{arm}"))
    chosen = tasks[tasks["site"].isin(sites) & tasks["arm"].isin(arms)]
    if len(chosen) < 20:
        st.info(text("filter.few"))
        st.stop()
    return chosen


def since(tasks: pd.DataFrame, change: pd.Timestamp | None) -> pd.DataFrame:
    """Tasks from the go-live on; all where there is none."""
    return tasks if change is None else tasks[pd.to_datetime(tasks["started_at"], utc=True) >= change]


def title(measure: str, chart: Chart) -> str:
    """Name of a chart with its centre before and after."""
    name = MEASURES[measure].split(" [")[0]
    name = name[0].upper() + name[1:]
    if chart.rebased_at is None:
        return f"{name} per case, by week: {chart.before:.2f}"
    return f"{name} per case, by week: {chart.before:.2f} → {chart.after:.2f}"


def effect() -> None:
    """Level and slope change at go-live, where the protocol is a roll-out."""
    found = state.outcomes()[0]
    if found.protocol.design != "before_after":
        return
    st.subheader(text("efficiency.effect"))
    result = run_plan(found.protocol, found.tasks, found.readings)
    rows = [
        {
            "Change": line.effect,
            "Estimate": f"{number(line.estimate)} {line.unit}",
            "95 % interval": f"{number(line.low)} to {number(line.high)}",
            "p": "–" if line.p_value is None else ("< 0.001" if line.p_value < 0.001 else f"{line.p_value:.3f}"),
            "Method": f"{line.method}; {'; '.join(line.notes)}",
        }
        for line in result.findings
        if "change" in line.effect
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True)


def roster_table(*, arrivals: float, level: float, within: float, occupancy: float, shrinkage: float) -> pd.DataFrame:
    """Scenarios of AI share and volume with the technologists they need."""
    tasks, _ = tasks_and_change()
    found = rosters(
        tasks, arrivals_per_hour=arrivals, service_level=level, within_minutes=within, max_occupancy=occupancy, shrinkage=shrinkage
    )
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
