"""`gilbreth benchmark`: the speed table, each stage in turns with a named rival."""

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.benchmark import Growth, Timing


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("benchmark")(benchmark)


def benchmark(
    only: Annotated[list[str] | None, typer.Option(help="A stage, or growth; repeat for several. All when absent.")] = None,
    slices: Annotated[int, typer.Option(min=32, max=2400, help="Slices of the case; 600 is clinical.")] = 600,
    size: Annotated[int, typer.Option(min=64, max=1024, help="Rows and columns; 512 is clinical.")] = 512,
    repeats: Annotated[int, typer.Option(min=1, max=50, help="Turns of each side.")] = 5,
    quick: Annotated[bool, typer.Option("--quick", help="A very small case, one turn: does it run?")] = False,
    remark: Annotated[str, typer.Option(help="A sentence for the page, such as what else the machine was doing.")] = "",
    write: Annotated[Path | None, typer.Option(help="Write the tables into this Markdown page, leaving its other sections.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Make a case, time every stage in turns with a named rival, print medians and ratios; then scans of growing length.

    Example: `gilbreth benchmark --only resample --only mip --slices 150`
    """
    from dataclasses import asdict

    from inference.benchmark import STAGES, run_growth, run_stages
    from study.console import answer, progress
    from study.errors import WrongUsage

    stages = [name for name in only or STAGES if name != "growth"]
    unknown = [name for name in stages if name not in STAGES]
    if unknown:
        raise WrongUsage(f"unknown stage {', '.join(unknown)}; use {', '.join(STAGES)}, growth")
    if quick:
        slices, size, repeats = 40, 64, 1
    many = _growing(slices) if not only or "growth" in only else ()
    _tell_compilation()
    with progress("benchmark", total=len(stages) + len(many)) as step:
        timings = run_stages(only=stages, slices=slices, size=size, repeats=repeats, progress=step) if stages else ()
        grown = run_growth(many, size=size, progress=step)
    sections = pages(timings, grown, size=size, remark=remark)
    if write is not None:
        old = write.read_text(encoding="utf-8") if write.exists() else "# Speed\n"
        write.write_text(with_sections(old, sections | kept_rows(old, sections)), encoding="utf-8")
    result = {"machine": machine(), "shape": [slices, size, size], "stages": [item.to_dict() for item in timings]}
    lines = [line for title, body in sections.items() for line in (f"## {title}", "", *body, "")]
    answer({**result, "growth": [asdict(one) for one in grown]}, as_json=as_json, lines=lines)
    return 0


def _growing(slices: int) -> tuple[int, ...]:
    """A quarter of the case, half of it, all of it, twice it."""
    return tuple(max(10, slices * share // 4) for share in (1, 2, 4, 8))


def _tell_compilation() -> None:
    from inference.compilation import compiled, notice
    from study.console import say

    if not compiled():
        say(notice())


def machine() -> str:
    """The processor, in words that say nothing of whose it is."""
    import os

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        name = found[0] if found else name
    return f"{cores} core{'s' if cores != 1 else ''} of {name}"


def pages(timings: "Sequence[Timing]", grown: "Sequence[Growth]", *, size: int, remark: str = "") -> "dict[str, list[str]]":
    """The sections of the page by title, each with what it was measured on."""
    from datetime import UTC, datetime

    from inference.benchmark import growth_table, table

    case = f"int16, {size} × {size}, 0.6 mm slices, synthetic; {machine()}"
    on = f"{case}; {datetime.now(UTC):%Y-%m-%d}."
    sections = {}
    if timings:
        told = "Medians, in turns, warm; load is how many programs ran or waited in the minute before."
        head = [f"A scan of {case}. {told}", *([remark] if remark else []), ""]
        paper = "The founding paper's whole AI workflow, with a person in it: 4.94 min (296 s)."
        sections["Stages"] = [*head, *table(timings), "", paper]
    if grown:
        head = [f"Standard recipe, the network, one run each in a process of its own, {on}", *([remark] if remark else []), ""]
        sections["Growth with slices"] = [*head, *growth_table(grown)]
    return sections


def kept_rows(text: str, sections: "dict[str, list[str]]", *, title: str = "Stages") -> "dict[str, list[str]]":
    """The table of stages with the rows of an older page for the stages that were not timed again, which stay before the new ones.

    Examples
    --------
    >>> old = "## Stages\\n\\n| stage | s |\\n|---|---|\\n| a | 1 |\\n| b | 2 |\\n"
    >>> kept_rows(old, {"Stages": ["| stage | s |", "|---|---|", "| b | 3 |"]})
    {'Stages': ['| stage | s |', '|---|---|', '| a | 1 |', '| b | 3 |']}
    """
    new = sections.get(title)
    part = text.partition(f"## {title}\n")[2].partition("\n## ")[0]
    if new is None or not part:
        return {}
    names = [row.split("|")[1] for row in new if row.startswith("| ")]
    rows = [row for row in part.splitlines() if row.startswith("| ")][1:]
    kept = [row for row in rows if row.split("|")[1] not in names]
    first = next(number for number, row in enumerate(new) if row.startswith("|---")) + 1
    return {title: [*new[:first], *kept, *new[first:]]}


def with_sections(text: str, sections: "dict[str, list[str]]") -> str:
    """A Markdown page with sections of the second level put in place of those of the same title, or at its end.

    Examples
    --------
    >>> print(with_sections("# Speed\\n\\n## A\\n\\nold\\n\\n## B\\n\\nkept\\n", {"A": ["new"], "C": ["more"]}))
    # Speed
    <BLANKLINE>
    ## A
    <BLANKLINE>
    new
    <BLANKLINE>
    ## B
    <BLANKLINE>
    kept
    <BLANKLINE>
    ## C
    <BLANKLINE>
    more
    <BLANKLINE>
    """
    head, *parts = text.rstrip("\n").split("\n## ")
    found = {part.partition("\n")[0].strip(): part.partition("\n")[2].strip("\n") for part in parts}
    found |= {title: "\n".join(lines).strip("\n") for title, lines in sections.items()}
    return "\n\n".join([head.strip("\n"), *(f"## {title}\n\n{body}" for title, body in found.items())]) + "\n"
