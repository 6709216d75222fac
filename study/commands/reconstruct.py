"""`gilbreth reconstruct`: the AI arm on one scan."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.beside import Beside
    from inference.network.models import Model
    from inference.reconstruction import Request
    from inference.volume import Volume


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("reconstruct")(reconstruct)


def reconstruct(
    path: Annotated[Path, typer.Argument(help="Scan: a DICOM folder or zip, NIfTI, NRRD or MetaImage.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    unenhanced: Annotated[Path | None, typer.Option(help="Unenhanced scan of the same patient, for --method subtraction.")] = None,
    method: Annotated[str, typer.Option(help="network, threshold or subtraction.")] = "network",
    model: Annotated[
        str | None, typer.Option(help="Name or path of a model; the promoted one, else the one that ships, by default.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    recipe: Annotated[str, typer.Option(help="masks, standard (with 36 MIP and 36 VR views) or full (every picture).")] = "standard",
    protocol: Annotated[
        str | None, typer.Option(help="Study protocol (a file, or the name of one that comes along): its [qc] limits make the verdict.")
    ] = None,
    bridges: Annotated[
        bool, typer.Option("--bridges/--no-bridges", help="Bridge gaps with contrast in them; each is in the record.")
    ] = True,
    again: Annotated[bool, typer.Option("--again", help="Do it even if the folder already holds this result.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the case record as one JSON object.")] = False,
) -> int:
    """Turn a scan into vessel and bone masks, a bone-free volume, pictures and a verdict.

    Exit status 0 for the verdicts accept and review, 1 for reject. A folder that already holds the result of the same
    scan, method, model, recipe and bridges is left as it is.

    Example: gilbreth reconstruct scan.nii.gz --out out/ --method threshold
    """
    from inference import load
    from inference.allocator import reuse_freed_memory
    from inference.beside import Beside
    from inference.pipeline import check_options, finished, request_for, require_scan
    from study.console import counting, home_directory
    from study.model_versions import promoted_model

    check_options(method=method, recipe=recipe, has_unenhanced=unenhanced is not None)
    reuse_freed_memory()
    given = {**limits_of(protocol), "bridges": bridges}
    if method == "network":
        model = model or promoted_model(home_directory(None))
    with Beside() as beside:
        opening = _opening(beside, model, device) if method == "network" and (again or not (out / "case.json").exists()) else None
        with counting("reading") as told:
            volume, second = load(path, progress=told), load(unenhanced, progress=told) if unenhanced else None
        require_scan(volume)
    request = request_for(volume, unenhanced=second, method=method, model=model, recipe=recipe, **given)
    record = None if again else finished(out, request)
    skipped = record is not None
    if record is None:
        record = _run(path, volume, second, request, out, device=device, given={**given, "opened": opening() if opening else None})
    return _answer(record, out, skipped=skipped, as_json=as_json)


def _opening(beside: "Beside", model: str | None, device: str) -> "Callable[[], Model]":
    """Open the network while the scan is read; that it is compiled first, or runs in 32 bits, is told."""

    def opened() -> "Model":
        from inference.network.models import open_ready  # torch takes a second to load, here while the scan is read
        from study.console import say

        return open_ready(model, device=device, report=say)

    return beside.start(opened)


def limits_of(protocol: str | None) -> dict[str, Any]:
    """Limits of the verdict from a protocol's `[qc]` part, as arguments of `inference.reconstruct`; the usual ones without one."""
    if protocol is None:
        return {}
    from study.protocol.load import load_protocol
    from study.qc_limits import qc_settings
    from study.scan_intake import scan_limits

    quality = load_protocol(protocol).qc
    return {"settings": qc_settings(quality), "limits": scan_limits(quality)}


def _run(
    path: Path, volume: "Volume", unenhanced: "Volume | None", request: "Request", out: Path, *, device: str, given: dict[str, Any]
) -> dict[str, Any]:
    import json

    from inference.compilation import compiled, notice
    from inference.pipeline import reconstruct
    from study.console import progress, say

    if not compiled():
        say(notice())
    with progress("reconstruct") as step:
        result = reconstruct(
            volume,
            unenhanced=unenhanced,
            method=request.method,
            device=device,
            model=request.model or None,
            recipe=request.recipe,
            progress=step,
            **given,
        )
        step("write")
        folder = result.write(out, scan=path)
    record: dict[str, Any] = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    return record


def _answer(record: dict[str, Any], out: Path, *, skipped: bool, as_json: bool) -> int:
    from inference.stages import wall_seconds
    from study.console import DISCLAIMER, answer

    verdict, findings = record["qc"]["verdict"], record["qc"]["findings"]
    seconds = wall_seconds(record["stages"])
    lines = [
        f"{out}: {'already done' if skipped else 'done'} in {seconds:.1f} s by {record['model']['name']} on {record['device']}",
        f"verdict: {verdict}",
        *[f"  {finding['severity']} [{finding['code']}]: {finding['text']}" for finding in findings],
        f"{len(record['outputs'])} files; {DISCLAIMER}",
    ]
    answer({**record, "directory": str(out), "skipped": skipped}, as_json=as_json, lines=lines)
    return 1 if verdict == "reject" else 0
