"""Results to Plotly figures, shared by pages and the report."""

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import plotly.graph_objects as go

from study.comparison import Comparison, Effect

if TYPE_CHECKING:
    from study.weekly_charts import Chart

# Okabe–Ito: told apart in the common kinds of colour blindness.
COLOURS = {"manual": "#999999", "ai": "#0072B2"}
NAMES = {"manual": "Manual", "ai": "AI"}
GRID = "rgba(128,128,128,0.25)"


def distribution(pairs: pd.DataFrame, *, title: str, unit: str) -> go.Figure:
    """Box and points of one measure by arm; columns `manual` and `ai`, one row per case."""
    figure = go.Figure()
    for arm in ("manual", "ai"):
        figure.add_box(
            y=pairs[arm],
            name=f"{NAMES[arm]} (n = {len(pairs)})",
            marker_color=COLOURS[arm],
            boxpoints="all",
            jitter=0.5,
            pointpos=0,
            marker={"size": 3, "opacity": 0.45},
            line_width=1.5,
            showlegend=False,
        )
    return _dressed(figure, title=title, y=unit)


def paired_slopes(pairs: pd.DataFrame, *, title: str, unit: str, limit: int = 200) -> go.Figure:
    """A line per case from manual to AI; above `limit` cases an even sample is drawn and the title says so."""
    step = max(1, -(-len(pairs) // limit))
    shown = pairs.sort_values("manual").iloc[::step]
    x: list[str | None] = []
    y: list[float | None] = []
    for manual, ai in zip(shown["manual"], shown["ai"], strict=True):
        x += ["Manual", "AI", None]
        y += [manual, ai, None]
    figure = go.Figure(
        go.Scatter(x=x, y=y, mode="lines", line={"color": COLOURS["ai"], "width": 1}, opacity=0.35, hoverinfo="skip", showlegend=False)
    )
    means = [pairs["manual"].mean(), pairs["ai"].mean()]
    figure.add_scatter(
        x=["Manual", "AI"], y=means, mode="lines+markers", line={"color": "#D55E00", "width": 4}, name="mean", showlegend=False
    )
    note = "" if step == 1 else f", {len(shown)} of {len(pairs)} cases drawn"
    return _dressed(figure, title=f"{title}{note}", y=unit)


def pass_rates(comparison: Comparison, *, title: str) -> go.Figure:
    """Pass rate by arm with its Wilson interval; the denominator stands beside each bar."""
    figure = go.Figure()
    for arm, (passed, total, low, high) in comparison.passed.items():
        rate = 100 * passed / total
        figure.add_scatter(
            x=[rate],
            y=[f"{NAMES[arm]}<br>{passed} of {total}"],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [100 * high - rate],
                "arrayminus": [rate - 100 * low],
                "thickness": 2,
                "width": 8,
            },
            mode="markers",
            marker={"size": 13, "color": COLOURS[arm]},
            showlegend=False,
            hovertemplate=f"{rate:.1f} % ({100 * low:.1f} to {100 * high:.1f})<extra></extra>",
        )
    figure = _dressed(figure, title=title, y="")
    figure.update_xaxes(title="Pass rate, majority of readers [%], 95 % interval", range=[None, 100.5])
    return figure.update_layout(height=230)


def forest(effects: Sequence[Effect], *, title: str, unit: str, scale: float = 1.0, margin: float | None = None) -> go.Figure:
    """Effects with intervals around no difference; a non-inferiority margin is drawn where given."""
    figure = go.Figure()
    for effect in reversed(effects):
        value = scale * effect.estimate
        figure.add_scatter(
            x=[value],
            y=[effect.name.split(", ", 1)[-1].capitalize()],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [scale * effect.high - value],
                "arrayminus": [value - scale * effect.low],
                "thickness": 2,
                "width": 8,
            },
            mode="markers",
            marker={"size": 11, "symbol": "square", "color": COLOURS["ai"]},
            showlegend=False,
            hovertemplate=f"{value:.2f} ({scale * effect.low:.2f} to {scale * effect.high:.2f}) {unit}<extra>{effect.method}</extra>",
        )
    figure.add_vline(x=0, line_width=1, line_color="#888")
    if margin is not None:
        figure.add_vline(
            x=-scale * margin, line_dash="dash", line_color="#D55E00", annotation_text="margin", annotation_position="top left"
        )
    figure = _dressed(figure, title=title, y="")
    figure.update_xaxes(title=f"AI − manual [{unit}]", showgrid=True, gridcolor=GRID)
    return figure.update_layout(height=150 + 40 * len(effects))


