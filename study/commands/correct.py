"""`gilbreth correct`: take a piece out of a finished result or put one back, by a point on its MIP."""

from pathlib import Path
from typing import Annotated, Any

import typer


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("correct")(correct)


def correct(
    result: Annotated[Path, typer.Argument(help="Folder that gilbreth reconstruct wrote.")],
    view: Annotated[str, typer.Option(help="Picture below mip/ that was looked at, such as rotate_040.")] = "rotate_000",
    at: Annotated[str | None, typer.Option(help="Column and row in pixels of that picture: X,Y.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take out what is seen there.")] = False,
    add: Annotated[bool, typer.Option("--add", help="Put back what should be seen there.")] = False,
    choice: Annotated[int, typer.Option(help="Of several things behind the pixel: 0 the most likely, 1 the next.")] = 0,
    scan: Annotated[Path | None, typer.Option(help="The scan, to put back what bone removal took, and to make CPR and DICOM anew.")] = None,
    look: Annotated[
        Path | None, typer.Option("--preview", help="Change nothing; write the picture with the piece in colour here (PNG).")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the last correction back.")] = False,
    confirm: Annotated[bool, typer.Option("--confirm", help="Make anew what the corrections touched, and confirm the case.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the events as one JSON object.")] = False,
) -> int:
    """Correct a result by one click on its MIP, look first if you like, undo exactly, confirm.

    The masks the machine made stay in corrections/original/; each correction can be taken back byte for byte.

    Example: gilbreth correct out/ --view rotate_040 --at 212,340 --remove --confirm
    """
    from inference import correction
    from study.console import answer

    wanted = [name for name, asked in (("remove", remove), ("add", add), ("undo", undo)) if asked]
    if len(wanted) > 1 or not (wanted or confirm) or ((remove or add) and at is None):
        raise typer.BadParameter("give one of --remove and --add with --at X,Y, or --undo, or --confirm")
    case = correction.open_case(result, scan=scan)
    events: list[dict[str, Any]] = []
    if remove or add:
        x, y = _point(str(at))
        seen = correction.preview(case, correction.Click(view, x, y, "remove" if remove else "add", choice))
        if look is not None:
            _save(correction.preview_picture(case, seen), look)
            answer({"preview": seen.to_dict()}, as_json=as_json, lines=[f"{seen.what}; {look}"])
            return 0
        events.append(correction.apply(case, seen))
    elif undo:
        events.append(correction.undo(case))
    if confirm:
        events.append(correction.confirm(case))
    answer({"directory": str(result), "events": events}, as_json=as_json, lines=[_line(event) for event in events])
    return 1 if any(event.get("not_remade") for event in events) else 0


def _point(text: str) -> tuple[float, float]:
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"--at wants a column and a row such as 212,340; got {text!r}") from None
    return x, y


def _save(picture: Any, path: Path) -> None:
    from inference.pictures.window import png_bytes

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png_bytes(picture))


def _line(event: dict[str, Any]) -> str:
    if event["event"] == "correction":
        return (
            f"{event['what']} ({event['voxels']} voxels, {event['name']}); {len(event['changed'])} files drawn, "
            f"{len(event['withdrawn'])} withdrawn until confirmed; verdict {event['after']['verdict']}; {event['seconds']} s"
        )
    if event["event"] == "correction_undone":
        return f"Taken back: {event['what']}; verdict {event['verdict']}"
    lost = "; ".join(f"{name} not made: {reason}" for name, reason in event["not_remade"].items())
    return f"Confirmed after {event['corrections']} corrections, {len(event['remade'])} files made anew{'; ' + lost if lost else ''}"
