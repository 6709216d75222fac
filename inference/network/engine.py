"""Runs a network on patches: OpenVINO in bfloat16 on CPUs that have it, torch on CUDA, plain torch elsewhere."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from inference.errors import MissingPart
from inference.network.architecture import ResidualUNet, windowed

Patches = npt.NDArray[np.int16]
Evidence = npt.NDArray[np.uint8]
VESSEL, BONE, CALCIUM, VEIN = range(4)  # channels of what an engine gives back


class Engine(Protocol):
    """Takes HU patches (n, z, y, x), gives evidence (n, 4, z, y, x) of 0 to 255: vessel, bone, calcium, vein share of vessel."""

    name: str

    def __call__(self, patches: Patches) -> Evidence:
        """Evaluate a batch."""
        ...


class _EvidenceHead(nn.Module):
    """The network with its soft-max, so that only bytes leave the engine."""

    def __init__(self, network: ResidualUNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Windows in, probabilities × 255 out."""
        logits = self.network(x)
        share = torch.softmax(logits, dim=1)
        lumen = share[:, 1] + share[:, 2]
        vein = torch.sigmoid(logits[:, 2] - logits[:, 1])
        evidence = torch.stack([lumen, share[:, 3], share[:, 4], vein], dim=1)
        return (evidence * 255 + 0.5).to(torch.uint8)


@dataclass
class TorchEngine:
    """Torch, in bfloat16 where the device has it."""

    network: ResidualUNet
    device: torch.device

    def __post_init__(self) -> None:
        self.name = f"torch {self.device.type} {'bf16' if self.device.type == 'cuda' else 'fp32'}"
        self._head = _EvidenceHead(self.network).eval().to(self.device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def __call__(self, patches: Patches) -> Evidence:
        """Evaluate a batch."""
        hu = torch.from_numpy(patches.astype(np.float32)).to(self.device)
        x = windowed(hu, self.network.plan).contiguous(memory_format=torch.channels_last_3d)
        with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            evidence: Evidence = self._head(x).cpu().numpy()
        return evidence


class OpenVinoEngine:
    """OpenVINO on the CPU; compiled once for a patch size and kept in the user's cache."""

    def __init__(self, network: ResidualUNet, *, patch: int, threads: int | None) -> None:
        import openvino as ov

        core = ov.Core()
        bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.name = f"openvino cpu {'bf16' if bf16 else 'fp32'}"
        self._plan = network.plan
        shape = (1, len(network.plan.windows_hu), patch, patch, patch)
        model = ov.convert_model(_EvidenceHead(network).eval(), example_input=torch.zeros(shape), input=[shape])
        settings: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32"}
        settings["CACHE_DIR"] = str(compile_cache())
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        self._compiled = core.compile_model(model, "CPU", settings)

    def __call__(self, patches: Patches) -> Evidence:
        """Evaluate a batch, patch by patch: a larger batch is no faster on a CPU."""
        found = []
        for patch in patches:
            x = windowed(torch.from_numpy(patch[None].astype(np.float32)), self._plan).numpy()
            found.append(self._compiled([x])[0][0])
        return np.stack(found)


def compile_cache() -> Path:
    """Where compiled networks are kept: `GILBRETH_CACHE`, else the user's cache directory."""
    from platformdirs import user_cache_path

    folder = Path(os.environ["GILBRETH_CACHE"]) if os.environ.get("GILBRETH_CACHE") else user_cache_path("gilbreth")
    folder = folder / "openvino"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def open_engine(
    network: ResidualUNet,
    *,
    patch: int,
    device: str = "auto",
    threads: int | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Engine:
    """Choose the fastest engine a machine has.

    Parameters
    ----------
    patch : int
        Edge of the patches it will be given. [voxels]
    device : str
        `auto`, `cpu` or `cuda`.
    threads : int, optional
        CPU threads; all by default.

    Raises
    ------
    MissingPart
        If CUDA is asked for and absent.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise MissingPart("no CUDA device is visible to torch; use --device cpu, or install a CUDA build of torch")
    if device == "cuda" or (device == "auto" and torch.cuda.is_available()):
        return TorchEngine(network, torch.device("cuda"))
    if threads:
        torch.set_num_threads(threads)
    try:
        if not any(compile_cache().iterdir()):
            report(f"compiling the network once for this processor; kept in {compile_cache()}")
        return OpenVinoEngine(network, patch=patch, threads=threads)
    except ImportError:
        return TorchEngine(network, torch.device("cpu"))
