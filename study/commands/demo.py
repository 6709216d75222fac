"""`gilbreth demo`: the main job on one command."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from study.home import Home

CASE = "phantom"


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("demo")(demo)


def demo(
    home: Annotated[Path | None, typer.Option(help="Home of the demo; GILBRETH_HOME otherwise.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the dashboard, on loopback.")] = 8501,
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Open the dashboard when everything is there.")] = True,
    seed: Annotated[int, typer.Option(help="Seed of phantom and study.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object (with --no-serve).")] = False,
) -> int:
    """Make a phantom CTA, reconstruct it, fill a simulated study, open the dashboard. What is there already is kept.

    Example: `gilbreth demo --home ./demo --no-serve`
    """
    from study.console import DISCLAIMER, answer, home_directory, say
    from study.home import open_home

    place = open_home(home_directory(home))
    passwords = _study(place, seed)
    verdict = _reconstruction(place.path, seed)
    result: dict[str, Any] = {"home": str(place.path), "accounts": passwords, "simulated": True, "case": {"name": CASE, "verdict": verdict}}
    lines = [f"home {place.path}: simulated study of 152 cases, phantom case reconstructed (verdict {verdict})"]
    if passwords:
        lines += ["accounts, shown this once:", *(f"  {name:14s} {password}" for name, password in passwords.items())]
    else:
        lines.append("accounts were made before; a lost password: gilbreth users reset-password NAME")
    answer(result, as_json=as_json, lines=[*lines, DISCLAIMER])
    place.close()
    if not serve:
        return 0
    from study.commands.serve import run_server

    say("opening the dashboard")
    return run_server(place.path, host="127.0.0.1", port=port)


def _study(place: "Home", seed: int) -> dict[str, str]:
    from db.base import utc_now
    from study.console import say
    from study.demo import demo_is_there, fill_demo

    if demo_is_there(place.engine):
        return {}
    say("filling a simulated study: 152 cases both ways, and five months of operations")
    return fill_demo(place, seed=seed, now=utc_now()).passwords


def _reconstruction(home: Path, seed: int) -> str:
    """Make and reconstruct the phantom unless it is there; without the imaging parts, say what to install."""
    import importlib.util
    import json

    from study.console import progress, say

    target = home / "reconstructions" / CASE
    if (target / "case.json").exists():
        return str(json.loads((target / "case.json").read_text(encoding="utf-8"))["qc"]["verdict"])
    if any(importlib.util.find_spec(name) is None for name in ("torch", "SimpleITK", "numba")):
        say("imaging parts are missing, so there is no phantom case; pip install 'gilbreth[infer]' adds them")
        return "none"
    from inference.phantom import make_phantom
    from inference.pipeline import reconstruct

    with progress("phantom case") as step:
        step("drawing a head-and-neck phantom")
        phantom = make_phantom(preset="small", seed=seed)
        result = reconstruct(phantom.volume, method="threshold", progress=step)
        step("write")
        result.write(target)
    return str(json.loads((target / "case.json").read_text(encoding="utf-8"))["qc"]["verdict"])
