"""A checkpoint is read as numbers, whoever asks torch to read it, and nothing of it runs."""

import os
import zipfile

import numpy as np
import pytest
import torch

from inference.errors import RejectedScan
from inference.network.numbers_only import FORCED, numbers_only, require_numbers

HELD = {"weight": torch.arange(3.0), "loss": np.float64(0.25), "step": np.int64(7), "device": torch.device("cuda"), "plan": {"a": [1, "b"]}}


class _Planted:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def _as_numpy_1(path):
    """The same checkpoint as numpy 1 names its functions."""
    with zipfile.ZipFile(path) as old:
        members = {item: old.read(item) for item in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for item, data in members.items():
            new.writestr(item, data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))


@pytest.mark.parametrize("numpy_1", [False, True])
def test_tensors_plain_values_and_numbers_of_numpy_are_read(tmp_path, numpy_1):
    path = tmp_path / "model.pth"
    torch.save(HELD, path)
    if numpy_1:
        _as_numpy_1(path)
    require_numbers([path])
    with numbers_only():
        found = torch.load(path, weights_only=False)  # as nnU-Net asks
    assert (found["loss"], found["step"], found["device"], found["plan"]) == (0.25, 7, torch.device("cuda"), {"a": [1, "b"]})
    assert torch.equal(found["weight"], HELD["weight"])


def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path):
    path = tmp_path / "model.pth"
    torch.save({**HELD, "planted": _Planted(tmp_path / "ran")}, path)
    with pytest.raises(RejectedScan, match="which could run code"):
        require_numbers([path])
    with numbers_only(), pytest.raises(Exception, match="Weights only load failed"):
        torch.load(path, weights_only=False)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_checkpoint_cut_short_is_refused(tmp_path, share):
    path = tmp_path / "model.pth"
    torch.save(HELD, path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(RejectedScan) as refusal:
        require_numbers([path])
    assert refusal.value.code == "model_damaged"


@pytest.mark.parametrize("before", [None, "0"])
def test_torch_reads_as_before_afterwards(monkeypatch, before):
    monkeypatch.delenv(FORCED, raising=False)
    if before is not None:
        monkeypatch.setenv(FORCED, before)
    allowed = set(torch.serialization.get_safe_globals())
    with pytest.raises(KeyError), numbers_only():
        raise KeyError
    assert os.environ.get(FORCED) == before
    assert set(torch.serialization.get_safe_globals()) == allowed
