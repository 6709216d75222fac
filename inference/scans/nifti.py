"""NIfTI-1 and NIfTI-2, single file or pair, plain or gzipped. Format: nifti.nimh.nih.gov, nifti1.h and nifti2.h."""

import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.scans.codes import rejected
from inference.scans.limits import Limits
from inference.scans.lps import grid
from inference.scans.parsed import Allocate, Parsed, Progress
from inference.scans.stream import check_voxels, read_array
from inference.scans.values import finish

_KINDS = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
_COLOUR = frozenset({128, 2304})
_MILLIMETRES = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}


def looks_nifti(first: bytes) -> bool:
    """Whether 348 unpacked bytes start a NIfTI file."""
    if len(first) < 348:
        return False
    sizes = {first[:4]} & {struct.pack(o + "i", n) for o in "<>" for n in (348, 540)}
    return bool(sizes) and (first[344:348] in (b"n+1\0", b"ni1\0") or first[4:8] in (b"n+2\0", b"ni2\0"))


def first_bytes(path: str, count: int) -> bytes:
    """The first bytes of a file, unpacked when it is gzipped."""
    with open(path, "rb") as file:
        plain = file.read(count)
    if plain[:2] != b"\x1f\x8b":
        return plain
    engine = zlib.decompressobj(47)
    try:
        with open(path, "rb") as file:
            return engine.decompress(file.read(1 << 16), count)
    except zlib.error:
        return b""


def read_nifti(path: str, *, limits: Limits, allocate: Allocate, progress: Progress) -> Parsed:
    """A NIfTI image; sform before qform, RAS turned to LPS."""
    head = first_bytes(path, 544)
    fields = _fields(head)
    shape = _shape(fields["dim"])
    check_voxels(shape, limits.voxels)
    if fields["datatype"] in _COLOUR:
        raise rejected("colour_image", "the image holds colours")
    if fields["datatype"] not in _KINDS:
        raise rejected("not_scalar", f"NIfTI data type {fields['datatype']} is not one real number per voxel")
    affine, notes = _affine(fields)
    geometry = grid(shape, affine)
    kind = np.dtype(fields["order"] + _KINDS[fields["datatype"]])
    data_path, offset = _data_file(path, fields)
    packing = "gzip" if _gzipped(data_path) else "raw"
    plain = packing == "raw"
    stored = read_array(
        data_path, offset=offset if plain else 0, skip=0 if plain else offset, shape=shape, kind=kind, packing=packing, progress=progress
    )
    slope = fields["slope"] if fields["slope"] not in (0.0,) else 1.0
    array, warnings = finish(
        stored, allocate, progress=progress, slope=slope, intercept=fields["inter"] if fields["slope"] not in (0.0,) else 0.0
    )
    return Parsed(array, geometry, "nifti", {}, warnings=notes + warnings)


