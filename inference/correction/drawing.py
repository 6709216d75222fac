"""The files of a result that a correction touches: drawn anew at once, or withdrawn until the case is confirmed."""

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inference.correction.editing import Edited
from inference.pictures.image_sets import axis_mips, rotating_mips, rotating_vr
from inference.pictures.marks import ANGLES, marked_findings
from inference.pictures.window import Picture, png_bytes
from inference.qc import Finding
from inference.save import save_nifti

FROM_VESSELS = ("centrelines/", "cpr/", "mpr/", "mesh/", "vr/")
FROM_ANYTHING = ("dicom/", "case_sheet", "vr/bone_", "qc/")
BONE_FREE = re.compile(r"mip/(rotate|whole|slab)_.*\.png")


def write_masks(edit: Edited, folder: Path) -> None:
    """Write the changed masks and the bone-removed volume below a folder."""
    for name in edit.changed:
        save_nifti(edit.masks[name], edit.bone_removed, folder / "masks" / f"{name}.nii.gz")
    save_nifti(edit.bone_removed.array, edit.bone_removed, folder / "volumes" / "bone_removed.nii.gz")


def write_mips(edit: Edited, folder: Path, *, now: Path, record: dict[str, Any]) -> None:
    """Draw the bone-free MIPs that the result has; those that look as before are not written."""
    have = {name for name in record["outputs"] if BONE_FREE.fullmatch(name)}
    lumen_hu = float(record["notes"].get("lumen_hu") or 0.0)
    turning = [name for name in have if name.startswith("mip/rotate_")]
    pictures: dict[str, Picture] = {}
    pixel_mm = None
    if turning:
        pictures, pixel_mm = rotating_mips(edit.bone_removed, lumen_hu=lumen_hu, views=len(turning))
    if have - set(turning):
        pictures |= axis_mips(edit.bone_removed, lumen_hu=lumen_hu)
    for name in have & set(pictures):
        content = png_bytes(pictures[name], pixel_mm=pixel_mm if name.startswith("mip/rotate") else None)
        if content != (now / name).read_bytes():
            _write(folder / name, content)


def write_findings(edit: Edited, folder: Path, *, now: Path, record: dict[str, Any], findings: Sequence[Finding]) -> None:
    """Draw the findings on the MIPs as they now are, where the result has such pictures."""
    if not any(name.startswith("qc/") for name in record["outputs"]):
        return
    mips = {}
    for angle in ANGLES:
        name = f"mip/rotate_{angle:03d}.png"
        place = folder / name if (folder / name).is_file() else now / name
        if place.is_file():
            with Image.open(place) as file:
                mips[name] = np.asarray(file)
    for name, picture in marked_findings(mips, edit.bone_removed, edit.masks["arteries"], findings).items():
        _write(folder / name, png_bytes(picture))


def write_vr(edit: Edited, folder: Path, *, record: dict[str, Any], views: int) -> None:
    """Draw the VR without bone; inside the vessels and their margin the bone-removed volume is the scan."""
    for name, picture in rotating_vr(edit.bone_removed, edit.segmentation(record), views=views).items():
        _write(folder / name, png_bytes(picture))


def no_longer_true(outputs: Iterable[str], changed: Collection[str], *, drawn: Collection[str]) -> list[str]:
    """Files that a change makes false and that were not drawn anew.

    Examples
    --------
    >>> no_longer_true(["vr/rotate_000.png", "vr/bone_rotate_000.png", "dicom/seg/seg.dcm", "mip/rotate_000.png"], ["bone"], drawn=[])
    ['vr/bone_rotate_000.png', 'dicom/seg/seg.dcm']
    """
    false = (*FROM_ANYTHING, *(FROM_VESSELS if set(changed) - {"bone"} else ()))
    return [name for name in outputs if name.startswith(false) and name not in drawn]


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
