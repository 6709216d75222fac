"""Findings drawn on the MIP: a circle and a number where to look, the outline of the artery it is about."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from inference.anatomy import NUMBERS
from inference.indices import indices
from inference.label_figures import label_boxes
from inference.pictures.views import View, coverage, turning_view
from inference.pictures.window import Picture
from inference.volume import Volume

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

    from inference.qc import Finding

Array = npt.NDArray[Any]
COLOURS = {"reject": (255, 82, 82), "review": (255, 176, 32), "note": (86, 200, 255)}
ANGLES = (0, 90)
MOST_MARKS = 12
"""More marks hide what they mark; the gravest are drawn, the others are in the list alone."""

GRAVITY = ("reject", "review", "note")


def marked_findings(
    mips: dict[str, Picture], bone_removed: Volume, arteries: Array, findings: Sequence["Finding"], *, angles: Sequence[int] = ANGLES
) -> dict[str, Picture]:
    """MIPs with the findings that have a place.

    Parameters
    ----------
    mips : dict of str to numpy.ndarray
        Pictures by path, among them `mip/rotate_000.png`.
    bone_removed : Volume
        What they were made of; its grid is what matters.
    arteries : numpy.ndarray
        Label map (z, y, x), for the outlines.
    findings : sequence of Finding
        In the order of the verdict; the number of a mark is the finding's place in it, from 1.
    angles : sequence of int
        Views to draw on. [degrees]

    Returns
    -------
    dict of str to numpy.ndarray
        `qc/findings_000.png`, ...: uint8 (rows, columns, 3); empty when no finding has a place.
    """
    placed = _gravest([(number, finding) for number, finding in enumerate(findings, start=1) if finding.points_mm])
    named = {finding.artery for _, finding in placed if finding.artery and finding.artery in NUMBERS}
    outlined = _voxels(arteries, named - {"unnamed"})
    pictures = {}
    for angle in angles if placed else ():
        grey = mips.get(f"mip/rotate_{angle:03d}.png")
        if grey is not None:
            view = turning_view(bone_removed, float(angle))
            pictures[f"qc/findings_{angle:03d}.png"] = _drawn(grey, view, bone_removed, placed, outlined)
    return pictures


def _gravest(placed: list[tuple[int, "Finding"]]) -> list[tuple[int, "Finding"]]:
    """As many findings as a picture can show, the gravest ones, in the order of the verdict."""
    ranked = sorted(placed, key=lambda item: (GRAVITY.index(item[1].severity), item[0]))
    return sorted(ranked[:MOST_MARKS], key=lambda item: item[0])


def _voxels(arteries: Array, names: set[str]) -> dict[Any, Array]:
    """Indices (n, 3) of the voxels of some arteries, each looked for in its own box."""
    counts, boxes = label_boxes(arteries, 255)
    found = {}
    for name in names:
        box = boxes[NUMBERS[name]]
        if counts[NUMBERS[name]]:
            found[name] = indices(arteries[box] == NUMBERS[name]) + [side.start for side in box]
    return found


def _drawn(grey: Picture, view: View, volume: Volume, placed: list[tuple[int, "Finding"]], outlined: dict[Any, Array]) -> Picture:
    from PIL import Image, ImageDraw, ImageFont

    base = grey if grey.ndim == 3 else np.repeat(grey[..., None], 3, axis=2)
    canvas = (0.8 * base).astype(np.uint8)
    for _, finding in reversed(placed):
        if len(outlined.get(finding.artery, ())):
            canvas[_outline(view, outlined[finding.artery])] = COLOURS[finding.severity]
    sheet = Image.fromarray(canvas)
    size = max(13, grey.shape[0] // 36)
    pen, font, taken = ImageDraw.Draw(sheet), ImageFont.load_default(size), list[tuple[float, float]]()
    for number, finding in placed:
        colour = COLOURS[finding.severity]
        for x, y in view.project(volume.geometry.indices(finding.points_mm)):
            pen.ellipse([x - size / 2, y - size / 2, x + size / 2, y + size / 2], outline=colour, width=2)
        _number(pen, font, view, (float(x), float(y)), str(number), colour=colour, size=size, taken=taken)
    return np.asarray(sheet, np.uint8)


def _outline(view: View, voxels: Array) -> Array:
    from scipy.ndimage import binary_dilation

    covered = coverage(view, voxels) > 0.4
    edge: Array = binary_dilation(covered, iterations=2) & ~binary_dilation(covered)
    return edge


def _number(
    pen: "ImageDraw", font: Any, view: View, at: tuple[float, float], text: str, *, colour: tuple[int, int, int], size: int,
    taken: list[tuple[float, float]],
) -> None:  # fmt: skip
    """A number in a box beside a mark, on the outer side, moved down past numbers that are there already."""
    rows, columns = view.shape
    wide = size * (0.5 + 0.6 * len(text))
    left = at[0] + size if at[0] > columns / 2 else at[0] - size - wide
    x, y = float(np.clip(left, 0, columns - wide)), float(np.clip(at[1] - size / 2, 0, rows - 1.3 * size))
    while any(abs(x - other_x) < 1.6 * size and abs(y - other_y) < 1.3 * size for other_x, other_y in taken) and y < rows - 2.6 * size:
        y += 1.35 * size
    taken.append((x, y))
    edge = x if at[0] < x else x + wide
    pen.line([(at[0] + np.sign(edge - at[0]) * size / 2, at[1]), (edge, y + 0.6 * size)], fill=colour)
    pen.rectangle([x, y, x + wide, y + 1.25 * size], fill=colour)
    pen.text((x + wide / 2, y + 0.62 * size), text, fill=(0, 0, 0), font=font, anchor="mm")
