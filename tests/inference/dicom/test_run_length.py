"""What is coded as RLE Lossless comes back byte for byte from another reader's decoder."""

import numpy as np
import pytest
from pydicom.pixels.decoders.rle import _rle_decode_frame

from inference.dicom.run_length import coded_frames


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 5), (40, 7, 129), (3, 4, 300)])
def test_frames_come_back_as_they_went(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(shape[2])
    for share in (0.0, 0.05, 0.5, 1.0):
        frames = (rng.random(shape) < share) * rng.integers(1, 30, shape)
        frames = frames.astype(np.uint8)
        for frame, coded in zip(frames, coded_frames(frames), strict=True):
            assert len(coded) % 2 == 0
            assert bytes(_rle_decode_frame(coded, shape[1], shape[2], 1, 8)) == frame.tobytes()


def test_an_empty_map_takes_next_to_no_room() -> None:
    assert len(coded_frames(np.zeros((1, 512, 512), np.uint8))[0]) == 64 + 512 * 8
