"""Freed memory is used again, which the system's own count of page faults tells."""

import os
import subprocess
import sys

import pytest

from inference.allocator import return_freed_memory, reuse_freed_memory

COUNT = """
import resource, sys, threading
import numpy as np
from inference.allocator import return_freed_memory, reuse_freed_memory
if sys.argv[1] == "kept":
    assert reuse_freed_memory()
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def churn():
    for _ in range(10):
        np.full(64 << 20, 1, np.uint8)
churn()
began = faults()
churn()
thread = threading.Thread(target=churn)
thread.start()
thread.join()
print(faults() - began)
if sys.argv[1] == "kept":
    held = int(open("/proc/self/statm").read().split()[1])
    return_freed_memory()
    print(held - int(open("/proc/self/statm").read().split()[1]))
"""


def counted(how: str, **settings: str) -> list[int]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    environment = {**clean, "NUMPY_MADVISE_HUGEPAGE": "0", **settings}
    words = subprocess.run([sys.executable, "-c", COUNT, how], capture_output=True, text=True, env=environment, check=True).stdout.split()
    return [int(word) for word in words]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone has these settings")
def test_a_volume_takes_the_pages_of_the_one_before_it_in_any_thread() -> None:
    (usual,) = counted("usual")
    kept, returned = counted("kept")
    assert usual > 20 * 16_000  # 20 arrays of 64 MiB in pages of 4 KiB
    assert kept < usual / 20
    assert returned > 15_000  # pages


def test_the_settings_of_the_user_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "3")
    assert not reuse_freed_memory()
    return_freed_memory()
