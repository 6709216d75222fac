"""What runs on a cluster, without a cluster: a model on GPUs elsewhere, some of which are lost, broken or full."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from inference.errors import MissingPart
from study.batch.remote import FarModel, RemoteWorker, Seer


class LostActor(Exception):
    """Ray's way of saying that a process or a node has gone."""


class FailedTask(LostActor):
    """Ray's way of bringing back an exception."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause


class Method:
    """What Ray makes of a method: a call gives a promise."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def remote(self, *words: Any) -> Any:
        return lambda: self._answer(*words)


class Actor:
    """An actor; one that is lost raises, as does one whose code raised."""

    def __init__(self, *, fault: Exception | None = None) -> None:
        self.asked = 0

        def answer(what: Any) -> Any:
            self.asked += 1
            if fault is not None:
                raise fault
            return what

        self.look = Method(lambda volume: answer(f"evidence of {volume}"))
        self.signature = Method(lambda: answer(("vessel-bone", "7", "ab")))


@pytest.fixture(autouse=True)
def ray(monkeypatch: pytest.MonkeyPatch) -> None:
    exceptions = SimpleNamespace(RayError=LostActor, RayTaskError=FailedTask)
    fake = SimpleNamespace(put=lambda value: value, get=lambda promise: promise(), exceptions=exceptions)
    monkeypatch.setitem(sys.modules, "ray", fake)


def test_a_scan_is_looked_at_by_another_gpu_when_one_is_lost() -> None:
    for _ in range(20):  # they are asked in random order
        lost, good = Actor(fault=LostActor()), Actor()
        assert FarModel([lost, good]).evidence("scan", device="cuda", threads=1) == "evidence of scan"
        assert good.asked == 1


def test_who_signs_is_asked_once() -> None:
    seer = Actor()
    model = FarModel([seer])
    assert (model.name, model.version, model.sha256) == ("vessel-bone", "7", "ab")
    assert seer.asked == 1


def test_a_missing_model_comes_back_as_what_it_is_and_no_other_gpu_is_asked() -> None:
    seers = [Actor(fault=FailedTask(MissingPart("no model 'nonsense'"))) for _ in range(3)]
    with pytest.raises(MissingPart, match="no model"):
        FarModel(seers).evidence("scan")
    assert sum(seer.asked for seer in seers) == 1


def test_a_case_is_tried_again_later_when_no_gpu_answers() -> None:
    from pathlib import Path

    from study.batch.case import _failure

    with pytest.raises(RuntimeError, match="no GPU of the cluster answered") as fault:
        FarModel([Actor(fault=LostActor()), Actor(fault=LostActor())]).evidence("scan")
    told = _failure(fault.value, Path("/out"))
    assert not told["final"]
    assert told["halt"] is None


def test_a_worker_hands_its_far_model_to_the_case_and_a_worker_without_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr("study.batch.worker.named_function", lambda name: lambda request, **words: seen.append(words) or {"ok": True})
    monkeypatch.setenv("OMP_NUM_THREADS", "9")
    RemoteWorker(2, [Actor()]).run("some:function", {})
    RemoteWorker(2).run("some:function", {})
    assert isinstance(seen[0]["model"], FarModel)
    assert seen[1] == {}


def test_a_model_that_cannot_be_opened_is_told_when_it_is_asked_and_does_not_look_like_a_lost_node(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*words: Any) -> None:
        raise MissingPart("no model 'nonsense'")

    monkeypatch.setattr("study.batch.case.kept_model", missing)
    seer = Seer("nonsense", "cuda", 1.0)
    with pytest.raises(MissingPart):
        seer.signature()
    with pytest.raises(MissingPart):
        seer.look("scan")  # type: ignore[arg-type]


def test_memory_that_ran_out_is_the_cases_own_and_a_failed_gpu_ends_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        said = "CUDA error: an illegal memory access was encountered"

        def evidence(self, volume: object, *, device: str) -> None:
            raise RuntimeError(self.said)

    ended: list[int] = []
    monkeypatch.setattr("study.batch.case.kept_model", lambda *words: Broken())
    monkeypatch.setattr("os._exit", ended.append)
    seer = Seer(None, "cuda", 1.0)
    with pytest.raises(RuntimeError):
        seer.look("scan")  # type: ignore[arg-type]
    assert ended == [1]
    Broken.said = "CUDA out of memory. Tried to allocate 2 GiB"
    with pytest.raises(RuntimeError):
        seer.look("scan")  # type: ignore[arg-type]
    assert ended == [1]
