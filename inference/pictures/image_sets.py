"""The image sets of a reconstruction, by file name below its folder."""

from inference.pictures.mip import angles, pixel_size, rotating
from inference.pictures.window import Picture, angiography_window, marked, sides
from inference.segmentation.result import Segmentation
from inference.volume import Volume

VIEWS = 36


def rotating_mips(bone_removed: Volume, *, lumen_hu: float, views: int = VIEWS) -> tuple[dict[str, Picture], float]:
    """Bone-free MIPs of a full turn about the head-foot axis: `mip/rotate_000.png` from the front, `_090` from the left.

    Parameters
    ----------
    bone_removed : Volume
        The scan without bone. [HU]
    lumen_hu : float
        HU of the vessels, which sets the window; 0 if unknown. [HU]
    views : int
        Number of views.

    Returns
    -------
    dict of str to numpy.ndarray, float
        Grey pictures by path, and their pixel edge. [mm]
    """
    window = angiography_window(lumen_hu)
    turn, pixel_mm = angles(views), pixel_size(bone_removed)
    frames = rotating(bone_removed, turn, above_hu=window.low_hu, pixel_mm=pixel_mm)
    pictures = {
        f"mip/rotate_{angle:03.0f}.png": marked(window.grey(frame), *sides(angle)) for angle, frame in zip(turn, frames, strict=True)
    }
    return pictures, pixel_mm


def rotating_vr(volume: Volume, segmentation: Segmentation, *, views: int = VIEWS, size: int = 512) -> dict[str, Picture]:
    """Shaded bone-free VR of a full turn: `vr/rotate_000.png` and so on."""
    return {}
