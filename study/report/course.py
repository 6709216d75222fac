"""How times went on: learning by arm, the series of a roll-out, and the cases that are hard."""

from typing import Any

import numpy as np
import pandas as pd

from study import charts, statistics
from study.analysis.roll_out import series_of
from study.report.document import Block, Chart, Paragraph, Section, table
from study.report.material import Material
from study.report.wording import ARMS, figure, p_words, plain, share_words
from study.statistics import StatisticsError

FEWEST = 5


def learning(material: Material) -> Section:
    """Minutes over the cases each technologist had done before, pooled by arm: nobody is shown by name."""
    rows, lines = [], {}
    ordered = material.data.finished.dropna(subset=["started_at"]).sort_values(["started_at", "case"], kind="stable")
    ordered = ordered.assign(number=ordered.groupby(["arm", "technologist"]).cumcount() + 1)
    for arm, label in ARMS.items():
        mine = ordered[ordered["arm"] == arm]
        try:
            found = statistics.learning_curve(mine, value="minutes", order="number", by="technologist")
        except StatisticsError as error:
            rows.append([label, len(mine), "not computed", str(error), "–", "–"])
            continue
        low, high = (100 * (2**limit - 1) for limit in found.interval(material.data.level))
        change = f"{figure(100 * (found.per_doubling - 1), decimals=1)} % ({figure(low, decimals=1)} to {figure(high, decimals=1)})"
        plateau = "none found" if found.plateau_case is None else f"from case {found.plateau_case}, {found.plateau_value:.2f} min"
        rows.append([label, len(mine), change, p_words(found.p_value), plateau, found.people])
        lines[arm] = _binned(mine)
    if not lines:
        return Section("Learning", (Paragraph("Too few dated tasks for a learning curve."),))
    caption = (
        "Change of minutes with every doubling of a technologist's cases in that arm (power law of practice), a level per technologist."
    )
    header = ["Arm", "Tasks", "Change per doubling", "p", "Plateau", "Technologists"]
    chart = charts.course(lines, title="", x="Cases done before and with this one, by the same technologist", y="Minutes, geometric mean")
    blocks: list[Block] = [Chart("learning", chart, "Minutes by case number within technologist and arm, geometric means of equal groups.")]
    return Section("Learning", (*blocks, table(header, rows, caption=caption, weights=(0.8, 0.8, 2.4, 0.8, 1.8, 1.1))))


def _binned(mine: pd.DataFrame, groups: int = 12) -> tuple[list[float], list[float]]:
    group = pd.qcut(mine["number"].rank(method="first"), min(groups, max(1, len(mine) // 5)), labels=False)
    means = mine.groupby(group)[["number", "log_minutes"]].mean()
    return means["number"].round(2).tolist(), np.exp(means["log_minutes"]).round(3).tolist()


def roll_out(material: Material) -> Section | None:
    """The weekly or monthly series around go-live; None for other designs."""
    plan = material.protocol.roll_out
    if material.protocol.design != "before_after" or plan is None:
        return None
    blocks: list[Block] = []
    for value, word in (("minutes", "Mean hands-on minutes"), ("clicks", "Mean clicks")):
        series = series_of(material.data, value)
        if series.empty:
            continue
        names = {1: "sites that switched", 0: "comparison sites"}
        lines = {
            names[int(str(kind))]: (part["time"].astype(float).tolist(), part["value"].astype(float).round(3).tolist())
            for kind, part in series.groupby("switched", sort=True)
        }
        chart = charts.course(lines, title="", x=f"{plain(plan.unit)}s from go-live ({plan.go_live})", y=f"{word} per case", switch=-0.5)
        blocks.append(Chart(f"series-{value}", chart, f"{word} of all cases by {plan.unit}; the dashed line is go-live."))
    return Section("Before and after", tuple(blocks)) if blocks else None


def strata(material: Material) -> Section:
    """Hard cases apart: described, not tested."""
    names = material.protocol.analysis.hard_strata
    if not names:
        return Section("Hard cases", (Paragraph("The protocol names no hard cases."),))
    if material.cases is None or not any(items for items in material.cases["features"]):
        words = (
            f"Features of cases ({', '.join(plain(name).lower() for name in names)}): not recorded. The founding paper excluded artefacts "
        )
        return Section("Hard cases", (Paragraph(words + "and congenital anomalies; whether results hold for them stays open here."),))
    rows = [_stratum(material, name) for name in names]
    rows.append(_stratum(material, None))
    caption = "Cases with a feature that makes them hard, described and not tested. Fewer than 5 cases: numbers only."
    header = ["Cases", "Number", "Manual, min", "AI, min", "Ratio (95 % CI)", "Manual passed", "AI passed"]
    return Section("Hard cases", (table(header, rows, caption=caption, weights=(1.3, 0.8, 1, 1, 1.8, 1.8, 1.8)),))


def _stratum(material: Material, name: str | None) -> list[Any]:
    assert material.cases is not None
    has = material.cases["features"].map(lambda items: (name in (items or [])) if name else not items)
    inside = set(material.cases.loc[has, "case"])
    finished = material.data.finished
    rows = finished[finished["case"].isin(inside)]
    title, number = plain(name) if name else "None of these", rows["case"].nunique()
    if number < FEWEST:
        return [title, number, "–", "–", "–", "–", "–"]
    means = {arm: rows.loc[rows["arm"] == arm, "minutes"] for arm in ARMS}
    verdicts = material.data.verdicts
    shares = []
    for arm in ARMS:
        passed = verdicts.loc[(verdicts["arm"] == arm) & verdicts["case"].isin(inside), "passed"].astype(bool)
        shares.append(share_words(int(passed.sum()), len(passed)) if len(passed) else "not rated")
    return [
        title,
        number,
        *(figure(float(values.mean())) if len(values) else "–" for values in means.values()),
        _ratio(material, rows),
        *shares,
    ]


def _ratio(material: Material, rows: pd.DataFrame) -> str:
    if material.paired:
        wide = rows.pivot_table(index="case", columns="arm", values="minutes").reindex(columns=list(ARMS)).dropna()
        manual, ai = wide["manual"], wide["ai"]
    else:
        manual, ai = (rows.loc[rows["arm"] == arm, "minutes"] for arm in ARMS)
    if min(len(manual), len(ai)) < FEWEST:
        return "–"
    found = statistics.geometric_mean_ratio(manual.to_numpy(float), ai.to_numpy(float), paired=material.paired)
    low, high = found.interval(0.95)
    return f"{figure(found.estimate)} ({figure(low)} to {figure(high)})"
