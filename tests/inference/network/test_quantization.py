"""Eight bits: hardly another answer, only with ranges of the same weights, and only where the processor is made for them."""

import numpy as np
import pytest
import torch

from inference.errors import WrongSetting
from inference.network.architecture import NetworkPlan, ResidualUNet
from inference.network.calibration import calibrated
from inference.network.engine import TorchEngine, open_engine
from inference.network.models import open_model
from inference.network.quantization import convolutions, folded, input_ranges
from inference.network.weights import DamagedWeights, load_weights, ranges_path, save_ranges, save_weights

openvino = pytest.importorskip("openvino")
PATCHES = np.random.default_rng(0).integers(-200, 900, (2, 32, 32, 32)).astype(np.int16)


def _able():
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@pytest.fixture
def network(tmp_path, monkeypatch):
    """A small network with normalisations that do something, and ranges of its own."""
    monkeypatch.setenv("GILBRETH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GILBRETH_PRECISION", raising=False)
    torch.manual_seed(1)
    made = ResidualUNet(NetworkPlan(channels=(8, 16, 16)))
    with torch.no_grad():
        for _ in range(20):  # running means and variances
            made(torch.randn(2, 2, 16, 16, 16))
    made.eval()
    made.ranges = input_ranges(made, PATCHES)
    return made


def test_every_convolution_has_a_range_and_the_first_one_that_of_the_windows(network):
    assert set(network.ranges) == set(convolutions(network))
    assert network.ranges["first.0"] == pytest.approx((-1.0, 1.0), abs=0.01)
    assert network.ranges["head"][0] == 0.0  # what a ReLU gives has no sign


def test_the_ranges_hold_all_but_the_rarest_inputs(network):
    low, high = network.ranges["merge.0.0"]
    shares = []

    def look(_, args):
        shares.append(((args[0] < low) | (args[0] > high)).float().mean())

    convolutions(network)["merge.0.0"].register_forward_pre_hook(look)
    input_ranges(network, PATCHES)
    assert max(shares) < 1e-4


def test_normalisations_are_folded_without_another_answer(network):
    x = torch.randn(1, 2, 16, 16, 16)
    before = [name for name, module in network.named_modules() if isinstance(module, torch.nn.BatchNorm3d)]
    with torch.no_grad():
        assert torch.allclose(network(x), folded(network)(x), atol=1e-4)
    assert not any(isinstance(module, torch.nn.BatchNorm3d) for module in folded(network).modules())
    assert [name for name, module in network.named_modules() if isinstance(module, torch.nn.BatchNorm3d)] == before


def test_eight_bits_say_nearly_what_plain_torch_says(network):
    engine = open_engine(network, patch=32, rim=4, device="cpu", threads=1)
    plain = TorchEngine(network, torch.device("cpu"), 4)(PATCHES).astype(int)
    assert engine.name == f"openvino cpu {'int8' if _able() else 'fp32'}"
    found = engine(PATCHES).astype(int)
    assert found.shape == plain.shape
    assert np.abs(found - plain).mean() < 4  # of 255
    for channel in range(4):
        assert np.corrcoef(found[:, channel].ravel(), plain[:, channel].ravel())[0, 1] > 0.98


@pytest.mark.skipif(not _able(), reason="this processor has no bfloat16, and computes in 32 bits whatever is asked for")
def test_convolutions_really_compute_in_whole_numbers(network):
    engine = open_engine(network, patch=32, device="cpu", threads=1)
    model = engine._queue[0].get_compiled_model().get_runtime_model()
    kinds = [node.get_rt_info()["primitiveType"].astype(str) for node in model.get_ordered_ops() if "onvolution" in _layer(node)]
    assert len(kinds) >= 10
    assert all(kind.endswith("I8") for kind in kinds), kinds


def _layer(node):
    return node.get_rt_info()["layerType"].astype(str)


@pytest.mark.skipif(not _able(), reason="this processor has no bfloat16, and computes in 32 bits whatever is asked for")
def test_more_bits_can_be_asked_for_and_each_is_compiled_by_itself(network, monkeypatch):
    found = {}
    for precision in ("int8", "bf16", "fp32"):
        monkeypatch.setenv("GILBRETH_PRECISION", precision)
        engine = open_engine(network, patch=32, device="cpu", threads=1)
        assert engine.name == f"openvino cpu {precision}"
        found[precision] = engine(PATCHES).astype(int)
    plain = TorchEngine(network, torch.device("cpu"))(PATCHES)
    apart = {precision: np.abs(values - plain).mean() for precision, values in found.items()}
    assert apart["fp32"] < apart["bf16"] < apart["int8"]


def test_a_precision_that_nobody_knows_is_refused_in_one_line(network, monkeypatch):
    monkeypatch.setenv("GILBRETH_PRECISION", "int4")
    with pytest.raises(WrongSetting, match="expected int8, bf16, fp32, got 'int4'"):
        open_engine(network, patch=32, device="cpu", threads=1)


def test_ranges_count_for_their_own_weights_alone(network, tmp_path):
    path = tmp_path / "tiny" / "fine.safetensors"
    save_weights(network, path)
    assert load_weights(path)[0].ranges == {}
    save_ranges(network.ranges, path)
    again = load_weights(path)[0].ranges
    assert set(again) == set(network.ranges)
    assert again["head"] == pytest.approx(network.ranges["head"], abs=1e-4)
    with torch.no_grad():
        network.head.bias += 1
    save_weights(network, path)
    assert ranges_path(path).exists()
    assert load_weights(path)[0].ranges == {}


@pytest.mark.parametrize("content", ["no JSON", '{"sha256": ""', '{"ranges": {}}', "[]"])
def test_a_damaged_file_of_ranges_is_refused_in_one_line(network, tmp_path, content):
    save_weights(network, tmp_path / "fine.safetensors")
    ranges_path(tmp_path / "fine.safetensors").write_text(content)
    with pytest.raises(DamagedWeights, match="remove the file"):
        load_weights(tmp_path / "fine.safetensors")


def test_the_shipped_network_comes_with_the_ranges_that_calibration_finds():
    shipped = open_model().fine
    assert set(shipped.ranges) == set(convolutions(shipped))
    again = calibrated(shipped)
    for name, (low, high) in shipped.ranges.items():
        assert again[name] == pytest.approx((low, high), rel=0.05, abs=0.05), name
