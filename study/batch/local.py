"""Local processes: a thread per worker process; a worker that dies costs one attempt of one case and nothing else."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from study.batch import ledger
from study.batch.case import Options

RUN_CASE = "study.batch.case:run_case"
LONGEST_SECONDS = ledger.LEASE.total_seconds() - 60


class Worker:
    """A worker process that is started when first needed and again after it was lost."""

    def __init__(self, function: str, *, threads: int) -> None:
        self._command = [sys.executable, "-m", "study.batch.worker", function]
        self._environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "NUMBA_NUM_THREADS": str(threads)}
        self._process: subprocess.Popen[str] | None = None

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
        except OSError:
            pass
        finally:
            slow = not timer.is_alive()
            timer.cancel()
        status = process.wait()
        code = "too_slow" if slow else "worker_lost"
        return {"ok": False, "code": code, "reason": f"the worker process ended with status {status}", "final": False}

    def _started(self) -> "subprocess.Popen[str]":
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=self._environment
            )
        return self._process

    def close(self) -> None:
        """End the process."""
        if self._process is not None and self._process.poll() is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()


def run_local(
    engine: Engine,
    *,
    out: Path,
    cases: Iterable[str],
    options: Options,
    workers: int,
    told: Callable[[str], None],
    function: str = RUN_CASE,
    longest_seconds: float = LONGEST_SECONDS,
) -> None:
    """Work through a ledger with local processes until nothing is waiting.

    Parameters
    ----------
    engine : Engine
        Database with the ledger, after `ledger.enter`.
    out : Path
        Folder of the batch.
    cases : iterable of str
        Names on the list.
    options : Options
        How to reconstruct.
    workers : int
        Processes.
    told : callable
        Called with a line whenever a case is settled.
    function : str
        `module:function` that the workers run.
    longest_seconds : float
        A case that takes longer loses its worker. [s]
    """
    names, faults = tuple(cases), queue.SimpleQueue[BaseException]()
    threads = max(1, (os.cpu_count() or 1) // workers)

    def work(number: int) -> None:
        worker = Worker(function, threads=threads)
        try:
            while (claimed := ledger.claim(engine, out=out, worker=str(number), among=names)) is not None:
                request = {"case": claimed.case, "path": claimed.path, "unenhanced": claimed.unenhanced, "out": str(out)}
                answer = worker.ask({**request, "options": options.as_dict()}, seconds=longest_seconds)
                told(settle(engine, out=out, case=claimed.case, answer=answer))
        except BaseException as error:
            faults.put(error)
        finally:
            worker.close()

    crew = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(workers)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    if not faults.empty():
        raise faults.get()


def settle(engine: Engine, *, out: Path, case: str, answer: dict[str, Any]) -> str:
    """Enter an answer in the ledger; the line that tells it."""
    if answer["ok"] and answer.get("sha256"):
        ledger.finish(engine, out=out, case=case, output_sha256=answer["sha256"], seconds=answer["seconds"], verdict=answer["verdict"])
        return f"{case}: done in {answer['seconds']:.1f} s, verdict {answer['verdict']}"
    code, reason = answer.get("code", "incomplete"), answer.get("reason", "outputs are incomplete")
    state = ledger.fail(engine, out=out, case=case, code=code, reason=reason, final=bool(answer.get("final")))
    return f"{case}: {'will be tried again' if state == 'waiting' else state} [{code}] {reason}"
