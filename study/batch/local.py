"""Local processes: a thread per worker process; a worker that dies costs one attempt of one case and nothing else."""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine

from study.batch import ledger
from study.batch.settle import REST_SECONDS, Errand, settle

LAST_WORDS = 300


class Worker:
    """A worker process that is started when first needed and again after it was lost."""

    def __init__(self, function: str, *, threads: int) -> None:
        self._command = [sys.executable, "-m", "study.batch.worker", function]
        self._environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "NUMBA_NUM_THREADS": str(threads)}
        self._process: subprocess.Popen[str] | None = None
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process

    def ask(self, request: dict[str, Any], *, seconds: float) -> dict[str, Any]:
        """Send a request and wait for its answer; a lost or hanging worker is an answer too."""
        process = self._started()
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if line:
                answer: dict[str, Any] = json.loads(line)
                return answer
        except (OSError, ValueError):
            pass
        finally:
            slow = not timer.is_alive()
            timer.cancel()
        process.kill()
        reason = f"no answer in {seconds:.0f} s" if slow else _ending(process.wait()) + self._last_words()
        process.wait()
        return {"ok": False, "code": "too_slow" if slow else "worker_lost", "reason": reason, "final": False}

    def _started(self) -> "subprocess.Popen[str]":
        if self._process is None or self._process.poll() is not None:
            self._words.seek(0)
            self._words.truncate()
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._words, text=True, env=self._environment
            )
        return self._process

    def _last_words(self) -> str:
        """The last line that a lost worker wrote to stderr."""
        self._words.seek(max(0, self._words.seek(0, os.SEEK_END) - LAST_WORDS))
        lines = self._words.read().decode(errors="replace").strip().splitlines()
        return f": {lines[-1]}" if lines else ""

    def kill(self) -> None:
        """End the process whatever it is doing."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """End the process."""
        if self._process is not None and self._process.poll() is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._words.close()


def _ending(status: int) -> str:
    """How a process ended.

    Examples
    --------
    >>> _ending(-9), _ending(1)
    ('the worker process was killed (SIGKILL; the system does so when memory runs out)', 'the worker process ended with status 1')
    """
    if status >= 0:
        return f"the worker process ended with status {status}"
    name = signal.Signals(-status).name
    return f"the worker process was killed ({name}{'; the system does so when memory runs out' if name == 'SIGKILL' else ''})"


def run_local(engine: Engine, errand: Errand) -> None:
    """Work through a ledger with local processes until nothing is waiting.

    Parameters
    ----------
    engine : Engine
        Database with the ledger, after `intake.enter`.
    errand : Errand
        What to do.

    Raises
    ------
    study.batch.halt.Halted
        For a fault that is no case's own, when the cases in hand are through.
    """
    crew = LocalCrew(engine, errand)
    crew.run()


class LocalCrew:
    """The workers of a batch on this machine, each with the thread that gives it cases."""

    def __init__(self, engine: Engine, errand: Errand) -> None:
        self._engine, self._errand = engine, errand
        self._lease = timedelta(seconds=errand.longest_seconds + 60)
        self._workers = [Worker(errand.function, threads=errand.threads) for _ in range(errand.workers)]
        self._over, self._faults = threading.Event(), queue.SimpleQueue[BaseException]()
        self._ended = [threading.Event() for _ in self._workers]

    def run(self) -> None:
        """Until nothing is waiting, or somebody interrupts."""
        started: list[threading.Event] = []
        try:
            for number, worker in enumerate(self._workers):
                started.append(self._ended[number])
                threading.Thread(target=self._work, args=(number, worker), daemon=True).start()
            for ended in started:  # not Thread.join: one that Ctrl-C interrupts takes its thread for ended (Python before 3.13)
                ended.wait()
        except BaseException:  # Ctrl-C: the cases in hand are let go, so that the next run need not wait for them
            self._interrupt(started)
            raise
        if not self._faults.empty():
            raise self._faults.get()

    def _interrupt(self, started: list[threading.Event]) -> None:
        self._over.set()
        for worker in self._workers:
            worker.kill()
        for ended in started:
            ended.wait(10)

    def _work(self, number: int, worker: Worker) -> None:
        try:
            while not self._over.is_set():
                claimed = ledger.claim(self._engine, out=self._errand.out, worker=str(number), among=self._errand.cases, lease=self._lease)
                if claimed is not None:
                    self._do(claimed, worker)
                elif not ledger.resting(self._engine, out=self._errand.out, among=self._errand.cases):
                    return
                else:
                    self._over.wait(REST_SECONDS)
        except BaseException as error:
            self._over.set()
            self._faults.put(error)
        finally:
            worker.close()
            self._ended[number].set()

    def _do(self, claimed: ledger.Claimed, worker: Worker) -> None:
        answer = worker.ask(self._errand.request(claimed), seconds=self._errand.longest_seconds)
        if self._over.is_set() and answer.get("code") == "worker_lost":  # it was ended, not lost
            ledger.hand_back(self._engine, out=self._errand.out, case=claimed.case)
            return
        self._errand.told(settle(self._engine, out=self._errand.out, case=claimed.case, answer=answer))
