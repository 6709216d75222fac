"""A residual 3D U-Net with one convolution at full resolution each way and a normalisation that folds away."""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import nn

WINDOWS_HU: tuple[tuple[float, float], ...] = ((-200.0, 700.0), (0.0, 2000.0))


@dataclass(frozen=True)
class NetworkPlan:
    """What must be known to build a network and to feed it.

    Parameters
    ----------
    channels : tuple of int
        Width of every level; each level halves the resolution.
    classes : int
        Output classes.
    spacing_mm : float
        Voxel edge it was trained for. [mm]
    windows_hu : tuple
        One input channel for each (low, high). [HU]

    Examples
    --------
    >>> plan = NetworkPlan(channels=(4, 8, 8), spacing_mm=2.0)
    >>> NetworkPlan.from_dict(plan.to_dict()) == plan, plan.multiple
    (True, 4)
    """

    channels: tuple[int, ...] = (16, 32, 64, 128, 160)
    classes: int = 5
    spacing_mm: float = 0.7
    windows_hu: tuple[tuple[float, float], ...] = WINDOWS_HU

    @property
    def multiple(self) -> int:
        """Input edges must be multiples of this. [voxels]"""
        return int(2 ** (len(self.channels) - 1))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "NetworkPlan":
        """Rebuild from `to_dict`, also after a journey through JSON."""
        windows = tuple((float(low), float(high)) for low, high in values["windows_hu"])
        channels = tuple(int(width) for width in values["channels"])
        return cls(channels, int(values["classes"]), float(values["spacing_mm"]), windows)


class _Convolution(nn.Sequential):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(nn.Conv3d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm3d(outputs), nn.ReLU(inplace=True))


class _Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv3d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm3d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv3d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm3d(outputs),
        )
        self.skip = nn.Sequential(nn.Conv3d(inputs, outputs, stride, stride, bias=False), nn.BatchNorm3d(outputs))
        self.last = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Body plus projected shortcut."""
        y: torch.Tensor = self.last(self.body(x) + self.skip(x))
        return y


class ResidualUNet(nn.Module):
    """The network; input is HU windows (n, windows, z, y, x), output logits (n, classes, z, y, x).

    Examples
    --------
    >>> net = ResidualUNet(NetworkPlan(channels=(4, 8, 8))).eval()
    >>> tuple(net(torch.zeros(1, 2, 16, 16, 8)).shape)
    (1, 5, 16, 16, 8)
    """

    def __init__(self, plan: NetworkPlan) -> None:
        super().__init__()
        self.plan = plan
        self.ranges: dict[str, tuple[float, float]] = {}  # of every convolution's inputs, where they are known: for eight bits
        widths = plan.channels
        self.first = _Convolution(len(plan.windows_hu), widths[0])
        self.down = nn.ModuleList(_Residual(a, b, 2) for a, b in pairwise(widths))
        self.up = nn.ModuleList(nn.ConvTranspose3d(b, a, 2, 2) for a, b in pairwise(widths))
        merge: list[nn.Module] = [_Convolution(2 * widths[0], widths[0])]
        merge += [_Residual(2 * width, width) for width in widths[1:-1]]
        self.merge = nn.ModuleList(merge)
        self.head = nn.Conv3d(widths[0], plan.classes, 1)

    def forward(self, x: torch.Tensor, *, rim: int = 0) -> torch.Tensor:
        """Logits; a rim of so many voxels that nobody wants is left off, and on the way up what only it needs is not worked out."""
        levels = [self.first(x)]
        for down in self.down:
            levels.append(down(levels[-1]))
        y, rims, off = levels.pop(), self._rims(rim), 0
        for k in reversed(range(len(levels))):
            y, off = self.up[k](inner(y, rims[k + 1] - off)), 2 * rims[k + 1]
            y = self.merge[k](torch.cat([y, inner(levels[k], off)], dim=1))
        logits: torch.Tensor = self.head(inner(y, rim - off))
        return logits

    def _rims(self, rim: int) -> list[int]:
        """What may be left off at every level: half of the level above, less what its convolutions reach. [voxels]"""
        rims = [rim]
        for k in range(len(self.down)):
            rims.append(max(0, (rims[k] - (2 if k else 1)) // 2))
        return rims


def inner(x: torch.Tensor, rim: int) -> torch.Tensor:
    """What is left of the last three axes without a rim.

    Examples
    --------
    >>> inner(torch.zeros(2, 4, 6, 8), 1).shape
    torch.Size([2, 2, 4, 6])
    """
    return x[..., rim:-rim, rim:-rim, rim:-rim] if rim else x


def windowed(hu: torch.Tensor, plan: NetworkPlan) -> torch.Tensor:
    """HU (n, z, y, x) as input channels of about −1 to 1.

    Examples
    --------
    >>> windowed(torch.tensor([[[[-1000.0, 250.0, 3000.0]]]]), NetworkPlan())[0, :, 0, 0]
    tensor([[-1.0000,  0.0000,  1.0000],
            [-1.0000, -0.7500,  1.0000]])
    """
    return torch.stack([(hu.clamp(low, high) - (low + high) / 2) * (2 / (high - low)) for low, high in plan.windows_hu], dim=1)
