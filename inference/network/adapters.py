"""Other people's models behind our interface: MONAI bundles, and any program that gives a label map.

A bundle's configuration can hold program text and a `.pt` or `.pth` file can run code when it is read, so neither is
trusted: network and pre-processing are taken from plain values only, and weights from safetensors.
"""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from inference.errors import GeometryMismatch, MissingPart, RejectedScan
from inference.network.crops.generator import ARTERY, BONE, CALCIUM, VEIN
from inference.network.engine import Evidence, Patches
from inference.network.evidence import BODY_HU, ScanEvidence, pooled
from inference.network.labelled import class_of
from inference.network.tiling import Tiling, run_blocks
from inference.network.weights import checksum
from inference.resample import nearest, resample
from inference.volume import Volume

Progress = Callable[[float], None]
Report = Callable[[str], None]
Crowded = Callable[[], bool]
WORKING_MM = 0.7


def _evidence_of(shares: npt.NDArray[np.float32], classes: tuple[int, ...]) -> Evidence:
    """Shares of classes (n, channels, z, y, x), each channel with its own class of ours, as the four bytes of evidence."""
    total = {number: np.zeros(shares[:, 0].shape, np.float32) for number in (ARTERY, VEIN, BONE, CALCIUM)}
    for channel, number in enumerate(classes):
        if number in total:
            total[number] += shares[:, channel]
    lumen = total[ARTERY] + total[VEIN]
    venous = total[VEIN] / np.maximum(lumen, np.float32(1e-3))
    stacked = np.stack([lumen, total[BONE], total[CALCIUM], venous], axis=1)
    return np.rint(np.clip(stacked, 0, 1) * 255).astype(np.uint8)


@dataclass
class _BundleEngine:
    """A bundle's network on HU patches."""

    network: nn.Module
    low_hu: float
    high_hu: float
    low: float
    high: float
    classes: tuple[int, ...]
    device: torch.device
    name: str = "torch (MONAI bundle)"

    def __call__(self, patches: Patches) -> Evidence:
        """Scale as the bundle does, evaluate, and gather the classes."""
        share = (torch.from_numpy(patches.astype(np.float32)) - self.low_hu) / (self.high_hu - self.low_hu)
        x = (self.low + share.clamp(0, 1) * (self.high - self.low))[:, None].to(self.device)
        with torch.inference_mode():
            found = torch.softmax(self.network(x).float(), dim=1).cpu().numpy()
        return _evidence_of(found, self.classes)


