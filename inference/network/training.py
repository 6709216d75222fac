"""The training loop: resumable, logged, on CPU or CUDA."""

import csv
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inference.errors import MissingPart
from inference.network.architecture import NetworkPlan, ResidualUNet, windowed
from inference.network.crops.generator import Crop
from inference.network.engine import half_precision
from inference.network.labelled import LabelledCases
from inference.network.losses import LossParts, segmentation_loss
from inference.network.pool import CropPool, CropRecipe, vary_contrast
from inference.network.validation import Score, validate


@dataclass(frozen=True)
class TrainingPlan:
    """How long, how fast and on what.

    Parameters
    ----------
    steps : int
        Steps in all.
    minutes : float
        Time limit of all runs together; the learning rate falls with whichever of the two is further on. [min]
    learning_rate : float
        Peak of AdamW's rate; it stays there for half of the run and falls to nothing along a cosine.
    patch : int
        Edge of a training patch. [voxels]
    batch : int
        Patches in a step.
    seed : int
        Of the weights and the order of patches; crops count from `seed × 10⁸`.
    workers : int
        Processes that make crops; runs of a few steps make them themselves.
    threads : int
        CPU threads of the training; 0 leaves it to torch.
    validate_every, save_every : int
        Steps between validations and between checkpoints; the last step always has both.
    """

    steps: int = 20_000
    minutes: float = 1e9
    learning_rate: float = 2e-3
    patch: int = 64
    batch: int = 2
    seed: int = 0
    workers: int = 1
    threads: int = 0
    validate_every: int = 500
    save_every: int = 100


@dataclass
class TrainingState:
    """Everything a run needs to go on where it stopped."""

    network: ResidualUNet
    average: ResidualUNet
    optimiser: torch.optim.AdamW
    step: int = 0
    seconds: float = 0.0
    next_seed: int = 0


def choose_device(name: str) -> str:
    """Turn `auto` into what the machine has; CUDA asked for and absent is an error.

    Examples
    --------
    >>> choose_device("cpu")
    'cpu'
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise MissingPart("no CUDA device is visible to torch; use --device cpu, or install a CUDA build of torch")
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


def new_state(network: NetworkPlan, plan: TrainingPlan, device: torch.device) -> TrainingState:
    """Fresh weights."""
    torch.manual_seed(plan.seed)
    net = ResidualUNet(network).to(device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(net.parameters(), lr=plan.learning_rate, weight_decay=1e-2)
    return TrainingState(net, deepcopy(net).eval(), optimiser, next_seed=plan.seed * 10**8)


def save_state(state: TrainingState, path: Path) -> None:
    """Write a checkpoint (tensors and plain numbers only), replacing the old one in one move."""
    values: dict[str, Any] = {
        "plan": state.network.plan.to_dict(),
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "step": state.step,
        "seconds": state.seconds,
        "next_seed": state.next_seed,
    }
    torch.save(values, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def load_state(path: Path, plan: TrainingPlan, device: torch.device) -> TrainingState:
    """Read a checkpoint of one's own back."""
    values = torch.load(path, map_location=device, weights_only=True)
    state = new_state(NetworkPlan.from_dict(values["plan"]), plan, device)
    state.network.load_state_dict(values["network"])
    state.average.load_state_dict(values["average"])
    state.optimiser.load_state_dict(values["optimiser"])
    state.step, state.seconds, state.next_seed = values["step"], values["seconds"], values["next_seed"]
    return state


def learning_rate(plan: TrainingPlan, *, step: int, seconds: float) -> float:
    """Warm up over 50 steps, hold for half of the run, fall along a cosine.

    Examples
    --------
    >>> plan = TrainingPlan(steps=1000, learning_rate=1.0)
    >>> [round(learning_rate(plan, step=k, seconds=0), 2) for k in (0, 400, 750, 1000)]
    [0.02, 1.0, 0.5, 0.0]
    """
    done = min(1.0, max(step / plan.steps, seconds / 60 / plan.minutes))
    return float(plan.learning_rate * min(1, (step + 1) / 50) * (0.5 + 0.5 * np.cos(np.pi * max(0.0, 2 * done - 1))))


def _batch(pool: CropPool, rng: np.random.Generator, plan: TrainingPlan) -> tuple[torch.Tensor, torch.Tensor]:
    patches: list[Crop] = [pool.patch(rng, plan.patch) for _ in range(plan.batch)]
    hu = np.stack([vary_contrast(rng, patch.hu) for patch in patches])
    labels = np.stack([patch.labels for patch in patches]).astype(np.int64)
    return torch.from_numpy(hu), torch.from_numpy(labels)


