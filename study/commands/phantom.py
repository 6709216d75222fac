"""`gilbreth phantom`: a phantom CTA with truth."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("phantom")(phantom)


def phantom(
    out: Annotated[Path, typer.Argument(help="Folder to write into; made if absent.")],
    preset: Annotated[
        Literal["head-neck", "head", "small"],
        typer.Option(help="head-neck: arch to vertex; head: circle of Willis and skull base; small: a miniature in seconds."),
    ] = "head-neck",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same phantom.")] = 0,
    paired: Annotated[bool, typer.Option("--paired", help="Also an unenhanced twin, with patient motion.")] = False,
    form: Annotated[Literal["dicom", "nifti"], typer.Option("--format", help="How the scans are written; truth is NIfTI.")] = "nifti",
    spacing_mm: Annotated[float | None, typer.Option(min=0.2, max=4.0, help="Isotropic voxel size instead of the preset's. [mm]")] = None,
    phase: Annotated[Literal["early", "arterial", "late"], typer.Option(help="Timing of the bolus; late fills the veins.")] = "arterial",
    lesion: Annotated[
        list[str] | None,
        typer.Option(help="KIND:ARTERY[:POSITION[:AMOUNT]], such as stenosis:internal_carotid_l:0.05:70; again for more."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Make a phantom head-and-neck CTA with truth. Example: gilbreth phantom out/phantom --preset small --seed 7 --paired"""
    from inference.phantom import make_phantom
    from inference.phantom.save import finished, write_phantom
    from study.console import DISCLAIMER, answer, progress

    if out.exists() and not out.is_dir():
        from study.errors import RejectedInput

        raise RejectedInput("not_a_folder", f"{out} is a file", "give a folder to write into")
    request = {
        "preset": preset,
        "seed": seed,
        "paired": paired,
        "format": form,
        "spacing_mm": spacing_mm,
        "phase": phase,
        "lesions": lesion or [],
    }
    record = finished(out, request)
    skipped = record is not None
    if record is None:
        lesions = [_lesion(text) for text in lesion] if lesion else None
        with progress("Phantom") as step:
            made = make_phantom(preset=preset, seed=seed, paired=paired, spacing_mm=spacing_mm, phase=phase, lesions=lesions, progress=step)
        write_phantom(made, out, form=form, request=request)
        record = finished(out, request) or {}
    shape = " x ".join(str(n) for n in record["shape"][::-1])
    lines = [
        f"{'already there' if skipped else 'written'}: {out}, {shape} voxels, {len(record['arteries'])} arteries",
        f"simulated; {DISCLAIMER}",
    ]
    answer({"out": str(out), "skipped": skipped, **record}, as_json=json, lines=lines)
    return 0


def _lesion(text: str):  # type: ignore[no-untyped-def] # the class is imported here, not at the top
    from inference.phantom import Lesion
    from study.errors import WrongUsage

    kind, _, rest = text.partition(":")
    artery, *numbers = rest.split(":")
    try:
        position, amount = [float(value) for value in numbers] + [0.5, None][len(numbers) :]
    except ValueError:
        raise WrongUsage(
            f"expected KIND:ARTERY[:POSITION[:AMOUNT]], got {text!r}; for example plaque:internal_carotid_r:0.05:900"
        ) from None
    return Lesion(kind, artery, 0.5 if position is None else position, amount)  # type: ignore[arg-type]
