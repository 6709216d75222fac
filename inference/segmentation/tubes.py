"""Tubes that stand free: bright lines with soft tissue all around them, at whatever HU they have.

A head without neck and chest holds no vessel wide enough to show an even lumen, but dozens of centimetres of arteries that cross
brain and muscle with nothing beside them. Bone nowhere does that: its ridges lie on sheets, on something denser, or on air.
So these lines tell whether a scan is enhanced, and to what HU, before anything else is known.
"""

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from inference.compilation import NOGIL
from inference.indices import indices
from inference.segmentation.filters import at, gaussian_derivatives
from inference.segmentation.morphology import BoolMask, Labelled, Spacing, label

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TubeSettings:
    """Rules of `free_tubes`.

    Parameters
    ----------
    least_hu, most_hu : float
        Range of HU in which tubes are looked for. [HU]
    tissue_hu : float
        HU without contrast. [HU]
    width_mm : float
        Standard deviation of the line filter. [mm]
    least_fall_hu : float
        Least second derivative across the line, per squared width. [HU]
    most_along : float
        Largest second derivative along the line, as a share of the one across.
    inner_mm, outer_mm : float
        The shell around a voxel of the line that is looked at. [mm]
    bright_hu : float
        HU that soft tissue does not reach. [HU]
    most_bright, most_dense, most_air : float
        Largest share of that shell brighter than soft tissue, brighter than one and a half times the line's contrast, and darker than
        fat. The line itself leaves the shell twice.
    least_extent_mm : float
        Shorter lines from end to end do not count. [mm]
    alike : float
        Tubes whose contrast differs by no more than this share are alike.
    """

    least_hu: float = 130.0
    most_hu: float = 900.0
    tissue_hu: float = 50.0
    width_mm: float = 1.0
    least_fall_hu: float = 20.0
    most_along: float = 0.35
    inner_mm: float = 2.5
    outer_mm: float = 4.5
    bright_hu: float = 115.0
    most_bright: float = 0.35
    most_dense: float = 0.01
    most_air: float = 0.02
    least_extent_mm: float = 30.0
    alike: float = 0.3


@dataclass(frozen=True)
class Tubes:
    """Free tubes of one scan.

    Parameters
    ----------
    mask : numpy.ndarray
        bool (z, y, x): middle lines of the largest group of tubes alike in HU, a voxel or two wide.
    length_mm : float
        Extent of those tubes together. [mm]
    hu : float
        HU that the brightest tenth of their voxels reach, which is that of the widest vessels; 0 without tubes. [HU]
    """

    mask: BoolMask
    length_mm: float
    hu: float


def free_tubes(array: FloatArray, spacing_mm: Spacing, *, settings: TubeSettings | None = None) -> Tubes:
    """Find the bright lines that cross soft tissue.

    Parameters
    ----------
    array : numpy.ndarray
        float32 (z, y, x). [HU]
    spacing_mm : tuple of float
        (z, y, x). [mm]
    settings : TubeSettings, optional
        Rules.

    Returns
    -------
    Tubes

    Examples
    --------
    >>> z, y, x = np.indices((40, 24, 24))
    >>> tube = np.where((y - 12) ** 2 + (x - 12) ** 2 < 3, 300, 40).astype(np.float32)
    >>> found = free_tubes(tube, (1.0, 1.0, 1.0))
    >>> found.hu, found.length_mm > 35
    (300.0, True)
    """
    settings = settings or TubeSettings()
    here = (array > settings.least_hu) & (array < settings.most_hu)
    held = np.clip(array, -100.0, settings.most_hu)
    lines = line_voxels(
        held, here, spacing_mm, width_mm=settings.width_mm, least_fall_hu=settings.least_fall_hu, most_along=settings.most_along
    )
    steps = _shell(spacing_mm, settings)
    free = np.zeros(array.shape, bool)
    limits = (settings.most_bright, settings.most_dense, settings.most_air)
    _keep_free(np.ascontiguousarray(array), indices(lines), steps, settings.tissue_hu, settings.bright_hu, limits, free)
    parts = label(free, connectivity=26)
    extent = extents_mm(parts, spacing_mm)
    extent[extent < settings.least_extent_mm] = 0.0
    chosen = _largest_group(parts.mean(array) - settings.tissue_hu, extent, settings.alike)
    mask = parts.choose(chosen)
    hu = float(np.percentile(array[mask], 90)) if mask.any() else 0.0
    return Tubes(mask, float(extent[chosen].sum()), hu)


