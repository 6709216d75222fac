"""A trained model as a folder: MONAI-bundle layout, safetensors, and a model card that says what it is good for."""

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inference.network.calibration import calibrated
from inference.network.crops.generator import CLASS_NAMES
from inference.network.training import TrainingPlan, TrainingState
from inference.network.weights import load_weights, save_ranges, save_weights

LIMITS = "Checked on phantoms and small real crops; research use; not a medical device."


def training_record(state: TrainingState, plan: TrainingPlan, *, data: str) -> dict[str, Any]:
    """What the JSON beside the weights says of the training."""
    return {
        "version": f"{datetime.now(UTC):%Y%m%d}-{state.step}",
        "steps": state.step,
        "hours": round(state.seconds / 3600, 2),
        "seed": plan.seed,
        "crops_made": state.next_seed % 10**8,
        "patch": plan.patch,
        "batch": plan.batch,
        "data": data,
        "limits": LIMITS,
    }


def write_bundle(out: Path, states: Mapping[str, TrainingState], plan: TrainingPlan, *, data: str) -> Path:
    """Write `models/`, `configs/` and `docs/README.md` under `out`.

    Parameters
    ----------
    states : mapping
        `fine` and, usually, `coarse`.
    data : str
        What it was trained on, for the record.

    Returns
    -------
    Path
        `out`; `open_model(out)` opens it.
    """
    records = {}
    for name, state in states.items():
        records[name] = {**training_record(state, plan, data=data), "history": _scores(out / name / "validation.csv")}
        weights = out / "models" / f"{name}.safetensors"
        save_weights(state.average, weights, record=records[name])
        save_ranges(calibrated(load_weights(weights)[0]), weights)
    configs = out / "configs"
    configs.mkdir(exist_ok=True)
    fine = states["fine"]
    _write(configs / "metadata.json", _metadata(fine, records["fine"]))
    _write(configs / "inference.json", _inference(fine))
    card = out / "docs" / "README.md"
    card.parent.mkdir(exist_ok=True)
    card.write_text(model_card(records, records["fine"]["history"]))
    return out


def _write(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def _metadata(state: TrainingState, record: dict[str, Any]) -> dict[str, Any]:
    plan = state.network.plan
    channel = {"type": "image", "format": "hounsfield", "modality": "CT", "num_channels": len(plan.windows_hu), "is_patch_data": True}
    classes = {"type": "probabilities", "num_channels": plan.classes, "channel_def": dict(enumerate(CLASS_NAMES))}
    return {
        "version": record["version"],
        "task": "Vessel and bone in head-and-neck CT angiography",
        "description": "Residual U-Net trained on procedural crops; channels of the input are the HU windows in network_data_format",
        "authors": "The Gilbreth team",
        "copyright": "Apache-2.0",
        "intended_use": LIMITS,
        "windows_hu": plan.windows_hu,
        "spacing_mm": plan.spacing_mm,
        "network_data_format": {"inputs": {"image": channel}, "outputs": {"pred": classes}},
    }


def _inference(state: TrainingState) -> dict[str, Any]:
    plan = state.network.plan
    module = "inference.network.architecture"
    network = {"_target_": f"{module}.ResidualUNet", "plan": {**plan.to_dict(), "_target_": f"{module}.NetworkPlan"}}
    return {"network_def": network, "weights": "models/fine.safetensors", "opener": "inference.network.models.open_model"}


def _scores(path: Path) -> list[dict[str, str]]:
    """Every validation of a run: the Dice-against-steps curve."""
    if not path.is_file():
        return []
    with path.open() as file:
        return list(csv.DictReader(file))


def model_card(records: Mapping[str, dict[str, Any]], history: Sequence[Mapping[str, str]] = ()) -> str:
    """A model card in Markdown: training data, seeds, hours, figures, limits.

    Examples
    --------
    >>> print(model_card({"fine": {"steps": 10, "data": "crops"}}, [{"vessel_dice": "0.9"}]).splitlines()[0])
    # Model card: vessel and bone
    """
    lines = [
        "# Model card: vessel and bone",
        "",
        f"**{LIMITS}**",
        "",
        "| | " + " | ".join(records) + " |",
        "|---" * (len(records) + 1) + "|",
    ]
    keys = dict.fromkeys(key for record in records.values() for key in record if key != "history")
    lines += [f"| {key} | " + " | ".join(str(record.get(key, "")) for record in records.values()) + " |" for key in keys]
    lines += [
        "",
        "Own validation crops (fixed seeds, never trained on), last figures of the fine network:",
        "",
        "| measure | value |",
        "|---|---|",
    ]
    lines += [f"| {key} | {value} |" for key, value in (history[-1] if history else {}).items()] or ["| none yet | |"]
    lines += ["", "Opened by `gilbreth reconstruct --model DIR`, or `inference.network.models.open_model(DIR)`.", ""]
    return "\n".join(lines)
