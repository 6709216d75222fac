"""Runs a network on patches: OpenVINO in eight bits or bfloat16 on CPUs made for them, torch on CUDA, plain torch elsewhere."""

import hashlib
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from inference.errors import MissingPart, WrongSetting
from inference.network import architecture, quantization
from inference.network.architecture import ResidualUNet, windowed
from inference.network.quantization import folded, quantize

Patches = npt.NDArray[np.int16]
Evidence = npt.NDArray[np.uint8]
CUDA_BATCH = 8
MOST_STREAMS = 8  # each holds the network's features of a patch, some 100 MB
PATCHES_A_STREAM = 4  # handed over together
VESSEL, BONE, CALCIUM, VEIN = range(4)  # channels of what an engine gives back


class Engine(Protocol):
    """Takes HU patches (n, z, y, x), gives evidence (n, 4, z, y, x) of 0 to 255: vessel, bone, calcium, vein share of vessel.

    What it gives back may lack a rim on every side. One that works faster on several patches at a time says how many as `batch`, and
    one that gives each of them processors of its own says for how many it has such as `streams`.
    """

    name: str

    def __call__(self, patches: Patches) -> Evidence:
        """Evaluate a batch."""
        ...


def half_precision(device: torch.device) -> torch.autocast:
    """A context in which torch computes in bfloat16 where the device is made for it; others would take many times as long."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda" or processor_has_bfloat16())


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor_has_bfloat16() -> bool:
    """Whether torch's kernels compute in bfloat16 on this processor, rather than imitate it."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