def _gzipped(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _fields(head: bytes) -> dict[str, Any]:
    if len(head) < 348 or not looks_nifti(head):
        raise rejected("damaged", "the NIfTI header is not valid")
    version = 1 if head[:4] in (struct.pack("<i", 348), struct.pack(">i", 348)) else 2
    order = "<" if head[:4] in (struct.pack("<i", 348), struct.pack("<i", 540)) else ">"
    if version == 1:
        dim = struct.unpack_from(order + "8h", head, 40)
        pixdim = struct.unpack_from(order + "8f", head, 76)
        offset, slope, inter = struct.unpack_from(order + "3f", head, 108)
        qcode, scode = struct.unpack_from(order + "2h", head, 252)
        quatern = struct.unpack_from(order + "6f", head, 256)
        srow = struct.unpack_from(order + "12f", head, 280)
        datatype, units, pair = struct.unpack_from(order + "h", head, 70)[0], head[123], head[344:347] == b"ni1"
    else:
        if len(head) < 540:
            raise rejected("truncated", "the file ends inside its NIfTI-2 header")
        dim, pixdim = struct.unpack_from(order + "8q", head, 16), struct.unpack_from(order + "8d", head, 104)
        offset = struct.unpack_from(order + "q", head, 168)[0]
        slope, inter = struct.unpack_from(order + "2d", head, 176)
        qcode, scode = struct.unpack_from(order + "2i", head, 344)
        quatern, srow = struct.unpack_from(order + "6d", head, 352), struct.unpack_from(order + "12d", head, 400)
        units, pair = struct.unpack_from(order + "i", head, 500)[0], head[4:7] == b"ni2"
        datatype = struct.unpack_from(order + "h", head, 12)[0]
    if not math.isfinite(offset) or not 0 <= offset <= 64 << 20:
        raise rejected("damaged", "the NIfTI header places the voxels nowhere in the file")
    return {
        "order": order, "version": version, "dim": dim, "pixdim": pixdim, "offset": int(offset), "slope": float(slope),
        "inter": float(inter), "qcode": qcode, "scode": scode, "quatern": quatern, "srow": srow, "datatype": datatype,
        "units": units & 7, "pair": pair,
    }  # fmt: skip


def _shape(dim: tuple[int, ...]) -> tuple[int, int, int]:
    if not 1 <= dim[0] <= 7:
        raise rejected("damaged", "the NIfTI header gives no valid number of dimensions")
    sizes = [dim[i] if i <= dim[0] else 1 for i in range(1, 8)]
    if any(n < 1 for n in sizes[:3]):
        raise rejected("damaged", "the NIfTI header gives the image a size below one voxel")
    if sizes[3] > 1:
        raise rejected("four_dimensional", f"the image holds {sizes[3]} volumes")
    if any(n > 1 for n in sizes[4:]):
        raise rejected("not_scalar", "the image holds several values per voxel")
    return sizes[2], sizes[1], sizes[0]


def _affine(fields: dict[str, Any]) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Indices (x, y, z) to LPS millimetres, from sform, else qform, else the spacing alone (with a warning)."""
    notes = []
    sform, qform = _sform(fields), _qform(fields)
    if fields["scode"] > 0:
        ras = sform
        if fields["qcode"] > 0 and np.isfinite(qform).all() and np.abs(sform - qform).max() > max(0.5, 0.02 * np.abs(sform[:3, :3]).max()):
            notes.append("forms_disagree: sform and qform place the image differently; sform was taken")
    elif fields["qcode"] > 0:
        ras = qform
    else:
        ras = np.diag([*(abs(s) for s in fields["pixdim"][1:4]), 1.0])
        notes.append("no_orientation: the file does not say where left and right are; RAS was assumed")
    ras = np.array(ras, float)
    if fields["units"] not in _MILLIMETRES:
        raise rejected("damaged", "the NIfTI header gives no valid unit of length")
    ras[:3] *= _MILLIMETRES[fields["units"]]
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ ras, notes


def _sform(fields: dict[str, Any]) -> npt.NDArray[np.float64]:
    return np.vstack([np.reshape(fields["srow"], (3, 4)), [0, 0, 0, 1]]).astype(float)


def _qform(fields: dict[str, Any]) -> npt.NDArray[np.float64]:
    b, c, d, x, y, z = (float(v) for v in fields["quatern"])
    square = 1.0 - b * b - c * c - d * d
    if square < -1e-3 or not math.isfinite(square):
        if fields["qcode"] > 0 and fields["scode"] <= 0:
            raise rejected("bad_orientation", "the quaternion of the NIfTI header is not a rotation")
        return np.full((4, 4), np.nan)
    a = math.sqrt(max(0.0, square))
    norm = math.sqrt(a * a + b * b + c * c + d * d)
    a, b, c, d = a / norm, b / norm, c / norm, d / norm
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
        ]
    )
    pixdim = fields["pixdim"]
    sign = -1.0 if pixdim[0] < 0 else 1.0
    affine = np.eye(4)
    affine[:3, :3] = rotation * np.array([pixdim[1], pixdim[2], pixdim[3] * sign])
    affine[:3, 3] = x, y, z
    return affine


def _data_file(path: str, fields: dict[str, Any]) -> tuple[str, int]:
    if not fields["pair"]:
        return path, max(fields["offset"], 352 if fields["version"] == 1 else 544)
    name = Path(path)
    stem = name.name[: -len(".hdr.gz")] if name.name.endswith(".hdr.gz") else name.stem
    for candidate in (name.with_name(stem + ".img"), name.with_name(stem + ".img.gz")):
        if candidate.is_file() and candidate.resolve().parent == name.resolve().parent:
            return str(candidate), fields["offset"]
    raise rejected("truncated", "the .img file beside the .hdr file is missing")
