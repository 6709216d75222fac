"""Before and after a roll-out: segmented regression centred at go-live, with the comparison series where there is one."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from study import statistics
from study.analysis.data import PlanData
from study.analysis.finding import Finding, finding, undone

LONG_SERIES = 12
ASSOCIATED = "associated with the roll-out; a before–after comparison cannot say caused by"


def series_of(data: PlanData, value: str) -> pd.DataFrame:
    """One row per week or month (and per comparison series): `time` centred at go-live, mean `value`, `cases`, `switched`.

    Parameters
    ----------
    value : str
        Column of `finished`: `minutes` or `clicks`.
    """
    plan = data.protocol.roll_out
    rows = data.finished.dropna(subset=[value, "started_at"])
    if plan is None or rows.empty:
        return pd.DataFrame({"time": [], "value": [], "cases": [], "switched": []})
    live = pd.Timestamp(plan.go_live, tz="UTC")
    started = pd.to_datetime(rows["started_at"], utc=True)
    step = (started - live).dt.days // 7 if plan.unit == "week" else (started.dt.year - live.year) * 12 + started.dt.month - live.month
    frame = pd.DataFrame({"time": step.to_numpy(), "value": rows[value].astype(float).to_numpy()})
    frame["switched"] = (~rows["site"].isin(list(plan.comparison_sites))).to_numpy(dtype=int)
    series: pd.DataFrame = frame.groupby(["switched", "time"])["value"].agg(["mean", "size"]).reset_index()
    return series.rename(columns={"mean": "value", "size": "cases"})


def roll_out(data: PlanData, *, value: str, unit: str, endpoint: str, role: str) -> list[Finding]:
    """Level and slope change at go-live.

    Notes
    -----
    Gaussian series of means: REML AR(1) from 12 points on each side, ordinary least squares with Newey–West errors below; fewer than
    8 on a side are described and not tested. The transition window of the protocol is left out.
    """
    plan, series = data.protocol.roll_out, series_of(data, value)
    level_effect = f"level change at go-live, {value}"
    own = series[series["switched"] == 1]
    before, after = int((own["time"] < 0).sum()), int((own["time"] >= 0).sum())
    if plan is None or min(before, after) < 2:
        why = f"{before} points before and {after} after go-live"
        return [undone(endpoint=endpoint, role=role, effect=level_effect, unit=unit, level=data.level, n=len(own), why=why)]
    options: dict[str, Any] = {"time": "time", "value": "value", "switch": 0, "family": "gaussian"}
    options["autocorrelation"] = "ar1" if min(before, after) >= LONG_SERIES else "newey-west"
    options["transition"] = plan.transition_weeks if plan.transition_weeks and plan.unit == "week" else None
    controlled = series["switched"].nunique() > 1
    if controlled:
        series, options["control"] = series.assign(comparison=1 - series["switched"]), "comparison"
    fit = statistics.interrupted_series(series if controlled else own, **options)
    lines = [_change(fit, fit.level_change, data, endpoint, role, level_effect, unit)]
    return [*lines, _change(fit, fit.slope_change, data, endpoint, "supporting", f"slope change per {plan.unit}, {value}", unit)]


def _change(fit: Any, change: Any, data: PlanData, endpoint: str, role: str, effect: str, unit: str) -> Finding:
    line = finding(change, endpoint=endpoint, role=role, effect=effect, unit=unit, level=data.level)
    if fit.descriptive or change.p_value is None:
        line = replace(line, low=None, high=None, p_value=None)
    return replace(line, method=fit.method, n=fit.n, notes=(*fit.notes, ASSOCIATED))


def usage(data: PlanData) -> Finding:
    """Share of cases processed by AI since go-live."""
    plan = data.protocol.roll_out
    rows = data.finished
    rows = rows[~rows["site"].isin(list(plan.comparison_sites) if plan else [])]
    live = pd.Timestamp(plan.go_live, tz="UTC") if plan else pd.Timestamp.min.tz_localize("UTC")
    since = rows[pd.to_datetime(rows["started_at"], utc=True) >= live]
    ai, total = int(np.sum(since["arm"] == "ai")), len(since)
    if total == 0:
        return undone(
            endpoint="usage",
            role="exploratory",
            effect="share of cases by AI",
            unit="points",
            level=data.level,
            n=0,
            why="no case since go-live",
        )
    line = finding(
        statistics.pass_rate(ai, total), endpoint="usage", role="exploratory", effect="share of cases by AI since go-live", unit="points",
        level=data.level, transform="points",
    )  # fmt: skip
    return replace(line, method="Wilson interval", p_value=None)
