"""NRRD with attached or detached data in the same folder. Format: teem.sourceforge.net/nrrd/format.html."""

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inference.scans.codes import rejected
from inference.scans.limits import Limits
from inference.scans.lps import grid
from inference.scans.parsed import Allocate, Parsed, Progress
from inference.scans.stream import check_voxels, read_array
from inference.scans.values import finish
from inference.scans.words import clean

_KINDS = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "long long", "int64", "int64_t", "long long int", "signed long long"), "i8"),
    **dict.fromkeys(("ulonglong", "unsigned long long", "uint64", "uint64_t"), "u8"),
    "float": "f4",
    "double": "f8",
}
_PACKINGS = {"raw": "raw", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"}
_SPACES = {
    "left-posterior-superior": (1, 1, 1), "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1), "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1), "las": (1, -1, 1),
}  # fmt: skip
_HEADER_BYTES = 1 << 18


def read_nrrd(path: str, *, limits: Limits, allocate: Allocate, progress: Progress) -> Parsed:
    """An NRRD image of three spatial axes."""
    fields, offset = _header(path)
    sizes = _whole(fields, "sizes")
    if int(fields.get("dimension", "0") or 0) != len(sizes):
        raise rejected("damaged", "the NRRD header gives another number of sizes than dimensions")
    _check_axes(sizes, fields)
    shape = (sizes[2], sizes[1], sizes[0])
    check_voxels(shape, limits.voxels)
    if fields.get("type", "") == "block":
        raise rejected("not_scalar", "the image holds blocks instead of numbers")
    if fields.get("type", "") not in _KINDS:
        raise rejected("damaged", "the NRRD header gives no valid type")
    packing = _PACKINGS.get(fields.get("encoding", "").lower())
    if packing is None:
        raise rejected(
            "unsupported_syntax", f"the NRRD encoding is {clean(fields.get('encoding', 'missing'), length=12)}", "store it raw or gzipped"
        )
    affine, notes = _affine(fields)
    geometry = grid(shape, affine)
    order = "" if _KINDS[fields["type"]][1] == "1" else {"big": ">", "little": "<"}.get(fields.get("endian", "").lower(), "?")
    if order == "?":
        raise rejected("damaged", "the NRRD header gives no byte order")
    data_path, offset, skip = _data(path, offset, fields)
    kind = np.dtype(order + _KINDS[fields["type"]])
    if skip < 0:
        offset, skip = max(0, Path(data_path).stat().st_size - int(np.prod(shape, dtype=np.int64)) * kind.itemsize), 0
    stored = read_array(data_path, offset=offset, shape=shape, kind=kind, packing=packing, progress=progress, skip=skip)
    array, warnings = finish(stored, allocate, progress=progress)
    return Parsed(array, geometry, "nrrd", {}, warnings=notes + warnings)


def _header(path: str) -> tuple[dict[str, str], int]:
    """Fields by lower-case name, and where attached data starts (0 when the header ends with the file)."""
    with open(path, "rb") as file:
        head = file.read(_HEADER_BYTES)
    if not head.startswith(b"NRRD000"):
        raise rejected("damaged", "the NRRD header is not valid")
    ends = [(i, len(e)) for e in (b"\n\n", b"\r\n\r\n") if (i := head.find(e)) >= 0]
    stop, width = min(ends) if ends else (len(head), 0)
    if not ends and len(head) == _HEADER_BYTES:
        raise rejected("damaged", "the NRRD header does not end")
    fields = {}
    for line in head[:stop].decode("latin-1").splitlines()[1:]:
        if line.startswith("#") or ":=" in line or ":" not in line:
            continue
        name, value = line.split(":", 1)
        fields[name.strip().lower().replace("datafile", "data file")] = value.strip()
    return fields, stop + width if ends else 0


def _whole(fields: dict[str, str], name: str) -> list[int]:
    try:
        return [int(part) for part in fields.get(name, "").split()]
    except ValueError:
        raise rejected("damaged", f"the NRRD field {name} is not valid") from None


