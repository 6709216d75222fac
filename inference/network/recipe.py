"""The whole recipe of the shipped model: a fine and a coarse network, one after the other, resumable."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from inference.network.architecture import NetworkPlan
from inference.network.bundle import write_bundle
from inference.network.evidence import POOLING
from inference.network.labelled import open_nnunet_folder
from inference.network.pool import CropRecipe
from inference.network.training import TrainingPlan, TrainingState, train

FINE = NetworkPlan()
COARSE = NetworkPlan(channels=(12, 24, 48, 64), spacing_mm=FINE.spacing_mm * POOLING)
PHANTOM_DATA = "procedural crops made on the fly (inference.network.crops); no patient data, no third-party weights"


def train_model(
    out: Path,
    *,
    plan: TrainingPlan,
    device: str = "cpu",
    dataset: Path | None = None,
    resume: bool = False,
    report: Callable[[str], None] = lambda _: None,
) -> Path:
    """Train both networks and write the bundle.

    Parameters
    ----------
    out : Path
        Gets `fine/` and `coarse/` (checkpoints and logs), `models/`, `configs/`, `docs/`.
    plan : TrainingPlan
        Of the fine network; the coarse one takes a quarter of the steps.
    dataset : Path, optional
        nnU-Net folder mixed in.
    resume : bool
        Go on from the checkpoints in `out`.

    Returns
    -------
    Path
        `out`, ready for `open_model`.
    """
    labelled = open_nnunet_folder(dataset, spacing_mm=FINE.spacing_mm) if dataset else None
    states: dict[str, TrainingState] = {}
    report("fine network")
    states["fine"] = train(out / "fine", network=FINE, plan=plan, device=device, resume=resume, labelled=labelled, report=report)
    report("coarse network")
    rough = replace(plan, steps=max(1, plan.steps // 4), minutes=plan.minutes / 6, patch=32, batch=6, seed=plan.seed + 1)
    recipe = CropRecipe(spacing_mm=FINE.spacing_mm, pooling=POOLING)
    states["coarse"] = train(
        out / "coarse", network=COARSE, plan=rough, device=device, resume=resume, recipe=recipe, labelled=labelled, report=report
    )
    data = PHANTOM_DATA + (f"; {len(labelled)} labelled scans of {dataset.name}" if labelled and dataset else "")
    return write_bundle(out, states, plan, data=data)
