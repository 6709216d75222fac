"""Stored values of NIfTI, NRRD and MetaImage to the numbers of a volume: int16 where nothing is lost, else float32."""

from typing import Any

import numpy as np
import numpy.typing as npt

from inference.scans.codes import rejected
from inference.scans.parsed import Allocate, Progress

AIR_HU = -1024
_LOOKS_HU, _SURELY_HU, FEW_SLICES = (-20.0, 50.0), (-150.0, 150.0), 8


def finish(
    stored: npt.NDArray[Any], allocate: Allocate, *, progress: Progress, slope: float = 1.0, intercept: float = 0.0
) -> tuple[npt.NDArray[Any], list[str]]:
    """Rescale, check for NaN and infinity, choose the type.

    Returns
    -------
    tuple of array and list of str
        int16 when the values are whole and in range or are surely HU (then rounded, below −1024 cut), else float32; warnings
        `not_hu`, `blank_image`, `too_few_slices`, `rounded`.

    Raises
    ------
    RejectedScan
        `not_finite`, `bad_rescale`.
    """
    if not (np.isfinite(slope) and np.isfinite(intercept)) or slope == 0:
        raise rejected("bad_rescale", "slope or intercept is zero or not a number")
    shape = (stored.shape[0], stored.shape[1], stored.shape[2])
    floating = stored.dtype.kind == "f" or not (float(slope).is_integer() and float(intercept).is_integer())
    low, high = _range(stored, progress)
    low, high = sorted((low * slope + intercept, high * slope + intercept))
    warnings = [] if high > low else ["blank_image: every voxel has the same value"]
    looks_hu = low <= _LOOKS_HU[0] and high >= _LOOKS_HU[1]
    if not looks_hu:
        warnings.append(f"not_hu: values from {low:.4g} to {high:.4g} do not look like HU (a mask, a crop or another unit)")
    if min(shape) < FEW_SLICES:
        warnings.append(f"too_few_slices: {min(shape)} slice{'s' if min(shape) > 1 else ''}; a reconstruction needs at least {FEW_SLICES}")
    surely_hu = low <= _SURELY_HU[0] and high >= _SURELY_HU[1]
    whole = not floating or _all_whole(stored, slope, intercept, progress)
    if (whole and low >= -32768 and high <= 32767) or (surely_hu and max(-low, high) < 1e5):
        if not whole:
            warnings.append("rounded: fractions of HU were rounded")
        array = allocate(shape, "int16")
        for index in range(shape[0]):
            progress(shape[0] + index, 2 * shape[0])
            plane = stored[index]
            if slope != 1 or intercept != 0 or plane.dtype.kind == "f" or plane.dtype.itemsize > 2 or plane.dtype == np.uint16:
                plane = np.clip(np.rint(plane * float(slope) + float(intercept)), -32768, 32767)
            array[index] = plane
        if surely_hu and low < AIR_HU:
            np.maximum(array, np.int16(AIR_HU), out=array)
        return array, warnings
    array = allocate(shape, "float32")
    for index in range(shape[0]):
        progress(shape[0] + index, 2 * shape[0])
        array[index] = stored[index] * float(slope) + float(intercept)
    return array, warnings


def _range(stored: npt.NDArray[Any], progress: Progress) -> tuple[float, float]:
    """Smallest and largest stored value; refuses NaN and infinity."""
    low, high = np.inf, -np.inf
    for index, plane in enumerate(stored):
        progress(index, 2 * len(stored))
        least, most = float(plane.min()), float(plane.max())
        if not (np.isfinite(least) and np.isfinite(most)):
            raise rejected("not_finite", f"{int((~np.isfinite(plane)).sum())} voxels of slice {index + 1} are NaN or infinite")
        low, high = min(low, least), max(high, most)
    return low, high


def _all_whole(stored: npt.NDArray[Any], slope: float, intercept: float, progress: Progress) -> bool:
    for index, plane in enumerate(stored):
        progress(index, 2 * len(stored))
        values = plane * float(slope) + float(intercept) if (slope, intercept) != (1.0, 0.0) else plane
        if not np.array_equal(values, np.rint(values)):
            return False
    return True
