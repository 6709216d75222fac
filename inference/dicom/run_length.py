"""RLE Lossless, the compression that every DICOM reader knows: a label map of a whole scan becomes a few MiB.

References
----------
DICOM PS3.5, annex G: each row is coded by itself, as a run of one byte or as bytes that differ.
"""

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from inference.compilation import NOGIL


def coded_frames(frames: npt.NDArray[np.uint8]) -> list[bytes]:
    """Every frame (rows, columns) as an RLE frame of one segment.

    Examples
    --------
    >>> coded_frames(np.zeros((1, 1, 4), np.uint8))[0][64:].hex()
    'fd00'
    """
    frames = np.ascontiguousarray(frames)
    most = frames.shape[1] * (2 * frames.shape[2] + 2)  # single bytes between pairs take four bytes for three
    header = np.zeros(16, "<u4")
    header[:2] = 1, 64
    out = []
    for first in range(0, len(frames), 32):
        part = frames[first : first + 32]
        coded = np.empty((len(part), most), np.uint8)
        sizes = _code(part, coded)
        out += [header.tobytes() + coded[n, :size].tobytes() + b"\0" * (size % 2) for n, size in enumerate(sizes.tolist())]
    return out


def compress(dataset: Any) -> None:
    """Turn the native 8-bit frames of a data set into RLE Lossless, in place."""
    from pydicom.encaps import encapsulate
    from pydicom.uid import RLELossless

    shape = (int(dataset.NumberOfFrames), int(dataset.Rows), int(dataset.Columns))
    count = int(np.prod(shape))
    frames = np.frombuffer(dataset.PixelData, np.uint8, count).reshape(shape)
    dataset.PixelData = encapsulate(coded_frames(frames))
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = RLELossless


@numba.njit(nogil=NOGIL, parallel=True, cache=True)
def _code(frames, coded):  # type: ignore[no-untyped-def]  # pragma: no cover
    sizes = np.zeros(frames.shape[0], np.int64)
    for n in numba.prange(frames.shape[0]):
        size = 0
        columns = frames.shape[2]
        for row in range(frames.shape[1]):
            line = frames[n, row]
            x = 0
            while x < columns:
                run = 1
                while x + run < columns and run < 128 and line[x + run] == line[x]:
                    run += 1
                if run > 1:
                    coded[n, size], coded[n, size + 1] = 257 - run, line[x]
                    size += 2
                    x += run
                    continue
                differ = 1
                while x + differ < columns and differ < 128:
                    if x + differ + 1 < columns and line[x + differ] == line[x + differ + 1]:
                        break
                    differ += 1
                coded[n, size] = differ - 1
                for k in range(differ):
                    coded[n, size + 1 + k] = line[x + k]
                size += 1 + differ
                x += differ
        sizes[n] = size
    return sizes
