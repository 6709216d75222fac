"""Stored pixels to HU: located bytes are read straight into the volume, compressed frames go through named decoders."""

import os
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.scans.codes import rejected
from inference.scans.dicom_header import NATIVE, UNDEFINED
from inference.scans.dicom_slice import Slice

AIR_HU = -1024
_BEST_RATIO = 4000  # a blank slice in JPEG 2000 comes to about 1000


def frame_bytes(one: Slice) -> int:
    """Bytes of one uncompressed frame."""
    return one.rows * one.columns * (one.allocated // 8) * one.samples


def check_length(one: Slice, size: int) -> None:
    """Refuse a file that cannot hold the pixels its header claims."""
    if one.syntax not in NATIVE:
        if one.pixel_length not in (UNDEFINED,) and one.pixel_length > size:
            raise rejected("truncated", "a compressed image is longer than its file")
        if frame_bytes(one) > _BEST_RATIO * size:
            raise rejected("truncated", "a compressed image is far too short for the size its header claims")
        return
    need = frame_bytes(one) * (one.frame + 1)
    if one.pixel_length == UNDEFINED or one.pixel_length < need:
        raise rejected("truncated", "an image holds fewer pixels than its header says")
    if not one.deflated and one.pixel_offset + need > size:
        raise rejected("truncated", "a file ends before its pixels do")


def read_native(path: str, one: Slice) -> npt.NDArray[Any]:
    """The stored values of an uncompressed frame, in the machine's byte order."""
    count, kind = frame_bytes(one), _kind(one)
    if one.deflated:
        with open(path, "rb") as file:
            data = _inflate(file.read(), one.pixel_offset + count * (one.frame + 1))[one.pixel_offset + count * one.frame :][:count]
    else:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            data = os.pread(descriptor, count, one.pixel_offset + count * one.frame)
        finally:
            os.close(descriptor)
    if len(data) < count:
        raise rejected("truncated", "a file ends before its pixels do")
    return np.frombuffer(data, kind).reshape(one.rows, one.columns).astype(kind.newbyteorder("="), copy=False)


def _inflate(data: bytes, limit: int) -> bytes:
    start = 132 if data[128:132] == b"DICM" else 0
    position = start
    while int.from_bytes(data[position : position + 2], "little") == 2:  # the file meta information is never deflated
        long = data[position + 4 : position + 6] in (b"OB", b"OW", b"UN", b"UT", b"SQ")
        length = (
            int.from_bytes(data[position + 8 : position + 12], "little")
            if long
            else int.from_bytes(data[position + 6 : position + 8], "little")
        )
        position += (12 if long else 8) + length
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[position:], limit)


def _kind(one: Slice) -> np.dtype[Any]:
    order = ">" if one.big_endian else "<"
    return np.dtype(f"{order}{'i' if one.signed else 'u'}{one.allocated // 8}")


def into(path: str, one: Slice, target: npt.NDArray[np.int16]) -> bool:
    """Read a 16-bit little-endian frame straight into a slice of the volume, as stored; False when it is stored otherwise."""
    if one.syntax not in NATIVE or one.deflated or one.big_endian or one.allocated != 16:
        return False
    descriptor = os.open(path, os.O_RDONLY)
    try:
        count = frame_bytes(one)
        if os.preadv(descriptor, [target.reshape(-1).view(np.uint8).data], one.pixel_offset + count * one.frame) != count:
            raise rejected("truncated", "a file ends before its pixels do")
    finally:
        os.close(descriptor)
    return True


def significant(stored: npt.NDArray[Any], one: Slice) -> npt.NDArray[Any]:
    """Values without what lies outside the stored bits (overlays, marks), sign extended."""
    if one.stored == one.allocated and one.high_bit == one.allocated - 1:
        return stored
    low = one.high_bit + 1 - one.stored
    if low == 0 and stored.size:
        top = (1 << (one.stored - 1)) - 1 if one.signed else (1 << one.stored) - 1
        if int(stored.max()) <= top and int(stored.min()) >= (-top - 1 if one.signed else 0):
            return stored
    left = one.allocated - 1 - one.high_bit
    return (stored << left) >> (left + low)


def to_hu(stored: npt.NDArray[Any], one: Slice, target: npt.NDArray[np.int16]) -> None:
    """Rescale stored values into a slice of the volume; padding and whatever is below −1024 HU become air.

    `stored` may share memory with `target`. Fractional slopes are rounded to whole HU, an error of at most 0.5 HU.
    """
    stored = significant(stored, one)
    slope, intercept = float(one.slope if one.slope is not None else 1), float(one.intercept or 0)
    if one.photometric == "MONOCHROME1":
        raise rejected("not_hu", "the image is stored inverted (MONOCHROME1), which no CT scanner does")
    low, high = int(stored.min()), int(stored.max())
    padded = None
    if one.padding is not None and one.padding[0] <= high and one.padding[1] >= low:
        padded = (stored >= one.padding[0]) & (stored <= one.padding[1])
    ends = sorted((low * slope + intercept, high * slope + intercept))
    whole = slope == 1.0 and intercept.is_integer() and stored.dtype.itemsize == 2
    if whole and ends[0] >= -32768 and ends[1] <= 32767:
        np.add(stored.view(np.int16), np.int16(int(intercept)), out=target)  # modulo 2^16, exact since the result is in range
    else:
        values = np.clip(np.rint(stored * slope + intercept), AIR_HU, 32767)
        target[...] = values.astype(np.int16)
    if ends[0] < AIR_HU:
        np.maximum(target, np.int16(AIR_HU), out=target)
    if padded is not None:
        target[padded] = AIR_HU


def check_scale(one: Slice) -> None:
    """Refuse a slice whose values are no HU."""
    if one.slope is None or one.intercept is None:
        raise rejected("no_hu_scale", "rescale slope or intercept is missing")
    if one.slope == 0 or abs(one.slope) > 100 or abs(one.intercept) > 32767:
        raise rejected("bad_rescale", f"the rescale slope is {one.slope:.4g} and the intercept {one.intercept:.4g}")
    if one.rescale_type not in ("", "HU"):
        raise rejected("no_hu_scale", f"the values are given in {one.rescale_type}, not in HU")
