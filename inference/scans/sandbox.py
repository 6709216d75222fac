"""The parent's side of the child that reads scans: limits, time, and a crash that is only a rejection."""

import atexit
import contextlib
import fcntl
import json
import mmap
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

from inference.errors import MissingPart, RejectedScan
from inference.scans.codes import rejected
from inference.scans.limits import Limits

_START_SECONDS, _LONGEST_MESSAGE, _PATIENCE = 120.0, 256 << 20, 5
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "SYSTEMROOT", "VIRTUAL_ENV")
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"), "1")


class _Gone(Exception):
    """The child ended."""


class Worker:
    """One child process. Not for use by two threads at once; `read` takes care of that."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        root = str(Path(__file__).resolve().parents[2])
        paths = [root, *(p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p)]
        environment = {k: os.environ[k] for k in _PASSED_ON if k in os.environ} | _ONE_THREAD
        environment |= {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "inference.scans.worker", str(theirs.fileno())]
        self.process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, close_fds=True,
        )  # fmt: skip
        theirs.close()
        self.connection, self.owner, self.ready, self.heard = ours, os.getpid(), False, False

    def request(self, message: dict[str, Any], limits: Limits, progress: Callable[[int, int], None] | None) -> tuple[dict[str, Any], int]:
        """Send one request and wait for its answer; returns the answer and a descriptor or −1.

        Raises
        ------
        RejectedScan, _Gone
            `too_slow`, or the child ended; it is dead afterwards.
        """
        self._start()
        self.heard = False
        try:
            body = json.dumps(message).encode()
            self.connection.sendall(struct.pack("<I", len(body)) + body)
            until = time.monotonic() + limits.total_seconds
            while True:
                self._wait(min(limits.stall_seconds, max(0.01, until - time.monotonic())))
                answer, descriptor = self._receive(limits.stall_seconds)
                if "progress" not in answer:
                    return answer, descriptor
                self.heard = True
                if progress:
                    progress(*answer["progress"])
        except TimeoutError:
            self.stop()
            raise rejected("too_slow", "reading the scan made no progress and was stopped") from None
        except (_Gone, OSError, ValueError):
            self.stop()
            raise _Gone from None
        except BaseException:  # interrupted, or the progress callback gave up: the child is in the middle of its work
            self.stop()
            raise

    def _wait(self, seconds: float) -> None:
        """Wait for a message; a child that got hardly any processor time on a busy machine is given five times as long."""
        before = self._processor_seconds()
        for _ in range(_PATIENCE):
            if select.select([self.connection], [], [], seconds)[0]:
                return
            used, state = self._processor_seconds() - before, self._state()
            if used > 0.25 * seconds or state not in ("running", "disk-sleep"):
                break
        raise TimeoutError

    def _processor_seconds(self) -> float:
        try:
            times = psutil.Process(self.process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system)

    def _state(self) -> str:
        try:
            return str(psutil.Process(self.process.pid).status())
        except psutil.Error:
            return "gone"

    def _start(self) -> None:
        """Wait until the child has imported what it needs; that it cannot is no fault of the scan."""
        if self.ready:
            return
        try:
            self._receive(_START_SECONDS)
            self.ready = True
        except (_Gone, OSError, ValueError, TimeoutError):
            self.stop()
            raise MissingPart("the process that reads scans does not start; install again with pip install 'gilbreth[infer]'") from None

    def _receive(self, seconds: float) -> tuple[dict[str, Any], int]:
        until = time.monotonic() + seconds
        head, descriptors = self._some(4, until, first=True)
        while len(head) < 4:
            head += self._some(4 - len(head), until)[0]
        length = struct.unpack("<I", head)[0]
        if length > _LONGEST_MESSAGE:
            raise _Gone
        parts, missing = [], length
        while missing:
            piece = self._some(min(missing, 1 << 20), until)[0]
            parts.append(piece)
            missing -= len(piece)
        return json.loads(b"".join(parts)), descriptors[0] if descriptors else -1

    def _some(self, count: int, until: float, *, first: bool = False) -> tuple[bytes, list[int]]:
        if not select.select([self.connection], [], [], max(0.0, until - time.monotonic()))[0]:
            raise TimeoutError
        if first:
            data, descriptors, _, _ = socket.recv_fds(self.connection, count, 1)
        else:
            data, descriptors = self.connection.recv(count), []
        if not data:
            raise _Gone
        return data, list(descriptors)

    def stop(self) -> None:
        """End the child."""
        with contextlib.suppress(OSError):
            self.connection.close()
        if self.owner == os.getpid():
            with contextlib.suppress(OSError):
                self.process.kill()
            self.process.wait()


_idle: list[Worker] = []
_lock = threading.Lock()


def _borrow() -> tuple[Worker, bool]:
    """An idle child, or a fresh one, and whether it was used before."""
    with _lock:
        while _idle:
            worker = _idle.pop()
            if worker.owner == os.getpid() and worker.process.poll() is None:
                return worker, True
    return Worker(), False


@atexit.register
def stop_workers() -> None:
    """End the idle children of this process."""
    with _lock:
        while _idle:
            _idle.pop().stop()


def read(path: str, *, limits: Limits, progress: Callable[[int, int], None] | None = None) -> tuple[dict[str, Any], npt.NDArray[Any]]:
    """Parse a scan in a child process.

    Returns
    -------
    tuple of dict and numpy.ndarray
        The facts of `Parsed`, and the stored array, read-only and shared with nobody.

    Raises
    ------
    RejectedScan
        With the child's code, or `crashed_reader`, `too_slow`.
    """
    worker, used = _borrow()
    with tempfile.TemporaryDirectory(prefix="scan-", ignore_cleanup_errors=True) as scratch:
        message = {"path": os.fspath(path), "scratch": scratch, "limits": limits.to_dict()}
        try:
            try:
                answer, descriptor = worker.request(message, limits, progress)
            except _Gone:
                if not used or worker.heard:
                    raise
                worker = Worker()  # a child that waited idle may have died before: the scan gets a fresh one
                answer, descriptor = worker.request(message, limits, progress)
        except _Gone:
            raise rejected("crashed_reader", "the reader process ended while reading the scan") from None
    try:
        array = _array(answer, descriptor) if "facts" in answer else None
    finally:
        if descriptor >= 0:
            os.close(descriptor)
        if answer.get("last"):
            worker.stop()
        else:
            with _lock:
                _idle.append(worker)
    if array is None:
        raise RejectedScan(str(answer["code"]), str(answer["found"]), str(answer["remedy"]))
    return answer["facts"], array


def _array(answer: dict[str, Any], descriptor: int) -> npt.NDArray[Any]:
    """The array behind a descriptor, after checking that it is as large as the facts say and cannot change."""
    facts = answer["facts"]
    kind, shape = np.dtype(facts["dtype"]), tuple(int(n) for n in facts["geometry"]["shape"])
    size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    if kind.name not in ("int16", "float32") or descriptor < 0 or os.fstat(descriptor).st_size != size or size <= 0:
        raise rejected("crashed_reader", "the reader process gave an answer that cannot be right")
    mapped = mmap.mmap(descriptor, size, prot=mmap.PROT_READ)
    array = np.frombuffer(mapped, kind).reshape(shape)
    sealed = hasattr(fcntl, "F_GET_SEALS") and fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & fcntl.F_SEAL_WRITE
    return array if sealed else array.copy()
