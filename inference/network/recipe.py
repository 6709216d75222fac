"""The whole recipe of the shipped model, resumable: a fine network that takes both looks, or a coarse one of its own besides."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from inference.errors import MissingPart
from inference.network.architecture import NetworkPlan
from inference.network.bundle import write_bundle
from inference.network.evidence import POOLING
from inference.network.labelled import open_nnunet_folder
from inference.network.models import CoarseToFine, open_model
from inference.network.pool import CropRecipe
from inference.network.training import TrainingPlan, TrainingState, train

FINE = NetworkPlan()
COARSE = NetworkPlan(channels=(12, 24, 48, 64), spacing_mm=FINE.spacing_mm * POOLING)
PHANTOM_SHARE = 0.2
PHANTOM_DATA = (
    "procedural crops and crops of own phantoms made on the fly (inference.network.crops); no patient data, no third-party weights"
)


def train_model(
    out: Path,
    *,
    plan: TrainingPlan,
    device: str = "cpu",
    dataset: Path | None = None,
    resume: bool = False,
    coarse: bool = False,
    start_from: str | Path | None = None,
    phantom_share: float = PHANTOM_SHARE,
    report: Callable[[str], None] = lambda _: None,
) -> Path:
    """Train and write the bundle.

    Parameters
    ----------
    out : Path
        Gets `fine/` and, if asked for, `coarse/` (checkpoints and logs), `models/`, `configs/`, `docs/`.
    plan : TrainingPlan
        Of the fine network; the coarse one takes a quarter of the steps.
    dataset : Path, optional
        nnU-Net folder mixed in.
    resume : bool
        Go on from the checkpoints in `out`.
    coarse : bool
        Also train a small network for the coarse look; without it the fine one does both.
    start_from : str or Path, optional
        A model of `open_model` whose fine weights to begin with; give the plan a lower learning rate than from nothing.
    phantom_share : float
        Share of crops cut from whole phantoms; runs under 1,000 steps have none.

    Returns
    -------
    Path
        `out`, ready for `open_model`.
    """
    labelled = open_nnunet_folder(dataset, spacing_mm=FINE.spacing_mm) if dataset else None
    states: dict[str, TrainingState] = {}
    begun, origin = None, ""
    if start_from is not None:
        model = open_model(start_from)
        if not isinstance(model, CoarseToFine):
            raise MissingPart(f"{start_from} is another maker's model; training begins with one that gilbreth train wrote, or with none")
        begun, origin = model.fine, f"; begun with weights {model.version} ({model.sha256[:12]})"
    report("fine network")
    long = plan.steps >= 1000  # a phantom takes longer to make than a short run
    recipe = CropRecipe(spacing_mm=FINE.spacing_mm, phantom_share=phantom_share if long else 0.0)
    mixed: dict[str, Any] = {"device": device, "resume": resume, "labelled": labelled, "report": report}
    states["fine"] = train(out / "fine", network=FINE, plan=plan, recipe=recipe, start_from=begun, **mixed)
    if coarse:
        report("coarse network")
        rough = replace(plan, steps=max(1, plan.steps // 4), minutes=plan.minutes / 6, patch=32, batch=6, seed=plan.seed + 1)
        merged = replace(recipe, pooling=POOLING)
        states["coarse"] = train(out / "coarse", network=COARSE, plan=rough, recipe=merged, **mixed)
    share = f"; {phantom_share:.0%} of the crops from whole phantoms" if long else ""
    data = PHANTOM_DATA + share + origin + (f"; {len(labelled)} labelled scans of {dataset.name}" if labelled and dataset else "")
    return write_bundle(out, states, plan, data=data)
