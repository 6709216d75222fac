"""Take the face off a head CT: a rendered scan shows who it is."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from inference.scans.contrast import coarse
from inference.volume import Volume

AIR_HU = -1024


def deface(volume: Volume, *, depth_mm: float = 8.0, smooth_mm: float = 18.0) -> Volume:
    """Replace the front skin and what stands out of it (nose, lips, chin, ears) by air.

    Parameters
    ----------
    volume : Volume
        A CT in LPS order. [HU]
    depth_mm : float
        Thickness of the shell taken off the front half of the body. [mm]
    smooth_mm : float
        Parts of the body narrower than twice this stand out and go. [mm]

    Returns
    -------
    Volume
        The same grid; `source.header["defaced"]` is true. Arteries deeper than the shell stay; superficial temporal and facial branches
        may be lost.
    """
    image, spacing = coarse(volume, (3.0, 3.0, 3.0))
    body = _body(image)
    room = int(np.ceil(smooth_mm / min(spacing))) + 1
    padded = np.pad(body, room, mode="edge")
    distance_out = ndimage.distance_transform_edt(padded, sampling=spacing)
    core = distance_out > smooth_mm
    trunk = ndimage.distance_transform_edt(~core, sampling=spacing) <= smooth_mm
    inside = ndimage.distance_transform_edt(trunk, sampling=spacing) > depth_mm
    inner = inside[room:-room, room:-room, room:-room]
    front = _front_half(body)
    take = ndimage.binary_dilation(body, iterations=2) & front & ~inner
    array = volume.array.copy()
    steps = [np.minimum(np.arange(n) * m // n, m - 1) for n, m in zip(volume.shape, take.shape, strict=True)]
    for z in range(volume.shape[0]):
        array[z][take[steps[0][z]][np.ix_(steps[1], steps[2])]] = AIR_HU
    header = {**volume.source.header, "defaced": True}
    return replace(volume, array=array, source=replace(volume.source, header=header))


def _body(image: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    labels, count = ndimage.label(image > -300.0)
    if not count:
        return np.zeros(image.shape, bool)
    body = labels == int(np.bincount(labels.ravel())[1:].argmax()) + 1
    return np.stack([ndimage.binary_fill_holes(plane) for plane in body])


def _front_half(body: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """In front of the middle of the body in each slice; y runs to the back."""
    rows = np.arange(body.shape[1])[None, :, None]
    counts = np.maximum(1, body.sum((1, 2)))
    middle = (body * rows).sum((1, 2)) / counts
    return np.broadcast_to(rows < middle[:, None, None], body.shape)
