"""The child process that parses untrusted files: `python -m inference.scans.worker SOCKET`.

It reads requests from a socket, one JSON object each, and answers with facts as JSON and the voxels as a sealed memory
file. Nothing is pickled. Its address space is bounded: first tightly, then by what the header asks for, once that is known.
"""

import contextlib
import fcntl
import json
import mmap
import os
import resource
import signal
import socket
import struct
import sys
import tempfile
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.errors import RejectedScan
from inference.scans.codes import rejected
from inference.scans.limits import MIB, Limits
from inference.scans.parsed import Parsed

SEALS = getattr(fcntl, "F_SEAL_SHRINK", 0) | getattr(fcntl, "F_SEAL_GROW", 0) | getattr(fcntl, "F_SEAL_WRITE", 0)
_REQUESTS, _PEAK_KIB = 400, 3 << 20


class Memory:
    """Anonymous files that hold an array and can be handed to the parent."""

    def __init__(self, limits: Limits, base_bytes: int) -> None:
        self.limits, self.base, self.descriptor = limits, base_bytes, -1
        self.map: mmap.mmap | None = None
        _bound(base_bytes + limits.parse_bytes)

    def allocate(self, shape: tuple[int, int, int], kind: str) -> npt.NDArray[Any]:
        """An array in a memory file; refuses more voxels than the limit."""
        count = int(np.prod(shape, dtype=np.int64))
        if count > self.limits.voxels:
            raise rejected("too_large", f"the volume would have {count} voxels; at most {self.limits.voxels} are read")
        size = count * np.dtype(kind).itemsize
        self.release()
        _bound(self.base + self.limits.parse_bytes + 4 * size)
        self.descriptor = _anonymous()
        os.ftruncate(self.descriptor, size)
        self.map = mapped = mmap.mmap(self.descriptor, size)
        array: npt.NDArray[Any] = np.frombuffer(mapped, kind).reshape(shape)
        return array

    def seal(self) -> None:
        """Unmap, then forbid every change of size or content, so that the parent may trust what it checks."""
        if self.map is not None:
            with contextlib.suppress(BufferError, OSError):
                self.map.close()
                fcntl.fcntl(self.descriptor, fcntl.F_ADD_SEALS, SEALS)

    def release(self) -> None:
        """Give the memory back."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.descriptor, self.map = -1, None


def _anonymous() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("scan", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _bound(size: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (size if hard == resource.RLIM_INFINITY else min(size, hard), hard))


def _address_space() -> int:
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 1024 * MIB


class Channel:
    """Length-prefixed JSON over a socket, with at most one file descriptor attached."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection, self.heard = connection, 0.0

    def receive(self) -> dict[str, Any] | None:
        """The next request; None when the parent is gone."""
        head = self._exactly(4)
        body = self._exactly(struct.unpack("<I", head)[0]) if head else b""
        return json.loads(body) if body else None

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.connection.recv(count - len(data))
            if not piece:
                return b""
            data += piece
        return data

    def send(self, message: dict[str, Any], descriptor: int = -1) -> None:
        """Send an object, and a descriptor with its first byte."""
        body = json.dumps(message, allow_nan=False).encode()
        data = struct.pack("<I", len(body)) + body
        sent = socket.send_fds(self.connection, [data], [descriptor]) if descriptor >= 0 else self.connection.send(data)
        self.connection.sendall(data[sent:])

    def progress(self, done: int, total: int) -> None:
        """Tell the parent that the work moves on, at most ten times a second."""
        now = time.monotonic()
        if now - self.heard >= 0.1:
            self.heard = now
            self.send({"progress": [done, total]})


def serve(connection: socket.socket) -> None:
    """Answer requests until the parent goes away or it is time for a fresh process."""
    channel, base = Channel(connection), _address_space()
    channel.send({"ready": True})
    for number in range(1, _REQUESTS + 1):
        request = channel.receive()
        if request is None:
            return
        limits = Limits(**request["limits"])
        memory = Memory(limits, base)
        # only for a child whose parent is gone: the parent ends a slow one, and is patient with one that gets no processor
        signal.setitimer(signal.ITIMER_REAL, 6 * limits.total_seconds)
        tempfile.tempdir = request["scratch"]
        answer = _answer(request, memory, limits, channel)
        memory.seal()
        last = number == _REQUESTS or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > _PEAK_KIB
        channel.send(answer | {"last": last}, memory.descriptor if "facts" in answer else -1)
        memory.release()
        signal.setitimer(signal.ITIMER_REAL, 0)
        if last:
            return


def _answer(request: dict[str, Any], memory: Memory, limits: Limits, channel: Channel) -> dict[str, Any]:
    from inference.scans.read import read

    try:
        parsed: Parsed = read(
            request["path"], scratch=request["scratch"], limits=limits, allocate=memory.allocate, progress=channel.progress
        )
        return {"facts": parsed.facts()}
    except RejectedScan as error:
        refusal = error
    except MemoryError:
        refusal = rejected("too_large", "reading the file would take more memory than its size allows")
    except RecursionError:
        refusal = rejected("too_nested", "the file nests deeper than the reader follows")
    except OSError:
        refusal = rejected("unreadable", "a file could not be read")
    except Exception as error:
        refusal = rejected("damaged", f"the reader failed on the file ({type(error).__name__})")
    return {"code": refusal.code, "found": refusal.found, "remedy": refusal.remedy}


def main() -> None:
    """Entry point; the only argument is the number of the inherited socket."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.setrecursionlimit(400)
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        serve(connection)


if __name__ == "__main__":
    main()
