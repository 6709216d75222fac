"""Long work of pages: one piece per owner, its heavy part in another process that may die."""

import os
import threading

import pytest

from dashboard import jobs
from study.correcting import CannotCorrect
from study.errors import RejectedInput
from study.workplace import draw_upload


def refuse():
    raise CannotCorrect("there is nothing there")


def test_an_owner_has_one_piece_of_work_at_a_time():
    go = threading.Event()
    first = jobs.start("anna", "wait", lambda: go.wait(10))
    assert jobs.start("anna", "other", lambda: None) is first
    assert first.running
    assert first.fault is None
    go.set()
    assert first.result is True
    assert jobs.start("anna", "other", lambda: 2).result == 2
    jobs.drop("anna")
    assert jobs.find("anna") is None


def test_what_went_wrong_is_kept_in_words():
    job = jobs.start("bert", "refuse", refuse)
    with pytest.raises(CannotCorrect):
        _ = job.result
    assert str(job.fault) == "there is nothing there"
    jobs.drop("bert")


def test_heavy_work_runs_in_a_process_of_its_own_that_is_started_anew_when_it_died():
    first = jobs.in_worker(os.getpid)
    assert first != os.getpid()
    with pytest.raises(CannotCorrect, match="nothing there"):
        jobs.in_worker(refuse)
    with pytest.raises(RejectedInput, match="not_a_picture"):
        jobs.in_worker(draw_upload, {"mip": [b"no picture"]}, 64)
    os.kill(first, 9)
    second = jobs.in_worker(os.getpid)
    assert second not in (first, os.getpid())
