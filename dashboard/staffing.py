"""What the staffing page shows: inputs, the simulated answer, scenarios, three to one, and when it pays."""

from dataclasses import astuple
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import operations, state
from dashboard.background import answer_or_wait
from dashboard.state import text
from study import charts
from study.break_even import Costs, break_even
from study.staffing_answer import SHARES, VOLUMES, StaffingAnswer, StaffingInputs, answer_from_json, answer_json, question, staffing_rows
from study.staffing_forecast import PATTERNS, Plan, Target

FEWEST_ROWS = 100


def ask() -> StaffingInputs:
    """The inputs of the forecast, all on the page."""
    first, second = st.columns(6, vertical_alignment="bottom"), st.columns(6, vertical_alignment="bottom")
    pattern = first[0].selectbox(text("staffing.pattern"), list(PATTERNS), format_func=lambda key: text(f"staffing.pattern.{key}"))
    level = first[1].number_input(text("staffing.ready"), 0.5, 0.99, 0.8, 0.05)
    within = first[2].number_input(text("staffing.ready_within"), 5.0, 480.0, 60.0, 5.0)
    share = first[3].number_input(text("staffing.ai_share"), 0.0, 1.0, 0.9, 0.05)
    failure = first[4].number_input(text("staffing.failure"), 0.0, 1.0, 0.08, 0.02)
    passes = first[5].number_input(text("staffing.pass"), 0.3, 1.0, 0.92, 0.02)
    emergency = second[0].number_input(text("staffing.emergency"), 0.0, 1.0, 0.1, 0.05)
    together = second[1].number_input(text("staffing.together"), 1.0, 20.0, 1.0, 1.0)
    shrinkage = second[2].number_input(text("staffing.shrinkage"), 0.0, 0.6, 0.2, 0.05)
    absence = second[3].number_input(text("staffing.absence"), 0.0, 0.5, 0.03, 0.01)
    hours = second[4].number_input(text("staffing.hours"), 20.0, 60.0, 40.0, 0.5)
    volume = second[5].number_input(text("staffing.volume"), 1.0, 100_000.0, None, placeholder="measured")
    target = Target(level=level, within_minutes=within, shrinkage=shrinkage, absence=absence, weekly_hours=hours)
    return StaffingInputs(
        pattern=str(pattern), target=target, ai_share=share, ai_failure=failure, pass_rate=passes, emergency_share=emergency,
        together=together, zone=st.context.timezone or "UTC", cases_per_week=volume,
    )  # fmt: skip


def answer(inputs: StaffingInputs) -> StaffingAnswer | None:
    """The simulated answer, or None while it is being worked out in another process."""
    rows = _rows(operations.figures().version, state.study_id())
    key = f"staffing-{state.study_id()}-{rows['arrived_at'].max()}-{len(rows)}-{astuple(inputs)}"
    found_out = answer_or_wait(key, answer_json, lambda: question(rows, inputs))
    return None if found_out is None else answer_from_json(found_out)


@st.cache_resource(max_entries=4, show_spinner=False)
def _rows(version: str, study: str) -> pd.DataFrame:
    """Whole days only: half a day would count as a quiet one, and the answer would be asked anew with every case."""
    rows = staffing_rows(operations.tasks_and_change()[0])
    last = rows["arrived_at"].max()
    whole = rows if pd.isna(last) else rows[rows["arrived_at"] < last.normalize()]
    return whole if len(whole) >= FEWEST_ROWS else rows


def headline(found: StaffingAnswer) -> None:
    """By hand and with AI, side by side."""
    names = ("By hand", f"AI takes {found.inputs.ai_share:.0%}")
    for place, item, name in zip(st.columns(2), (found.by_hand, found.now), names, strict=True):
        place.metric(f"{name}: full-time posts", _posts(item), border=True)
        place.caption(_words(item, found))
    minutes = ", ".join(f"{'AI' if arm == 'ai' else arm} {mean:.2f} min (n = {n:,})" for arm, (n, mean) in found.measured.items())
    weeks, study = found.inputs.last_weeks, operations.permitted()[0].name
    st.caption(f"Source: hands-on times of study {study}: {minutes}; arrivals of the last {weeks} weeks, whole days.")


def _posts(item: Plan) -> str:
    if item.fte is None:
        return "out of reach"
    low, high = (f"{end:.1f}" if end is not None else "?" for end in (item.low, item.high))
    return f"{item.fte:.1f} ({low} to {high})"


