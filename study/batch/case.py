"""One case of a batch in a worker: read, reconstruct, write, hash. What comes back is plain data, never an exception."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Options:
    """How every case of a batch is reconstructed; the words of `gilbreth reconstruct`."""

    method: str = "network"
    model: str | None = None
    device: str = "auto"
    recipe: str = "standard"

    def as_dict(self) -> dict[str, Any]:
        """For the way to a worker."""
        return asdict(self)


def run_case(request: dict[str, Any]) -> dict[str, Any]:
    """Reconstruct one scan.

    Parameters
    ----------
    request : dict
        `case`, `path`, `unenhanced` (or None), `out` (folder of the batch) and `options`.

    Returns
    -------
    dict
        `ok` with `sha256`, `seconds` and `verdict`; or not `ok` with `code`, `reason` and `final` (trying again is no use).
    """
    from study.batch.outputs import outputs_sha256

    began = time.perf_counter()
    folder = Path(request["out"]) / request["case"]
    try:
        verdict = _reconstruct(request, folder)
    except Exception as error:
        return {"ok": False, **_failure(error)}
    return {"ok": True, "sha256": outputs_sha256(folder), "seconds": time.perf_counter() - began, "verdict": verdict}


def _reconstruct(request: dict[str, Any], folder: Path) -> str:
    from inference import load
    from inference.pipeline import finished, reconstruct, request_for

    options, second = request["options"], request.get("unenhanced")
    volume, unenhanced = load(Path(request["path"])), load(Path(second)) if second else None
    wanted = request_for(volume, unenhanced=unenhanced, method=options["method"], model=options["model"], recipe=options["recipe"])
    done = finished(folder, wanted)
    if done is not None:
        return str(done["qc"]["verdict"])
    result = reconstruct(volume, unenhanced=unenhanced, **options)
    result.write(folder, scan=Path(request["path"]))
    return str(result.verdict.verdict)


def _failure(error: Exception) -> dict[str, Any]:
    """A rejected scan fails for good; memory that ran out or a broken device is worth another try."""
    code = getattr(error, "code", None)
    if code is not None:
        return {"code": str(code), "reason": str(error), "final": True}
    final = getattr(error, "exit_status", None) in (2, 3, 4)
    return {"code": type(error).__name__, "reason": str(error)[:500], "final": final}
