"""A small encoder for JPEG lossless (ITU-T T.81 annex H, process 14, predictor 1), to test decoders without a third-party encoder."""

import struct

import numpy as np

# one Huffman code of five bits for each of the 17 categories of differences (0 to 16)
_COUNTS = bytes([0, 0, 0, 0, 17, *[0] * 11])


def encode(image: np.ndarray, bits: int = 16) -> bytes:
    """One grey image of unsigned values as a JPEG lossless stream."""
    rows, columns = image.shape
    head = b"\xff\xd8"
    head += b"\xff\xc3" + struct.pack(">HBHHB", 11, bits, rows, columns, 1) + bytes([1, 0x11, 0])
    head += b"\xff\xc4" + struct.pack(">H", 2 + 17 + 17) + b"\x00" + _COUNTS + bytes(range(17))
    head += b"\xff\xda" + struct.pack(">HB", 8, 1) + bytes([1, 0x00, 1, 0, 0])
    return head + _entropy(image.astype(np.int64), bits) + b"\xff\xd9"


def _entropy(image: np.ndarray, bits: int) -> bytes:
    predicted = np.empty_like(image)
    predicted[:, 1:] = image[:, :-1]
    predicted[1:, 0] = image[:-1, 0]
    predicted[0, 0] = 1 << (bits - 1)
    difference = (image - predicted) & 0xFFFF
    difference = np.where(difference > 0x8000, difference - 0x10000, difference)
    written = []
    for value in difference.ravel().tolist():
        category = abs(value).bit_length()
        written.append(f"{category:05b}")
        if 0 < category < 16:
            written.append(f"{value if value > 0 else value + (1 << category) - 1:0{category}b}")
    text = "".join(written)
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\x00")
