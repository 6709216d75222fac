"""`gilbreth benchmark`: the speed table, each stage in turns with a named rival."""

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.benchmark import Timing


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("benchmark")(benchmark)


def benchmark(
    only: Annotated[list[str] | None, typer.Option(help="A stage; repeat for several. All when absent.")] = None,
    slices: Annotated[int, typer.Option(min=32, max=2400, help="Slices of the case; 600 is clinical.")] = 600,
    size: Annotated[int, typer.Option(min=64, max=1024, help="Rows and columns; 512 is clinical.")] = 512,
    repeats: Annotated[int, typer.Option(min=1, max=50, help="Turns of each side.")] = 5,
    write: Annotated[Path | None, typer.Option(help="Write the table as Markdown.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Make a case, time every stage in turns with a named rival, print medians and ratios.

    Example: `gilbreth benchmark --only resample --only mip --slices 150`
    """
    from inference.benchmark import STAGES, run_stages
    from study.console import answer, progress
    from study.errors import WrongUsage

    unknown = [name for name in only or [] if name not in STAGES]
    if unknown:
        raise WrongUsage(f"unknown stage {', '.join(unknown)}; use {', '.join(STAGES)}")
    with progress("benchmark", total=len(only or STAGES)) as step:
        timings = run_stages(only=only or (), slices=slices, size=size, repeats=repeats, progress=step)
    lines = page(timings, slices=slices, size=size)
    if write is not None:
        write.write_text("\n".join(lines) + "\n", encoding="utf-8")
    result = {"machine": machine(), "shape": [slices, size, size], "stages": [item.to_dict() for item in timings]}
    answer(result, as_json=as_json, lines=lines)
    return 0


def machine() -> str:
    """The processor, in words that say nothing of whose it is."""
    import os

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        name = found[0] if found else name
    return f"{cores} cores of {name}"


def page(timings: "Sequence[Timing]", *, slices: int, size: int) -> list[str]:
    """The table with what it was measured on."""
    from inference.benchmark import table

    head = [f"Case {slices}×{size}×{size} int16, 0.6×0.45×0.45 mm, synthetic; {machine()}; medians, in turns, warm.", ""]
    return [*head, *table(timings), "", "The founding paper's whole AI workflow, with a person in it: 4.94 min (296 s)."]
