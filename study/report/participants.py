"""Who took part: the flow of cases, the baseline table, and what is missing with its reasons."""

from collections import Counter
from typing import Any

import pandas as pd

from study.report.document import Block, Drawing, Paragraph, Section, Table, table
from study.report.flow import draw, flow
from study.report.material import Material
from study.report.wording import ARMS, plain, share_words

FACTORS = (("sex", "Sex"), ("age_band", "Age"), ("scanner", "Scanner"), ("site", "Site"), ("scans", "Scans per exam"))
DOSES = (("ctdi_vol_mgy", "CTDIvol, median (quartiles), mGy"), ("dlp_mgy_cm", "DLP, median (quartiles), mGy·cm"))


def participants(material: Material) -> Section:
    """Flow diagram and baseline table."""
    svg, width, height = draw(flow(material))
    caption = "Flow of cases, counted from the records of the study."
    if material.paired:
        caption += " Every case is planned in both arms and appears in both columns."
    blocks: list[Block] = [Drawing("flow", svg, caption, width, height), _baseline(material)]
    return Section("Participants", tuple(blocks))


def _baseline(material: Material) -> Table:
    cases = _analysed_cases(material)
    groups = _groups(material, cases)
    rows: list[tuple[str, ...]] = [("Cases", *(str(len(group)) for group in groups.values()))]
    for column, label in FACTORS:
        rows += _levels(label, column, groups)
    rows += _many("Findings that make a case hard", "features", groups)
    rows += _strata(groups)
    rows += [(label, *(_quartiles(group, column) for group in groups.values())) for column, label in DOSES]
    muted = frozenset(i for i, row in enumerate(rows) if all("not recorded" in cell for cell in row[1:]))
    note = {
        "parallel": "by arm; no p values, for chance is what allocation is made of",
        "before_after": "by arm; arms were not drawn, so differences between them can bias the comparison",
    }.get(material.protocol.design, "overall, as every case goes both ways")
    return table(["", *groups], rows, caption=f"Baseline of the cases with a task, {note}.", weights=(2, *[1.4] * len(groups)), muted=muted)


def _analysed_cases(material: Material) -> pd.DataFrame:
    planned = material.tasks.drop_duplicates("case")[["case", "site"]]
    if material.cases is None:
        return planned
    return material.cases[material.cases["case"].isin(planned["case"])]


def _groups(material: Material, cases: pd.DataFrame) -> dict[str, pd.DataFrame]:
    if material.paired:
        return {f"All cases (n = {len(cases)})": cases}
    arms = {arm: set(material.tasks.loc[material.tasks["arm"] == arm, "case"]) for arm in ARMS}
    kept = {arm: cases[cases["case"].isin(names)] for arm, names in arms.items()}
    return {f"{ARMS[arm]} (n = {len(group)})": group for arm, group in kept.items()}


def _levels(label: str, column: str, groups: dict[str, pd.DataFrame]) -> list[tuple[str, ...]]:
    known = {name: group[column].dropna().astype(str) if column in group else pd.Series(dtype=str) for name, group in groups.items()}
    known = {name: values[values.str.strip() != ""] for name, values in known.items()}
    levels = sorted({level for values in known.values() for level in values})
    if not levels:
        return [(label, *["not recorded"] * len(groups))]
    rows = [(f"{label}: {level}", *(share_words(int((v == level).sum()), len(groups[n])) for n, v in known.items())) for level in levels]
    if any(len(values) < len(groups[name]) for name, values in known.items()):
        rows.append((f"{label}: not recorded", *(share_words(len(groups[n]) - len(v), len(groups[n])) for n, v in known.items())))
    return rows


def _many(label: str, column: str, groups: dict[str, pd.DataFrame]) -> list[tuple[str, ...]]:
    counts = {name: _each(group, column) for name, group in groups.items()}
    names = sorted({item for counter in counts.values() for item in counter})
    if not names:
        return [(label, *["not recorded"] * len(groups))]
    return [(f"{label}: {plain(item).lower()}", *(share_words(counts[n][item], len(g)) for n, g in groups.items())) for item in names]


def _each(group: pd.DataFrame, column: str) -> Counter[str]:
    return Counter(str(item) for items in group.get(column, []) for item in items or [])


def _strata(groups: dict[str, pd.DataFrame]) -> list[tuple[str, ...]]:
    pairs: dict[str, list[Any]] = {
        name: [f"{k}: {v}" for d in group.get("strata", []) for k, v in (d or {}).items()] for name, group in groups.items()
    }
    levels = sorted({pair for values in pairs.values() for pair in values})
    return [
        (f"Stratum {level.replace('_', ' ')}", *(share_words(pairs[n].count(level), len(g)) for n, g in groups.items())) for level in levels
    ]


def _quartiles(group: pd.DataFrame, column: str) -> str:
    values = pd.to_numeric(group[column], errors="coerce").dropna() if column in group else pd.Series(dtype=float)
    if values.empty:
        return "not recorded"
    low, middle, high = values.quantile([0.25, 0.5, 0.75])
    few = f"; n = {len(values)}" if len(values) < len(group) else ""
    return f"{middle:.1f} ({low:.1f} to {high:.1f}){few}"


def missing(material: Material) -> Section:
    """What is missing, where and why."""
    tasks, data = material.tasks, material.data
    rows: list[list[Any]] = []
    for arm, label in ARMS.items():
        mine = tasks[tasks["arm"] == arm]
        if mine.empty:
            rows.append([label, "task", "no task in this arm", "–"])
        absent = mine[mine["hands_on_seconds"].isna()]
        reasons = absent["missing_reason"].fillna("").replace("", "no reason recorded").value_counts(sort=False).sort_index()
        rows += [[label, "hands-on time", reason, share_words(int(number), len(mine))] for reason, number in reasons.items()]
        unclicked = int((mine["clicks"].isna() & mine["hands_on_seconds"].notna()).sum())
        rows += [[label, "clicks", "task finished without a click count", share_words(unclicked, len(mine))]] * bool(unclicked)
        rated = set(data.verdicts.loc[data.verdicts["arm"] == arm, "case"]) if len(data.verdicts) else set()
        unrated = mine.loc[mine["hands_on_seconds"].notna() & ~mine["case"].isin(rated), "case"].nunique()
        rows += [[label, "verdict", "processed, not rated", share_words(unrated, mine["case"].nunique())]] * bool(unrated)
    if not rows:
        return Section("Missing data", (Paragraph("No task, click count or verdict is missing."),))
    caption = "Missing values by arm and reason. Nothing was imputed; the sensitivity analyses show what other rules would give."
    return Section("Missing data", (table(["Arm", "What", "Reason", "Number"], rows, caption=caption, weights=(1, 1.5, 3, 2)),))
