"""The same questions under other rules, as the protocol lists them beforehand."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pandas as pd

from study.analysis.data import PlanData
from study.analysis.finding import Finding, undone
from study.protocol.parts import Endpoint

Run = Callable[[PlanData, Endpoint], list[Finding]]


def sensitivity(data: PlanData, run: Run) -> Iterator[Finding]:
    """Every sensitivity analysis of the protocol, for the endpoints that must hold."""
    endpoints = [data.protocol.endpoint(name) for name in data.protocol.analysis.all_must_hold]
    for rule in data.protocol.analysis.sensitivity:
        if rule == "idle_rules":
            yield from _idle(data, endpoints, run)
        elif rule == "worst_case":
            yield from _again(_worst_case(data), endpoints, run, "missing verdicts: AI fails, manual passes", measures=("pass",))
        elif rule == "without_first_cases":
            number = data.protocol.analysis.first_cases_left_out
            label = f"without the first {number} AI cases of each technologist"
            yield from _again(_without_first(data, number), endpoints, run, label, measures=("hands_on_minutes",))
        elif rule == "complete_case":
            yield from _again(_complete(data), endpoints, run, "complete cases only", measures=("hands_on_minutes", "pass"))


def _again(data: PlanData, endpoints: list[Endpoint], run: Run, label: str, *, measures: tuple[str, ...]) -> Iterator[Finding]:
    for endpoint in endpoints:
        if endpoint.measure in measures:
            line = run(data, endpoint)[0]
            yield replace(line, role="sensitivity", effect=f"{line.effect} ({label})")


def _idle(data: PlanData, endpoints: list[Endpoint], run: Run) -> Iterator[Finding]:
    for seconds in data.protocol.timing.idle_rules_seconds:
        column, label = f"active_{seconds:g}_seconds", f"gaps over {seconds:g} s cut"
        for endpoint in endpoints:
            if endpoint.measure != "hands_on_minutes":
                continue
            if column not in data.tasks:
                why = "active time needs the event log; tables from elsewhere carry hands-on time only"
                common = {"endpoint": endpoint.name, "role": "sensitivity", "unit": "ratio", "level": data.level, "n": len(data.tasks)}
                yield undone(effect=label, why=why, **common)  # type: ignore[arg-type]
                continue
            yield from _again(
                data.with_tasks(data.tasks.assign(hands_on_seconds=data.tasks[column])),
                [endpoint],
                run,
                label,
                measures=(endpoint.measure,),
            )


def _complete(data: PlanData) -> PlanData:
    """Cases with a finished task and a verdict in every arm that was planned for them."""
    per_case = data.tasks.assign(done=data.tasks["hands_on_seconds"].notna()).groupby("case")["done"].all()
    kept = set(per_case.index[per_case])
    if len(data.verdicts):
        rated = data.verdicts.groupby("case")["arm"].nunique()
        need = 1 if data.protocol.design in ("parallel", "before_after") else 2
        kept &= set(rated.index[rated >= need])
    return data.with_tasks(data.tasks[data.tasks["case"].isin(kept)]).with_readings(data.readings[data.readings["case"].isin(kept)])


def _worst_case(data: PlanData) -> PlanData:
    """Cases processed but without a verdict in an arm: failed if AI, passed if manual."""
    if not len(data.verdicts):
        return data
    rated = set(zip(data.verdicts["case"], data.verdicts["arm"], strict=True))
    planned = data.tasks[["case", "arm"]].drop_duplicates()
    absent = [(case, arm) for case, arm in planned.itertuples(index=False) if (case, arm) not in rated]
    rows = [
        {"case": case, "reader": "assumed", "arm": arm, "round": 1, "region": "overall", "passed": arm == "manual"} for case, arm in absent
    ]
    return data.with_readings(pd.concat([data.readings, pd.DataFrame(rows)], ignore_index=True)) if rows else data


def _without_first(data: PlanData, number: int) -> PlanData:
    """Leave out each technologist's first AI tasks, and in a paired study the manual twins of those cases."""
    ai = data.tasks[data.tasks["arm"] == "ai"].sort_values("started_at", kind="stable")
    early = set(ai.loc[ai.groupby("technologist").cumcount() < number, "case"])
    twins = data.protocol.design in ("paired", "multi_reader")
    drop = data.tasks["case"].isin(early) & ((data.tasks["arm"] == "ai") | twins)
    return data.with_tasks(data.tasks[~drop])
