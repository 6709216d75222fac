"""The image sets of a reconstruction, by file name below its folder."""

import numpy as np

from inference.pictures.mip import angles, pixel_size, rotating
from inference.pictures.surface import surface
from inference.pictures.vr import render
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


def rotating_vr(
    volume: Volume, segmentation: Segmentation, *, views: int = VIEWS, size: int = 512, with_bone: bool = False
) -> dict[str, Picture]:
    """Shaded VR of a full turn: `vr/rotate_000.png` and so on without bone, `vr/bone_rotate_000.png` with it.

    Parameters
    ----------
    volume : Volume
        The scan. [HU]
    segmentation : Segmentation
        What to show.
    views, size : int
        Number of views, and rows and columns of each.
    with_bone : bool
        Show the bone as well.

    Returns
    -------
    dict of str to numpy.ndarray
        Colour pictures by path; black where nothing was segmented.
    """
    field_mm = field_size(volume)
    step_mm = max(min(volume.spacing_mm), field_mm / size)
    lower = float(segmentation.notes.get("lower_hu") or 150.0)
    ceiling = float(segmentation.notes.get("ceiling_hu") or 700.0)
    vessel = surface(volume, segmentation.vessel, low_hu=lower - 100, high_hu=lower + 160, bright_hu=1.15 * ceiling, step_mm=step_mm)
    bone = surface(volume, segmentation.bone, low_hu=60, high_hu=400, bright_hu=1400, step_mm=step_mm) if with_bone else None
    turn, prefix = angles(views), "bone_rotate" if with_bone else "rotate"
    frames = render(vessel, bone, turn, size=size, field_mm=field_mm)
    return {f"vr/{prefix}_{angle:03.0f}.png": marked(frame, *sides(angle)) for angle, frame in zip(turn, frames, strict=True)}


def field_size(volume: Volume) -> float:
    """Edge of the square field that holds the scan from head to foot, and most of its width. [mm]"""
    height, depth, width = volume.geometry.extent_mm
    return max(height, 0.75 * float(np.hypot(depth, width)))