def _check_axes(sizes: list[int], fields: dict[str, str]) -> None:
    kinds = fields.get("kinds", "").lower().split()
    if len(sizes) > 3 or any(k in ("rgb-color", "rgba-color", "vector", "3-vector", "list", "time") or "matrix" in k for k in kinds):
        colour = any("color" in k for k in kinds)
        code = "colour_image" if colour else "four_dimensional" if len(sizes) > 3 else "not_scalar"
        raise rejected(code, f"the image has {len(sizes)} axes, not all of them in space")
    if len(sizes) != 3:
        raise rejected("damaged", f"the image has {len(sizes)} axes; expected 3")


def _vectors(text: str) -> npt.NDArray[np.float64]:
    try:
        return np.array([[float(n) for n in group.split(",")] for group in re.findall(r"\(([^()]{1,200})\)", text)], float)
    except ValueError:
        raise rejected("bad_orientation", "the space directions of the NRRD header are not numbers") from None


def _affine(fields: dict[str, str]) -> tuple[npt.NDArray[np.float64], list[str]]:
    affine = np.eye(4)
    space = fields.get("space", "").strip().lower()
    if "space directions" in fields:
        if space not in _SPACES:
            raise rejected("bad_orientation", "the NRRD space is not LPS, RAS or LAS", "save the image in left-posterior-superior space")
        vectors = _vectors(fields["space directions"])
        origin = _vectors(fields.get("space origin", "(0,0,0)"))
        if vectors.shape != (3, 3) or origin.shape != (1, 3):
            raise rejected("bad_orientation", "the NRRD header does not give three space directions and an origin")
        affine[:3, :3], affine[:3, 3] = vectors.T, origin[0]
        return np.diag([*_SPACES[space], 1.0]) @ affine, _units(fields)
    try:
        spacings = [float(part) for part in fields.get("spacings", "").split()]
    except ValueError:
        spacings = []
    if len(spacings) != 3:
        raise rejected("no_geometry", "the NRRD header gives neither space directions nor spacings")
    affine[:3, :3] = np.diag(np.abs(spacings))
    return affine, ["no_orientation: the file does not say where left and right are; LPS was assumed"]


def _units(fields: dict[str, str]) -> list[str]:
    units = re.findall(r'"([^"]{0,20})"', fields.get("space units", ""))
    if any(unit.strip().lower() not in ("mm", "millimeter", "millimeters", "") for unit in units):
        raise rejected("absurd_spacing", "the NRRD space units are not millimetres")
    return []


def _data(path: str, offset: int, fields: dict[str, str]) -> tuple[str, int, int]:
    """The data file, where it starts and how much to skip after unpacking; detached data must lie in the same folder."""
    try:
        lines, skip = int(fields.get("line skip", "0") or 0), int(fields.get("byte skip", "0") or 0)
    except ValueError:
        raise rejected("damaged", "the NRRD header skips no whole number of bytes") from None
    if lines != 0:
        raise rejected("unsupported_syntax", "the NRRD data starts after skipped lines", "save it without line skip")
    if "data file" not in fields:
        if not offset:
            raise rejected("truncated", "the file ends inside its NRRD header")
        return path, offset, skip
    return beside(path, fields["data file"]), 0, skip


def beside(path: str, name: str) -> str:
    """The path of a data file named in a header, which must lie in the header's own folder.

    Raises
    ------
    RejectedScan
        `outside_folder`, `truncated` when it is not there, `unsupported_syntax` for lists and patterns.
    """
    if name.upper().startswith("LIST") or "%" in name or (len(name.split()) > 1 and name.split()[-1].isdigit()):
        raise rejected("unsupported_syntax", "the voxels are spread over several files", "save the image as one file")
    folder = Path(path).resolve().parent
    if not name or "\0" in name or Path(name).is_absolute() or (folder / name).resolve().parent != folder:
        raise rejected("outside_folder", "the header names a data file outside its own folder")
    if not (folder / name).is_file():
        raise rejected("truncated", "the data file named in the header is not there")
    return str(folder / name)
