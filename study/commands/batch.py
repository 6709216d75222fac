"""`gilbreth batch`: many scans, resumable, one line per failure."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

ENGINES = ("local", "ray")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("batch")(batch)


def batch(
    listing: Annotated[Path, typer.Argument(metavar="LIST.csv", help="CSV with the columns case,path and, if wanted, unenhanced.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results, one folder per case.")],
    engine: Annotated[str, typer.Option(help="local (processes on this machine) or ray (an existing cluster).")] = "local",
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Cases worked on at the same time.")] = 1,
    address: Annotated[str | None, typer.Option(help="Address of the Ray cluster; one on this machine when absent.")] = None,
    method: Annotated[str, typer.Option(help="network, threshold or subtraction.")] = "network",
    model: Annotated[str | None, typer.Option(help="Name or path of a model.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    recipe: Annotated[str, typer.Option(help="masks, standard or full.")] = "standard",
    home: Annotated[Path | None, typer.Option(help="Home with the ledger; GILBRETH_HOME otherwise.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Reconstruct many scans. Run it again to go on: finished cases are skipped, missing or changed outputs are made again.

    Exit status 0 when every case is done, 1 when some failed.

    Example: `gilbreth batch list.csv --out results/ --workers 2`
    """
    from study.batch import ledger
    from study.batch.case import Options
    from study.batch.listing import read_list
    from study.console import answer, home_directory
    from study.errors import WrongUsage
    from study.home import open_home

    if engine not in ENGINES:
        raise WrongUsage(f"unknown engine {engine!r}; use one of {', '.join(ENGINES)}")
    entries = read_list(listing)
    place = open_home(home_directory(home))
    out.mkdir(parents=True, exist_ok=True)
    left = ledger.enter(place.engine, out=out, entries=entries)
    names = [entry.case for entry in entries]
    run = {"out": out, "cases": names, "options": Options(method, model, device, recipe), "workers": workers, "told": _teller(left)}
    if left:
        _engine(engine, address)(place.engine, **run)
    counts, failed = ledger.tally(place.engine, out=out), ledger.failures(place.engine, out=out)
    place.close()
    result = {
        "cases": len(entries),
        "done": counts.get("done", 0),
        "left_before": left,
        "failed": [{"case": c, "code": k, "reason": r} for c, k, r in failed],
    }
    lines = [
        f"{result['done']} of {len(entries)} cases done, {len(entries) - left} of them before",
        *(f"{c}: [{k}] {r}" for c, k, r in failed),
    ]
    answer(result, as_json=as_json, lines=lines)
    return 1 if failed else 0


def _engine(name: str, address: str | None) -> "Callable[..., Any]":
    if name == "local":
        from study.batch.local import run_local

        return run_local
    from functools import partial

    from study.batch.cluster import run_ray

    return partial(run_ray, address=address)


def _teller(total: int) -> "Callable[[str], None]":
    """A line per settled case, with the rate so far and when the rest will be done."""
    from study.console import say

    began, settled = time.monotonic(), 0

    def told(line: str) -> None:
        nonlocal settled
        settled += 1
        seconds = (time.monotonic() - began) / settled
        rest = max(0, total - settled) * seconds
        say(f"{settled}/{total} {line} ({3600 / seconds:.0f} cases/h, about {rest / 60:.0f} min left)")

    return told
