"""The child process: a crash, a hang or hunger for memory is only a rejection, and the next scan is read as ever."""

import os
import signal
import time

import numpy as np
import psutil
import pytest

from inference.errors import MissingPart, RejectedScan
from inference.scans import sandbox
from inference.scans.inspect import inspect
from inference.scans.limits import Limits
from inference.scans.load import load
from inference.scans.worker import _REQUESTS
from tests.inference.scans import makers as m
from tests.inference.scans.corpus import CASES


@pytest.fixture
def series(tmp_path):
    """A sound series, and no idle child left over from other tests."""
    sandbox.stop_workers()
    return m.save_series(m.series(), tmp_path / "series")


def child() -> psutil.Process:
    """The one idle child."""
    assert len(sandbox._idle) == 1
    return psutil.Process(sandbox._idle[0].process.pid)


def test_one_child_reads_many_scans(series):
    load(series)
    first = child().pid
    for _ in range(5):
        load(series)
    assert child().pid == first


def test_a_child_is_recycled_without_a_scan_noticing(tmp_path):
    sandbox.stop_workers()
    (tmp_path / "notes.txt").write_text("no scan")
    assert {inspect(tmp_path).code for _ in range(_REQUESTS + 5)} == {"not_an_image"}
    assert sandbox._idle[0].process.poll() is None


def test_a_child_that_dies_between_scans_is_replaced(series):
    load(series)
    os.kill(child().pid, signal.SIGKILL)
    assert load(series).shape == (12, 40, 44)


def stopped_during(path, number: signal.Signals, **limits) -> RejectedScan:
    """Load a slow scan while its child gets a signal, sent from its first word on so that no other thread can come late."""
    sandbox.stop_workers()
    load(path)
    victim = child()
    victim.nice(19)  # on a busy machine the child must not finish while the parent waits for a turn
    try:
        with pytest.raises(RejectedScan) as caught:
            load(path, limits=Limits(**limits), progress=lambda *_: victim.send_signal(number) if victim.is_running() else None)
    finally:
        if victim.is_running():
            victim.kill()
    return caught.value


@pytest.fixture
def slow_scan(tmp_path):
    """A gzipped image that takes the child seconds, so that a starved parent has a turn before it ends."""
    import gzip

    rng = np.random.default_rng(0)
    array = rng.integers(-1000, 1000, (300, 256, 256), dtype=np.int16)
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(m.nifti(array, np.diag([1.0, 1.0, 1.0, 1.0])), 1))
    return tmp_path / "a.nii.gz"


def test_a_segmentation_fault_of_the_child_is_a_rejection(slow_scan):
    assert stopped_during(slow_scan, signal.SIGSEGV).code == "crashed_reader"


def test_a_child_that_hangs_is_stopped_in_time(slow_scan):
    start = time.monotonic()
    assert stopped_during(slow_scan, signal.SIGSTOP, stall_seconds=1.5).code == "too_slow"
    assert time.monotonic() - start < 20


def test_more_voxels_than_the_limit_are_refused_before_they_are_read(series):
    with pytest.raises(RejectedScan) as caught:
        load(series, limits=Limits(voxels=1000))
    assert caught.value.code == "too_large"


def test_a_header_that_asks_for_gigabytes_costs_the_child_little_memory(tmp_path):
    sandbox.stop_workers()
    for name in ("header_of_46341_squared_compressed", "deflate_bomb", "zip_bomb", "metaimage_of_huge_dimensions"):
        assert not inspect(CASES[name](tmp_path / name if (tmp_path / name).mkdir() is None else tmp_path)).accepted
    peak = psutil.Process(child().pid).memory_info().rss
    assert peak < 1 << 30


def test_a_decoder_that_wants_too_much_memory_is_a_rejection(tmp_path, monkeypatch):
    sandbox.stop_workers()
    path = m.save(m.enhanced(), tmp_path / "enhanced.dcm")
    answer = inspect(path, limits=Limits(parse_bytes=1 << 20))
    assert not answer.accepted
    assert answer.code in ("too_large", "damaged", "crashed_reader")
    assert inspect(path).accepted


def test_nothing_is_left_in_the_folder_for_temporary_files(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t"))
    (tmp_path / "t").mkdir()
    for name in ("zipped_series", "zip_cut_short", "jpeg_lossless_sv1"):
        inspect(CASES[name](tmp_path / name))
    assert not list((tmp_path / "t").iterdir())


def test_the_child_gets_no_secret_of_the_environment(series, monkeypatch):
    monkeypatch.setenv("GILBRETH_SECRET", "never")
    sandbox.stop_workers()
    load(series)
    assert "GILBRETH_SECRET" not in child().environ()


def test_a_child_that_cannot_start_is_no_fault_of_the_scan(series, monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(MissingPart, match="install"):
        load(series)


def test_the_voxels_handed_over_cannot_be_changed_by_anybody(series):
    facts, array = sandbox.read(str(series), limits=Limits())
    assert not array.flags.writeable
    assert facts["dtype"] == "int16"
    with pytest.raises(ValueError, match="WRITEABLE"):
        array.flags.writeable = True
