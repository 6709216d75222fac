"""The overview for a director: one page of what was gained, and the same page as PDF.

Page and PDF are made from the same `Overview`, so that neither can show what the other does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from db.tables import KnownChange
from study import charts
from study.analysis.data import PlanData
from study.analysis.roll_out import roll_out
from study.comparison import Comparison
from study.errors import RejectedInput
from study.indicators import versions
from study.known_changes import changes_in_words
from study.protocol import Protocol
from study.weekly_charts import mean_chart, weekly

NOTICE = "Checked on phantoms and small real crops; research use; not a medical device."
WEEKLY_HOURS, SHRINKAGE = 40.0, 0.2
VERSION = "#56B4E9"
ASSOCIATED = "associated with the roll-out; a before–after comparison cannot say caused by"


@dataclass(frozen=True)
class Tile:
    """One figure with what it means."""

    label: str
    value: str
    detail: str


@dataclass(frozen=True)
class Overview:
    """What a director sees.

    Parameters
    ----------
    title, subtitle : str
    simulated : bool
    tiles : tuple of Tile
        Minutes saved, quality kept, staff freed, trend.
    decision : str
        What to do next, by the rules in docs/managers.md.
    figure : plotly figure or None
        Weekly minutes of all cases.
    caption : str
        Source, filter and sample size of the figure.
    notes : tuple of str
    """

    title: str
    subtitle: str
    simulated: bool
    tiles: tuple[Tile, ...]
    decision: str
    figure: go.Figure | None
    caption: str
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class _Saved:
    """Minutes saved per case: estimate and interval where one can be given; positive is saved."""

    estimate: float | None
    low: float | None
    high: float | None
    words: str


def overview(
    protocol: Protocol, tasks: pd.DataFrame, comparison: Comparison | None, *, study: str, simulated: bool,
    known: Sequence[KnownChange] = (),
) -> Overview:  # fmt: skip
    """Put the page together.

    Parameters
    ----------
    tasks : pandas.DataFrame
        Tasks of the study, in the columns of `tasks.csv`.
    comparison : Comparison or None
        The headline comparison of a paired study; None for a roll-out.
    study : str
        Name of the study.
    simulated : bool
    known : sequence of KnownChange
        Changes marked by managers; limits of the trend start afresh there, as at go-live.
    """
    finished = tasks.dropna(subset=["hands_on_seconds"])
    saved = _saved(protocol, finished, comparison)
    quality, verdict = _quality(comparison)
    trend, figure, caption = _trend(protocol, finished, study, known)
    tiles = (Tile("Minutes saved per case", _figure(saved), saved.words), quality, _freed(protocol, finished, saved), trend)
    notes = (f"Difference = AI − manual; saved is its opposite. {NOTICE}",)
    subtitle = f"{study}, {protocol.design.replace('_', '–')} design, {finished['case'].nunique():,} cases"
    return Overview("Overview", subtitle, simulated, tiles, _decision(saved, verdict, comparison), figure, caption, notes)


def _saved(protocol: Protocol, finished: pd.DataFrame, comparison: Comparison | None) -> _Saved:
    if comparison is not None:
        found = next((effect for effect in comparison.effects if effect.name == "minutes, mean difference"), None)
        if found is None:
            return _Saved(None, None, None, "no case is finished in both arms yet")
        return _Saved(-found.estimate, -found.high, -found.low, f"hands-on, paired by case, n = {found.n} pairs, 95 % interval")
    if protocol.roll_out is None:
        return _unpaired(finished)
    rated = pd.DataFrame({name: [] for name in ("case", "reader", "arm", "round", "region", "passed")})
    line = roll_out(PlanData(protocol, finished, rated), value="minutes", unit="min", endpoint="minutes", role="primary")[0]
    if line.estimate is None:
        return _Saved(None, None, None, "; ".join(line.notes) or "too few weeks on a side of go-live")
    low, high = (None if end is None else -end for end in (line.high, line.low))
    return _Saved(-line.estimate, low, high, f"level change at go-live over all cases, {line.n} weeks, 95 % interval; {ASSOCIATED}")


def _unpaired(finished: pd.DataFrame) -> _Saved:
    from study.statistics import StatisticsError, welch

    minutes = {arm: finished.loc[finished["arm"] == arm, "hands_on_seconds"].to_numpy(float) / 60 for arm in ("manual", "ai")}
    try:
        found = welch(minutes["manual"], minutes["ai"])
    except StatisticsError:
        return _Saved(None, None, None, "too few finished cases")
    low, high = found.interval(0.95)
    return _Saved(-found.estimate, -high, -low, f"hands-on, means of the arms, n = {found.n} cases, Welch 95 % interval")


def _figure(saved: _Saved) -> str:
    if saved.estimate is None:
        return "not yet known"
    interval = f" ({saved.low:.1f} to {saved.high:.1f})" if saved.low is not None and saved.high is not None else ""
    return f"{saved.estimate:.1f} min{interval}".replace("-", "−")


def _quality(comparison: Comparison | None) -> tuple[Tile, str]:
    if comparison is None:
        words = "readers have not rated the same cases in both arms"
        return Tile("Quality kept", "not yet known", words), "not yet known"
    verdict = comparison.verdict
    value = {"shown": "yes, non-inferior", "not shown": "not shown"}.get(verdict.state, "not yet known")
    rates = [
        f"{'manual' if arm == 'manual' else 'AI'} {100 * good / total:.1f} % of {total}"
        for arm, (good, total, *_) in comparison.passed.items()
    ]
    return Tile("Quality kept", value, "; ".join([*rates, verdict.words])), verdict.state


def _freed(protocol: Protocol, finished: pd.DataFrame, saved: _Saved) -> Tile:
    if saved.estimate is None or finished.empty:
        return Tile("Staff freed", "not yet known", "follows from minutes saved")
    started = pd.to_datetime(finished["started_at"], utc=True)
    since = pd.Timestamp(protocol.roll_out.go_live, tz="UTC") if protocol.roll_out is not None else started.min()
    rows = finished[started >= max(since, started.max() - pd.Timedelta(weeks=8))]
    compared = list(protocol.roll_out.comparison_sites) if protocol.roll_out is not None else []
    rows = rows[~rows["site"].isin(compared)]
    days = max(7.0, (started.max() - pd.to_datetime(rows["started_at"], utc=True).min()) / pd.Timedelta(days=1)) if len(rows) else 7.0
    week = 7 * rows["case"].nunique() / days
    posts = [
        None if minutes is None else minutes * week / 60 / WEEKLY_HOURS / (1 - SHRINKAGE)
        for minutes in (saved.estimate, saved.low, saved.high)
    ]
    interval = f" ({posts[1]:.1f} to {posts[2]:.1f})" if posts[1] is not None and posts[2] is not None else ""
    words = (
        f"full-time posts of work at {week:.0f} cases a week, {WEEKLY_HOURS:g} h a week, shrinkage {100 * SHRINKAGE:.0f} %; "
        "whether posts can go is a matter of the roster (page Staffing)"
    )
    return Tile("Staff freed", f"{posts[0]:.1f} posts{interval}".replace("-", "−"), words)


def _trend(protocol: Protocol, finished: pd.DataFrame, study: str, known: Sequence[KnownChange]) -> tuple[Tile, go.Figure | None, str]:
    plan = protocol.roll_out
    rows = finished[~finished["site"].isin(list(plan.comparison_sites))] if plan is not None else finished
    changes = [(pd.Timestamp(plan.go_live, tz="UTC"), "go-live")] if plan is not None else []
    changes += [(pd.Timestamp(item.day, tz="UTC"), item.name) for item in known]
    try:
        chart = mean_chart(weekly(rows, "minutes"), unit="hands-on time [min]", changes=changes, better="lower")
    except RejectedInput as refusal:
        return Tile("Trend", "not yet known", refusal.words), None, ""
    weeks = np.arange(len(chart.weeks), dtype=float)
    switch = next((float(place) - 0.5 for place, week in enumerate(chart.weeks) if chart.changes and week >= chart.changes[0][0]), None)
    lines = {
        "minutes per case, all cases": (weeks.tolist(), [round(value, 3) for value in chart.values]),
        "centre": (weeks.tolist(), list(chart.centre)),
    }
    title = "Hands-on minutes per case, by week" + (", dashed: go-live" if switch is not None else "")
    figure = charts.course(lines, title=title, x=f"week from {chart.weeks[0]:%Y-%m-%d}", y="hands-on time [min]", switch=switch)
    figure.data[1].update(mode="lines", line={"color": "#888888", "width": 2})
    came = _mark_versions(figure, finished, chart.weeks[0])
    marks = changes_in_words(known, go_live=plan.go_live if plan is not None else None)
    value = {"common cause": "steady", "improving": "improving", "concerning": "getting longer"}[chart.variation]
    moved = f"{chart.before:.1f} → {chart.after:.1f} min" if chart.changes else f"{chart.after:.1f} min"
    caption = f"Source: events of study {study}; n = {chart.n:,} finished cases; {chart.method}; {marks}{came}."
    return Tile("Trend", value, f"{moved}; last week against its own limits, NHS rules"), figure, caption


def _mark_versions(figure: go.Figure, finished: pd.DataFrame, first_week: pd.Timestamp) -> str:
    """Dotted lines where model versions came; their names and days in words."""
    if "model" not in finished:
        return ""
    came = versions(finished)
    for when, name in came:
        place = (when - first_week) / pd.Timedelta(weeks=1) - 0.5
        figure.add_vline(x=place, line_dash="dot", line_color=VERSION, line_width=1.3, annotation_text=name, annotation_font_size=10)
    return "; dotted: model versions " + ", ".join(f"{name} from {when:%Y-%m-%d}" for when, name in came) if came else ""


def _decision(saved: _Saved, verdict: str, comparison: Comparison | None) -> str:
    """The next step, by rule."""
    if saved.estimate is None:
        return "Go on measuring: minutes saved are not yet known."
    if saved.low is None or saved.low <= 0:
        return "Do not extend yet: the interval of minutes saved reaches zero or cannot be given. Go on measuring."
    if verdict == "not yet known":
        return (
            "Do not extend yet: time is saved, but whether quality is kept is not known. Let readers rate the same cases in both arms, "
            "blinded."
        )
    if verdict == "not shown":
        needed = comparison.verdict.pairs_needed if comparison is not None else None
        more = f"About {needed} pairs would be needed." if needed else "More such pairs would not show it: look at the failures."
        return f"Do not extend yet: time is saved, but non-inferior quality is not shown. {more}"
    return (
        "Plan the roster: time is saved and quality is kept by the margin of the protocol. Use the staffing page before any post is "
        "changed."
    )


def overview_document(found: Overview, *, made_at: datetime) -> Any:
    """The page as a document for `study.report.paper.pdf_paper`."""
    from study.report.document import Block, Chart, Document, Paragraph, Section, table

    header = ["", "", ""]
    rows = [[tile.label, tile.value, tile.detail] for tile in found.tiles]
    blocks: list[Block] = [table(header, rows, weights=(1.3, 1.8, 4.2)), Paragraph(found.decision, lead="Next decision. ")]
    if found.figure is not None:
        blocks.append(Chart("trend", found.figure, found.caption))
    blocks += [Paragraph(note) for note in found.notes]
    return Document(
        title=found.title, subtitle=found.subtitle, made_at=made_at, simulated=found.simulated, notice=NOTICE, facts=(),
        sections=(Section("", tuple(blocks)),),
    )  # fmt: skip


def pdf(found: Overview, *, made_at: datetime) -> bytes:
    """The page as PDF.

    Raises
    ------
    study.errors.MissingPart
        Without typst or matplotlib.
    """
    from study.report.paper import pdf_paper

    return pdf_paper(overview_document(found, made_at=made_at))
