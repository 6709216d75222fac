"""Weights come back as they went, and altered ones are refused."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from inference.errors import MissingPart
from inference.network.architecture import NetworkPlan, ResidualUNet
from inference.network.engine import OpenVinoEngine, TorchEngine, open_engine
from inference.network.models import open_model, open_ready
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


def test_a_variance_too_large_for_half_precision_comes_back_finite(tmp_path):
    network = ResidualUNet(PLAN).eval()
    network.down[0].body[1].running_var.fill_(7e4)
    save_weights(network, tmp_path / "fine.safetensors")
    again, _ = load_weights(tmp_path / "fine.safetensors")
    assert torch.equal(again.down[0].body[1].running_var, network.down[0].body[1].running_var)


def test_weights_of_a_training_that_diverged_are_not_saved(tmp_path):
    network = ResidualUNet(PLAN).eval()
    network.head.weight.data.fill_(float("nan"))
    with pytest.raises(DamagedWeights, match="diverged"):
        save_weights(network, tmp_path / "fine.safetensors")


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


def test_a_processor_without_bfloat16_gives_the_same_answer_and_says_so(saved, tmp_path, monkeypatch):
    monkeypatch.setenv("GILBRETH_CACHE", str(tmp_path))
    monkeypatch.setenv("GILBRETH_PRECISION", "fp32")
    told = []
    patch = np.random.default_rng(0).integers(-200, 900, (1, 16, 16, 16)).astype(np.int16)
    engine = open_engine(saved[0], patch=16, device="cpu", threads=1, report=told.append)
    if not engine.name.startswith("openvino"):
        pytest.skip("openvino is not installed")
    assert engine.name == "openvino cpu fp32"
    assert any("32 bits" in line for line in told)
    assert np.abs(engine(patch).astype(int) - TorchEngine(saved[0], torch.device("cpu"))(patch)).max() <= 1


@pytest.mark.gpu
def test_a_gpu_says_what_the_cpu_says(saved):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    patches = np.random.default_rng(0).integers(-200, 900, (9, 32, 32, 32)).astype(np.int16)
    engine = open_engine(saved[0], patch=32, device="cuda")
    assert engine.name == "torch cuda bf16"
    plain = TorchEngine(saved[0], torch.device("cpu"))
    assert np.abs(engine(patches).astype(int) - plain(patches)).max() <= 8  # bfloat16 has eight bits


def test_an_engine_told_of_a_rim_leaves_it_off_and_says_the_same_inside(saved, tmp_path, monkeypatch):
    monkeypatch.setenv("GILBRETH_CACHE", str(tmp_path))
    patch = np.random.default_rng(0).integers(-200, 900, (3, 32, 32, 32)).astype(np.int16)
    whole = TorchEngine(saved[0], torch.device("cpu"))(patch)[..., 10:-10, 10:-10, 10:-10].astype(int)
    assert np.abs(TorchEngine(saved[0], torch.device("cpu"), 10)(patch).astype(int) - whole).max() <= 1
    chosen = open_engine(saved[0], patch=32, rim=10, device="cpu", threads=2)(patch).astype(int)
    assert chosen.shape == (3, 4, 12, 12, 12)
    assert np.abs(chosen - whole).max() <= 6  # bfloat16 has eight bits


def test_without_openvino_plain_torch_says_the_same_and_it_is_told(saved, tmp_path, monkeypatch):
    monkeypatch.setenv("GILBRETH_CACHE", str(tmp_path))
    monkeypatch.setitem(sys.modules, "openvino", None)
    told = []
    patch = np.random.default_rng(0).integers(-200, 900, (2, 16, 16, 16)).astype(np.int16)
    engine = open_engine(saved[0], patch=16, device="cpu", threads=1, report=told.append)
    assert engine.name == "torch cpu fp32"
    assert any("pip install openvino" in line for line in told)
    assert np.array_equal(engine(patch), TorchEngine(saved[0], torch.device("cpu"))(patch))


def test_a_model_opens_its_engine_ahead_and_does_not_open_it_again(saved, tmp_path, monkeypatch):
    monkeypatch.setenv("GILBRETH_CACHE", str(tmp_path))
    _, path = saved
    model = open_ready(path.parent, device="cpu")
    first = model.engines.of(model.fine, patch=model.look.patch, rim=model.look.halo, device="cpu", threads=None)
    assert model.ready(device="cpu").engines.of(model.fine, patch=80, rim=12, device="cpu", threads=None) is first


def test_nothing_is_told_to_anybody_outside(saved, tmp_path):
    """OpenVINO's telemetry keeps an id and a count in the home and sends them off in processes of its own."""
    pytest.importorskip("openvino")
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from inference.network.engine import open_engine\n"
        "from inference.network.weights import load_weights\n"
        "engine = open_engine(load_weights(Path(sys.argv[1]))[0], patch=16, device='cpu', threads=1)\n"
        "print(engine.name, [name for name in sys.modules if name.startswith('openvino_telemetry.')])\n"
    )
    home = tmp_path / "home"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home), "GILBRETH_CACHE": str(tmp_path / "cache"), "CI": ""}
    done = subprocess.run([sys.executable, "-c", program, str(saved[1])], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.startswith("openvino")
    assert done.stdout.rstrip().endswith("[]")
    assert not (home / "intel").exists()


def test_a_converted_network_is_kept_and_made_again_where_it_was_cut_short(tmp_path, monkeypatch):
    openvino = pytest.importorskip("openvino")
    monkeypatch.setenv("GILBRETH_CACHE", str(tmp_path))
    torch.manual_seed(1)
    network = ResidualUNet(NetworkPlan(channels=(4, 8, 8))).eval()
    patches = np.random.default_rng(0).integers(-100, 600, (2, 16, 16, 16)).astype(np.int16)
    first = OpenVinoEngine(network, patch=16, threads=1)(patches)
    (kept,) = (tmp_path / "openvino").glob("network-*.xml")
    convert = openvino.convert_model
    monkeypatch.setattr(openvino, "convert_model", lambda *_, **__: pytest.fail("converted again"))
    assert np.array_equal(OpenVinoEngine(network, patch=16, threads=1)(patches), first)
    monkeypatch.setattr(openvino, "convert_model", convert)
    kept.write_bytes(kept.read_bytes()[:200])
    assert np.array_equal(OpenVinoEngine(network, patch=16, threads=1)(patches), first)
    with torch.no_grad():
        network.head.bias += torch.tensor([5.0, 0, 0, 0, 0])
    assert not np.array_equal(OpenVinoEngine(network, patch=16, threads=1)(patches), first)
    assert len(list((tmp_path / "openvino").glob("network-*.xml"))) == 2


def test_a_network_that_cannot_be_kept_is_used_all_the_same(saved, tmp_path, monkeypatch):
    openvino = pytest.importorskip("openvino")
    monkeypatch.setenv("GILBRETH_CACHE", str(tmp_path))

    def full(*_: object, **__: object) -> None:
        raise RuntimeError("no space left on device")

    monkeypatch.setattr(openvino, "save_model", full)
    patch = np.random.default_rng(0).integers(-100, 600, (1, 16, 16, 16)).astype(np.int16)
    assert OpenVinoEngine(saved[0], patch=16, threads=1)(patch).any()
    assert not list((tmp_path / "openvino").glob("network-*"))
