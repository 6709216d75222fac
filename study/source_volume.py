"""The source scan as readers get it: about a millimetre, one plain form, nothing in it that names anything.

The volume belongs to the case and is the same file for both arms. Its header holds the grid and nothing else: no description, no
date, no scanner, no position in the room. Axes are the scan's own, the first to the patient's left, the second to the back, the
third to the head, with the middle of the scan at the origin, which is how the turning pictures are laid out too.
"""

import gzip
import struct
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from study.errors import RejectedInput

if TYPE_CHECKING:
    from inference.volume import Volume

TARGET_MM = 1.0
HU_RANGE = (-1024, 3071)
NIFTI_HEADER = 348
_building = threading.Lock()


def prepare(scan: Path, *, target: Path) -> Path:
    """The blinded volume of a scan, made once; a second caller waits for the first.

    Parameters
    ----------
    scan : Path
        The de-identified copy.
    target : Path
        Where the `.nii.gz` goes; complete or not there at all.

    Raises
    ------
    RejectedInput
        When the scan is gone or cannot be read.
    """
    with _building:  # one at a time: a scan takes a gigabyte while it is read
        if target.exists():
            return target
        from inference import load
        from inference.errors import RejectedScan

        try:
            volume = load(scan)
        except (RejectedScan, OSError) as error:
            raise RejectedInput("no_source_scan", "the scan behind these pictures cannot be read", "tell the investigator") from error
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = target.with_suffix(".part")
        scratch.write_bytes(blinded(volume))
        scratch.replace(target)
    return target


def blinded(volume: "Volume", *, target_mm: float = TARGET_MM) -> bytes:
    """A gzipped NIfTI of the volume, thinned to about `target_mm` by averaging whole voxels.

    Examples
    --------
    >>> from inference import Geometry, Volume
    >>> scan = Volume(np.zeros((4, 8, 8), np.int16), Geometry((4, 8, 8), (1.0, 0.5, 0.5)))
    >>> content = gzip.decompress(blinded(scan))
    >>> struct.unpack("<8h", content[40:56])[1:4], len(content)
    ((4, 4, 4), 480)
    """
    factors = [max(1, round(target_mm / spacing)) for spacing in volume.spacing_mm]
    array = _thinned(volume.array, factors)
    spacing = [step * factor for step, factor in zip(volume.spacing_mm, factors, strict=True)]
    content = _header(array.shape, spacing) + bytes(4) + array.tobytes()
    return gzip.compress(content, compresslevel=5, mtime=0)


def _thinned(array: npt.NDArray[np.int16], factors: list[int]) -> npt.NDArray[np.int16]:
    """Means of whole blocks; what does not fill a block at the end of an axis is left out."""
    kept = [size // factor * factor for size, factor in zip(array.shape, factors, strict=True)]
    cut = array[: kept[0], : kept[1], : kept[2]]
    planes = []
    for start in range(0, kept[0], factors[0]):  # slab by slab, for the memory's sake
        slab = cut[start : start + factors[0]].astype(np.float32).mean(axis=0)
        shape = (kept[1] // factors[1], factors[1], kept[2] // factors[2], factors[2])
        planes.append(slab.reshape(shape).mean(axis=(1, 3)))
    return np.clip(np.rint(np.stack(planes)), *HU_RANGE).astype("<i2")


def _header(shape: tuple[int, ...], spacing_mm: list[float]) -> bytes:
    """A NIfTI-1 header with the grid only; array (z, y, x), world RAS as NIfTI wants it."""
    z, y, x = shape
    step_z, step_y, step_x = spacing_mm
    header = bytearray(NIFTI_HEADER)
    struct.pack_into("<i", header, 0, NIFTI_HEADER)
    struct.pack_into("<8h", header, 40, 3, x, y, z, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 4, 16)  # int16
    struct.pack_into("<8f", header, 76, 1.0, step_x, step_y, step_z, 1.0, 1.0, 1.0, 1.0)
    struct.pack_into("<3f", header, 108, float(NIFTI_HEADER + 4), 1.0, 0.0)
    struct.pack_into("<B", header, 123, 2)  # millimetres
    struct.pack_into("<2h", header, 252, 0, 1)  # sform: scanner-like
    middle = [(count - 1) / 2 for count in (x, y, z)]
    struct.pack_into("<4f", header, 280, -step_x, 0.0, 0.0, step_x * middle[0])
    struct.pack_into("<4f", header, 296, 0.0, -step_y, 0.0, step_y * middle[1])
    struct.pack_into("<4f", header, 312, 0.0, 0.0, step_z, -step_z * middle[2])
    header[344:348] = b"n+1\0"
    return bytes(header)