def _average(state: TrainingState) -> None:
    """Move the averaged weights, batch-norm statistics included, towards the trained ones."""
    keep = min(0.998, (state.step + 1) / (state.step + 20))
    with torch.no_grad():
        for mean, now in zip(state.average.state_dict().values(), state.network.state_dict().values(), strict=True):
            if mean.dtype.is_floating_point:
                mean.lerp_(now, 1 - keep)
            else:
                mean.copy_(now)


def _step(state: TrainingState, hu: torch.Tensor, labels: torch.Tensor, rate: float, device: torch.device) -> LossParts:
    for group in state.optimiser.param_groups:
        group["lr"] = rate
    state.network.train()
    x = windowed(hu.to(device), state.network.plan).contiguous(memory_format=torch.channels_last_3d)
    with half_precision(device):
        logits = state.network(x)
    parts = segmentation_loss(logits, labels.to(device))
    state.optimiser.zero_grad(set_to_none=True)
    parts.total.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
    state.optimiser.step()
    state.step += 1
    _average(state)
    return parts


class _Log:
    """A CSV that grows by a line; the header is written once."""

    def __init__(self, path: Path, columns: list[str]) -> None:
        self.path, self.columns = path, columns
        if not path.exists():
            path.write_text(",".join(columns) + "\n")

    def add(self, *values: Any) -> None:
        with self.path.open("a", newline="") as file:
            csv.writer(file).writerow([f"{v:.5g}" if isinstance(v, float) else v for v in values])


def train(
    out: Path,
    *,
    network: NetworkPlan,
    plan: TrainingPlan,
    device: str = "cpu",
    resume: bool = False,
    recipe: CropRecipe | None = None,
    labelled: LabelledCases | None = None,
    start_from: ResidualUNet | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> TrainingState:
    """Train on crops made on the fly; checkpoint, loss and validation go to `out`.

    Parameters
    ----------
    out : Path
        Gets `checkpoint.pt`, `loss.csv` and `validation.csv`.
    network : NetworkPlan
        Ignored when resuming: the checkpoint knows.
    resume : bool
        Go on from `out/checkpoint.pt` if it is there.
    recipe : CropRecipe, optional
        How crops are made; at the network's spacing by default.
    labelled : LabelledCases, optional
        Scans mixed in.
    start_from : ResidualUNet, optional
        Weights to begin with, and the plan in place of `network`; a checkpoint that is resumed goes first.
    report : callable
        Gets a line every validation.
    """
    out.mkdir(parents=True, exist_ok=True)
    target = torch.device(device)
    if plan.threads:
        torch.set_num_threads(plan.threads)
    checkpoint = out / "checkpoint.pt"
    if resume and checkpoint.exists():
        state = load_state(checkpoint, plan, target)
    else:
        state = new_state(start_from.plan if start_from else network, plan, target)
        if start_from is not None:
            state.network.load_state_dict(start_from.state_dict())
            state.average.load_state_dict(start_from.state_dict())
    recipe = recipe or CropRecipe(spacing_mm=state.network.plan.spacing_mm)
    rng = np.random.default_rng([plan.seed, state.step])
    names = [field.name for field in fields(LossParts)]
    losses = _Log(out / "loss.csv", ["step", "seconds", "learning_rate", *names])
    scores = _Log(out / "validation.csv", ["step", "seconds", *[field.name for field in fields(Score)]])
    workers = plan.workers if (plan.steps - state.step) * plan.batch > 16 else 0
    with CropPool(recipe, workers=workers, first_seed=state.next_seed, labelled=labelled) as pool:
        recent: list[list[float]] = []
        while state.step < plan.steps and state.seconds < plan.minutes * 60:
            began = time.monotonic()
            rate = learning_rate(plan, step=state.step, seconds=state.seconds)
            parts = _step(state, *_batch(pool, rng, plan), rate, target)
            recent.append([float(getattr(parts, name).detach()) for name in names])
            state.seconds += time.monotonic() - began
            state.next_seed = max(state.next_seed, pool.next_seed)
            last = state.step >= plan.steps or state.seconds >= plan.minutes * 60
            if state.step % 25 == 0 or last:
                losses.add(state.step, state.seconds, rate, *np.mean(recent, axis=0).tolist())
                recent = []
            if state.step % plan.save_every == 0 or last:
                save_state(state, checkpoint)
            if state.step % plan.validate_every == 0 or last:
                score = validate(state.average, recipe=recipe, device=target, count=min(10, 2 + state.step // 50))
                scores.add(state.step, state.seconds, *asdict(score).values())
                minutes = state.seconds / 60
                report(f"step {state.step}, {minutes:.1f} min: vessel Dice {score.vessel_dice:.3f}, bone taken {score.bone_taken:.4f}")
    return state
