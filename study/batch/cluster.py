"""An existing Ray cluster: an actor per worker, and with `--device cuda` a model on every GPU that looks at the workers' scans.

Every node must see the scans and the output folder under the same path. State in Ray's head is never the truth: if the cluster
is lost, the same command on another one goes on from the ledger.
"""

import contextlib
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Engine

from db.errors import DatabaseUnreachable
from study.batch import ledger
from study.batch.case import Options
from study.batch.remote import RemoteWorker, Seer
from study.batch.settle import REST_SECONDS, Errand, settle
from study.errors import MissingPart

LOOK_SECONDS = 5.0
RENEW_SECONDS = ledger.LEASE.total_seconds() / 4


def run_ray(engine: Engine, errand: Errand, *, address: str | None = None, seer_device: str = "cuda") -> None:
    """Work through a ledger on a Ray cluster until nothing is waiting.

    Parameters
    ----------
    engine : Engine
        Database with the ledger, after `intake.enter`.
    errand : Errand
        What to do.
    address : str, optional
        Address of the cluster (`auto`, `ray://host:10001`, `host:6379`); a cluster of this machine's own when absent.
    seer_device : str
        Where models on the cluster's GPUs run; a test without a GPU says `cpu`.

    Notes
    -----
    A worker asks for as many CPUs as it has threads and for no GPU. With the device `cuda` and the method `network`, models ask for the
    GPUs: one for each, or several with a share of its memory each (`Options.gpu_share`), and the workers send them their scans. A worker
    that dies costs one attempt of the case it had; a node that dies costs none. Either way the case goes to another worker.
    """
    ray = _connected(address)
    crew = Crew(ray, errand)
    try:
        if errand.options.device == "cuda" and errand.options.method == "network":
            crew.seers = hired_seers(ray, errand.options, device=seer_device)
        Dispatch(crew, engine, errand).run()
    except DatabaseUnreachable:
        raise
    except BaseException:
        _let_go(crew, engine, errand)
        raise
    finally:
        ray.shutdown()


def _connected(address: str | None) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster that is started here tells nobody outside
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingPart("Ray is not installed; pip install 'gilbreth[cluster]'") from error
    if not ray.is_initialized():
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=None if address else False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            where = f"at {address}" if address else "of this machine's own"
            raise MissingPart(
                f"no Ray cluster {where} ({str(error).splitlines()[0]}); start one with `ray start --head --disable-usage-stats`"
            ) from error
    return ray


def hired_seers(ray: Any, options: Options, *, device: str) -> Sequence[Any]:
    """A model on every GPU of the cluster, or several where each gets a share."""
    count = int(ray.cluster_resources().get("GPU", 0) / options.gpu_share + 1e-9)
    if count == 0:
        raise MissingPart("the cluster has no GPU; start its nodes with --num-gpus, or use --device cpu")
    model = ray.remote(num_cpus=0, num_gpus=options.gpu_share, max_restarts=-1)(Seer)
    return [model.remote(options.model, device, options.gpu_share) for _ in range(count)]


@dataclass
class Hand:
    """One actor, and the promise of the node it lies on."""

    actor: Any
    node: Any


@dataclass
class Task:
    """A case in the hands of an actor."""

    hand: Hand
    case: str
    began: float


