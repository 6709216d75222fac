"""An existing Ray cluster: an actor per worker with its model loaded; the ledger stays with this program and the database.

Every node must see the scans and the output folder under the same path. State in Ray's head is never the truth: if the cluster
is lost, the same command on another one goes on from the ledger.
"""

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from study.batch import ledger
from study.batch.case import Options
from study.batch.local import RUN_CASE, settle
from study.errors import MissingPart


def run_ray(
    engine: Engine,
    *,
    out: Path,
    cases: Iterable[str],
    options: Options,
    workers: int,
    told: Callable[[str], None],
    address: str | None = None,
    function: str = RUN_CASE,
) -> None:
    """Work through a ledger on a Ray cluster until nothing is waiting.

    Parameters
    ----------
    address : str, optional
        Address of the cluster (`auto`, `ray://host:10001`, `host:6379`); a cluster of this machine's own when absent.

    Notes
    -----
    A worker asks for one GPU with `--device cuda` and for one CPU otherwise. A node that dies costs one attempt of the case it
    had; the case goes to another actor.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingPart("Ray is not installed; pip install 'gilbreth[cluster]'") from error
    if not ray.is_initialized():
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
    try:
        _dispatch(ray, engine, out=out, cases=tuple(cases), options=options, workers=workers, told=told, function=function)
    finally:
        ray.shutdown()


class RemoteWorker:
    """What runs in an actor: the same function as in a local process."""

    def run(self, function: str, request: dict[str, Any]) -> dict[str, Any]:
        """One case."""
        from study.batch.worker import named_function

        return named_function(function)(request)


def _dispatch(
    ray: Any,
    engine: Engine,
    *,
    out: Path,
    cases: tuple[str, ...],
    options: Options,
    workers: int,
    told: Callable[[str], None],
    function: str,
) -> None:
    resources = {"num_cpus": 1, "num_gpus": 1 if options.device == "cuda" else 0}
    actor = ray.remote(**resources, max_restarts=0)(RemoteWorker)
    idle: list[Any] = [actor.remote() for _ in range(workers)]
    busy: dict[Any, tuple[Any, str]] = {}
    while True:
        while idle and (claimed := ledger.claim(engine, out=out, worker=f"ray-{len(busy)}", among=cases)) is not None:
            handle = idle.pop()
            request = {"case": claimed.case, "path": claimed.path, "unenhanced": claimed.unenhanced, "out": str(out)}
            busy[handle.run.remote(function, {**request, "options": options.as_dict()})] = (handle, claimed.case)
        if not busy:
            return
        ready, _ = ray.wait(list(busy), num_returns=1)
        handle, case = busy.pop(ready[0])
        try:
            answer = ray.get(ready[0])
            idle.append(handle)
        except ray.exceptions.RayError as error:
            answer = {"ok": False, "code": "worker_lost", "reason": type(error).__name__, "final": False}
            idle.append(actor.remote())
        told(settle(engine, out=out, case=case, answer=answer))
