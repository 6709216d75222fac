"""What runs in the actors of a Ray cluster: workers on CPUs, and models on GPUs that look at the workers' scans one at a time."""

import os
import random
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inference.network.evidence import ScanEvidence
    from inference.volume import Volume

THREAD_VARIABLES = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")


class RemoteWorker:
    """Works on cases as a local process does; with seers its scans are looked at by a network elsewhere."""

    def __init__(self, threads: int, seers: Sequence[Any] = ()) -> None:
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
        self._model = FarModel(seers) if seers else None

    def node(self) -> str:
        """The node it runs on."""
        import ray

        return str(ray.get_runtime_context().get_node_id())

    def run(self, function: str, request: dict[str, Any]) -> dict[str, Any]:
        """One case."""
        from study.batch.worker import named_function

        found = named_function(function)
        return found(request, model=self._model) if self._model else found(request)


class Seer:
    """A model on a GPU, opened once. It takes one scan at a time, so that the GPU never holds more than one scan's worth."""

    def __init__(self, name: str | None, device: str, gpu_share: float) -> None:
        from study.batch.case import kept_model

        self._device, self._opened = device, None
        try:
            self._opened = kept_model(name, device, gpu_share)
            self._fault: Exception | None = None
        except Exception as error:  # a fault in here would look like a lost node
            self._fault = error

    def signature(self) -> tuple[str, str, str]:
        """Name, version and checksum of the model."""
        if self._opened is None:
            raise self._fault or RuntimeError("no model")
        return self._opened.name, self._opened.version, self._opened.sha256

    def look(self, volume: "Volume") -> "ScanEvidence":
        """Where vessel and bone are."""
        if self._opened is None:
            raise self._fault or RuntimeError("no model")
        try:
            return self._opened.evidence(volume, device=self._device)
        except RuntimeError as error:
            if "CUDA error" in str(error) and "out of memory" not in str(error):
                os._exit(1)  # a GPU that has failed once fails this process for ever; Ray starts another
            raise


class FarModel:
    """A model that lies on GPUs of the cluster, as `inference.network.models.Model` wants one."""

    def __init__(self, seers: Sequence[Any]) -> None:
        self._seers = tuple(seers)

    @cached_property
    def _signature(self) -> tuple[str, str, str]:
        signature: tuple[str, str, str] = self._ask(lambda seer: seer.signature.remote())
        return signature

    @property
    def name(self) -> str:
        """What results are signed with."""
        return self._signature[0]

    @property
    def version(self) -> str:
        """Version of the weights."""
        return self._signature[1]

    @property
    def sha256(self) -> str:
        """Checksum of the weights."""
        return self._signature[2]

    def evidence(self, volume: "Volume", **_: Any) -> "ScanEvidence":
        """Look at a scan on any GPU that answers."""
        import ray

        sent = ray.put(volume)
        evidence: ScanEvidence = self._ask(lambda seer: seer.look.remote(sent))
        return evidence

    def _ask(self, question: Callable[[Any], Any]) -> Any:
        """Ask the seers in random order until one answers; a lost one is started again by Ray meanwhile."""
        import ray

        last: Exception | None = None
        for seer in random.sample(self._seers, len(self._seers)):
            try:
                return ray.get(question(seer))
            except ray.exceptions.RayTaskError as error:
                raise error.cause from error
            except ray.exceptions.RayError as error:
                last = error
        raise RuntimeError(f"no GPU of the cluster answered ({type(last).__name__})") from last
