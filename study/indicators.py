"""The indicators of a department: what each one counts, its denominator in words, and its weekly chart.

Pure: rows of `study.department.Department.tasks` in, charts and tables out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study import statistics
from study.errors import RejectedInput
from study.statistics import StatisticsError
from study.weekly_charts import SMALLEST_GROUP, Chart, Mark, by_week, mean_chart, share_chart, week_of, weekly

MINUTES = ("minutes", "elapsed", "ai_wait", "clicks")


@dataclass(frozen=True)
class Indicator:
    """One measure: its title, unit, what is better, and the cases it counts."""

    key: str
    title: str
    unit: str
    better: str
    among: str


INDICATORS: tuple[Indicator, ...] = (
    Indicator("minutes", "Hands-on minutes per case", "hands-on time [min]", "lower", "finished cases"),
    Indicator("elapsed", "Elapsed minutes per case", "elapsed time [min]", "lower", "finished cases"),
    Indicator("ai_wait", "AI wait per case", "AI wait [min]", "lower", "finished AI cases"),
    Indicator("clicks", "Clicks per case", "clicks", "lower", "finished cases with a count"),
    Indicator("turnaround", "Turnaround, scan to PACS (median)", "scan to PACS [min]", "lower", "finished cases with a time of scan"),
    Indicator("volume", "Volume", "cases a week", "", "finished cases"),
    Indicator("backlog", "Backlog at the end of the week", "cases waiting", "lower", "cases with a time of scan"),
    Indicator("usage", "AI usage", "share of cases by AI [%]", "", "finished cases since the first AI case"),
    Indicator("pass_all", "Pass rate, all AI cases", "pass rate [%]", "higher", "all AI cases, given up and rejected ones included"),
    Indicator("pass_accepted", "Pass rate, accepted AI cases", "pass rate [%]", "higher", "AI cases that the automatic check let through"),
    Indicator("pass_read", "Pass rate, reader study", "pass rate [%]", "higher", "cases rated by readers, majority, both arms"),
    Indicator("correction", "Correction rate", "AI cases corrected [%]", "lower", "finished AI cases"),
)
BY_KEY = {item.key: item for item in INDICATORS}


def passed(tasks: pd.DataFrame) -> "pd.Series[float]":
    """Whether an AI case passed in daily work: finished, not corrected, not failed by readers where they rated it."""
    good = (tasks["state"] == "finished") & ~(tasks["corrections"].fillna(0) > 0) & ~(tasks["passed"] == 0.0)
    return good.astype(float)


def members(tasks: pd.DataFrame, key: str) -> pd.DataFrame:
    """The rows an indicator counts."""
    finished, ai = tasks["state"] == "finished", tasks["arm"] == "ai"
    if key in ("pass_all", "pass_accepted"):
        done = ai & (finished | (tasks["state"] == "aborted"))
        return tasks[done & tasks["check"].isin(["accept", "review"])] if key == "pass_accepted" else tasks[done]
    if key == "pass_read":
        return tasks[tasks["passed"].notna()]
    if key in ("correction", "ai_wait"):
        return tasks[finished & ai]
    if key == "turnaround":
        return tasks[finished & tasks["scanned_at"].notna()]
    if key == "backlog":
        return tasks[tasks["scanned_at"].notna()]
    if key == "usage":
        first = tasks.loc[finished & ai, "week"].min()
        return tasks[finished & (tasks["week"] >= first)]
    return tasks[finished]


def chart(
    tasks: pd.DataFrame, key: str, *, changes: Sequence[Mark] = (), marks: Sequence[Mark] = (), target: float | None = None,
    follow: bool = False,
) -> Chart:  # fmt: skip
    """The weekly chart of an indicator.

    Parameters
    ----------
    tasks : pandas.DataFrame
        Rows of the department, filtered as wanted.
    changes : sequence of (Timestamp, str)
        Known changes: limits start afresh at these only.
    marks : sequence of (Timestamp, str)
        What is only drawn: model versions.
    target : float, optional
        What the department aims at; gives the assurance icon.
    follow : bool
        As in `study.weekly_charts.mean_chart`; charts of shares do not follow.

    Raises
    ------
    RejectedInput
        With fewer than four weeks of data.
    """
    item, rows = BY_KEY[key], members(tasks, key)
    options: dict[str, Any] = {"unit": item.unit, "changes": changes, "marks": marks, "better": item.better, "target": target}
    if rows.empty:
        raise RejectedInput("few_weeks", "no week of data", "a chart needs four or more")
    week, means = week_of(rows), {**options, "follow": follow}
    if key in MINUTES:
        return mean_chart(weekly(rows, key), **means)
    if key == "turnaround":
        return mean_chart(by_week(week, turnaround_minutes(rows), how="median"), **means)
    if key == "volume":
        counts = week.value_counts().sort_index()
        inner = counts.iloc[1:-1] if len(counts) > 5 else counts  # the first and last week are seldom whole
        shown = inner.astype(float).where(inner >= SMALLEST_GROUP)
        return mean_chart(pd.DataFrame({"week": inner.index, "mean": shown, "cases": inner}), **means)
    if key == "backlog":
        return mean_chart(backlog(rows), **means)
    share = {"usage": lambda: (rows["arm"] == "ai").astype(float), "pass_read": lambda: rows["passed"].astype(float),
             "correction": lambda: (rows["corrections"] > 0).astype(float)}.get(key, lambda: passed(rows))  # fmt: skip
    return share_chart(by_week(week, share()), **options)


def turnaround_minutes(rows: pd.DataFrame) -> "pd.Series[float]":
    """Scan to accepted by the PACS. [min]"""
    return (pd.to_datetime(rows["finished_at"], utc=True) - rows["scanned_at"]).dt.total_seconds() / 60


def backlog(rows: pd.DataFrame) -> pd.DataFrame:
    """Cases scanned and neither finished nor given up, at the end of each week.

    Examples
    --------
    >>> week = pd.Timestamp("2026-03-02")
    >>> at = pd.to_datetime(["2026-03-03", "2026-03-04"], utc=True)
    >>> rows = pd.DataFrame({"week": [week, week], "scanned_at": at, "finished_at": [at[0], pd.NaT], "state": ["finished", "open"]})
    >>> backlog(rows)["mean"].tolist()
    [1.0]
    """
    live = rows[rows["state"] != "aborted"]
    weeks = pd.date_range(live["week"].min(), live["week"].max(), freq="7D")
    ends = (weeks + pd.Timedelta(days=7)).to_numpy("datetime64[ns]")
    scanned = np.sort(live["scanned_at"].dt.tz_localize(None).to_numpy("datetime64[ns]"))
    done = np.sort(live["finished_at"].dropna().dt.tz_localize(None).to_numpy("datetime64[ns]"))
    arrived = np.searchsorted(scanned, ends)
    waiting = arrived - np.searchsorted(done, ends)
    cases = np.diff(arrived, prepend=0)
    return pd.DataFrame({"week": weeks.tz_localize("UTC"), "mean": waiting.astype(float), "cases": cases})


def versions(tasks: pd.DataFrame) -> list[Mark]:
    """When each model version was first at work."""
    rows = tasks[(tasks["arm"] == "ai") & (tasks["model"] != "")]
    first = rows.groupby("model", observed=True)["started_at"].min().dropna().sort_values()
    return [(pd.Timestamp(when), f"v{name}") for name, when in first.items()]


def by_model(tasks: pd.DataFrame) -> pd.DataFrame:
    """Pass and correction rates of every model version, each with its denominator; fewer than five cases are suppressed."""
    rows = tasks[(tasks["arm"] == "ai") & tasks["state"].isin(["finished", "aborted"])]
    out = []
    for name, part in rows.groupby("model", observed=True, sort=True):
        line: dict[str, object] = {"Model": name or "not recorded", "AI cases": len(part)}
        for key in ("pass_all", "pass_accepted", "pass_read", "correction"):
            mine = members(part, key)
            good = mine["passed"] if key == "pass_read" else (mine["corrections"] > 0) if key == "correction" else passed(mine)
            line[BY_KEY[key].title] = _share(int(good.sum()), len(mine))
        minutes = part.loc[part["state"] == "finished", "minutes"].dropna()
        line["Hands-on min, mean"] = f"{minutes.mean():.2f}" if len(minutes) >= SMALLEST_GROUP else "–"
        out.append(line)
    return pd.DataFrame(out)


def _share(part: int, total: int) -> str:
    if total < SMALLEST_GROUP:
        return f"– (n = {total})"
    low, high = statistics.pass_rate(part, total).interval(0.95)
    return f"{100 * part / total:.1f} % ({100 * low:.1f} to {100 * high:.1f}), {part} of {total}"


def learning(tasks: pd.DataFrame, *, groups: int = 12) -> tuple[dict[str, tuple[list[float], list[float]]], pd.DataFrame]:
    """Learning curves by arm over all people: points of the curve, and a table of slopes. Nobody is named.

    Notes
    -----
    An arm with fewer than five technologists or twenty tasks is suppressed: a curve of three people is a curve of persons.
    """
    rows_of = tasks[["arm", "technologist", "minutes", "started_at"]].dropna(subset=["minutes", "started_at"])
    ordered = rows_of[rows_of["minutes"] > 0].sort_values("started_at", kind="stable")
    ordered = ordered.assign(technologist=pd.factorize(ordered["technologist"])[0])  # numbers group several times faster than names
    ordered = ordered.assign(number=ordered.groupby(["arm", "technologist"], observed=True).cumcount() + 1)
    lines, rows = {}, []
    for arm, label in (("manual", "Manual"), ("ai", "AI")):
        mine = ordered[ordered["arm"] == arm]
        people = mine["technologist"].nunique()
        if people < SMALLEST_GROUP or len(mine) < 4 * SMALLEST_GROUP:
            shown = f"fewer than {SMALLEST_GROUP}" if people < SMALLEST_GROUP else str(people)
            rows.append({"Arm": label, "Tasks": len(mine), "Technologists": shown, "Change per doubling of cases": "suppressed"})
            continue
        try:
            found = statistics.learning_curve(mine, value="minutes", order="number", by="technologist")
        except StatisticsError:
            continue
        low, high = (100 * (2**limit - 1) for limit in found.interval(0.95))
        words = f"{100 * (found.per_doubling - 1):+.1f} % (95 % interval {low:+.1f} to {high:+.1f})".replace("-", "−")
        rows.append({"Arm": label, "Tasks": len(mine), "Technologists": str(people), "Change per doubling of cases": words})
        group = pd.qcut(mine["number"].rank(method="first"), groups, labels=False)
        means = mine.assign(log=np.log(mine["minutes"])).groupby(group)[["number", "log"]].mean()
        lines[arm] = (means["number"].round(1).tolist(), np.exp(means["log"]).round(2).tolist())
    return lines, pd.DataFrame(rows)


def filter_words(chosen: dict[str, tuple[list[str], list[str]]]) -> str:
    """What a filter lets through, as printed on every figure and export: name, (chosen, all).

    Examples
    --------
    >>> filter_words({"site": (["S1"], ["S1", "S2"]), "shift": (["early"], ["early"])})
    'site S1'
    >>> filter_words({"site": (["S1"], ["S1"])})
    'all cases'
    """
    parts = [f"{name} {' + '.join(some) or 'none'}" for name, (some, every) in chosen.items() if set(some) != set(every)]
    return "; ".join(parts) or "all cases"


def _few(number: int) -> str:
    return str(number) if number == 0 or number >= SMALLEST_GROUP else f"fewer than {SMALLEST_GROUP}"


def chart_csv(charts: dict[str, Chart], *, words: str, study: str, changes: str = "") -> str:
    """Every chart as one table, headed by study, filter and known changes, with the method of each."""
    lines = [
        f"# study: {study}",
        f"# filter: {words}",
        *([f"# {changes}"] if changes else []),
        "# weeks of fewer than five cases have no value; research use, not a medical device",
    ]
    frames = [
        pd.DataFrame({"indicator": BY_KEY[key].title, "counted": BY_KEY[key].among, "week": [f"{week:%Y-%m-%d}" for week in item.weeks],
                      "value": item.values, "unit": item.unit, "cases": [_few(number) for number in item.cases], "centre": item.centre,
                      "lower": item.lower, "upper": item.upper, "signal": item.signals, "method": item.method})
        for key, item in charts.items()
    ]  # fmt: skip
    table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return "\n".join([*lines, table.to_csv(index=False)])
