"""`gilbreth inspect`: read a scan without processing it."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("inspect")(inspect)


def inspect(
    path: Annotated[Path, typer.Argument(help="A scan: file, folder or zip; DICOM, NIfTI, NRRD or MetaImage.")],
    quality: Annotated[bool, typer.Option("--quality", help="Also look for contrast, coverage, motion and metal.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Say whether a scan is accepted, and why not. Example: gilbreth inspect exams/case-007 --json"""
    from inference.scans.inspect import look
    from study.console import DISCLAIMER, answer, counting, say

    with counting("reading") as told:
        found, volume = look(path, progress=told)
    if not found.accepted:
        say(f"rejected [{found.code}]: {found.reason}; {found.remedy}")
    shape = " x ".join(str(n) for n in (found.shape or ())[::-1])
    spacing = " x ".join(f"{s:.4g}" for s in (found.spacing_mm or ())[::-1])
    lines = [f"accepted: {shape} voxels of {spacing} mm (x, y, z)", *(f"warning {text}" for text in found.details)]
    lines += [f"left out {item['name']}: {item['reason']}" for item in found.left_out]
    result = found.to_dict()
    if quality and volume is not None:
        from inference.scans.quality import assess

        verdict = assess(volume)
        result["qc"] = verdict.to_dict() | {"note": DISCLAIMER}
        lines += [f"verdict {verdict.verdict} ({DISCLAIMER})", *(f"{f.severity}: {f.text}" for f in verdict.findings)]
    answer(result, as_json=json, lines=lines if found.accepted else ())
    return 0 if found.accepted else 4
