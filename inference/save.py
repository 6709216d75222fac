"""Write an array back onto the grid of the file its volume came from, as NIfTI-1."""

import os
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt
from isal import isal_zlib

from inference.errors import GeometryMismatch
from inference.scans.lps import stored_geometry, turn_back
from inference.volume import Volume

_CODES = {"uint8": 2, "int16": 4, "int32": 8, "float32": 16, "float64": 64, "int8": 256, "uint16": 512, "uint32": 768}
_PIECE = 8 << 20


def save_nifti(array: npt.NDArray[Any], volume: Volume, path: str | Path) -> Path:
    """Write `array`, which lies on the grid of `volume`, in the axis order and with the affine of the file `volume` came from.

    A mask of a NIfTI scan therefore has the array order and affine of that scan; of a DICOM series, the slices are in order along
    their normal. Written under another name first and renamed, so a file is whole or absent.

    Parameters
    ----------
    array : numpy.ndarray
        (z, y, x) as `volume.array`; bool is written as uint8, float64 as float32, int64 as int32 where it fits.
    volume : Volume
        Gives the grid and `source.orientation`.
    path : str or Path
        Ends with `.nii` or `.nii.gz`.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    GeometryMismatch
        If the array has another shape than the volume.
    ValueError
        If the suffix or the type cannot be written.
    """
    target = Path(path)
    if not target.name.endswith((".nii", ".nii.gz")):
        raise ValueError("expected a file name that ends with .nii or .nii.gz, got another; rename it")
    pieces = _pieces(array, volume, packed=target.name.endswith(".gz"))
    target.parent.mkdir(parents=True, exist_ok=True)
    name = target.with_name(f".{uuid4().hex}.saving")
    try:
        with open(name, "xb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        name.unlink(missing_ok=True)
        raise
    return target


def nifti_gz(array: npt.NDArray[Any], volume: Volume) -> bytes:
    """What `save_nifti` writes into a `.nii.gz`."""
    return b"".join(_pieces(array, volume, packed=True))


def _pieces(array: npt.NDArray[Any], volume: Volume, *, packed: bool) -> Iterator[bytes | memoryview]:
    if tuple(array.shape) != volume.shape:
        raise GeometryMismatch(volume.shape, tuple(array.shape))
    stored = np.ascontiguousarray(turn_back(_writable(np.asarray(array)), volume.source.orientation))
    head = header(stored.dtype, volume)
    return _gzip(head, stored) if packed else iter((head, stored.data))


def _writable(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.dtype == bool:
        return array.astype(np.uint8)
    if array.dtype == np.int64 and (not array.size or (array.min() >= -(2**31) and array.max() < 2**31)):
        return array.astype(np.int32)
    if array.dtype in (np.float64, np.float16):
        return array.astype(np.float32)
    if array.dtype.name not in _CODES:
        raise ValueError(f"expected numbers of up to 32 bits, got {array.dtype}; convert the array first")
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def header(kind: np.dtype[Any], volume: Volume) -> bytes:
    """The 352 bytes before the voxels: sform and qform both say where the file's grid lies (RAS millimetres).

    Notes
    -----
    Format: nifti.nimh.nih.gov, nifti1.h. A left-handed grid has qfac −1.
    """
    geometry = stored_geometry(volume.geometry, volume.source.orientation)
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ geometry.affine
    z, y, x = geometry.spacing_mm
    rotation = ras[:3, :3] / np.array([x, y, z])
    handed = -1.0 if np.linalg.det(rotation) < 0 else 1.0
    b, c, d = _quaternion(rotation * np.array([1.0, 1.0, handed]))
    data = bytearray(352)
    struct.pack_into("<i", data, 0, 348)
    data[38:39] = b"r"
    struct.pack_into("<8h", data, 40, 3, *geometry.shape[::-1], 1, 1, 1, 1)
    struct.pack_into("<2h", data, 70, _CODES[kind.name], kind.itemsize * 8)
    struct.pack_into("<8f", data, 76, handed, x, y, z, 1.0, 1.0, 1.0, 1.0)
    struct.pack_into("<3f", data, 108, 352.0, 1.0, 0.0)
    data[123] = 2  # millimetres
    struct.pack_into("<2h", data, 252, 1, 1)
    struct.pack_into("<6f", data, 256, b, c, d, *ras[:3, 3])
    struct.pack_into("<12f", data, 280, *ras[:3].ravel())
    data[344:348] = b"n+1\0"
    return bytes(data)


def _quaternion(rotation: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """(b, c, d) of a rotation with a ≥ 0, by its largest component, so that half turns keep their sign."""
    m = rotation
    squares = np.array(
        [
            1 + m[0, 0] + m[1, 1] + m[2, 2],
            1 + m[0, 0] - m[1, 1] - m[2, 2],
            1 - m[0, 0] + m[1, 1] - m[2, 2],
            1 - m[0, 0] - m[1, 1] + m[2, 2],
        ]
    )
    largest = int(np.argmax(squares))
    s = 2 * np.sqrt(squares[largest])
    rows = [
        [s / 4, (m[2, 1] - m[1, 2]) / s, (m[0, 2] - m[2, 0]) / s, (m[1, 0] - m[0, 1]) / s],
        [(m[2, 1] - m[1, 2]) / s, s / 4, (m[0, 1] + m[1, 0]) / s, (m[0, 2] + m[2, 0]) / s],
        [(m[0, 2] - m[2, 0]) / s, (m[0, 1] + m[1, 0]) / s, s / 4, (m[1, 2] + m[2, 1]) / s],
        [(m[1, 0] - m[0, 1]) / s, (m[0, 2] + m[2, 0]) / s, (m[1, 2] + m[2, 1]) / s, s / 4],
    ]
    a, b, c, d = (float(v) for v in rows[largest])
    return (b, c, d) if a >= 0 else (-b, -c, -d)


def _gzip(head: bytes, stored: npt.NDArray[Any]) -> Iterator[bytes]:
    """One gzip member whose blocks are deflated by several threads (the way of pigz); ISA-L takes a quarter of zlib's time, or less."""
    data = stored.reshape(-1).view(np.uint8).data if stored.size else memoryview(b"")
    starts = range(0, len(data), _PIECE)
    check = isal_zlib.crc32(head)
    yield b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    yield _deflate(head, last=not len(data))
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        pieces = pool.map(lambda start: _deflate(data[start : start + _PIECE], last=start + _PIECE >= len(data)), starts)
        for start, piece in zip(starts, pieces, strict=True):
            check = isal_zlib.crc32(data[start : start + _PIECE], check)
            yield piece
    yield struct.pack("<II", check, (len(head) + len(data)) & 0xFFFFFFFF)


def _deflate(data: bytes | memoryview, *, last: bool) -> bytes:
    engine = isal_zlib.compressobj(2, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)
    packed: bytes = engine.compress(data) + engine.flush(isal_zlib.Z_FINISH if last else isal_zlib.Z_SYNC_FLUSH)
    return packed
