"""`gilbreth power`: sample size and power for every endpoint of a protocol."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from study.power import PowerLine


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("power")(power)


def power(
    protocol: Annotated[str, typer.Argument(metavar="PROTOCOL.toml", help="A protocol file, or the name of one that comes along.")],
    draws: Annotated[int, typer.Option(min=20, max=100_000, help="Simulated studies where no formula is exact.")] = 200,
    plot: Annotated[Path | None, typer.Option(help="Write the curves as a self-contained HTML page.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Say how many cases every endpoint needs, and what power the planned number gives.

    Formulas where they are exact, seeded simulation for roll-outs, Obuchowski-Rockette components for reader studies.

    Example: `gilbreth power protocols/head_neck_cta.toml`
    """
    from study.console import answer, say
    from study.power import protocol_power
    from study.protocol import load_protocol

    loaded = load_protocol(protocol)
    lines = protocol_power(loaded, draws=draws)
    if plot is not None:
        _plot(lines, plot)
        say(f"curves written to {plot}")
    result = {
        "protocol": loaded.name,
        "design": loaded.design,
        "planned": loaded.study.cases,
        "endpoints": [line.to_dict() for line in lines],
    }
    answer(result, as_json=as_json, lines=[f"{loaded.name}: {loaded.design}, {loaded.study.cases} cases planned", *map(_words, lines)])
    return 0


def _words(line: "PowerLine") -> str:
    if line.power_planned is None:
        return f"{line.endpoint} ({line.goal}): {line.method}; {'; '.join(line.notes)}"
    need = f"{line.needed} cases for {line.power_wanted:.0%}" if line.needed is not None else f"wanted {line.power_wanted:.0%}"
    notes = f" [{'; '.join(line.notes)}]" if line.notes else ""
    return f"{line.endpoint} ({line.goal}): power {line.power_planned:.1%} at {line.planned} cases; {need}; {line.method}{notes}"


def _plot(lines: "tuple[PowerLine, ...]", path: Path) -> None:
    import plotly.graph_objects as go

    figure = go.Figure()
    for line in lines:
        if line.curve:
            x, y = zip(*line.curve, strict=True)
            figure.add_scatter(x=x, y=[100 * value for value in y], mode="lines+markers", name=line.endpoint)
    figure.update_layout(
        title="Power by number of cases", xaxis_title="cases", yaxis_title="power [%]", yaxis_range=[0, 101], template="plotly_white"
    )
    figure.write_html(path, include_plotlyjs=True)
