"""One case of a batch in a worker: read, reconstruct, write, hash. What comes back is plain data, never an exception."""

import errno
import os
import time
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inference.network.models import Model

NO_PLACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM})
HALTING = (2, 3)


@dataclass(frozen=True)
class Options:
    """How every case of a batch is reconstructed; the words of `gilbreth reconstruct`.

    `limits` holds the limits of the verdict by field (`settings`, `limits`), as `study.commands.reconstruct.limits_of` makes
    them from a protocol, so that a worker needs no protocol file; the usual ones when absent. `gpu_share` is the part of a GPU's
    memory that one process may fill.
    """

    method: str = "network"
    model: str | None = None
    device: str = "auto"
    recipe: str = "standard"
    limits: dict[str, dict[str, Any]] | None = None
    gpu_share: float = 1.0

    def as_dict(self) -> dict[str, Any]:
        """For the way to a worker."""
        return asdict(self)

    def asked(self, record: dict[str, Any]) -> bool:
        """Whether a case record was made with these options.

        Examples
        --------
        >>> request = {"method": "threshold", "recipe": "masks", "model": "", "limits_sha256": ""}
        >>> Options("threshold", recipe="masks").asked({"request": request}), Options("threshold").asked({"request": request})
        (True, False)
        """
        from inference.pipeline import limits_sha256

        request = record.get("request") or {}
        wanted = {"method": self.method, "recipe": self.recipe, "model": self.model or ""}
        wanted["limits_sha256"] = limits_sha256(**limits_given(self.limits))
        return all(request.get(name, "") == value for name, value in wanted.items())


def run_case(request: dict[str, Any], *, model: "Model | None" = None) -> dict[str, Any]:
    """Reconstruct one scan.

    Parameters
    ----------
    request : dict
        `case`, `path`, `unenhanced` (or None), `out` (folder of the batch) and `options`.
    model : Model, optional
        What looks at scans in place of the model that the options name, such as that model on a GPU elsewhere.

    Returns
    -------
    dict
        `ok` with `sha256`, `seconds` and `verdict`; or not `ok` with `code`, `reason`, `final` (trying again is no use) and `halt`:
        the exit status for a fault that is not this case's but would befall every other one, None for one of its own.
    """
    from study.batch.outputs import outputs_sha256

    began = time.perf_counter()
    folder = Path(request["out"]) / request["case"]
    try:
        verdict = _reconstruct(request, folder, model)
    except Exception as error:
        return {"ok": False, **_failure(error, Path(request["out"]))}
    return {"ok": True, "sha256": outputs_sha256(folder), "seconds": time.perf_counter() - began, "verdict": verdict}


def _reconstruct(request: dict[str, Any], folder: Path, model: "Model | None") -> str:
    from inference import load
    from inference.allocator import reuse_freed_memory
    from inference.pipeline import reconstruct

    reuse_freed_memory()
    options, second = Options(**request["options"]), request.get("unenhanced")
    if model is None and options.method == "network":
        model = kept_model(options.model, options.device, options.gpu_share)
    volume, unenhanced = load(Path(request["path"])), load(Path(second)) if second else None
    words: dict[str, Any] = {"method": options.method, "model": options.model, "device": options.device, "recipe": options.recipe}
    result = reconstruct(volume, unenhanced=unenhanced, opened=model, **words, **limits_given(options.limits))
    result.write(folder, scan=Path(request["path"]))
    return str(result.verdict.verdict)


@lru_cache(maxsize=1)
def kept_model(name: str | None, device: str, gpu_share: float) -> "Model":
    """A model that stays loaded in this process, which may fill `gpu_share` of a GPU's memory."""
    from inference.network.models import open_model

    if device != "cpu" and gpu_share < 1.0:
        import torch

        if torch.cuda.is_available():
            torch.cuda.set_per_process_memory_fraction(gpu_share)
    return open_model(name)


def limits_given(limits: dict[str, dict[str, Any]] | None) -> dict[str, Any]:
    """Limits of the verdict from plain data, as arguments of `inference.reconstruct`."""
    if limits is None:
        return {}
    from inference.qc import QcSettings
    from inference.scans.quality import ScanLimits

    kinds = {"settings": QcSettings, "limits": ScanLimits}
    return {name: kinds[name](**fields) for name, fields in limits.items()}


def _failure(error: Exception, out: Path) -> dict[str, Any]:
    """A rejected scan fails for good; memory that ran out is worth another try; a full disk or a missing part ends the batch."""
    code, status = getattr(error, "code", None), getattr(error, "exit_status", None)
    told = {"code": str(code or type(error).__name__), "reason": str(error)[:500], "final": code is not None, "halt": None}
    if code is None and status in HALTING:
        return {**told, "halt": status}
    if isinstance(error, OSError) and error.errno in NO_PLACE and _concerns(error, out):
        return {**told, "reason": f"no result can be written below {out}: {error.strerror}", "halt": 1}
    return {**told, "final": code is not None or status == 4}


def _concerns(error: OSError, out: Path) -> bool:
    """Whether an error came of writing results."""
    name = error.filename
    return error.errno in (errno.ENOSPC, errno.EDQUOT) or (name is not None and os.fspath(name).startswith(os.fspath(out)))
