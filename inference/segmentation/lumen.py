"""How bright the contrast is in this scan, and where it is certain: the even, bright voxels inside wide vessels.

Contrast in a wide vessel is even down to the scanner's noise; bone is not, for marrow and cortex mix in every few
millimetres. That difference, rather than a fixed HU, finds the first certain lumen; every other threshold follows from
the lumen's own HU, so that a low-kV bolus of 650 HU and a weak one of 220 HU are treated alike.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
BoolMask = npt.NDArray[np.bool_]

SOFT_TISSUE_HU = 50.0


@dataclass(frozen=True)
class LumenSettings:
    """Rules of thumb of `measure_lumen`, all relative to the scan's own noise and contrast.

    Parameters
    ----------
    least_hu, most_hu : float
        Range in which the lumen's HU is looked for. [HU]
    evenness : float
        Largest local standard deviation of certain lumen, in units of the noise.
    least_noise_hu : float
        Noise is never taken as less than this. [HU]
    least_volume_ml : float
        Less certain lumen than this is called unenhanced. [ml]
    lower_share : float
        Voxels above soft tissue plus this share of the contrast can be vessel.
    least_lower_hu : float
        Lowest threshold ever used. [HU]
    ceiling_share : float
        Voxels above the lumen by this share of the contrast are too dense for it: bone, calcium or metal.
    plate_length_mm : float
        A component whose volume over the cross-section of its widest part is longer than this is a plate of bone. [mm]
    """

    least_hu: float = 150.0
    most_hu: float = 900.0
    evenness: float = 2.2
    least_noise_hu: float = 5.0
    least_volume_ml: float = 0.3
    lower_share: float = 0.25
    least_lower_hu: float = 140.0
    ceiling_share: float = 0.5
    plate_length_mm: float = 3000.0


@dataclass(frozen=True)
class Lumen:
    """What the contrast looks like in one scan.

    Parameters
    ----------
    noise_hu : float
        Local standard deviation in soft tissue, most frequent value. [HU]
    hu : float
        Most frequent HU of certain lumen; 0 when unenhanced. [HU]
    lower_hu : float
        Least HU of a vessel voxel. [HU]
    ceiling_hu : float
        HU too dense for lumen. [HU]
    certain : numpy.ndarray
        bool (z, y, x): voxels that are lumen beyond doubt.
    volume_ml : float
        Volume of `certain`. [ml]
    enhanced : bool
        Whether there is enough certain lumen to call the scan enhanced.
    """

    noise_hu: float
    hu: float
    lower_hu: float
    ceiling_hu: float
    certain: BoolMask
    volume_ml: float
    enhanced: bool


def local_statistics(array: FloatArray, *, size: int = 3) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation in a cube of `size` voxels around every voxel."""
    from scipy.ndimage import uniform_filter

    mean = uniform_filter(array, size, mode="nearest")
    spread = uniform_filter(array * array, size, mode="nearest")
    spread -= mean * mean
    np.maximum(spread, 0, out=spread)
    return mean, np.sqrt(spread, out=spread)


def measure_lumen(
    mean: FloatArray, spread: FloatArray, *, spacing_mm: tuple[float, float, float], settings: LumenSettings | None = None
) -> Lumen:
    """Find the HU of the contrast and the voxels that are certainly lumen.

    Parameters
    ----------
    mean, spread : numpy.ndarray
        Local mean and standard deviation, from `local_statistics`. [HU]
    spacing_mm : tuple of float
        (z, y, x). [mm]
    settings : LumenSettings, optional
        Rules of thumb.

    Returns
    -------
    Lumen
        `enhanced` is false where the scan holds no even, bright tubes; its thresholds then fit bone alone.
    """
    settings = settings or LumenSettings()
    noise = _noise_hu(mean, spread, least=settings.least_noise_hu)
    allowed = (spread < settings.evenness * noise) & (mean > settings.least_hu) & (mean < settings.most_hu)
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    for _ in range(4):  # each round takes away one brightness that turned out to be plates of bone
        hu = _brightest_peak(mean[allowed])
        if hu is None:
            break
        contrast = hu - SOFT_TISSUE_HU
        certain = allowed & (mean > SOFT_TISSUE_HU + 0.6 * contrast) & (mean < hu + 0.35 * contrast)
        kept = _without_plates(certain, spacing_mm, longest_mm=settings.plate_length_mm)
        volume_ml = float(np.count_nonzero(kept)) * voxel_ml
        if volume_ml >= settings.least_volume_ml and volume_ml > 0.3 * np.count_nonzero(certain) * voxel_ml:
            lower = max(settings.least_lower_hu, SOFT_TISSUE_HU + settings.lower_share * contrast)
            ceiling = hu + max(200.0, settings.ceiling_share * contrast)
            return Lumen(noise, hu, lower, ceiling, kept, volume_ml, True)
        allowed &= ~certain
    return Lumen(noise, 0.0, 200.0, 300.0, np.zeros(mean.shape, bool), 0.0, False)


def _noise_hu(mean: FloatArray, spread: FloatArray, *, least: float) -> float:
    soft = spread[(mean > 0) & (mean < 120)]
    if soft.size < 100:
        return max(least, 10.0)
    counts, edges = np.histogram(soft, np.arange(0.0, 121.0, 1.0))
    smooth = np.convolve(counts, np.ones(3), "same")
    return max(least, float(edges[int(smooth.argmax())]) + 0.5)


def _brightest_peak(values: FloatArray) -> float | None:
    """The most frequent HU, with weight on bright ones: organs at 150 HU are large, and are not what was injected for."""
    from scipy.ndimage import gaussian_filter1d

    if values.size < 50:
        return None
    counts, edges = np.histogram(values, np.arange(150.0, 901.0, 10.0))
    smooth = gaussian_filter1d(counts.astype(float), 2.0) * (edges[:-1] - SOFT_TISSUE_HU)
    return float(edges[int(smooth.argmax())]) + 5.0


def _without_plates(mask: BoolMask, spacing_mm: tuple[float, float, float], *, longest_mm: float) -> BoolMask:
    """Drop specks, and components that are metres long for their width, as no vessel tree is but a skull is."""
    import cc3d
    import edt

    labels = cc3d.connected_components(mask.astype(np.uint8), connectivity=6)
    counts = np.bincount(labels.ravel())
    radius = edt.edt(mask, anisotropy=spacing_mm, black_border=False)
    widest = np.zeros(counts.size)
    np.maximum.at(widest, labels[mask], radius[mask])
    volume_mm3 = counts * float(np.prod(spacing_mm))
    length_mm = volume_mm3 / (np.pi * np.maximum(widest, 0.1) ** 2)
    keep = (length_mm < longest_mm) & (volume_mm3 > 3.0)
    keep[0] = False
    return np.asarray(keep[labels])
