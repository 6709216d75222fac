"""What a click would change, before anything is changed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.correction.case import CorrectionCase, open_case
from inference.correction.click import Click, CorrectionRefused
from inference.correction.found import Found, to_add, to_remove
from inference.correction.views import view_of
from inference.pictures.views import coverage
from inference.pictures.window import Picture

Array = npt.NDArray[Any]
COLOURS = {"remove": (255, 70, 60), "add": (70, 230, 110)}


@dataclass(frozen=True)
class Preview:
    """What a click would change.

    Parameters
    ----------
    click : Click
        The click.
    name : str
        Artery, `unnamed`, `vein` or `bone`.
    becomes : str
        What the voxels are afterwards: `bone`, `background` or `vessel`.
    voxels : int
        Number of voxels.
    volume_ml : float
        Their volume. [ml]
    point_mm : tuple of float
        LPS point that was hit. [mm]
    hu : float
        Value there. [HU]
    choices : int
        How many different things lie behind the pixel.
    where : numpy.ndarray
        Voxels (n, 3) as (z, y, x).
    version : str
        State of the case this was seen in.
    """

    click: Click
    name: str
    becomes: str
    voxels: int
    volume_ml: float
    point_mm: tuple[float, float, float]
    hu: float
    choices: int
    where: Array
    version: str

    @property
    def what(self) -> str:
        """One sentence for the technologist.

        Examples
        --------
        >>> nothing = np.zeros((0, 3), int)
        >>> Preview(Click("rotate_000", 1, 1), "vertebral_l", "background", 3, 0.123, (0, 0, 0), 300.0, 1, nothing, "").what
        'Remove 0.12 ml of left vertebral'
        """
        if self.click.action == "add":
            return f"Add {self.volume_ml:.2f} ml to the vessels"
        side = {"_r": "right ", "_l": "left "}.get(self.name[-2:], "")
        words = (self.name[:-2] if side else self.name).replace("_", " ")
        thing = {"unnamed": "unnamed vessel", "bone": "what bone removal left"}.get(self.name, side + words)
        return f"Remove {self.volume_ml:.2f} ml of {thing}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without the voxels."""
        return {
            "action": self.click.action,
            "view": self.click.view,
            "at_px": [round(self.click.x, 1), round(self.click.y, 1)],
            "choice": self.click.choice,
            "choices": self.choices,
            "what": self.what,
            "name": self.name,
            "becomes": self.becomes,
            "voxels": self.voxels,
            "volume_ml": self.volume_ml,
            "point_mm": list(self.point_mm),
            "hu": self.hu,
        }


def preview(case: CorrectionCase | str | Path, click: Click) -> Preview:
    """Find what a click means; nothing is written.

    Parameters
    ----------
    case : CorrectionCase or path
        An opened case; a path opens it without the scan.
    click : Click
        Where and what.

    Returns
    -------
    Preview
        Pass it to `apply`.

    Raises
    ------
    CorrectionRefused
        `nothing_there`, `no_such_view`, `needs_scan`.
    """
    case = open_case(case)
    view = view_of(case.bone_removed, click.view, folder=case.folder / "mip")
    found = to_remove(case, view, click) if click.action == "remove" else to_add(case, view, click)
    if not found:
        words = (
            "nothing bright lies behind this pixel" if click.action == "remove" else "nothing that could be a vessel lies behind this pixel"
        )
        raise CorrectionRefused("nothing_there", words, "click on the middle of what is meant, or use another view")
    return _seen(case, click, found[click.choice % len(found)], len(found))


def _seen(case: CorrectionCase, click: Click, thing: Found, choices: int) -> Preview:
    geometry = case.bone_removed.geometry
    x, y, z = (round(float(value), 2) for value in geometry.points(np.array([thing.seed]))[0])
    volume_ml = round(len(thing.where) * geometry.voxel_ml, 4)
    return Preview(
        click, thing.name, thing.becomes, len(thing.where), volume_ml, (x, y, z), thing.hu, choices, thing.where, case.version
    )  # fmt: skip


def preview_picture(case: CorrectionCase | str | Path, seen: Preview) -> Picture:
    """The picture that was clicked on, with the piece in colour: red goes, green comes. uint8 (rows, columns, 3)."""
    from PIL import Image

    case = open_case(case)
    view = view_of(case.bone_removed, seen.click.view, folder=case.folder / "mip")
    with Image.open(case.folder / "mip" / f"{seen.click.view}.png") as file:
        picture = np.asarray(file.convert("RGB"), np.float32)
    shown = coverage(view, seen.where)[..., None]
    colour = np.array(COLOURS[seen.click.action], np.float32)
    light = 0.45 + 0.55 * picture.mean(axis=2, keepdims=True) / 255.0
    return np.asarray(np.rint(picture * (1 - shown) + shown * colour * light), np.uint8)
