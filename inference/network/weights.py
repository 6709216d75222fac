"""Weights on disk: safetensors in half precision beside a JSON record that holds their checksum; never pickle."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from inference.errors import InferenceError
from inference.network.architecture import NetworkPlan, ResidualUNet
from inference.network.quantization import Ranges, convolutions


class DamagedWeights(InferenceError, ValueError):
    """A weights file is missing, altered, or not what its record says."""

    exit_status = 4


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def save_weights(network: ResidualUNet, path: Path, *, record: dict[str, Any] | None = None) -> Path:
    """Write `path` (.safetensors, half precision) and its record beside it (.json).

    Parameters
    ----------
    record : dict, optional
        What is known of the training, ready for JSON.

    Returns
    -------
    Path
        The record.

    Raises
    ------
    DamagedWeights
        If a weight is not finite.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: _half(value) for name, value in network.state_dict().items()}
    save_file(tensors, path)
    values = {"sha256": checksum(path), "plan": network.plan.to_dict(), "training": record or {}}
    beside = path.with_suffix(".json")
    beside.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n")
    return beside


def _half(value: torch.Tensor) -> torch.Tensor:
    """Half precision, but for what it cannot hold: the variance of a deep feature passes 65,504."""
    value = value.detach().cpu().contiguous()  # channels-last strides are not stored
    if not value.dtype.is_floating_point:
        return value
    if not torch.isfinite(value).all():
        raise DamagedWeights("expected finite weights, found others: the training diverged; use a lower learning rate")
    half = value.half()
    return half if torch.isfinite(half).all() else value


def load_weights(path: Path) -> tuple[ResidualUNet, dict[str, Any]]:
    """Read a network and its record.

    Raises
    ------
    DamagedWeights
        If a file is missing or the checksum differs.
    """
    beside = path.with_suffix(".json")
    if not path.is_file() or not beside.is_file():
        raise DamagedWeights(f"expected {path.name} and {beside.name} in {path.parent}, at least one is missing; give another model")
    record = json.loads(beside.read_text())
    found = checksum(path)
    if found != record["sha256"]:
        raise DamagedWeights(f"{path.name}: expected sha256 {record['sha256'][:12]}…, found {found[:12]}…; get the file again")
    network = ResidualUNet(NetworkPlan.from_dict(record["plan"]))
    tensors = load_file(path)
    missing = set(network.state_dict()) ^ set(tensors)
    if missing:
        raise DamagedWeights(f"{path.name} does not fit its own plan: {len(missing)} tensors differ; train again")
    network.load_state_dict({name: value.float() if value.dtype.is_floating_point else value for name, value in tensors.items()})
    network.ranges = _ranges(path, network)
    return network.eval(), record


def ranges_path(path: Path) -> Path:
    """Where the ranges of eight bits of a weights file lie."""
    return path.with_suffix(".ranges.json")


def save_ranges(ranges: Ranges, path: Path) -> Path:
    """Write the ranges that `input_ranges` found for a weights file beside it.

    Parameters
    ----------
    path : Path
        The weights; the ranges count for them alone.
    """
    rounded = {name: [round(edge, 4) for edge in pair] for name, pair in ranges.items()}
    beside = ranges_path(path)
    beside.write_text(json.dumps({"sha256": checksum(path), "ranges": rounded}) + "\n")
    return beside


def _ranges(path: Path, network: ResidualUNet) -> dict[str, tuple[float, float]]:
    """Ranges that were found for exactly these weights; none otherwise, and the network runs in sixteen bits."""
    beside = ranges_path(path)
    if not beside.is_file():
        return {}
    try:
        kept = json.loads(beside.read_text())
        if kept["sha256"] != checksum(path):
            return {}
        ranges = {str(name): (float(low), float(high)) for name, (low, high) in kept["ranges"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        ranges = {}
    if set(ranges) != set(convolutions(network)):
        raise DamagedWeights(f"{beside.name}: expected a range for each of the network's convolutions; remove the file or get it again")
    return ranges
