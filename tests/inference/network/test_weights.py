"""Weights come back as they went, and altered ones are refused."""

import json

import numpy as np
import pytest
import torch

from inference.errors import MissingPart
from inference.network.architecture import NetworkPlan, ResidualUNet
from inference.network.engine import TorchEngine, open_engine
from inference.network.models import open_model
from inference.network.weights import DamagedWeights, load_weights, save_weights

PLAN = NetworkPlan(channels=(4, 8, 8))


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(1)
    network = ResidualUNet(PLAN).eval()
    path = tmp_path / "tiny" / "fine.safetensors"
    save_weights(network, path, record={"version": "7"})
    return network, path


def test_weights_come_back_to_half_precision(saved):
    network, path = saved
    again, record = load_weights(path)
    x = torch.randn(1, 2, 16, 16, 16)
    with torch.no_grad():
        assert torch.allclose(network(x), again(x), atol=0.02)
    assert record["training"]["version"] == "7"


def test_one_altered_byte_is_refused(saved):
    _, path = saved
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedWeights, match="sha256"):
        load_weights(path)


def test_weights_of_another_plan_are_refused(saved):
    _, path = saved
    record = json.loads(path.with_suffix(".json").read_text())
    record["plan"]["channels"] = [4, 8, 8, 8]
    path.with_suffix(".json").write_text(json.dumps(record))
    with pytest.raises(DamagedWeights, match="does not fit"):
        load_weights(path)


def test_a_folder_opens_as_a_model_under_its_own_name_and_a_missing_one_says_what_to_do(saved, tmp_path):
    _, path = saved
    model = open_model(path.parent)
    assert (model.name, model.version) == ("tiny", "7")
    assert len(model.sha256) == 64
    with pytest.raises(MissingPart, match="gilbreth train"):
        open_model(tmp_path / "nothing")


def test_the_chosen_cpu_engine_says_what_plain_torch_says(saved, tmp_path, monkeypatch):
    monkeypatch.setenv("GILBRETH_CACHE", str(tmp_path))
    network, _ = saved
    patch = np.random.default_rng(0).integers(-200, 900, (1, 16, 16, 16)).astype(np.int16)
    plain = TorchEngine(network, torch.device("cpu"))(patch).astype(int)
    chosen = open_engine(network, patch=16, device="cpu", threads=1)(patch).astype(int)
    assert plain.shape == chosen.shape == (1, 4, 16, 16, 16)
    assert np.abs(plain - chosen).max() <= 6  # bfloat16 has eight bits


def test_cuda_asked_for_and_absent_is_a_missing_part(saved):
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(MissingPart, match="--device cpu"):
        open_engine(saved[0], patch=16, device="cuda")
