"""Small scans for the study's door: a neck with two enhanced carotids, as DICOM slices or NIfTI."""

from pathlib import Path
from typing import Any

import numpy as np

from inference.geometry import Geometry
from inference.volume import Volume

STEP_MM = 2.6


def neck(*, lumen_hu: float = 350.0, slices: int = 100, size: int = 80) -> Volume:
    """A cylinder of soft tissue with a hollow bone and two vessels of 7 mm, in noise of 15 HU; 260 mm long."""
    rng = np.random.default_rng(4)
    z, y, x = np.indices((slices, size, size)).astype(np.float32)
    middle = size / 2
    image = np.where((y - middle) ** 2 + (x - middle) ** 2 < (0.45 * size) ** 2, 50.0, -1000.0)
    bone = (y - 0.7 * size) ** 2 + (x - middle) ** 2
    image[bone < 12**2], image[bone < 9**2] = 900.0, 220.0
    for centre in (0.33 * size, 0.67 * size):
        image[(y - 0.42 * size) ** 2 + (x - centre - 0.03 * z) ** 2 < 3.5**2] = lumen_hu
    image += rng.normal(0, 15, image.shape)
    return Volume(image.astype(np.int16), Geometry(image.shape, (STEP_MM, 1.0, 1.0)))


def write_neck(folder: Path, **tags: Any) -> list[Path]:
    """The neck as a CT series; tags are set in every slice."""
    import pydicom

    from inference.phantom.dicom import write_series

    options = {name: tags.pop(name) for name in ("lumen_hu", "slices") if name in tags}
    paths = write_series(neck(**options), folder, name="door", seed=3, number=2, description="CTA neck", contrast=True)
    for path in paths if tags else ():
        data = pydicom.dcmread(path)
        for name, value in tags.items():
            setattr(data, name, value)
        data.save_as(path)
    return paths
