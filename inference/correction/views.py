"""The view behind the name of a MIP."""

import re
from pathlib import Path

from inference.correction.click import CorrectionRefused
from inference.pictures.mip import angles
from inference.pictures.views import View, fixed_view, turning_view
from inference.volume import Volume

TURNING = re.compile(r"(?P<raw>raw_)?rotate_(?P<angle>\d{3})")
FIXED = re.compile(r"(?P<raw>raw_)?whole_(?P<axis>axial|coronal|sagittal)")


def view_of(volume: Volume, name: str, *, folder: Path) -> View:
    """The view of a picture by its name.

    Parameters
    ----------
    volume : Volume
        The bone-removed volume; its grid is what matters.
    name : str
        `rotate_040`, `raw_rotate_030`, `whole_coronal`, ...
    folder : Path
        Of the pictures (`mip/`): how many there are tells the exact angle.

    Raises
    ------
    CorrectionRefused
        `no_such_view`.
    """
    turning, fixed = TURNING.fullmatch(name), FIXED.fullmatch(name)
    if not (folder / f"{name}.png").is_file() or not (turning or fixed):
        raise CorrectionRefused("no_such_view", f"there is no MIP {name[:60]!r} to click on", "give a view such as rotate_040")
    if turning:
        turn = angles(max(1, len(list(folder.glob(f"{turning['raw'] or ''}rotate_[0-9][0-9][0-9].png")))))
        return turning_view(volume, min(turn, key=lambda angle: abs(angle - float(turning["angle"]))), name=name)
    return fixed_view(volume, str(fixed["axis"]) if fixed else "", name=name)
