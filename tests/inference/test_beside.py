"""Work beside other work: it really runs at the same time."""

import threading
from pathlib import Path

import pytest

import inference
from inference.beside import Beside


def test_work_runs_beside_and_what_it_raises_is_raised() -> None:
    def fail() -> None:
        raise ValueError("no")

    with Beside() as beside:
        thread = beside.start(threading.get_ident)()
        assert (thread != threading.get_ident()) is beside.at_once
        with pytest.raises(ValueError, match="no"):
            beside.start(fail)()


def test_it_says_whether_the_second_thread_is_busy() -> None:
    go = threading.Event()
    with Beside() as beside:
        if not beside.at_once:
            pytest.skip("one processor")
        assert not beside.busy()
        done = beside.start(go.wait)
        assert beside.busy()
        go.set()
        assert done()
        assert not beside.busy()


def test_every_kernel_lets_other_threads_run() -> None:
    """A kernel that holds the interpreter's lock for a second stops the network beside it, which needs it after every patch."""
    held = [
        f"{path.name}:{number}"
        for path in Path(inference.__file__).parent.rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if "njit" in line and "import" not in line and "nogil=" not in line
    ]
    assert not held