def _largest_group(contrast: npt.NDArray[np.float64], extent: npt.NDArray[np.float64], alike: float) -> npt.NDArray[np.bool_]:
    """Which tubes are alike with the one that the most length is alike with."""
    best = np.zeros(extent.size, bool)
    for middle in contrast[extent > 0]:
        group = (extent > 0) & (np.abs(contrast - middle) <= alike * middle)
        if extent[group].sum() > extent[best].sum():
            best = group
    return best


def line_voxels(
    held: FloatArray, here: BoolMask, spacing_mm: Spacing, *, width_mm: float, least_fall_hu: float, most_along: float
) -> BoolMask:
    """Chosen voxels at which brightness falls off in two directions and hardly in the third.

    Parameters
    ----------
    held : numpy.ndarray
        float32 (z, y, x), clipped to what matters: air and cortex would drown the slopes of a vessel. [HU]
    here : numpy.ndarray
        bool: voxels to answer for.
    spacing_mm : tuple of float
        (z, y, x). [mm]
    width_mm : float
        Standard deviation of the filter, never below 0.8 voxels. [mm]
    least_fall_hu, most_along : float
        Least second derivative across the line, and the largest along it as a share of that.

    Returns
    -------
    numpy.ndarray
        bool (z, y, x).
    """
    sigma = [max(0.8, width_mm / step) for step in spacing_mm]
    pairs = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
    z, y, x = (tuple(int(axis == i) + int(axis == j) for i, j in pairs) for axis in range(3))
    slopes = gaussian_derivatives(held, here, sigma, list(zip(z, y, x, strict=True)), truncate=3.0)
    slopes *= np.array([sigma[i] * sigma[j] for i, j in pairs])
    # two eigenvalues below −least, the third at most a share of the second: most voxels fail by their trace alone
    able = slopes[:, :3].sum(axis=1) < -(2.0 - most_along) * least_fall_hu + 1e-3
    hessian: FloatArray = np.empty((int(np.count_nonzero(able)), 3, 3), np.float32)
    for place, (i, j) in enumerate(pairs):
        hessian[:, i, j] = hessian[:, j, i] = slopes[able, place]
    _, across, along = np.linalg.eigvalsh(hessian).T
    able[able] = (-across > least_fall_hu) & (np.abs(along) < most_along * -across)
    return at(here, able)


def extents_mm(parts: Labelled, spacing_mm: Spacing) -> npt.NDArray[np.float64]:
    """Diagonal of each component's box; index 0, the background, is 0. [mm]"""
    from scipy.ndimage import find_objects

    extent = np.zeros(parts.counts.size)
    for index, box in enumerate(find_objects(parts.labels.astype(np.int32)), start=1):
        if box is not None:
            extent[index] = np.linalg.norm([(side.stop - side.start) * step for side, step in zip(box, spacing_mm, strict=True)])
    return extent


def _shell(spacing_mm: Spacing, settings: TubeSettings, *, most: int = 160) -> npt.NDArray[np.int64]:
    """Steps from a voxel to those of the shell around it, thinned evenly."""
    reach = [int(settings.outer_mm / step) for step in spacing_mm]
    steps = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in reach], indexing="ij"), axis=-1).reshape(-1, 3)
    distance = np.linalg.norm(steps * np.array(spacing_mm), axis=1)
    shell = steps[(distance >= settings.inner_mm) & (distance <= settings.outer_mm)]
    return np.ascontiguousarray(shell[np.unique(np.linspace(0, len(shell) - 1, most).astype(int))])


@numba.njit(nogil=NOGIL, parallel=True, cache=True)
def _keep_free(array, lines, steps, tissue, soft, limits, free):  # type: ignore[no-untyped-def]  # pragma: no cover
    for n in numba.prange(lines.shape[0]):
        z, y, x = lines[n, 0], lines[n, 1], lines[n, 2]
        contrast = array[z, y, x] - tissue
        seen, bright, dense, air = 0, 0, 0, 0
        for k in range(steps.shape[0]):
            i, j, m = z + steps[k, 0], y + steps[k, 1], x + steps[k, 2]
            if 0 <= i < array.shape[0] and 0 <= j < array.shape[1] and 0 <= m < array.shape[2]:
                value = array[i, j, m]
                seen += 1
                bright += value > soft
                dense += value > tissue + 1.5 * contrast
                air += value < -150
        free[z, y, x] = bright <= limits[0] * seen and dense <= limits[1] * seen and air <= limits[2] * seen
