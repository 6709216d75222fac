"""Rotating VR as a multi-frame true-colour secondary capture: one instance that every PACS can play."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.dicom.common import Series, new_instance, refer_to
from inference.volume import Volume

TRUE_COLOUR = "1.2.840.10008.5.1.4.1.1.7.4"


def write_colour_frames(frames: Sequence[npt.NDArray[np.uint8]], series: Series, path: Path, *, source: Volume) -> Path:
    """Write frames of one size (rows, columns, 3) as one instance, ten frames a second.

    Raises
    ------
    ValueError
        If there is no frame, or they differ in size.
    """
    stack = np.stack([frame if frame.ndim == 3 else np.repeat(frame[..., None], 3, axis=-1) for frame in frames])
    dataset: Any = new_instance(series, index=1, sop_class=TRUE_COLOUR)
    dataset.ConversionType, dataset.PatientOrientation = "WSD", ""
    dataset.ImageType = ["DERIVED", "SECONDARY", "VOLUME", "VOLUME_RENDER"]
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = stack.shape[:3]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.RecognizableVisualFeatures = "NO"
    dataset.FrameIncrementPointer, dataset.FrameTime, dataset.CineRate = 0x00181063, "100", 10
    for name in ("FrameOfReferenceUID", "PositionReferenceIndicator", "PatientPosition"):
        if name in dataset:
            delattr(dataset, name)
    refer_to(dataset, sop_class=source.source.sop_class_uid, instances=source.source.instance_uids[:1])
    dataset.PixelData = stack.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path
