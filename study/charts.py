"""Results to Plotly figures, shared by pages and the report."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import plotly.graph_objects as go

from study.comparison import Comparison, Effect

if TYPE_CHECKING:
    from study.operations import Chart

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


def course(lines: dict[str, tuple[list[float], list[float]]], *, title: str, x: str, y: str, switch: float | None = None) -> go.Figure:
    """A line per arm, `(x, y)` each; a vertical line marks a switch."""
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
    return figure.update_layout(legend={"orientation": "h", "y": 1.12, "x": 1, "xanchor": "right"})


def control_chart(chart: "Chart", *, title: str) -> go.Figure:
    """Weekly values with centre and limits; special causes stand out by colour and shape, a re-base by a line."""
    figure = go.Figure()
    weeks = list(chart.weeks)
    for values, name, dash in ((chart.upper, "upper limit", "dot"), (chart.centre, "centre", "solid"), (chart.lower, "lower limit", "dot")):
        figure.add_scatter(
            x=weeks, y=list(values), mode="lines", name=name, line={"dash": dash, "color": "#888", "width": 1.5, "shape": "hvh"}
        )
    figure.add_scatter(
        x=weeks, y=list(chart.values), mode="lines", line={"color": COLOURS["ai"], "width": 1}, showlegend=False, hoverinfo="skip"
    )
    groups = (("common cause", "circle", COLOURS["manual"], [not signal for signal in chart.signals]),)
    special = ("special cause", "diamond", "#D55E00", [bool(signal) for signal in chart.signals])
    for name, symbol, colour, chosen in (*groups, special):
        points = [(w, v, n, s) for w, v, n, s, c in zip(weeks, chart.values, chart.cases, chart.signals, chosen, strict=True) if c]
        figure.add_scatter(
            x=[point[0] for point in points],
            y=[point[1] for point in points],
            mode="markers",
            name=name,
            marker={"symbol": symbol, "size": 9, "color": colour},
            text=[f"{n} cases{', ' + s.replace('_', ' ') if s else ''}" for _, _, n, s in points],
            hovertemplate="%{x|%d %b %Y}: %{y:.2f}, %{text}<extra></extra>",
        )
    if chart.rebased_at is not None:
        figure.add_vline(
            x=chart.rebased_at.timestamp() * 1000,
            line_dash="dash",
            line_color="#555",
            annotation_text="go-live",
            annotation_position="top left",
        )
    figure = _dressed(figure, title=title, y=chart.unit)
    return figure.update_layout(legend={"orientation": "h", "y": -0.15}, height=360)
