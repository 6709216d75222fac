"""Pass and fail: paired or unpaired differences against the margin; readers as fixed or random where there are several."""

from dataclasses import replace
from typing import Any

import pandas as pd

from study import statistics
from study.analysis.data import PlanData, paired_table
from study.analysis.finding import Finding, finding, undone
from study.protocol.parts import Endpoint

DIFFERENCE = "difference of pass rates, ai − manual"
NO_COMPARATOR = "no quality comparison is possible: {arm} has no pass or fail ratings"


def paired_passes(data: PlanData, *, endpoint: Endpoint, role: str) -> list[Finding]:
    """One verdict per case and arm: Tango interval (Newcombe beside it) and mid-P McNemar; readers' own ratings beside it."""
    missing = _missing_arm(data)
    passes = data.paired_passes()
    if missing or len(passes) < 2:
        why = NO_COMPARATOR.format(arm=missing) if missing else "fewer than 2 cases were rated in both arms"
        return [undone(endpoint=endpoint.name, role=role, effect=DIFFERENCE, unit="points", level=data.level, n=len(passes), why=why)]
    table = paired_table(passes)
    difference, test = statistics.paired_pass_difference(table), statistics.mcnemar(table, method="mid-p")
    common: dict[str, Any] = {"endpoint": endpoint.name, "effect": DIFFERENCE, "unit": "points", "level": data.level, "transform": "points"}
    line = finding(difference, role=role, **common, method="tango")
    line = replace(line, p_value=test.p_value, method=f"paired difference, Tango interval, two-sided; {test.method}")
    beside = replace(
        finding(difference, role="supporting", **common, method="newcombe"), p_value=None, method="paired difference, Newcombe interval"
    )
    return [line, beside, *by_readers(data, endpoint=endpoint, role="supporting")]


def parallel_passes(data: PlanData, *, endpoint: Endpoint, role: str) -> list[Finding]:
    """One verdict per case, each case in one arm: risk difference with the Miettinen–Nurminen interval."""
    missing = _missing_arm(data)
    if missing:
        why = NO_COMPARATOR.format(arm=missing)
        return [
            undone(endpoint=endpoint.name, role=role, effect=DIFFERENCE, unit="points", level=data.level, n=len(data.verdicts), why=why)
        ]
    passed = {arm: data.verdicts.loc[data.verdicts["arm"] == arm, "passed"] for arm in ("manual", "ai")}
    manual, manual_n, ai, ai_n = (int(value) for arm in ("manual", "ai") for value in (passed[arm].sum(), len(passed[arm])))
    result = statistics.risk_difference(manual, manual_n, ai, ai_n)
    common: dict[str, Any] = {"endpoint": endpoint.name, "effect": DIFFERENCE, "unit": "points", "level": data.level, "transform": "points"}
    return [finding(result, role=role, **common, method="miettinen-nurminen")]


def by_readers(data: PlanData, *, endpoint: Endpoint, role: str) -> list[Finding]:
    """Every reader's own verdicts: Obuchowski–Rockette on the pass proportion; fewer than three readers are fixed, not random."""
    return _mrmc(data, "passed", endpoint=endpoint.name, role=role, effect=DIFFERENCE, unit="points", scale=100.0)


def quality(data: PlanData, *, endpoint: Endpoint, role: str) -> list[Finding]:
    """Mean quality grade over regions, by the same engine."""
    return _mrmc(
        data, "quality", endpoint=endpoint.name, role=role, effect="difference of mean quality, ai − manual", unit="grade", scale=1.0
    )


def _mrmc(data: PlanData, score: str, *, endpoint: str, role: str, effect: str, unit: str, scale: float) -> list[Finding]:
    frame = reader_scores(data.readings, score)
    if data.readers < 2 or set(frame["arm"]) != {"manual", "ai"}:
        why = (
            "one reader: nothing can be said about others"
            if data.readers == 1
            else "ratings of both arms by two or more readers are needed"
        )
        return [undone(endpoint=endpoint, role=role, effect=effect, unit=unit, level=data.level, n=frame["case"].nunique(), why=why)]
    factors = "random-both" if data.readers >= 3 else "random-cases"
    try:
        result = statistics.mrmc(frame, reader="reader", case="case", arm="arm", score="score", factors=factors, reference="manual")
    except statistics.StatisticsError as error:
        return [undone(endpoint=endpoint, role=role, effect=effect, unit=unit, level=data.level, n=frame["case"].nunique(), why=str(error))]
    line = finding(result, endpoint=endpoint, role=role, effect=effect, unit=unit, level=data.level)
    if scale != 1.0:
        scaled: dict[str, Any] = {
            name: None if getattr(line, name) is None else scale * getattr(line, name) for name in ("estimate", "low", "high")
        }
        line = replace(line, **scaled)
    return [line]


def reader_scores(readings: pd.DataFrame, score: str) -> pd.DataFrame:
    """One score per reader, case and arm, first round: the verdict as 0/1, or the mean quality over regions; complete cases only."""
    first = readings[readings["round"].astype(float) == 1].dropna(subset=[score])
    first = first[first["region"] == "overall"] if score == "passed" else first[first["region"] != "overall"]
    scores = first.assign(score=first[score].astype(float)).groupby(["reader", "case", "arm"])["score"].mean().reset_index()
    full = scores.groupby("case")["score"].transform("size") == scores["reader"].nunique() * 2
    kept: pd.DataFrame = scores[full]
    return kept if len(kept) else scores


def _missing_arm(data: PlanData) -> str | None:
    rated = set(data.verdicts["arm"]) if len(data.verdicts) else set()
    absent = [arm for arm in ("manual", "ai") if arm not in rated]
    return " and ".join(absent) if absent else None
