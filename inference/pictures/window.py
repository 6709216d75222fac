"""From HU to grey, and from grey to PNG files."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Window:
    """Which HU are black and white.

    Parameters
    ----------
    level_hu, width_hu : float
        Centre and width. [HU]

    Examples
    --------
    >>> Window(200, 400).grey(np.array([-50, 0, 200, 400])).tolist()
    [0, 0, 128, 255]
    """

    level_hu: float
    width_hu: float

    @property
    def low_hu(self) -> float:
        """HU shown black."""
        return self.level_hu - self.width_hu / 2

    @property
    def high_hu(self) -> float:
        """HU shown white."""
        return self.level_hu + self.width_hu / 2

    def grey(self, array: npt.NDArray[Any]) -> Picture:
        """Grey levels 0 to 255."""
        scaled = (np.asarray(array, np.float32) - self.low_hu) * (255.0 / self.width_hu)
        return np.asarray(np.clip(np.rint(scaled), 0, 255), np.uint8)


def angiography_window(lumen_hu: float) -> Window:
    """The window in which vessels of this HU are bright but not burnt out and soft tissue is nearly black.

    Examples
    --------
    >>> angiography_window(400.0)
    Window(level_hu=300.0, width_hu=480.0)
    """
    lumen = lumen_hu if lumen_hu > 100 else 350.0
    low, high = 60.0, lumen * 1.35
    return Window((low + high) / 2, high - low)


def png_bytes(picture: Picture, *, pixel_mm: float | None = None) -> bytes:
    """A grey (rows, columns) or colour (rows, columns, 3) picture as PNG, with its pixel size in the file's resolution."""
    from PIL import Image

    buffer = io.BytesIO()
    resolution = {} if pixel_mm is None else {"dpi": (25.4 / pixel_mm, 25.4 / pixel_mm)}
    Image.fromarray(np.ascontiguousarray(picture)).save(buffer, "PNG", compress_level=3, **resolution)
    return buffer.getvalue()


def marked(picture: Picture, left: str, right: str) -> Picture:
    """The picture with the side of the patient written at its left and right edge (R, L, A or P)."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(np.ascontiguousarray(picture))
    size = max(12, picture.shape[0] // 28)
    font = ImageFont.load_default(size)
    draw = ImageDraw.Draw(image)
    colour = 200 if picture.ndim == 2 else (200, 200, 200)
    draw.text((size // 2, picture.shape[0] // 2), left, fill=colour, font=font, anchor="lm")
    draw.text((picture.shape[1] - size // 2, picture.shape[0] // 2), right, fill=colour, font=font, anchor="rm")
    return np.asarray(image)


def sides(angle_degrees: float) -> tuple[str, str]:
    """What lies at the left and right edge of a view from this angle (0 from the front, 90 from the patient's left).

    Examples
    --------
    >>> sides(0), sides(90), sides(180), sides(40), sides(50)
    (('R', 'L'), ('A', 'P'), ('L', 'R'), ('R', 'L'), ('A', 'P'))
    """
    quarter = round(angle_degrees / 90.0 - 1e-9) % 4
    return (("R", "L"), ("A", "P"), ("L", "R"), ("P", "A"))[quarter]
