"""Walk a DICOM header without recursion: only the tags that are asked for are kept, pixels are only located.

A general reader builds every element and follows nesting by recursion; on hostile files that costs gigabytes or the
process. This walker keeps a position and a depth, reads the file in small pieces, and is several times faster on a series.
Encoding rules: DICOM PS3.5 chapter 7 and annex A.
"""

import os
import struct
import zlib
from dataclasses import dataclass, field

from inference.errors import RejectedScan
from inference.scans.codes import rejected

IMPLICIT, EXPLICIT, BIG, DEFLATED = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
)
NATIVE = frozenset({IMPLICIT, EXPLICIT, BIG, DEFLATED})
UNDEFINED = 0xFFFFFFFF
PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_SHORT = frozenset(
    {b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH"}
    | {b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US"}
)
_KINDS = _LONG | _SHORT
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_DEEPEST, _KEPT_BYTES, _CHUNK, _HEADER_BYTES, _ELEMENTS = 32, 4096, 16384, 64 << 20, 200_000


@dataclass(slots=True)
class Header:
    """The raw values asked for, and where the pixels lie.

    Parameters
    ----------
    syntax : str
        Transfer syntax UID.
    values : dict
        Tag to raw bytes, for the tags asked for, at the top level only.
    big_endian : bool
        Byte order of binary values and pixels.
    pixel_tag, pixel_offset, pixel_length : int
        Where the pixels start in the file (in the inflated stream for a deflated file); tag 0 when there are none,
        length `UNDEFINED` when they are encapsulated.
    inflated : bytes or None
        The whole inflated stream of a deflated file.
    fault : RejectedScan or None
        Why the walk ended early; the values read until then are kept, for they may tell that the file does not matter.
    """

    syntax: str
    big_endian: bool = False
    values: dict[int, bytes] = field(default_factory=dict)
    pixel_tag: int = 0
    pixel_offset: int = 0
    pixel_length: int = 0
    inflated: bytes | None = None
    fault: RejectedScan | None = None


class _Window:
    """Bytes of a file, read in pieces as the walk moves on."""

    def __init__(self, descriptor: int, size: int, data: bytes | None = None) -> None:
        self.descriptor, self.size = descriptor, size
        self.start, self.data = 0, data if data is not None else os.pread(descriptor, _CHUNK, 0)
        self.fixed = data is not None

    def need(self, position: int, count: int) -> int:
        """Make `count` bytes from `position` available; returns the index of `position` in `data`."""
        index = position - self.start
        if index >= 0 and index + count <= len(self.data):
            return index
        if position + count > self.size or self.fixed:
            raise rejected("truncated", "a DICOM file ends inside its header")
        self.start, self.data = position, os.pread(self.descriptor, max(_CHUNK, count), position)
        if len(self.data) < count:
            raise rejected("truncated", "a DICOM file ends inside its header")
        return 0


def read_header(descriptor: int, size: int, wanted: frozenset[int], *, inflated_limit: int = 64 << 20) -> Header | None:
    """Read the wanted top-level tags of an open file.

    Parameters
    ----------
    descriptor, size : int
        An open file and its length. [byte]
    wanted : frozenset of int
        Tags to keep; values over 4 KiB are not kept.
    inflated_limit : int
        Most bytes a deflated file may unpack to. [byte]

    Returns
    -------
    Header or None
        None when the file is not DICOM.

    Notes
    -----
    Faults (`truncated`, `damaged`, `too_nested`, `too_large`) are not raised but put into the header.
    """
    if size < 12:
        return None
    window = _Window(descriptor, size)
    begin = 132 if window.data[128:132] == b"DICM" else 4 if window.data[:4] == b"DICM" else 0
    header = Header("")
    try:
        position = _meta(window, begin, header)
        if not header.syntax:
            guessed = _guess(window.data[position - window.start : position - window.start + 8]) if position + 8 <= size else None
            if guessed is None and not begin:
                return None
            if guessed is None:
                raise rejected("damaged", "a DICOM file has no transfer syntax and no readable header")
            header.syntax = guessed
        header.big_endian = header.syntax == BIG
        if header.syntax == DEFLATED:
            header.inflated = _inflate(descriptor, position, size, inflated_limit)
            window, position = _Window(descriptor, len(header.inflated), header.inflated), 0
        _walk(window, position, header, wanted, begin == 0)
    except RejectedScan as fault:
        header.fault = fault
    return header


def _meta(window: _Window, position: int, header: Header) -> int:
    """Take syntax and SOP class from the file meta group, which is always explicit little endian; returns where the data set starts."""
    for _ in range(64):
        if position + 8 > window.size:
            break
        index = window.need(position, 8)
        group, element, kind, length = struct.unpack_from("<HH2sH", window.data, index)
        if group != 2:
            break
        start = position + 8
        if kind in _LONG:
            index = window.need(position, 12)
            length, start = struct.unpack_from("<I", window.data, index + 8)[0], position + 12
        elif kind not in _SHORT:
            raise rejected("damaged", "the file meta information of a DICOM file is not valid")
        if element in (0x0002, 0x0010) and length <= 128:
            index = window.need(start, length)
            value = window.data[index : index + length]
            if element == 0x0010:
                header.syntax = value.rstrip(b"\0 ").decode("ascii", "replace")
            else:
                header.values[0x00080016] = value
        position = start + length
        if position > window.size:
            raise rejected("truncated", "a DICOM file ends inside its header")
    return position


def _guess(first: bytes) -> str | None:
    """The syntax of a data set without meta information, from its first element; None when it is no data set."""
    if len(first) < 8:
        return None
    group, element = struct.unpack_from("<HH", first)
    if group == 8 and element <= 0x2000:
        if first[4:6] in _SHORT or first[4:6] in _LONG:
            return EXPLICIT
        return IMPLICIT if struct.unpack_from("<I", first, 4)[0] <= 1024 else None
    if struct.unpack_from(">H", first)[0] == 8 and (first[4:6] in _SHORT or first[4:6] in _LONG):
        return BIG
    return None


def _inflate(descriptor: int, position: int, size: int, limit: int) -> bytes:
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    packed = os.pread(descriptor, min(size - position, limit), position)
    try:
        data = unpacker.decompress(packed, limit)
    except zlib.error:
        raise rejected("damaged", "the deflated part of a DICOM file is not valid") from None
    if unpacker.unconsumed_tail:
        raise rejected("too_large", f"a deflated DICOM file unpacks to more than {limit >> 20} MiB")
    if not unpacker.eof:
        raise rejected("truncated", "a deflated DICOM file ends early")
    return data


def _walk(window: _Window, position: int, header: Header, wanted: frozenset[int], bare: bool) -> None:
    """Step over the top-level elements until the pixels."""
    big, explicit = header.big_endian, header.syntax != IMPLICIT
    pair, short, long = struct.Struct(">HH" if big else "<HH"), struct.Struct(">H" if big else "<H"), struct.Struct(">I" if big else "<I")
    size, limit, count = window.size, position + _HEADER_BYTES, 0
    while position + 8 <= size:
        index = window.need(position, 12 if position + 12 <= size else 8)
        data = window.data
        group, element = pair.unpack_from(data, index)
        tag = group << 16 | element
        if explicit and group != 0xFFFE:
            kind = data[index + 4 : index + 6]
            if kind in _LONG:
                if position + 12 > size:
                    raise rejected("truncated", "a DICOM file ends inside its header")
                length, start = long.unpack_from(data, index + 8)[0], position + 12
            elif kind in _SHORT:
                length, start = short.unpack_from(data, index + 6)[0], position + 8
            else:
                raise rejected("damaged", "a DICOM header holds an element that is not valid")
        else:
            kind, length, start = b"", long.unpack_from(data, index + 4)[0], position + 8
        if tag in PIXELS:
            header.pixel_tag, header.pixel_offset, header.pixel_length = tag, start, length
            return
        count += 1
        if count > _ELEMENTS or position > limit or (bare and count == 1 and length == UNDEFINED):
            raise rejected("damaged", "a DICOM header is far longer than any scanner writes")
        if length == UNDEFINED:
            position = _skip_sequence(window, start, pair, short, long, explicit and kind != b"UN")
            continue
        if start + length > size:
            raise rejected("truncated", "a DICOM file ends inside its header")
        if tag in wanted and length <= _KEPT_BYTES:
            index = window.need(start, length) if length else 0
            header.values[tag] = window.data[index : index + length]
        position = start + length


def _skip_sequence(window: _Window, position: int, pair: struct.Struct, short: struct.Struct, long: struct.Struct, explicit: bool) -> int:
    """The position behind a sequence of undefined length; nesting is counted, not followed by recursion."""
    depth, count = 1, 0
    while depth:
        index = window.need(position, 8)
        group, element = pair.unpack_from(window.data, index)
        tag, count = group << 16 | element, count + 1
        if count > _ELEMENTS:
            raise rejected("too_nested", "a DICOM sequence holds more elements than any scanner writes")
        if group == 0xFFFE:
            length, position = long.unpack_from(window.data, index + 4)[0], position + 8
            if tag in (_ITEM_END, _SEQUENCE_END):
                depth -= 1
            elif tag != _ITEM:
                raise rejected("damaged", "a DICOM sequence is not valid")
            elif length == UNDEFINED:
                depth += 1
            else:
                position += length
        else:
            kind = window.data[index + 4 : index + 6]
            if not explicit or kind not in _KINDS:
                length, position = long.unpack_from(window.data, index + 4)[0], position + 8
            elif kind in _LONG:
                index = window.need(position, 12)
                length, position = long.unpack_from(window.data, index + 8)[0], position + 12
            else:
                length, position = short.unpack_from(window.data, index + 6)[0], position + 8
            if length == UNDEFINED:
                depth += 1
            else:
                position += length
        if depth > _DEEPEST:
            raise rejected("too_nested", f"a DICOM header nests sequences more than {_DEEPEST} deep")
        if position > window.size:
            raise rejected("truncated", "a DICOM file ends inside its header")
    return position
