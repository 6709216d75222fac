"""Models by name or path, behind one small interface, so that a hospital's own network can take the place of ours."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from inference.errors import MissingPart
from inference.network.architecture import ResidualUNet
from inference.network.engine import Engines
from inference.network.evidence import Look, ScanEvidence, gather_evidence
from inference.network.weights import checksum, load_weights
from inference.volume import Volume

WEIGHTS = Path(__file__).resolve().parent.parent / "weights"
DEFAULT = "vessel-bone"


class Model(Protocol):
    """Anything that can say where vessel and bone are."""

    @property
    def name(self) -> str:
        """What results are signed with."""
        ...

    @property
    def version(self) -> str:
        """Version of the weights."""
        ...

    @property
    def sha256(self) -> str:
        """Checksum of the weights."""
        ...

    def evidence(
        self,
        volume: Volume,
        *,
        device: str = "auto",
        threads: int | None = None,
        progress: Callable[[float], None] = lambda _: None,
        report: Callable[[str], None] = lambda _: None,
        crowded: Callable[[], bool] = lambda: False,
    ) -> ScanEvidence:
        """Look at a scan; while `crowded` says that other work is under way, a model on the CPU may leave it half of the processors."""
        ...


@dataclass(frozen=True)
class CoarseToFine:
    """Gilbreth's own model: a fine network and, usually, a coarse one that says where to look.

    Parameters
    ----------
    name, version, sha256 : str
        What a result is signed with; the checksum is that of the fine weights.
    record : dict
        Training record.
    """

    name: str
    version: str
    sha256: str
    fine: ResidualUNet
    coarse: ResidualUNet | None
    record: dict[str, Any]
    look: Look = field(default_factory=Look)
    engines: Engines = field(default_factory=Engines, repr=False, compare=False)

    def evidence(
        self,
        volume: Volume,
        *,
        device: str = "auto",
        threads: int | None = None,
        progress: Callable[[float], None] = lambda _: None,
        report: Callable[[str], None] = lambda _: None,
        crowded: Callable[[], bool] = lambda: False,
    ) -> ScanEvidence:
        """Look at a scan coarsely, then finely."""
        told: dict[str, Any] = {"progress": progress, "report": report, "engines": self.engines, "crowded": crowded}
        return gather_evidence(volume, self.fine, self.coarse, device=device, threads=threads, look=self.look, **told)

    def ready(self, *, device: str = "auto", threads: int | None = None, report: Callable[[str], None] = lambda _: None) -> "CoarseToFine":
        """Open the engines ahead of the first scan; gives itself back."""
        for network in (self.fine, self.coarse):
            if network is not None:
                self.engines.of(network, patch=self.look.patch, rim=self.look.halo, device=device, threads=threads, report=report)
        return self


def open_ready(name_or_path: str | Path | None = None, *, device: str = "auto", report: Callable[[str], None] = lambda _: None) -> Model:
    """`open_model`, with its engines opened ahead of the first scan where it has any: in a thread while the scan is read."""
    model = open_model(name_or_path)
    return model.ready(device=device, report=report) if isinstance(model, CoarseToFine) else model


def list_models() -> tuple[str, ...]:
    """Names of the models that came with the program.

    Examples
    --------
    >>> isinstance(list_models(), tuple)
    True
    """
    return tuple(sorted(path.parent.name for path in WEIGHTS.glob("*/fine.safetensors")))


def open_model(name_or_path: str | Path | None = None) -> Model:
    """Open a model that came with the program, or one in a folder.

    Parameters
    ----------
    name_or_path : str or Path, optional
        A name of `list_models()`; a folder that holds `fine.safetensors` (with or without `coarse.safetensors`), or whose
        `models/` does, as `gilbreth train` writes it; a MONAI bundle; an nnU-Net v2 results folder; or
        `totalsegmentator:TASK`. The shipped model by default.

    Raises
    ------
    MissingPart
        If there is no such model, or the package that runs it is not installed.
    DamagedWeights
        If its checksum is wrong.
    RejectedScan
        If a model of another make is broken, could run code, or finds no vessel.
    """
    wanted = str(name_or_path or DEFAULT)
    for folder in (Path(wanted), Path(wanted) / "models", WEIGHTS / wanted):
        if (folder / "fine.safetensors").is_file():
            return _open_folder(folder, wanted)
    other = _open_other(wanted)
    if other is not None:
        return other
    known = ", ".join(list_models()) or "none"
    raise MissingPart(
        f"no model {wanted!r}: expected a folder with fine.safetensors or one of {known}; train one with `gilbreth train --out DIR`"
    )


def _open_other(wanted: str) -> Model | None:
    """A model of another make, or None."""
    folder = Path(wanted)
    if wanted.startswith("totalsegmentator:"):
        from inference.network.totalsegmentator import open_totalsegmentator

        return open_totalsegmentator(wanted.partition(":")[2])
    if (folder / "configs" / "metadata.json").is_file():
        from inference.network.adapters import open_monai_bundle

        return open_monai_bundle(folder)
    if (folder / "plans.json").is_file():
        from inference.network.nnunet import open_nnunet_results

        return open_nnunet_results(folder)
    return None


def _open_folder(folder: Path, wanted: str) -> CoarseToFine:
    fine, record = load_weights(folder / "fine.safetensors")
    rough = folder / "coarse.safetensors"
    coarse = load_weights(rough)[0] if rough.is_file() else None
    training = record.get("training", {})
    name = folder.parent.name if folder.name == "models" else folder.name
    version = str(training.get("version") or record["sha256"][:12])
    return CoarseToFine(name, version, checksum(folder / "fine.safetensors"), fine, coarse, training)


def describe(model: Model) -> str:
    """One line of JSON that identifies a model: name, version, checksum."""
    return json.dumps({"name": model.name, "version": model.version, "sha256": model.sha256})
