"""The image sets of a reconstruction, by file name below its folder."""

import numpy as np

from inference.pictures.mip import HuPicture, angles, pixel_size, rotating, rotating_dense, slabs, whole
from inference.pictures.surface import surface
from inference.pictures.vr import render
from inference.pictures.window import Picture, Window, angiography_window, marked, sides
from inference.segmentation.result import Segmentation
from inference.volume import Volume

VIEWS = 36
EDGES = {"axial": ("R", "L"), "coronal": ("R", "L"), "sagittal": ("A", "P")}
"""What lies at the left and right edge of the pictures along the axes."""


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
    pictures, shown_mm = {}, pixel_mm
    for angle, frame in zip(turn, frames, strict=True):
        grey, shown_mm = enlarged(window.grey(frame), pixel_mm)
        pictures[f"mip/rotate_{angle:03.0f}.png"] = marked(grey, *sides(angle))
    return pictures, shown_mm


def enlarged(picture: Picture, pixel_mm: float, *, rows: int = 512) -> tuple[Picture, float]:
    """A small picture brought to a size worth looking at, smoothly, and its new pixel edge. [mm]

    Examples
    --------
    >>> bigger, pixel_mm = enlarged(np.zeros((128, 100), np.uint8), 1.0)
    >>> bigger.shape, pixel_mm
    ((512, 400), 0.25)
    """
    from PIL import Image

    if picture.shape[0] >= rows:
        return picture, pixel_mm
    factor = rows / picture.shape[0]
    size = (round(picture.shape[1] * factor), rows)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC)), pixel_mm / factor


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


def vr_with_bone(volume: Volume, segmentation: Segmentation, *, views: int = VIEWS, size: int = 512) -> dict[str, Picture]:
    """Shaded VR of a full turn with the bone, as `vr/bone_rotate_000.png` and so on."""
    return rotating_vr(volume, segmentation, views=views, size=size, with_bone=True)


def more_mips(volume: Volume, bone_removed: Volume, lumen_hu: float, *, thickness_mm: float = 20.0, views: int = 12) -> dict[str, Picture]:
    """MIPs along the axes, whole and in thick slabs, and a turn of the raw scan.

    Parameters
    ----------
    volume, bone_removed : Volume
        The scan with and without bone. [HU]
    lumen_hu : float
        HU of the vessels, which sets the window. [HU]
    thickness_mm : float
        Thickness of the slabs; they overlap by half. [mm]
    views : int
        Views of the raw scan's turn.

    Returns
    -------
    dict of str to numpy.ndarray
        `mip/whole_coronal.png`, `mip/slab_axial_0010mm.png` (distance of the slab's centre from the first slice, row or
        column), `mip/raw_whole_sagittal.png`, `mip/raw_rotate_030.png`, ...
    """
    window, pixel_mm = angiography_window(lumen_hu), pixel_size(volume)
    pictures = axis_mips(bone_removed, lumen_hu=lumen_hu, thickness_mm=thickness_mm)
    for view, edges in EDGES.items():
        pictures[f"mip/raw_whole_{view}.png"] = _shown(window, whole(volume, view, pixel_mm=pixel_mm), pixel_mm, edges)
    turn = angles(views)
    for angle, frame in zip(turn, rotating_dense(volume, turn, pixel_mm=pixel_mm), strict=True):
        pictures[f"mip/raw_rotate_{angle:03.0f}.png"] = _shown(window, frame, pixel_mm, sides(angle))
    return pictures


def axis_mips(bone_removed: Volume, *, lumen_hu: float, thickness_mm: float = 20.0) -> dict[str, Picture]:
    """Bone-free MIPs along the three axes, whole and in thick slabs, by path below the result folder."""
    window, pixel_mm = angiography_window(lumen_hu), pixel_size(bone_removed)
    pictures = {}
    for view, edges in EDGES.items():
        pictures[f"mip/whole_{view}.png"] = _shown(window, whole(bone_removed, view, pixel_mm=pixel_mm), pixel_mm, edges)
        for centre_mm, flat in slabs(bone_removed, view, thickness_mm=thickness_mm, pixel_mm=pixel_mm):
            pictures[f"mip/slab_{view}_{centre_mm:04.0f}mm.png"] = _shown(window, flat, pixel_mm, edges)
    return pictures


def _shown(window: Window, flat: HuPicture, pixel_mm: float, edges: tuple[str, str]) -> Picture:
    return marked(enlarged(window.grey(flat), pixel_mm)[0], *edges)


def field_size(volume: Volume) -> float:
    """Edge of the square field that holds the scan from head to foot, and most of its width. [mm]"""
    height, depth, width = volume.geometry.extent_mm
    return max(height, 0.75 * float(np.hypot(depth, width)))
