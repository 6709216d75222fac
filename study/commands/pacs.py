"""`gilbreth watch` and `gilbreth send`: results go back to the PACS."""

import time
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("watch")(watch)
    app.command("send")(send)


def watch(
    dicomweb: Annotated[str, typer.Option("--dicomweb", help="Root of the DICOMweb service, http://host:8042/dicom-web.")],
    once: Annotated[bool, typer.Option("--once", help="Look once and end; otherwise go on until stopped.")] = False,
    every: Annotated[float, typer.Option(min=1, help="Seconds between two looks.")] = 60.0,
    method: Annotated[str, typer.Option(help="network or threshold.")] = "network",
    model: Annotated[str | None, typer.Option(help="Name or path of a model; the promoted one by default.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    full: Annotated[bool, typer.Option("--full", help="Store bone-removed slices, MIPs and CPRs too, not only SEG and VR.")] = False,
    home: Annotated[Path | None, typer.Option(help="Home with the ledger; GILBRETH_HOME otherwise.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object (with --once).")] = False,
) -> int:
    """Find new CTA series, reconstruct them and store the results into the same study. A second pass does nothing.

    Exit status 1 when a series was refused or failed; what is no CTA (unenhanced, projections, ...) is passed over.

    Example: `gilbreth watch --dicomweb http://127.0.0.1:8042/dicom-web --once`
    """
    from study.batch.case import Options
    from study.console import answer, home_directory, say
    from study.home import open_home
    from study.model_versions import promoted_model
    from study.pacs.watch import look_once
    from study.pacs.web import Pacs, PacsAway

    place = open_home(home_directory(home))
    pacs, options = Pacs(dicomweb, told=say), Options(method, model or promoted_model(place.path), device, "standard")
    while True:
        try:
            found = look_once(place.engine, pacs, options=options, work=place.path / "inbox", told=say, full=full)
        except PacsAway as error:
            if once:
                raise
            say(f"{error} Looking again in {every:g} s.")
            time.sleep(every)
            continue
        if once:
            break
        time.sleep(every)
    place.close()
    result = {
        "seen": found.seen,
        "done": list(found.done),
        "refused": found.refused,
        "left": list(found.left),
        "passed_over": found.passed_over,
    }
    lines = [
        f"{found.seen} CT series seen, {len(found.done)} reconstructed and stored, {len(found.refused)} refused, {len(found.left)} left, "
        f"{len(found.passed_over)} passed over (no CTA)"
    ]
    answer(result, as_json=as_json, lines=[*lines, *(f"{uid}: {reason}" for uid, reason in found.refused.items())])
    return 1 if found.refused or found.left else 0


def send(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with DICOM files, such as the dicom/ folder of a reconstruction.")],
    aet: Annotated[str, typer.Option(help="AE title of the receiver.")],
    host: Annotated[str, typer.Option(help="Its address.")],
    port: Annotated[int, typer.Option(min=1, max=65535, help="Its port.")],
    calling: Annotated[str, typer.Option(help="Our own AE title.")] = "GILBRETH",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Send results by C-STORE. Exit status 1 when a file was refused.

    Example: `gilbreth send out/dicom --aet PACS --host 127.0.0.1 --port 4242`
    """
    from study.console import answer, say
    from study.errors import RejectedInput
    from study.pacs.send import send_folder

    if not folder.exists():
        raise RejectedInput("no_such_file", f"{folder} does not exist", "give the dicom/ folder of a reconstruction")
    done = send_folder(folder, aet=aet, host=host, port=port, calling=calling, told=say)
    lines = [f"{done.sent} files stored by {aet}", *(f"refused {name}: {reason}" for name, reason in done.refused.items())]
    answer({"sent": done.sent, "refused": done.refused}, as_json=as_json, lines=lines)
    return 1 if done.refused else 0