def _dressed(figure: go.Figure, *, title: str, y: str) -> go.Figure:
    figure.update_layout(
        title={"text": title, "font": {"size": 15}, "x": 0, "xanchor": "left"},
        margin={"l": 10, "r": 16, "t": 48, "b": 10},
        height=340,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    figure.update_yaxes(title=y, gridcolor=GRID, zeroline=False, automargin=True)
    figure.update_xaxes(automargin=True, showgrid=False, zeroline=False)
    return figure


def region_heat_map(rates: pd.DataFrame, *, title: str) -> go.Figure:
    """Pass rate by region and arm; columns `region`, `arm`, `passed`, `total`. Each cell shows its denominator."""
    regions = list(dict.fromkeys(rates["region"]))
    figure = go.Figure()
    z, words = [], []
    for arm in ("manual", "ai"):
        rows = rates[rates["arm"] == arm].set_index("region").reindex(regions)
        z.append((100 * rows["passed"] / rows["total"]).tolist())
        words.append(
            [f"{100 * p / t:.1f} %<br>n = {t:.0f}" if t else "" for p, t in zip(rows["passed"], rows["total"].fillna(0), strict=True)]
        )
    figure.add_heatmap(
        z=z,
        x=[region.replace("_", " ") for region in regions],
        y=["Manual", "AI"],
        text=words,
        texttemplate="%{text}",
        colorscale="Cividis",
        zmin=85,
        zmax=100,
        colorbar={"title": "%"},
        hovertemplate="%{y}, %{x}: %{text}<extra></extra>",
    )
    return _dressed(figure, title=title, y="")


def arm_distribution(values: dict[str, "pd.Series[float]"], *, title: str, unit: str, points: int = 400) -> go.Figure:
    """Box of one measure for each arm, however many tasks; an even sample of at most `points` single tasks per arm is drawn."""
    names: list[str] = []
    figure = go.Figure()
    for arm, series in values.items():
        known = series.dropna().astype(float).sort_values()
        if known.empty:
            continue
        low, middle, high = (float(value) for value in known.quantile([0.25, 0.5, 0.75]))
        reach, place, colour = 1.5 * (high - low), len(names), COLOURS[arm]
        inside = known[(known >= low - reach) & (known <= high + reach)]
        names.append(f"{NAMES[arm]} (n = {len(known)})")
        ends = {"lowerfence": [round(float(inside.min()), 3)], "upperfence": [round(float(inside.max()), 3)]}
        box = {"q1": [low], "median": [middle], "q3": [high], **ends}
        figure.add_box(x=[place], **box, name=names[-1], marker_color=colour, line_width=1.5, showlegend=False, width=0.5)
        shown = known.iloc[:: max(1, -(-len(known) // points))].round(3).tolist()
        # Golden-ratio steps keep dots apart and are the same every time.
        spread = [round(place + 0.36 * ((0.61803398875 * index) % 1 - 0.5), 4) for index in range(len(shown))]
        marker = {"size": 4, "opacity": 0.4, "color": colour}
        figure.add_scatter(x=spread, y=shown, mode="markers", marker=marker, showlegend=False, name=names[-1])
    figure = _dressed(figure, title=title, y=unit)
    return figure.update_xaxes(tickvals=list(range(len(names))), ticktext=names, range=[-0.6, len(names) - 0.4])


def ratio_forest(
    rows: Sequence[tuple[str, float, float, float]], *, title: str, label: str, neutral: float = 1.0, margin: float | None = None
) -> go.Figure:
    """Labelled effects `(name, estimate, low, high)` around the value of no effect; a margin is dashed."""
    figure = go.Figure()
    for name, estimate, low, high in reversed(rows):
        bars = {"type": "data", "symmetric": False, "array": [high - estimate], "arrayminus": [estimate - low], "thickness": 2, "width": 6}
        figure.add_scatter(
            x=[estimate], y=[name], error_x=bars, mode="markers", marker={"size": 10, "symbol": "square", "color": COLOURS["ai"]},
            showlegend=False, hovertemplate=f"{estimate:.3f} ({low:.3f} to {high:.3f})<extra></extra>",
        )  # fmt: skip
    figure.add_vline(x=neutral, line_width=1, line_color="#888")
    if margin is not None:
        figure.add_vline(x=margin, line_dash="dash", line_color="#D55E00")
    figure = _dressed(figure, title=title, y="")
    figure.update_xaxes(title=label, showgrid=True, gridcolor=GRID)
    return figure.update_layout(height=130 + 34 * len(rows))


def reason_bars(reasons: pd.DataFrame, *, title: str) -> go.Figure:
    """Failed ratings by reason and arm; columns `reason`, `manual`, `ai`."""
    figure = go.Figure()
    for arm in ("manual", "ai"):
        names = [str(name).replace("_", " ") for name in reasons["reason"]]
        figure.add_bar(x=names, y=reasons[arm].tolist(), name=NAMES[arm], marker_color=COLOURS[arm])
    figure = _dressed(figure, title=title, y="Failed ratings")
    return figure.update_layout(barmode="group", legend={"orientation": "h", "y": 1.12, "x": 1, "xanchor": "right"})


def course(
    lines: dict[str, tuple[list[float], list[float]]], *, title: str, x: str, y: str, switch: float | None = None, note: str = ""
) -> go.Figure:
    """A line per arm, `(x, y)` each; a vertical line marks a switch; `note` (filter, source, sample size) stands under the title."""
    figure = go.Figure()
    for arm, (across, up) in lines.items():
        colour = COLOURS.get(arm, "#009E73")
        figure.add_scatter(
            x=across,
            y=up,
            mode="lines+markers",
            name=NAMES.get(arm, arm),
            line={"color": colour, "width": 2},
            marker={"size": 6, "color": colour},
        )
    if switch is not None:
        figure.add_vline(x=switch, line_dash="dash", line_color="#D55E00")
    figure = _dressed(figure, title=title, y=y)
    figure.update_xaxes(title=x)
    _note_under_title(figure, note)
    return figure.update_layout(legend={"orientation": "h", "y": 1.12, "x": 1, "xanchor": "right"})


SPECIAL = "#D55E00"
FEWEST = 5  # a box of fewer is a picture of single exams
NOTE_WIDTH = 88


def control_chart(chart: "Chart", *, title: str, note: str = "") -> go.Figure:
    """Weekly values with centre and limits; special causes stand out by colour and shape, changes and model versions by lines.

    After a change the first baseline stays visible, dotted; `note` (filter, source, sample size) stands under the title, so that
    every picture taken of the figure carries it.
    """
    figure, weeks = go.Figure(), list(chart.weeks)
    if chart.baseline is not None and chart.rebased_at is not None:
        later = [week for week in weeks if week >= chart.rebased_at]
        for value, name in zip(chart.baseline, ("first baseline", None, None), strict=True):
            line = {"dash": "dashdot" if name else "dot", "color": "#CC79A7", "width": 1}
            figure.add_scatter(x=later, y=[value] * len(later), mode="lines", name=name, line=line, showlegend=bool(name), hoverinfo="skip")
    for values, name, dash in ((chart.upper, "limits", "dot"), (chart.centre, "centre", "solid"), (chart.lower, "lower limit", "dot")):
        line = {"dash": dash, "color": "#888", "width": 2, "shape": "hvh"}
        shown = name != "lower limit"
        figure.add_scatter(x=weeks, y=list(values), mode="lines", name=name, line=line, showlegend=shown, hoverinfo="skip")
    line = {"color": COLOURS["ai"], "width": 1}
    figure.add_scatter(x=weeks, y=list(chart.values), mode="lines", line=line, showlegend=False, hoverinfo="skip")
    groups = (("common cause", "circle", COLOURS["manual"], False), ("special cause", "diamond", SPECIAL, True))
    for name, symbol, colour, special in groups:
        points = [point for point in zip(weeks, chart.values, chart.cases, chart.signals, strict=True) if bool(point[3]) is special]
        figure.add_scatter(
            x=[point[0] for point in points], y=[point[1] for point in points], mode="markers", name=name,
            marker={"symbol": symbol, "size": 8, "color": colour},
            text=[f"{n} cases{', ' + s.replace('_', ' ') if s else ''}" for _, _, n, s in points],
            hovertemplate="%{x|%d %b %Y}: %{y:.2f}, %{text}<extra></extra>",
        )  # fmt: skip
    figure = _dressed(figure, title=title, y=chart.unit)
    if min(chart.lower, default=-1.0) >= 0:
        figure.update_yaxes(rangemode="nonnegative")  # a share of nought all year is no reason to show an axis from −1
    if chart.target is not None:
        figure.add_hline(y=chart.target, line_width=1.5, line_color="#009E73", annotation_text="target", annotation_position="top right")
    if chart.changes or chart.marks:
        _leave_room(figure, chart)
        _mark(figure, chart)
    lines = _note_under_title(figure, note)
    return figure.update_layout(legend={"orientation": "h", "y": -0.14}, height=372 + 15 * lines)


def _note_under_title(figure: go.Figure, note: str) -> int:
    """Whole, however long: a filter that is cut off is no filter. The number of lines it takes."""
    lines = textwrap.wrap(note, NOTE_WIDTH)
    if lines:
        figure.update_layout(title={"subtitle": {"text": "<br>".join(lines), "font": {"size": 11}}}, margin={"t": 68 + 15 * len(lines)})
    return len(lines)


def _leave_room(figure: go.Figure, chart: "Chart") -> None:
    """Keep the top of the plot free for the names of changes and versions."""
    drawn = [*chart.values, *chart.upper, *chart.lower, *(chart.baseline or ()), *((chart.target,) if chart.target is not None else ())]
    known = [value for value in drawn if math.isfinite(value)]
    span = max(known) - min(known) or 1.0
    top = max(known) + 0.24 * span
    figure.update_yaxes(range=[min(known) - 0.06 * span, top])
    if "[%]" in chart.unit and top > 100:
        figure.update_yaxes(tickvals=list(range(0, 101, 20)))  # the room above is no share


def _mark(figure: go.Figure, chart: "Chart") -> None:
    """Upright lines: dashed where limits start afresh, dotted where a model version came."""
    lines = [(when, name, "dash", "#777", 1.0) for when, name in chart.changes]
    lines += [(when, name, "dot", "#56B4E9", 0.93) for when, name in chart.marks]
    shapes, words = list(figure.layout.shapes), list(figure.layout.annotations)
    for when, name, dash, colour, top in lines:
        x = when.tz_localize(None) if when.tzinfo else when
        shapes.append(
            {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": {"dash": dash, "color": colour, "width": 1.3}}
        )
        words.append(
            {"x": x, "y": top, "yref": "paper", "text": name, "showarrow": False, "xanchor": "left", "yanchor": "top", "font": {"size": 10}}
        )
    figure.update_layout(shapes=shapes, annotations=words)


def accrual_course(frame: pd.DataFrame, *, planned: int, title: str, ends: tuple[Any, Any, Any] | None = None) -> go.Figure:
    """Cases enrolled against plan; columns `week`, `enrolled`, `plan`. `ends` are early, median and late day of the last case."""
    figure = go.Figure()
    done = frame.dropna(subset=["enrolled"])
    line = {"color": "#888", "width": 1.5, "dash": "dash"}
    figure.add_scatter(x=frame["week"], y=frame["plan"], mode="lines", name="plan", line=line)
    figure.add_scatter(x=done["week"], y=done["enrolled"], mode="lines+markers", name="enrolled", line={"color": COLOURS["ai"], "width": 2})
    if ends is not None and len(done):
        for when, name, dash in zip(
            ends, ("forecast, 95 % earliest", "forecast, median", "forecast, 95 % latest"), ("dot", "solid", "dot"), strict=True
        ):
            x, y = [done["week"].iloc[-1], pd.Timestamp(when).tz_localize(None)], [done["enrolled"].iloc[-1], planned]
            figure.add_scatter(x=x, y=y, mode="lines", name=name, line={"color": "#E69F00", "width": 1.5, "dash": dash})
    figure = _dressed(figure, title=title, y="cases enrolled")
    return figure.update_layout(legend={"orientation": "h", "y": -0.14}, height=380)


def scenario_grid(names: tuple[list[str], list[str]], values: list[list[float | None]], words: list[list[str]], *, title: str) -> go.Figure:
    """A table of scenarios as a heat map: AI share across, volume up; the words of each cell are shown."""
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=names[0],
            y=names[1],
            text=[["" if value is None else word for value, word in zip(*line, strict=True)] for line in zip(values, words, strict=True)],
            texttemplate="%{text}",
            colorscale="Cividis",
            reversescale=True,
            colorbar={"title": "posts"},
            hovertemplate="%{y}, %{x}: %{text}<extra></extra>",
        )
    )
    for up, (row, said) in zip(names[1], zip(values, words, strict=True), strict=True):
        for across, value, word in zip(names[0], row, said, strict=True):
            if value is None:  # an empty cell has no colour of its own: the words take the theme's, dark or light
                figure.add_annotation(x=across, y=up, text=word, showarrow=False)
    figure = _dressed(figure, title=title, y="volume")
    figure.update_xaxes(title="share of cases that AI takes first", type="category")  # else "25%" is read as a number
    figure.update_yaxes(type="category")
    return figure.update_layout(height=330)


def dose_boxes(cases: pd.DataFrame, measure: str, *, unit: str, title: str) -> go.Figure:
    """Box of one dose measure for exams of two scans and of one; fewer than five exams are not drawn."""
    figure, names = go.Figure(), []
    for place, (scans, colour) in enumerate(((2, COLOURS["manual"]), (1, COLOURS["ai"]))):
        known = cases.loc[cases["scans"] == scans, measure].dropna().astype(float)
        few = len(known) < FEWEST
        names.append(f"{'two scans' if scans == 2 else 'one scan'} ({f'n < {FEWEST}, not drawn' if few else f'n = {len(known):,}'})")
        if few:
            continue
        low, middle, high = (float(value) for value in known.quantile([0.25, 0.5, 0.75]))
        reach = 1.5 * (high - low)
        inside = known[(known >= low - reach) & (known <= high + reach)]
        ends = {"lowerfence": [float(inside.min())], "upperfence": [float(inside.max())]}
        figure.add_box(
            x=[place], q1=[low], median=[middle], q3=[high], **ends, marker_color=colour, showlegend=False, width=0.5, name=names[-1]
        )
    figure = _dressed(figure, title=title, y=unit)
    return figure.update_xaxes(tickvals=[0, 1], ticktext=names, range=[-0.6, 1.6])
