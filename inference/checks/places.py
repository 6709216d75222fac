"""Where to look, and how an artery is called in a sentence."""

import numpy as np
import numpy.typing as npt

from inference.geometry import Geometry
from inference.indices import indices
from inference.segmentation.morphology import label

Points = tuple[tuple[float, float, float], ...]


def middle_of(geometry: Geometry, mask: npt.NDArray[np.bool_], *, start: tuple[int, int, int] = (0, 0, 0)) -> Points:
    """The mean position of a mask as one LPS point; `start` is where the mask begins in the grid. [mm]"""
    index = indices(mask)
    return point(geometry, index.mean(axis=0) + np.array(start)) if len(index) else ()


def point(geometry: Geometry, index: npt.ArrayLike) -> Points:
    """An index (z, y, x) as one LPS point, rounded. [mm]"""
    x, y, z = (round(float(value), 2) for value in geometry.points(index)[0])
    return ((x, y, z),)


def middles_of_pieces(geometry: Geometry, mask: npt.NDArray[np.bool_], *, most: int = 5) -> Points:
    """Middles of the largest pieces of a mask, each a voxel of its piece. [mm]"""
    parts = label(mask, connectivity=26)
    found: Points = ()
    for number in np.argsort(-parts.counts[1:], kind="stable")[:most] + 1:
        index = indices(parts.labels == number)
        found += point(geometry, index[np.linalg.norm(index - index.mean(axis=0), axis=1).argmin()])
    return found


def depth_of(mask: npt.NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> float:
    """Largest distance of a voxel of a mask to its outside. [mm]"""
    import edt

    if not mask.any():
        return 0.0
    box = tuple(_extent(np.asarray(mask.any(axis=axes))) for axes in ((1, 2), (0, 2), (0, 1)))  # what lies beyond it is outside anyway
    return float(edt.edt(np.ascontiguousarray(mask[box]), anisotropy=spacing_mm, black_border=True).max())


def _extent(line: npt.NDArray[np.bool_]) -> slice:
    """From the first to the last that is true."""
    places = np.flatnonzero(line)
    return slice(int(places[0]), int(places[-1]) + 1)


def words(artery: str) -> str:
    """`internal_carotid_r` as `Right internal carotid`.

    Examples
    --------
    >>> words("internal_carotid_r"), words("basilar")
    ('Right internal carotid', 'Basilar')
    """
    side = {"_r": "Right ", "_l": "Left "}.get(artery[-2:], "")
    name = (artery[:-2] if side else artery).replace("_", " ")
    return side + name if side else name.capitalize()