@dataclass
class Crew:
    """The actors of a batch; one that is lost is replaced when there is work."""

    ray: Any
    errand: Errand
    seers: Sequence[Any] = ()
    idle: list[Hand] = field(default_factory=list)
    busy: dict[Any, Task] = field(default_factory=dict)

    def start(self, request: dict[str, Any]) -> None:
        """Give a case to an idle actor, or to a new one."""
        hand = self.idle.pop() if self.idle else self._hire()
        promise = hand.actor.run.remote(self.errand.function, request)
        self.busy[promise] = Task(hand, request["case"], time.monotonic())

    @property
    def free(self) -> bool:
        """Whether another case can be given out."""
        return len(self.busy) < self.errand.workers

    def _hire(self) -> Hand:
        worker = self.ray.remote(num_cpus=self.errand.threads, num_gpus=0, max_restarts=0)(RemoteWorker)
        actor = worker.remote(self.errand.threads, self.seers)
        return Hand(actor, actor.node.remote())

    def placed(self, hand: Hand) -> bool:
        """Whether the cluster has found room for an actor."""
        return bool(self.ray.wait([hand.node], timeout=0)[0])

    def node_lost(self, hand: Hand) -> bool:
        """Whether the node of an actor has gone."""
        try:
            node = self.ray.get(hand.node, timeout=0)
        except self.ray.exceptions.RayError:
            return True  # it never came to work
        return not any(known["NodeID"] == node and known["Alive"] for known in self.ray.nodes())

    def dismiss(self, hand: Hand) -> None:
        """End an actor, whatever state it is in."""
        with contextlib.suppress(Exception):
            self.ray.kill(hand.actor)


class Dispatch:
    """Hands out cases and enters what comes of them."""

    def __init__(self, crew: Crew, engine: Engine, errand: Errand) -> None:
        self._crew, self._engine, self._errand = crew, engine, errand
        self._renewed = time.monotonic()

    def run(self) -> None:
        """Until nothing is waiting."""
        crew, errand = self._crew, self._errand
        while True:
            while crew.free and (claimed := ledger.claim(self._engine, out=errand.out, worker="ray", among=errand.cases)) is not None:
                crew.start(errand.request(claimed))
            if not crew.busy:
                if not ledger.resting(self._engine, out=errand.out, among=errand.cases):
                    return
                time.sleep(REST_SECONDS)
                continue
            for promise in crew.ray.wait(list(crew.busy), num_returns=1, timeout=LOOK_SECONDS)[0]:
                self._take(promise, crew.busy[promise])
                del crew.busy[promise]
            self._end_slow()
            self._renew()

    def _take(self, promise: Any, task: Task) -> None:
        """Enter what came of a case."""
        try:
            answer = self._crew.ray.get(promise)
            self._crew.idle.append(task.hand)
        except self._crew.ray.exceptions.RayError as error:
            self._crew.dismiss(task.hand)
            if self._crew.node_lost(task.hand):
                ledger.hand_back(self._engine, out=self._errand.out, case=task.case)
                return
            answer = {"ok": False, "code": "worker_lost", "reason": f"the worker was lost ({type(error).__name__})", "final": False}
        self._enter(task.case, answer)

    def _end_slow(self) -> None:
        """End the workers of cases that take too long; one that still waits for room on the cluster is given time."""
        for promise, task in list(self._crew.busy.items()):
            if not self._crew.placed(task.hand):
                self._crew.busy[promise] = replace(task, began=time.monotonic())
            elif time.monotonic() - task.began > self._errand.longest_seconds:
                del self._crew.busy[promise]
                self._crew.dismiss(task.hand)
                reason = f"no answer in {self._errand.longest_seconds:.0f} s"
                self._enter(task.case, {"ok": False, "code": "too_slow", "reason": reason, "final": False})

    def _renew(self) -> None:
        if time.monotonic() - self._renewed > RENEW_SECONDS:
            ledger.renew(self._engine, out=self._errand.out, cases=[task.case for task in self._crew.busy.values()])
            self._renewed = time.monotonic()

    def _enter(self, case: str, answer: dict[str, Any]) -> None:
        self._errand.told(settle(self._engine, out=self._errand.out, case=case, answer=answer))


def _let_go(crew: Crew, engine: Engine, errand: Errand) -> None:
    """Interrupted: end the actors and let their cases wait, so that the next run need not wait for the leases."""
    for task in crew.busy.values():
        crew.dismiss(task.hand)
        with contextlib.suppress(Exception):
            ledger.hand_back(engine, out=errand.out, case=task.case)
