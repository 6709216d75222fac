"""`gilbreth batch`: many scans, resumable, one line per failure."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from study.batch.case import Options
    from study.batch.listing import Entry
    from study.batch.settle import Errand

ENGINES = ("local", "ray")
DEVICES = ("auto", "cpu", "cuda")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("batch")(batch)


def batch(
    listing: Annotated[Path, typer.Argument(metavar="LIST.csv", help="CSV with the columns case,path and, if wanted, unenhanced.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results, one folder per case.")],
    engine: Annotated[str, typer.Option(help="local (processes on this machine) or ray (an existing cluster).")] = "local",
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Cases worked on at the same time.")] = 1,
    threads: Annotated[
        int | None, typer.Option(min=1, max=256, help="CPU threads of a worker; all cores shared out by default, on Ray one.")
    ] = None,
    address: Annotated[str | None, typer.Option(help="Address of the Ray cluster; one on this machine when absent.")] = None,
    method: Annotated[str, typer.Option(help="network, threshold or subtraction.")] = "network",
    model: Annotated[str | None, typer.Option(help="Name or path of a model; the promoted one by default.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    gpu_share: Annotated[float, typer.Option(min=0.05, max=1.0, help="Part of a GPU's memory that one model may fill.")] = 1.0,
    recipe: Annotated[str, typer.Option(help="masks, standard or full.")] = "standard",
    protocol: Annotated[
        str | None, typer.Option(help="Study protocol (a file, or the name of one that comes along): its [qc] limits make the verdicts.")
    ] = None,
    longest_minutes: Annotated[float, typer.Option(min=0.05, help="A case that takes longer loses its worker and is tried again.")] = 29.0,
    home: Annotated[Path | None, typer.Option(help="Home with the ledger; GILBRETH_HOME otherwise.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Reconstruct many scans. Run it again to go on: finished cases are skipped, missing or changed outputs are made again.

    Exit status 0 when every case is done, 1 when some are not.

    Example: `gilbreth batch list.csv --out results/ --workers 2`
    """
    from study.batch.case import Options
    from study.batch.listing import read_list
    from study.batch.progress import teller
    from study.batch.settle import Errand
    from study.console import home_directory
    from study.home import open_home
    from study.model_versions import promoted_model

    entries, out = read_list(listing), out.absolute()
    _check(entries, engine=engine, method=method, recipe=recipe, device=device)
    given = _plain_limits(protocol)
    _make(out)
    place = open_home(home_directory(home))
    try:
        model = (model or promoted_model(place.path)) if method == "network" else None
        options = Options(method, model, device, recipe, given, gpu_share)
        left = _enter(place.engine, out, entries, options)
        with teller(left) as told:
            hands: dict[str, Any] = {"workers": min(workers, max(1, left)), "threads": threads or _threads(engine, workers)}
            names = frozenset(entry.case for entry in entries)
            errand = Errand(out, names, options, told=told, longest_seconds=60 * longest_minutes, **hands)
            if left:
                _run(place.engine, errand, engine=engine, address=address)
        return _report(place.engine, errand, left, as_json=as_json)
    finally:
        place.close()


def _check(entries: "tuple[Entry, ...]", *, engine: str, method: str, recipe: str, device: str) -> None:
    """Refuse what would fail every case."""
    from inference.pipeline import check_options
    from study.errors import RejectedInput, WrongUsage

    for what, word, known in (("engine", engine, ENGINES), ("device", device, DEVICES)):
        if word not in known:
            raise WrongUsage(f"unknown {what} {word!r}; use one of {', '.join(known)}")
    check_options(method=method, recipe=recipe, has_unenhanced=True)
    alone = [entry.case for entry in entries if entry.unenhanced is None]
    if method == "subtraction" and alone:
        remedy = "fill in the column unenhanced, or use another method for these cases"
        raise RejectedInput("no_unenhanced", f"{len(alone)} cases have no unenhanced scan: {', '.join(alone[:5])}", remedy)


def _make(out: Path) -> None:
    """Make the folder for the results, and try whether it can be written to."""
    import tempfile

    from study.errors import RejectedInput

    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise RejectedInput(
            "no_place", f"no result can be written to {out} ({error.strerror})", "give a folder that you may write to"
        ) from error


def _threads(engine: str, workers: int) -> int:
    return 1 if engine == "ray" else max(1, (os.cpu_count() or 1) // workers)


def _enter(engine: "Engine", out: Path, entries: "tuple[Entry, ...]", options: "Options") -> int:
    """How many cases are left to do."""
    from study.batch.intake import enter
    from study.console import counting

    with counting("looking at finished cases") as checked:
        return enter(engine, out=out, entries=entries, asked=options.asked, checked=checked)


def _run(database: "Engine", errand: "Errand", *, engine: str, address: str | None) -> None:
    from inference.compilation import compiled, notice
    from study.console import say

    if not compiled():
        say(notice())
    with suppress(ValueError):  # outside the main thread
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # what a scheduler sends when the time is up
    try:
        if engine == "ray":
            from study.batch.cluster import run_ray

            run_ray(database, errand, address=address)
        else:
            from study.batch.local import run_local

            run_local(database, errand)
    except KeyboardInterrupt:
        say("interrupted; what is done stays done, and the same command goes on with the rest")
        raise


def _report(engine: "Engine", errand: "Errand", left: int, *, as_json: bool) -> int:
    """Say what came of the list; the exit status."""
    from study.batch import ledger
    from study.console import answer

    total = len(errand.cases)
    counts = ledger.tally(engine, out=errand.out, among=errand.cases)
    failed = ledger.failures(engine, out=errand.out, among=errand.cases)
    done, elsewhere = counts.get("done", 0), counts.get("running", 0)
    result: dict[str, Any] = {"cases": total, "done": done, "left_before": left, "running_elsewhere": elsewhere}
    result |= {"failed": [{"case": c, "code": k, "reason": r} for c, k, r in failed]}
    lines = [f"{done} of {total} cases done, {total - left - elsewhere} of them before", *(f"{c}: [{k}] {r}" for c, k, r in failed)]
    if elsewhere:
        lines.append(f"{elsewhere} cases are in the hands of another program; one that is gone loses them when their leases end")
    answer(result, as_json=as_json, lines=lines)
    return 0 if done == total else 1


def _plain_limits(protocol: str | None) -> dict[str, dict[str, Any]] | None:
    """Limits of the verdict from a protocol, as plain data for the way to a worker."""
    from dataclasses import asdict

    from study.commands.reconstruct import limits_of

    return {name: asdict(part) for name, part in limits_of(protocol).items()} or None