@dataclass(frozen=True)
class BundleModel:
    """A MONAI bundle of one network whose channels have names we know."""

    name: str
    version: str
    sha256: str
    network: nn.Module
    spacing_mm: tuple[float, float, float]
    range_hu: tuple[float, float, float, float]
    classes: tuple[int, ...]
    patch: int = 96

    def evidence(
        self,
        volume: Volume,
        *,
        device: str = "auto",
        threads: int | None = None,
        progress: Progress = lambda _: None,
        report: Report = lambda _: None,
        crowded: Crowded = lambda: False,
    ) -> ScanEvidence:
        """Look at every block of the body."""
        target = chosen_device(device)
        if threads:
            torch.set_num_threads(threads)
        engine = _BundleEngine(self.network.to(target), *self.range_hu, self.classes, target)
        working = resample(volume, self.spacing_mm)
        hu = np.asarray(working.array)
        tiling = Tiling(working.shape, self.patch, self.patch // 8)
        wanted = tiling.any_in_block(pooled(hu) > BODY_HU)
        maps = run_blocks(hu, engine, tiling, wanted, progress=progress)
        return ScanEvidence(maps, hu, working.geometry, float(wanted.mean()), engine.name)


def open_monai_bundle(folder: Path) -> BundleModel:
    """Open a MONAI bundle: `configs/metadata.json`, `configs/inference.json`, `models/model.safetensors`.

    Raises
    ------
    RejectedScan
        If a value is a program expression, the network is not one of MONAI's, or no output channel is vessel.
    MissingPart
        If there are no safetensors weights.
    """
    metadata = json.loads((folder / "configs" / "metadata.json").read_text())
    config = json.loads((folder / "configs" / "inference.json").read_text())
    weights = folder / "models" / "model.safetensors"
    if not weights.is_file():
        raise MissingPart(
            f"no models/model.safetensors in {folder.name}; pickled weights are not read: convert them once with "
            "safetensors.torch.save_file(torch.load('model.pt', weights_only=True), 'model.safetensors')"
        )
    from safetensors.torch import load_file

    network = _monai_network(config.get("network_def") or config.get("network") or {})
    network.load_state_dict(load_file(weights))
    channels = metadata["network_data_format"]["outputs"]["pred"]["channel_def"]
    names = [str(channels[key]) for key in sorted(channels, key=int)]
    classes = tuple(class_of(name) or 0 for name in names)
    require_vessel(dict(enumerate(names)))
    steps = _transforms(config)
    spacing = steps.get("Spacingd", {}).get("pixdim", [WORKING_MM] * 3)
    scale = steps.get("ScaleIntensityRanged", {"a_min": -200, "a_max": 700, "b_min": 0.0, "b_max": 1.0})
    x, y, z = (float(step) for step in spacing)
    limits = (float(scale["a_min"]), float(scale["a_max"]), float(scale["b_min"]), float(scale["b_max"]))
    version = str(metadata.get("version", "unknown"))
    return BundleModel(folder.name, version, checksum(weights), network.eval(), (z, y, x), limits, classes)


def _monai_network(definition: dict[str, Any]) -> nn.Module:
    """Build a network of `monai.networks.nets` from plain values."""
    from monai.networks import nets

    if "$" in json.dumps(definition) or "@" in json.dumps(definition):
        raise RejectedScan("bundle_expression", "the network is defined by program text", "write its arguments out as plain values")
    name = str(definition.get("_target_", "")).rsplit(".", 1)[-1]
    maker = getattr(nets, name, None)
    if not isinstance(maker, type) or not issubclass(maker, nn.Module):
        raise RejectedScan("bundle_network", f"network {name or 'not named'}", "only networks of monai.networks.nets are opened")
    network: nn.Module = maker(**{key: value for key, value in definition.items() if not key.startswith("_")})
    return network


def _transforms(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Pre-processing steps by name, of those written as plain values."""
    steps = config.get("preprocessing", {}).get("transforms", [])
    named = {str(step.get("_target_", "")).rsplit(".", 1)[-1]: step for step in steps if isinstance(step, dict)}
    return {name: step for name, step in named.items() if "$" not in json.dumps(step)}


class Labeller(Protocol):
    """A program that labels a scan on the scan's own grid."""

    def __call__(self, volume: Volume, *, device: str, threads: int | None, progress: Progress) -> npt.NDArray[Any]:
        """Integer labels (z, y, x)."""
        ...


@dataclass(frozen=True)
class LabelModel:
    """Any program that gives a label map on the scan's own grid.

    Parameters
    ----------
    predict : Labeller
        Volume to integer labels (z, y, x).
    names : dict
        Name of every label; `class_of` says which class a name stands for. A label without a name is background.
    """

    name: str
    version: str
    sha256: str
    predict: Labeller
    names: dict[int, str] = field(default_factory=dict)

    def evidence(
        self,
        volume: Volume,
        *,
        device: str = "auto",
        threads: int | None = None,
        progress: Progress = lambda _: None,
        report: Report = lambda _: None,
        crowded: Crowded = lambda: False,
    ) -> ScanEvidence:
        """Run the program and turn its labels into certain evidence.

        Raises
        ------
        GeometryMismatch
            If the labels are not on the scan's grid.
        """
        labels = np.asarray(self.predict(volume, device=device, threads=threads, progress=progress))
        labels = labels if labels.dtype.kind in "iu" else labels.astype(np.int32)
        if labels.shape != volume.shape:
            raise GeometryMismatch(volume.shape, labels.shape)
        table = np.zeros(max(*self.names, int(labels.max()), 0) + 1, np.uint8)
        for number, name in self.names.items():
            table[number] = class_of(name) or 0
        working = resample(volume, (WORKING_MM,) * 3)
        merged = nearest(np.ascontiguousarray(table[labels]), working.shape)
        maps = np.zeros((4, *merged.shape), np.uint8)
        maps[0][np.isin(merged, (ARTERY, VEIN))] = 255
        maps[1][merged == BONE], maps[2][merged == CALCIUM], maps[3][merged == VEIN] = 255, 255, 255
        progress(1.0)
        return ScanEvidence(maps, np.asarray(working.array), working.geometry, 1.0, self.name)


def chosen_device(name: str) -> torch.device:
    """The device that `auto`, `cpu` or `cuda` stands for here.

    Raises
    ------
    MissingPart
        If CUDA is asked for and absent.

    Examples
    --------
    >>> chosen_device("cpu")
    device(type='cpu')
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise MissingPart("no CUDA device is visible to torch; use --device cpu, or install a CUDA build of torch")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what another program prints off the standard output, which is for answers."""
    with redirect_stdout(io.StringIO()):
        yield


def require_vessel(names: dict[int, str]) -> None:
    """Refuse a model without a label or channel for vessels.

    Raises
    ------
    RejectedScan
        If no name stands for artery or vein.

    Examples
    --------
    >>> require_vessel({0: "background", 1: "spleen"})
    Traceback (most recent call last):
    inference.errors.RejectedScan: rejected [no_vessel_channel]: it tells background, spleen; a name must hold artery, vein or vessel
    """
    if not {ARTERY, VEIN} & {class_of(name) for name in names.values()}:
        raise RejectedScan("no_vessel_channel", f"it tells {', '.join(names.values())}", "a name must hold artery, vein or vessel")
