"""The named arteries of a label map, each with its box."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.anatomy import LABELS, NUMBERS
from inference.label_figures import Box, label_boxes

Array = npt.NDArray[Any]

BRIDGES = ("anterior_communicating", "posterior_communicating_r", "posterior_communicating_l")
"""Arteries that many people lack on a side, and that are too short to be followed."""


@dataclass(frozen=True)
class Named:
    """The named arteries of a label map: their voxels, their boxes."""

    arteries: Array
    counts: dict[str, int]
    boxes: dict[str, Box]

    def inside(self, name: str, *, margin: int = 0) -> tuple[Box, Array]:
        """A box around an artery, and the artery in it."""
        box = self.box(name, margin)
        return box, self.arteries[box] == NUMBERS[name]

    def box(self, name: str, margin: int) -> Box:
        """The box of an artery with a margin of voxels, within the scan."""
        z, y, x = (
            slice(max(side.start - margin, 0), min(side.stop + margin, count))
            for side, count in zip(self.boxes[name], self.arteries.shape, strict=True)
        )
        return z, y, x


def named_in(arteries: Array) -> Named:
    """Find the named arteries of a label map."""
    counts, boxes = label_boxes(np.asarray(arteries, np.uint8), 255)
    found = {LABELS[number]: number for number in LABELS if number != NUMBERS["unnamed"] and counts[number]}
    return Named(arteries, {name: int(counts[number]) for name, number in found.items()}, {name: boxes[found[name]] for name in found})
