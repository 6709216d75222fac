"""Eight bits for convolutions: the ranges of their inputs are found on crops and written into the network that the CPU engine gets.

Inputs have 256 steps over a range of their own for each convolution, weights 255 steps for each output channel (Jacob et al., *Quantization
and training of neural networks for efficient integer-arithmetic-only inference*, CVPR 2018).
"""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from inference.network.architecture import ResidualUNet, windowed

Ranges = Mapping[str, tuple[float, float]]
TOP_SHARE = 1e-5  # of a convolution's inputs on a crop may lie outside its range


def convolutions(network: nn.Module) -> dict[str, nn.Conv3d | nn.ConvTranspose3d]:
    """Every convolution by its name."""
    return {name: module for name, module in network.named_modules() if isinstance(module, nn.Conv3d | nn.ConvTranspose3d)}


def input_ranges(network: ResidualUNet, patches: Iterable[npt.NDArray[np.int16]]) -> dict[str, tuple[float, float]]:
    """Lowest and highest input of every convolution, by its name.

    Parameters
    ----------
    network : ResidualUNet
        In evaluation mode.
    patches : iterable of numpy.ndarray
        int16 (z, y, x), edges multiples of the plan's. [HU]
    """
    found: dict[str, tuple[float, float]] = {}

    def look(name: str, x: torch.Tensor) -> None:
        values = x.numpy().ravel()
        low, high = np.quantile(values, [TOP_SHARE, 1 - TOP_SHARE])
        past = found.get(name, (0.0, 0.0))
        found[name] = (min(float(low), past[0]), max(float(high), past[1]))

    watched = convolutions(network).items()
    hooks = [module.register_forward_pre_hook(lambda _, args, name=name: look(name, args[0])) for name, module in watched]
    try:
        with torch.inference_mode():
            for patch in patches:
                network(windowed(torch.from_numpy(patch.astype(np.float32))[None], network.plan))
    finally:
        for hook in hooks:
            hook.remove()
    return found


def folded(network: ResidualUNet) -> ResidualUNet:
    """A copy whose normalisations are part of the convolutions before them."""
    made = copy.deepcopy(network).eval()
    for block in made.modules():
        if isinstance(block, nn.Sequential):
            for k, (first, second) in enumerate(zip(list(block)[:-1], list(block)[1:], strict=True)):
                if isinstance(first, nn.Conv3d) and isinstance(second, nn.BatchNorm3d):
                    block[k], block[k + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
    return made


def quantize(ov: Any, model: Any, ranges: Ranges) -> None:
    """Round inputs and weights of every convolution of an OpenVINO model that was converted from a `folded` network, in place.

    Parameters
    ----------
    ov : module
        openvino.
    model : openvino.Model
        Converted from torch, so that a convolution's name holds that of its module.
    ranges : mapping
        As `input_ranges` gives them.

    Raises
    ------
    KeyError
        If a convolution has no range.
    """
    opset = ov.opset13
    kinds = {"Convolution": (1, 2, 3, 4), "ConvolutionBackpropData": (0, 2, 3, 4)}
    rounded: dict[tuple[str, int, float, float], Any] = {}
    for node in model.get_ordered_ops():
        axes = kinds.get(node.get_type_name())
        if axes is None:
            continue
        low, high = _symmetric(*ranges[_module_of(node.get_friendly_name())])
        source = node.input_value(0)
        key = (source.get_node().get_friendly_name(), source.get_index(), low, high)
        if key not in rounded:
            rounded[key] = opset.fake_quantize(source, *(np.float32(edge) for edge in (low, high, low, high)), 256)
        node.input(0).replace_source_output(rounded[key].output(0))
        weights = node.input_value(1)
        most = np.maximum(np.abs(weights.get_node().get_data()).max(axis=axes, keepdims=True), np.float32(1e-12))
        node.input(1).replace_source_output(opset.fake_quantize(weights, -most, most, -most, most, 255).output(0))


def _symmetric(low: float, high: float) -> tuple[float, float]:
    """What has a sign is rounded about zero, as integer convolutions are fastest."""
    most = max(-low, high * 128 / 127)
    return (-most, most * 127 / 128) if low < 0 else (0.0, high)


def _module_of(name: str) -> str:
    """The module of a converted node.

    Examples
    --------
    >>> _module_of("__module.network.up.3/aten::_convolution/ConvolutionBackpropData")
    'up.3'
    """
    return name.partition("/")[0].removeprefix("__module.network.")