def _words(item: Plan, found: StaffingAnswer) -> str:
    work = f"The hands-on work alone is {item.work[0]:.2f} posts ({item.work[1]:.2f} to {item.work[2]:.2f})."
    if item.roster is None:
        target = found.inputs.target
        return f"No number of people gets {target.level:.0%} of cases ready within {target.within_minutes:g} min. {work}"
    people = ", ".join(f"{shift} {number}" for shift, number in item.roster)
    return (
        f"At work at once: {people}. {item.level:.0%} of cases in time, emergencies {item.emergency_level:.0%}; "
        f"occupancy {item.occupancy:.0%}. {item.cases_per_week:.0f} cases a week of {item.minutes_per_case:.2f} min each, redo and "
        f"corrections included. {work}"
    )


def grid(found: StaffingAnswer) -> None:
    """Scenarios as a table with colours."""
    across, up = [f"{share:.0%}" for share in SHARES], [f"{volume - 1:+.0%}".replace("-", "−") for volume in VOLUMES]
    plans = {(place // len(VOLUMES), place % len(VOLUMES)): item for place, item in enumerate(found.grid)}
    values = [[plans[column, row].fte for column in range(len(SHARES))] for row in range(len(VOLUMES))]
    words = [[_posts(plans[column, row]) for column in range(len(SHARES))] for row in range(len(VOLUMES))]
    st.plotly_chart(charts.scenario_grid((across, up), values, words, title=text("staffing.scenarios")), key="chart-scenarios")
    st.dataframe(pd.DataFrame([_row(item) for item in (*found.grid, *found.pass_rates)]), hide_index=True)


def _row(item: Plan) -> dict[str, Any]:
    return {
        "Scenario": item.name, "Full-time posts": _posts(item),
        "At work at once": ", ".join(f"{shift} {n}" for shift, n in item.roster or ()) or "–",
        "In time": f"{item.level:.0%}" if item.roster else "–", "Occupancy": f"{item.occupancy:.0%}" if item.roster else "–",
        "Cases a week": round(item.cases_per_week), "Min per case": round(item.minutes_per_case, 2), "Erlang C, busiest hour": item.erlang,
    }  # fmt: skip


def three_to_one(found: StaffingAnswer) -> None:
    """The paper's line as scenario: where it holds and where it fails."""
    rows = [
        {"What changes": line.question, "Condition": line.condition, "Technologists": line.technologists,
         "Ready in time": f"{line.level:.0%}", "Enough": "yes" if line.holds else "no"}
        for line in found.three_to_one
    ]  # fmt: skip
    st.dataframe(pd.DataFrame(rows), hide_index=True)


def money(found: StaffingAnswer) -> None:
    """Minutes saved against what it costs, every input on the page."""
    places = st.columns(6, vertical_alignment="bottom")
    names = (("hour", 40.0), ("licence", 20_000.0), ("upkeep", 2_000.0), ("hardware", 12_000.0), ("years", 5.0), ("case", 0.0))
    values = {
        name: place.number_input(
            text(f"staffing.cost.{name}"), 0.0 if name not in ("hour", "years") else 1.0, 1e7, start, key=f"cost-{name}"
        )
        for place, (name, start) in zip(places, names, strict=True)
    }
    costs = Costs(hour=values["hour"], licence_per_year=values["licence"], upkeep_per_year=values["upkeep"], hardware=values["hardware"],
                  hardware_years=values["years"], per_case=values["case"])  # fmt: skip
    saved = _minutes_saved(found)
    week, shrinkage = found.cases_per_week * found.inputs.ai_share, found.inputs.target.shrinkage
    result = break_even(minutes_saved=saved, ai_cases_per_week=week, costs=costs, shrinkage=shrinkage)
    needed = [f"{value:,.0f}" if value is not None else "never" for value in result.cases_needed]
    rows = [
        ("Minutes saved per AI case, redo counted", *(f"{value:.2f}" for value in saved)),
        ("Paid hours set free a year", *(f"{value:,.0f}" for value in result.hours)),
        ("Worth a year", *(f"{value:,.0f}" for value in result.saved)),
        ("Cost a year", *[f"{result.cost:,.0f}"] * 3),
        ("Left a year", *(f"{value:,.0f}".replace("-", "−") for value in result.net)),
        ("Pays from so many AI cases a year", *needed),
    ]
    st.dataframe(pd.DataFrame(rows, columns=["", "Estimate", "95 % low", "95 % high"]), hide_index=True)
    st.caption(text("staffing.money.help"))


def _minutes_saved(found: StaffingAnswer) -> tuple[float, float, float]:
    """Manual − AI − redo, with the interval of a difference of means carried over from the workloads of both rosters."""
    (_, manual), (_, ai) = found.measured["manual"], found.measured["ai"]
    redo = found.inputs.ai_failure * manual
    width = [item.minutes_per_case * (item.work[2] - item.work[1]) / 2 / item.work[0] for item in (found.by_hand, found.now)]
    reach = (width[0] ** 2 + width[1] ** 2) ** 0.5
    return manual - ai - redo, manual - ai - redo - reach, manual - ai - redo + reach