class _EvidenceHead(nn.Module):
    """The network with its windows and its soft-max: HU go into the engine and only bytes leave it."""

    def __init__(self, network: ResidualUNet, rim: int = 0) -> None:
        super().__init__()
        self.network, self.rim = network, rim

    def forward(self, hu: torch.Tensor) -> torch.Tensor:
        """HU in, probabilities × 255 out, without the rim."""
        x = windowed(hu.float(), self.network.plan).contiguous(memory_format=torch.channels_last_3d)
        logits = self.network(x, rim=self.rim)
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
    rim: int = 0

    def __post_init__(self) -> None:
        self.batch = CUDA_BATCH if self.device.type == "cuda" else 1
        self.name = f"torch {self.device.type} {'bf16' if self.device.type == 'cuda' else 'fp32'}"
        self._head = _EvidenceHead(self.network, self.rim).eval().to(self.device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def __call__(self, patches: Patches) -> Evidence:
        """Evaluate a batch."""
        hu = torch.from_numpy(np.ascontiguousarray(patches))
        if self.device.type == "cuda":
            hu = hu.pin_memory().to(self.device, non_blocking=True)  # half the bytes of float32 cross over
        with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            evidence: Evidence = self._head(hu).cpu().numpy()
        return evidence


class OpenVinoEngine:
    """OpenVINO on the CPU, a patch on every core; compiled once for a patch size and kept in the user's cache.

    Convolutions compute in eight bits where the ranges of their inputs are known (`inference.network.calibration`).
    """

    def __init__(
        self, network: ResidualUNet, *, patch: int, rim: int = 0, threads: int | None, report: Callable[[str], None] = lambda _: None
    ) -> None:
        ov = _openvino()
        core = ov.Core()
        precision = _precision(core, network)
        if precision == "fp32":
            why = "as GILBRETH_PRECISION asks" if os.environ.get("GILBRETH_PRECISION") == "fp32" else "for this processor has no bfloat16"
            report(f"the network runs in 32 bits, {why}: the same answer, several times as slow")
        self.name = f"openvino cpu {precision}"
        model = _converted(ov, core, network, patch=patch, rim=rim, int8=precision == "int8")
        threads = threads or processors()
        streams = min(threads, MOST_STREAMS)
        settings: dict[str, object] = {"INFERENCE_PRECISION_HINT": "f32" if precision == "fp32" else "bf16"}
        settings |= {"CACHE_DIR": str(compile_cache()), "NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": threads}
        self._queue = ov.AsyncInferQueue(core.compile_model(model, "CPU", settings), streams)
        self._queue.set_callback(_keep)
        self.streams, self.batch = streams, PATCHES_A_STREAM * streams

    def __call__(self, patches: Patches) -> Evidence:
        """Evaluate a batch, patch by patch, as many at once as there are streams."""
        found: dict[int, Evidence] = {}
        for place, patch in enumerate(patches):
            self._queue.start_async([np.ascontiguousarray(patch[None], np.int16)], (found, place))
        self._queue.wait_all()
        return np.stack([found[place] for place in range(len(patches))])


def _precision(core: Any, network: ResidualUNet) -> str:
    """`int8` where the network's ranges are known, else `bf16`, both where the processor has bfloat16, for such a one has the instructions
    for whole numbers too; else `fp32`. `GILBRETH_PRECISION` asks for more bits.

    Raises
    ------
    WrongSetting
        If it asks for something else.
    """
    known = ("int8", "bf16", "fp32")
    asked = os.environ.get("GILBRETH_PRECISION") or "int8"
    if asked not in known:
        raise WrongSetting(f"GILBRETH_PRECISION: expected {', '.join(known)}, got {asked!r}; unset it for the fastest")
    if asked == "fp32" or "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        return "fp32"
    return "int8" if asked == "int8" and network.ranges else "bf16"


def _openvino() -> Any:
    """The library, without its telemetry, which tells a server outside of every network that is converted unless it cannot be loaded."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # what the library takes for "not installed"
    import openvino

    return openvino


def _converted(ov: Any, core: Any, network: ResidualUNet, *, patch: int, rim: int, int8: bool) -> Any:
    """The network as OpenVINO's own, read from the cache where these weights, this code and this version were converted before."""
    kept = compile_cache() / f"network-{_fingerprint(ov, network, patch, rim, int8)}.xml"
    if kept.exists() and kept.with_suffix(".bin").exists():
        try:
            return core.read_model(kept)
        except RuntimeError:  # cut short, or of another version: it is made again
            kept.unlink(missing_ok=True)
    traced = torch.zeros((1, *(_traced_edge(network, rim),) * 3), dtype=torch.int16)  # the patch itself would take seconds to trace
    head = _EvidenceHead(folded(network) if int8 else network, rim).eval()
    model = ov.convert_model(head, example_input=traced, input=[(1, patch, patch, patch)])
    if int8:
        quantize(ov, model, network.ranges)
    with suppress(OSError, RuntimeError), TemporaryDirectory(dir=kept.parent) as folder:  # a full disk costs the time alone
        made = Path(folder) / kept.name
        ov.save_model(model, made, compress_to_fp16=False)
        for suffix in (".bin", ".xml"):  # the one that is looked for comes last
            made.with_suffix(suffix).replace(kept.with_suffix(suffix))
    return model


def _fingerprint(ov: Any, network: ResidualUNet, patch: int, rim: int, int8: bool) -> str:
    """Tells weights, code, patch and version apart."""
    found = hashlib.sha256(f"{ov.__version__} {torch.__version__} {patch} {rim} {network.plan}".encode())
    found.update(json.dumps(network.ranges if int8 else None).encode())
    for module in (__file__, architecture.__file__, quantization.__file__):
        found.update(Path(module).read_bytes())
    for name, values in network.state_dict().items():
        found.update(name.encode() + values.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()[:24]


def _keep(request: Any, where: tuple[dict[int, Evidence], int]) -> None:
    found, place = where
    found[place] = request.get_output_tensor(0).data[0].copy()


def _traced_edge(network: ResidualUNet, rim: int) -> int:
    """The smallest patch that has something inside its rim. [voxels]"""
    multiple = network.plan.multiple
    return multiple * (2 * rim // multiple + 1)


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
    rim: int = 0,
    device: str = "auto",
    threads: int | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Engine:
    """Choose the fastest engine a machine has.

    Parameters
    ----------
    patch, rim : int
        Edge of the patches it will be given, and rim of them that need not be answered. [voxels]
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
        return TorchEngine(network, torch.device("cuda"), rim)
    threads = threads or _told_threads()
    if threads:
        torch.set_num_threads(threads)
    try:
        if not any(compile_cache().iterdir()):
            report(f"compiling the network once for this processor; kept in {compile_cache()}")
        return OpenVinoEngine(network, patch=patch, rim=rim, threads=threads, report=report)
    except ImportError:
        report("the network runs in plain torch, for openvino is not installed: the same answer, many times as slow; pip install openvino")
        return TorchEngine(network, torch.device("cpu"), rim)


def _told_threads() -> int | None:
    """`OMP_NUM_THREADS`, which OpenVINO does not heed by itself, so that workers side by side do not crowd one another out."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdigit() and int(told) > 0 else None


class Engines:
    """Engines that stay open for the next scan, by network, patch, rim, device and threads; the networks must not change meanwhile."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, int, int, str, int | None], tuple[ResidualUNet, Engine]] = {}

    def of(
        self,
        network: ResidualUNet,
        *,
        patch: int,
        rim: int = 0,
        device: str,
        threads: int | None,
        report: Callable[[str], None] = lambda _: None,
    ) -> Engine:
        """The engine of a network, opened when it is first asked for."""
        key = (id(network), patch, rim, device, threads)
        if key not in self._open:
            opened = open_engine(network, patch=patch, rim=rim, device=device, threads=threads, report=report)
            self._open[key] = (network, opened)
        return self._open[key][1]
