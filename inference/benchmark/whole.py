"""A whole reconstruction in a process of its own, so that its memory is its own and its start is counted."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

PROGRAM = """
import sys
from inference.allocator import reuse_freed_memory
reuse_freed_memory()
from inference.beside import Beside
from inference.pipeline import reconstruct
from inference.scans.load import load
scan, out, method = sys.argv[1:]
def open_ready():
    from inference.network.models import open_ready
    return open_ready()
with Beside() as beside:
    opening = beside.start(open_ready) if method == "network" else None
    volume = load(scan)
reconstruct(volume, method=method, recipe="standard", opened=opening() if opening else None).write(out, scan=scan)
"""
"""What `gilbreth reconstruct SCAN --out DIR` does: the network is opened while the scan is read."""


def run_whole(scan: Path, out: Path, *, method: str) -> float:
    """Reconstruct a scan by the standard recipe.

    Returns
    -------
    float
        Largest memory that the process and its children held together, looked at once a second, for a look costs more than a tenth of
        one; what they share counts once where the system tells (Linux), else once for each. On Linux at least what the process by itself
        ever held. [MiB]

    Raises
    ------
    RuntimeError
        If the process fails.
    """
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(scan), str(out), method], stderr=subprocess.PIPE, text=True) as process:
        peak = _Peak(process.pid)
        _, said = process.communicate()
        found = peak.stop()
    if process.returncode:
        raise RuntimeError(f"the reconstruction ended with status {process.returncode}: {said[-500:]}")
    return found


class _Peak:
    """Watches the memory of a process and its children."""

    def __init__(self, pid: int) -> None:
        self._pid, self._most, self._ended = pid, 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.wait(1.0):
            try:
                whole = psutil.Process(self._pid)
                held = max(_most(whole), sum(_held(one) for one in (whole, *whole.children(recursive=True))))
            except psutil.Error:
                time.sleep(0.05)
                continue
            self._most = max(self._most, held / 1024.0**2)

    def stop(self) -> float:
        self._ended.set()
        self._thread.join()
        return self._most


def _held(process: psutil.Process) -> float:
    """Memory of one process, shared pages by its share of them. [B]"""
    if not sys.platform.startswith("linux"):
        return float(process.memory_info().rss)
    return float(process.memory_full_info().pss)


def _most(process: psutil.Process) -> float:
    """The most that one process ever held, where the system keeps count. [B]"""
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0.0)
