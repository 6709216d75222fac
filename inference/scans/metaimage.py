"""MetaImage: .mha, and .mhd with its data file in the same folder. Format: itk.org/Wiki/ITK/MetaIO/Documentation."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.scans.codes import rejected
from inference.scans.limits import Limits
from inference.scans.lps import grid
from inference.scans.nrrd import beside
from inference.scans.parsed import Allocate, Parsed, Progress
from inference.scans.stream import check_voxels, read_array
from inference.scans.values import finish

_KINDS = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4",
    "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip
_HEADER_BYTES = 1 << 16


def looks_metaimage(first: bytes) -> bool:
    """Whether a file starts like a MetaImage header."""
    start = first[:256].lstrip()
    return start.startswith((b"ObjectType", b"NDims", b"Comment", b"ObjectSubType")) and b"=" in start


def read_metaimage(path: str, *, limits: Limits, allocate: Allocate, progress: Progress) -> Parsed:
    """A MetaImage of three axes; its world is LPS."""
    fields, end = _header(path)
    sizes = _numbers(fields, "dimsize", int)
    if int(_numbers(fields, "ndims", int)[0] if "ndims" in fields else 0) != len(sizes):
        raise rejected("damaged", "the MetaImage header gives another number of sizes than dimensions")
    if len(sizes) > 3:
        raise rejected("four_dimensional", f"the image has {len(sizes)} axes")
    if len(sizes) != 3:
        raise rejected("damaged", f"the image has {len(sizes)} axes; expected 3")
    shape = (sizes[2], sizes[1], sizes[0])
    check_voxels(shape, limits.voxels)
    if fields.get("elementnumberofchannels", "1") not in ("1", ""):
        raise rejected("not_scalar", "the image holds several values per voxel")
    if fields.get("elementtype", "").upper() not in _KINDS:
        raise rejected("damaged", "the MetaImage header gives no valid element type")
    if fields.get("binarydata", "true").lower() == "false":
        raise rejected("unsupported_syntax", "the voxels are written as text", "save the image as binary")
    geometry = grid(shape, _affine(fields))
    big = next((fields[k] for k in ("binarydatabyteordermsb", "elementbyteordermsb") if k in fields), "false").lower() == "true"
    kind = np.dtype((">" if big else "<") + _KINDS[fields["elementtype"].upper()])
    local = fields["elementdatafile"].upper() == "LOCAL"
    data_path = path if local else beside(path, fields["elementdatafile"])
    packing = "zlib" if fields.get("compresseddata", "false").lower() == "true" else "raw"
    offset = end if local else _skip(fields, data_path, shape, kind)
    stored = read_array(data_path, offset=offset, shape=shape, kind=kind, packing=packing, progress=progress)
    array, warnings = finish(stored, allocate, progress=progress)
    return Parsed(array, geometry, "metaimage", {}, warnings=warnings)


def _header(path: str) -> tuple[dict[str, str], int]:
    """Fields by lower-case name, and where local data starts: `ElementDataFile` is always the last line."""
    with open(path, "rb") as file:
        head = file.read(_HEADER_BYTES)
    fields: dict[str, str] = {}
    position = 0
    while position < len(head):
        stop = head.find(b"\n", position)
        stop = len(head) if stop < 0 else stop
        name, _, value = head[position:stop].decode("latin-1").partition("=")
        position = stop + 1
        fields[name.strip().lower()] = value.strip()
        if name.strip().lower() == "elementdatafile":
            return fields, position
    raise rejected("damaged", "the MetaImage header does not say where the voxels are")


def _numbers(fields: dict[str, str], name: str, kind: Any) -> list[Any]:
    try:
        return [kind(part) for part in fields.get(name, "").split()]
    except (ValueError, OverflowError):
        raise rejected("damaged", f"the MetaImage field {name} is not valid") from None


def _affine(fields: dict[str, str]) -> npt.NDArray[np.float64]:
    spacing = _numbers(fields, "elementspacing" if "elementspacing" in fields else "elementsize", float)
    if len(spacing) != 3:
        raise rejected("no_geometry", "the MetaImage header gives no spacing for three axes")
    matrix = _first(fields, ("transformmatrix", "rotation", "orientation")) or [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    origin = _first(fields, ("offset", "position", "origin")) or [0.0, 0.0, 0.0]
    if len(matrix) != 9 or len(origin) != 3:
        raise rejected("bad_orientation", "the MetaImage header gives no valid matrix or offset")
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(matrix, (3, 3)).T * np.abs(spacing)  # each three numbers are the direction of one axis
    affine[:3, 3] = origin
    return affine


def _first(fields: dict[str, str], names: tuple[str, ...]) -> list[float]:
    """The numbers of the first field that is there; writers name them differently."""
    return next((_numbers(fields, name, float) for name in names if name in fields), [])


def _skip(fields: dict[str, str], data_path: str, shape: tuple[int, int, int], kind: np.dtype[Any]) -> int:
    found = _numbers(fields, "headersize", int)
    size = int(found[0]) if found else 0
    if size == -1:
        return max(0, Path(data_path).stat().st_size - int(np.prod(shape, dtype=np.int64)) * kind.itemsize)
    if not 0 <= size <= 1 << 30:
        raise rejected("damaged", "the MetaImage header skips an impossible number of bytes")
    return size
