"""`gilbreth train`: a network from nothing, or further from a checkpoint, on phantoms and labelled scans."""

from pathlib import Path
from typing import Annotated, Any

import typer


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("train")(train)


def train(
    out: Annotated[Path, typer.Option(help="Folder for checkpoints, logs, weights and the model card.")],
    steps: Annotated[int, typer.Option(min=1, help="Training steps in all, resumed runs counted together.")] = 20_000,
    minutes: Annotated[float, typer.Option(min=0.01, help="Time limit, resumed runs counted together. [min]")] = 1e9,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    dataset: Annotated[Path | None, typer.Option(help="nnU-Net folder (imagesTr, labelsTr, dataset.json) mixed in, half and half.")] = None,
    start_from: Annotated[
        str | None, typer.Option(help="Model whose weights to begin with, such as vessel-bone; a quarter of the usual learning rate.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in OUT.")] = False,
    patch: Annotated[int, typer.Option(min=32, help="Edge of a training patch; a multiple of 16. [voxels]")] = 64,
    batch: Annotated[int, typer.Option(min=1, help="Patches in a step.")] = 2,
    workers: Annotated[int, typer.Option(min=1, help="Processes that make crops; about one for four CPU steps a second.")] = 1,
    seed: Annotated[int, typer.Option(help="Of weights, crops and order.")] = 0,
    learning_rate: Annotated[
        float | None, typer.Option(min=1e-7, max=1.0, help="Its peak; 0.002 when absent, 0.0005 with --start-from.")
    ] = None,
    phantom_share: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of crops cut from whole phantoms.")] = 0.2,
    coarse: Annotated[bool, typer.Option("--coarse", help="Also train a small network for the coarse look.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Train a model on phantoms made on the fly. Example: gilbreth train --out runs/first --steps 5000

    Fine-tune on corrected cases: gilbreth train --out runs/next --start-from vessel-bone --dataset training/Dataset001 --steps 2000
    """
    from study.console import answer, say
    from study.errors import RejectedInput, WrongUsage

    if patch % 16:
        raise WrongUsage(f"--patch {patch}: expected a multiple of 16; give 48, 64 or 96")
    if device not in ("auto", "cpu", "cuda"):
        raise WrongUsage(f"--device {device}: expected auto, cpu or cuda")
    if (out / "fine" / "checkpoint.pt").exists() and not resume:
        raise RejectedInput("already_trained", f"{out} holds a checkpoint", "add --resume to go on, or give another folder")
    from inference.network.models import open_model
    from inference.network.recipe import train_model
    from inference.network.training import TrainingPlan, choose_device

    rate = learning_rate or (5e-4 if start_from else 2e-3)
    plan = TrainingPlan(learning_rate=rate, steps=steps, minutes=minutes, patch=patch, batch=batch, workers=workers, seed=seed)
    chosen = choose_device(device)
    begun: dict[str, Any] = {"resume": resume, "start_from": start_from, "phantom_share": phantom_share}
    train_model(out, plan=plan, device=chosen, dataset=dataset, coarse=coarse, report=say, **begun)
    model = open_model(out)
    result = {"out": str(out), "version": model.version, "sha256": model.sha256, "steps": steps}
    answer(result, as_json=as_json, lines=[f"{out}: model {model.version}; see {out / 'docs' / 'README.md'}"])
    return 0
