"""Plotly figures as still pictures, drawn by matplotlib: no browser is needed, and the same figure gives the same bytes."""

import re
from io import BytesIO
from typing import Any

import plotly.graph_objects as go

INCHES_WIDE, NARROW_INCHES = 6.7, 3.8
RULE = "#d5dbe1"


def still(figure: go.Figure, *, kind: str = "svg", dots_per_inch: int = 200, width_inches: float = INCHES_WIDE) -> bytes:
    """Draw boxes, scatters, bars, heat maps and reference lines of a Plotly figure.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
        With the kinds of traces that `study.charts` makes.
    kind : {"svg", "png"}
    dots_per_inch : int
        For PNG.
    width_inches : float

    Raises
    ------
    ValueError
        For another kind of trace, rather than leaving it out in silence.

    Examples
    --------
    >>> drawn = still(go.Figure(go.Bar(x=["a"], y=[1])))
    >>> drawn == still(go.Figure(go.Bar(x=["a"], y=[1])))
    True
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    fixed: Any = {"svg.hashsalt": "gilbreth", "svg.fonttype": "path", "font.family": "DejaVu Sans", "font.size": 8.5, "axes.linewidth": 0.7}
    with rc_context(fixed):
        height = max(1.6, (figure.layout.height or 340) / 100)
        picture = Figure(figsize=(width_inches, height), layout="constrained")
        (FigureCanvasSVG if kind == "svg" else FigureCanvasAgg)(picture)
        axes = picture.add_subplot()
        _Painter(axes, figure).paint()
        out = BytesIO()
        metadata: dict[str, Any] = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
        picture.savefig(out, format=kind, dpi=dots_per_inch, metadata=metadata)
        return out.getvalue()


class _Painter:
    """One figure onto one pair of axes; words on an axis become positions 0, 1, 2."""

    def __init__(self, axes: Any, figure: go.Figure) -> None:
        self.axes, self.figure = axes, figure
        self.places: dict[str, dict[str, int]] = {"x": {}, "y": {}}
        self.bars = [trace for trace in figure.data if trace.type == "bar"]
        self.named = False

    def paint(self) -> None:
        draw = {"scatter": self._scatter, "box": self._box, "bar": self._bar, "heatmap": self._heatmap}
        for trace in self.figure.data:
            if trace.type not in draw:
                raise ValueError(f"expected traces among {sorted(draw)}, got {trace.type}; teach study.report.still to draw it")
            draw[trace.type](trace)
        self._lines()
        self._dress()

    def _at(self, values: Any, axis: str) -> list[float]:
        known = self.places[axis]
        found: list[float] = []
        for value in values if values is not None else []:
            if isinstance(value, str):
                found.append(known.setdefault(value, len(known)))
            else:
                found.append(float("nan") if value is None else float(value))
        return found

    def _scatter(self, trace: Any) -> None:
        x, y = self._at(trace.x, "x"), self._at(trace.y, "y")
        colour = _colour(trace)
        alpha = next((value for value in (trace.opacity, trace.marker.opacity) if value is not None), 1.0)
        mode = trace.mode or "lines"
        error = trace.error_x.array
        label = _plain(trace.name) if trace.name and trace.showlegend is not False else None
        self.named = self.named or label is not None
        size = (trace.marker.size or 6) * 0.55 if "markers" in mode else 0
        if error is not None:
            spread = [list(trace.error_x.arrayminus), list(error)]
            shape = "s" if trace.marker.symbol == "square" else "o"
            self.axes.errorbar(x, y, xerr=spread, fmt=shape, color=colour, markersize=5, capsize=3, linewidth=1.4)
            return
        style = "-" if "lines" in mode else "none"
        width = (trace.line.width or 2) * 0.6
        self.axes.plot(
            x, y, linestyle=style, color=colour, alpha=alpha, linewidth=width, marker="o", markersize=size, markeredgewidth=0, label=label
        )

    def _box(self, trace: Any) -> None:
        (where,) = self._at([trace.x[0]], "x")
        stats = {
            "med": trace.median[0], "q1": trace.q1[0], "q3": trace.q3[0], "whislo": trace.lowerfence[0], "whishi": trace.upperfence[0],
        }  # fmt: skip
        colour = _colour(trace)
        line = {"color": colour, "linewidth": 1.2}
        face = {"facecolor": colour, "alpha": 0.3, "edgecolor": colour, "linewidth": 1.2}
        drawn = {"boxprops": face, "medianprops": line, "whiskerprops": line, "capprops": line}
        self.axes.bxp([stats], positions=[where], widths=0.5, showfliers=False, patch_artist=True, **drawn)

    def _bar(self, trace: Any) -> None:
        index, share = self.bars.index(trace), 0.8 / max(1, len(self.bars))
        x = [place - 0.4 + share * (index + 0.5) for place in self._at(trace.x, "x")]
        self.axes.bar(x, list(trace.y), width=share, color=_colour(trace), label=trace.name)
        self.named = True

    def _heatmap(self, trace: Any) -> None:
        from matplotlib import colormaps

        grid = [[float("nan") if value is None else float(value) for value in row] for row in trace.z]
        self._at(trace.x, "x"), self._at(trace.y, "y")
        image = self.axes.imshow(grid, aspect="auto", cmap=colormaps["cividis"], vmin=trace.zmin, vmax=trace.zmax, origin="lower")
        middle = ((trace.zmin or 0) + (trace.zmax or 100)) / 2
        for row, words in enumerate(trace.text):
            for column, text in enumerate(words):
                ink = "white" if grid[row][column] < middle else "black"
                self.axes.text(column, row, _plain(text).replace(" %", "%"), ha="center", va="center", fontsize=6, color=ink)
        self.axes.figure.colorbar(image, ax=self.axes, label="%", fraction=0.03, pad=0.01)

    def _lines(self) -> None:
        for shape in self.figure.layout.shapes or ():
            if shape.x0 is not None and shape.x0 == shape.x1:
                style = "--" if shape.line.dash else "-"
                self.axes.axvline(shape.x0, color=shape.line.color or "#888", linewidth=1, linestyle=style, zorder=1)

    def _dress(self) -> None:
        layout, axes = self.figure.layout, self.axes
        heat = any(trace.type == "heatmap" for trace in self.figure.data)
        for axis, known in self.places.items():
            if known:
                names = [_plain(name) for name in known]
                getattr(axes, f"set_{axis}ticks")(range(len(known)), names)
        if layout.xaxis.tickvals is not None:
            axes.set_xticks(list(layout.xaxis.tickvals), [_plain(name) for name in layout.xaxis.ticktext])
            axes.set_xlim(*layout.xaxis.range)
        if len(self.places["x"]) > 5:
            axes.tick_params(axis="x", labelrotation=35)
            for label in axes.get_xticklabels():
                label.set_horizontalalignment("right")
                label.set_rotation_mode("anchor")
        if self.places["x"] and not heat:
            axes.set_xlim(-0.6, len(self.places["x"]) - 0.4)
        if self.places["y"] and not heat:
            axes.set_ylim(-0.6, len(self.places["y"]) - 0.4)
        axes.set_xlabel(_plain(layout.xaxis.title.text or ""))
        axes.set_ylabel(_plain(layout.yaxis.title.text or ""))
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        if not heat:
            axes.grid(axis="x" if self.places["y"] else "y", color=RULE, linewidth=0.6)
            axes.set_axisbelow(True)
        if self.named and axes.get_legend_handles_labels()[1]:
            axes.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2)


def _colour(trace: Any) -> str:
    parts = (trace[name] for name in ("line", "marker") if name in trace)
    colours = (part["color"] for part in parts if part is not None and "color" in part)
    return next((colour for colour in colours if isinstance(colour, str)), "#0072B2")


def _plain(text: str | None) -> str:
    return re.sub(r"<br ?/?>", "\n", text or "")
