"""Clicks: a rate ratio where both arms vary; where one arm is constant, the shift and the distributions."""

import pandas as pd

from study import statistics
from study.analysis.data import PlanData
from study.analysis.finding import Finding, finding, undone
from study.statistics import StatisticsError

RATE = "ratio of click rates, ai / manual"


def paired_clicks(data: PlanData, *, endpoint: str, role: str) -> list[Finding]:
    """Clicks of cases processed both ways: Hodges–Lehmann where an arm is constant, else a negative-binomial ratio by case."""
    pairs = data.pairs("clicks")
    if len(pairs) < 3:
        return [
            undone(
                endpoint=endpoint, role=role, effect=RATE, unit="ratio", level=data.level, n=len(pairs), why="fewer than 3 complete pairs"
            )
        ]
    shift = statistics.hodges_lehmann(pairs["ai"].to_numpy(float) - pairs["manual"].to_numpy(float))
    constant = [arm for arm in ("manual", "ai") if pairs[arm].nunique() == 1]
    if constant:
        line = finding(shift, endpoint=endpoint, role=role, effect="median shift", unit="clicks", level=data.level)
        return [line.noted(*(_constant(pairs[arm], arm) for arm in constant))]
    both = data.finished[data.finished["case"].isin(pairs.index)]
    beside = finding(shift, endpoint=endpoint, role="supporting", effect="median shift", unit="clicks", level=data.level)
    return [_rate(data, both, endpoint, role, cluster="case"), beside]


def parallel_clicks(data: PlanData, *, endpoint: str, role: str) -> list[Finding]:
    """Clicks of cases that went one way each: a negative-binomial ratio clustered by technologist, Mann–Whitney beside it."""
    rows = data.finished.dropna(subset=["clicks"])
    manual, ai = (rows.loc[rows["arm"] == arm, "clicks"].astype(float) for arm in ("manual", "ai"))
    if min(len(manual), len(ai)) < 2:
        return [
            undone(
                endpoint=endpoint, role=role, effect=RATE, unit="ratio", level=data.level, n=len(rows), why="fewer than 2 tasks in one arm"
            )
        ]
    constant = [arm for arm, values in (("manual", manual), ("ai", ai)) if values.nunique() == 1]
    shift = statistics.mann_whitney(manual.to_numpy(), ai.to_numpy())
    line = finding(
        shift, endpoint=endpoint, role=role if constant else "supporting", effect="median shift", unit="clicks", level=data.level
    )
    if constant:
        return [line.noted(*(_constant(rows.loc[rows["arm"] == arm, "clicks"], arm) for arm in constant))]
    return [_rate(data, rows, endpoint, role, cluster="technologist" if rows["technologist"].nunique() > 1 else None), line]


def _constant(values: pd.Series, arm: str) -> str:
    return f"the {arm} arm is constant at {float(values.iloc[0]):g} clicks in {len(values)} tasks: no model and no test within it"


def _rate(data: PlanData, rows: pd.DataFrame, endpoint: str, role: str, *, cluster: str | None) -> Finding:
    frame = rows.assign(clicks=rows["clicks"].astype(float))
    try:
        result = statistics.count_ratio(frame, value="clicks", arm="arm", reference="manual", cluster=cluster)
    except StatisticsError as error:
        return undone(endpoint=endpoint, role=role, effect=RATE, unit="ratio", level=data.level, n=len(rows), why=str(error))
    return finding(result, endpoint=endpoint, role=role, effect=RATE, unit="ratio", level=data.level)
