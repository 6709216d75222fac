"""Read exactly so many bytes from a plain or compressed file, bounded before anything is allocated."""

import bz2
import os
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.scans.codes import rejected
from inference.scans.parsed import Progress

_PIECE = 4 << 20
_BEST_RATIO = {"raw": 1, "gzip": 1100, "zlib": 1100, "bzip2": 50_000}


def read_array(
    path: str, *, offset: int, shape: tuple[int, int, int], kind: np.dtype[Any], packing: str, progress: Progress, skip: int = 0
) -> npt.NDArray[Any]:
    """An array (z, y, x) that starts at `offset` of the file and `skip` bytes into its unpacked stream.

    Raises
    ------
    RejectedScan
        `truncated` when the file cannot hold or does not give so many bytes, `damaged` when it cannot be unpacked.
    """
    count = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    held = os.path.getsize(path) - offset
    if held <= 0 or (count + skip) > held * _BEST_RATIO[packing]:
        raise rejected("truncated", f"the file holds {max(held, 0)} bytes for an image of {count} bytes")
    if packing == "raw":
        return np.memmap(path, kind, "r", offset + skip, shape)
    data = np.empty(count, np.uint8)
    done, left = 0, skip
    for piece in unpacked(path, offset, packing):
        view = np.frombuffer(piece, np.uint8)
        if left:
            cut = min(left, len(view))
            left, view = left - cut, view[cut:]
        take = min(len(view), count - done)
        data[done : done + take] = view[:take]
        done += take
        progress(done, 2 * count)
        if done == count:
            return data.view(kind).reshape(shape)
    raise rejected("truncated", f"the file unpacks to {done} of {count} bytes")


def unpacked(path: str, offset: int, packing: str) -> Iterator[bytes]:
    """Pieces of the unpacked stream, each of bounded size."""
    with open(path, "rb") as file:
        file.seek(offset)
        if packing == "bzip2":
            yield from _bunzip(file)
            return
        window = 47 if packing == "gzip" else 15
        engine = zlib.decompressobj(window)
        try:
            while packed := file.read(1 << 20):
                while packed:
                    piece = engine.decompress(packed, _PIECE)
                    packed = engine.unconsumed_tail
                    if piece:
                        yield piece
                    if engine.eof:
                        packed, engine = engine.unused_data, zlib.decompressobj(window)
                        if packed.strip(b"\0") == b"":
                            packed = b""
        except zlib.error:
            raise rejected("damaged", "the compressed part of the file is not valid") from None


def _bunzip(file: Any) -> Iterator[bytes]:
    engine = bz2.BZ2Decompressor()
    try:
        while not engine.eof:
            packed = file.read(1 << 18) if engine.needs_input else b""
            if engine.needs_input and not packed:
                return
            piece = engine.decompress(packed, _PIECE)
            if piece:
                yield piece
    except OSError:
        raise rejected("damaged", "the compressed part of the file is not valid") from None


def check_voxels(shape: tuple[int, ...], limit: int) -> None:
    """Refuse an image of no voxel or of more than the limit, before anything is allocated."""
    if any(n < 1 for n in shape):
        raise rejected("damaged", "the header gives the image a size below one voxel")
    count = 1
    for n in shape:
        count *= int(n)
    if count > limit:
        raise rejected("too_large", f"the header claims {' x '.join(str(n) for n in shape[::-1])} voxels; at most {limit} are read")
