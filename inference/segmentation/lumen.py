"""How bright the contrast is in this scan, and where it is certain: the even, bright voxels inside wide vessels.

Contrast in a wide vessel is even down to the scanner's noise; bone is not, for marrow and cortex mix in every few
millimetres. That difference, rather than a fixed HU, finds the first certain lumen; every other threshold follows from
the lumen's own HU, so that a low-kV bolus of 650 HU and a weak one of 220 HU are treated alike.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.segmentation.morphology import dilated, label
from inference.volume import Volume

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
    evenness_share : float
        The same, as a share of the voxel's contrast; the larger limit counts.
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
    most_bright_around : float
        Share of bright voxels around certain lumen above which it is a patch in bone.
    usual_hu : float
        Lumen brighter than this is rare, and must have ten times the least volume. [HU]
    most_planar, most_planar_bright : float
        Largest share of sheets that lumen may have, up to that HU and above it.
    """

    least_hu: float = 150.0
    most_hu: float = 900.0
    evenness: float = 2.2
    evenness_share: float = 0.07
    least_noise_hu: float = 5.0
    least_volume_ml: float = 0.3
    lower_share: float = 0.25
    least_lower_hu: float = 140.0
    ceiling_share: float = 0.5
    plate_length_mm: float = 3000.0
    most_bright_around: float = 0.5
    usual_hu: float = 600.0
    most_planar: float = 0.5
    most_planar_bright: float = 0.2


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
    even = np.maximum(settings.evenness * noise, settings.evenness_share * (mean - SOFT_TISSUE_HU))
    allowed = (spread < even) & (mean > settings.least_hu) & (mean < settings.most_hu)
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    best, best_score = None, 0.0
    for hu in _peaks(mean[allowed], least_voxels=settings.least_volume_ml / voxel_ml):
        contrast = hu - SOFT_TISSUE_HU
        certain = allowed & (mean > SOFT_TISSUE_HU + 0.6 * contrast) & (mean < hu + 0.35 * contrast)
        certain = _free_standing(certain, mean > SOFT_TISSUE_HU + 0.5 * contrast, spacing_mm, settings)
        volume_ml = float(np.count_nonzero(certain)) * voxel_ml
        alike_ml = float(np.count_nonzero(certain & (np.abs(mean - hu) < 0.12 * contrast + 10.0))) * voxel_ml
        # the bolus is in the arteries: organs and slow veins are larger, but darker
        score = alike_ml * contrast**2
        enough = settings.least_volume_ml * (10.0 if hu > settings.usual_hu else 1.0)
        if volume_ml >= enough and score > best_score and _no_sheet(certain, mean, hu, spacing_mm, settings):
            lower = max(settings.least_lower_hu, SOFT_TISSUE_HU + settings.lower_share * contrast)
            ceiling = hu + max(200.0, settings.ceiling_share * contrast)
            best, best_score = Lumen(noise, hu, lower, ceiling, certain, volume_ml, True), score
    if best is not None:
        return best
    return Lumen(noise, 0.0, 200.0, 300.0, np.zeros(mean.shape, bool), 0.0, False)


def noise_of(volume: Volume, *, planes: int = 24) -> float:
    """Noise of a scan, from some of its planes: the most frequent local standard deviation in soft tissue. [HU]"""
    chosen = np.unique(np.linspace(0, volume.shape[0] - 1, planes).astype(int))
    parts = [local_statistics(volume.array[plane : plane + 1].astype(np.float32)) for plane in chosen]
    mean, spread = (np.concatenate([part[which] for part in parts]) for which in (0, 1))
    return _noise_hu(mean, spread, least=LumenSettings().least_noise_hu)


def _noise_hu(mean: FloatArray, spread: FloatArray, *, least: float) -> float:
    soft = spread[(mean > 0) & (mean < 120)]
    if soft.size < 100:
        return max(least, 10.0)
    counts, edges = np.histogram(soft, np.arange(0.0, 121.0, 1.0))
    smooth = np.convolve(counts, np.ones(3), "same")
    return max(least, float(edges[int(smooth.argmax())]) + 0.5)


def _peaks(values: FloatArray, *, least_voxels: float) -> list[float]:
    """HU that many even voxels share, the brightest first: the bolus is in the arteries, organs and veins are darker."""
    from scipy.ndimage import gaussian_filter1d, maximum_filter1d

    counts, edges = np.histogram(values, np.arange(100.0, 951.0, 10.0))
    smooth = gaussian_filter1d(counts.astype(float), 2.0)
    around = np.convolve(counts, np.ones(7), "same")
    summit = (smooth >= maximum_filter1d(smooth, 9)) & (around >= 0.5 * least_voxels) & (edges[:-1] >= 150.0)
    return [float(edges[index]) + 5.0 for index in np.flatnonzero(summit)[::-1]]


def _no_sheet(certain: BoolMask, mean: FloatArray, hu: float, spacing_mm: tuple[float, float, float], settings: LumenSettings) -> bool:
    """Uniform plastic bone is even too; it is told by lying in sheets, and looked at the harder the brighter it is."""
    reach = dilated(certain, 2.0 * max(spacing_mm), spacing_mm)
    bright = reach & (mean > SOFT_TISSUE_HU + 0.5 * (hu - SOFT_TISSUE_HU))
    limit = settings.most_planar if hu <= settings.usual_hu else settings.most_planar_bright
    return planar_share(bright, spacing_mm) < limit


def planar_share(mask: BoolMask, spacing_mm: tuple[float, float, float], *, sigma_mm: float = 6.0) -> float:
    """Share of a mask that is locally a sheet rather than a tube or a ball.

    Notes
    -----
    From the eigenvalues of the covariance of the mask's voxels under a Gaussian window: a sheet has two large, a tube one.

    Examples
    --------
    >>> sheet, tube = np.zeros((40, 40, 40), bool), np.zeros((40, 40, 40), bool)
    >>> sheet[18:22], tube[:, 18:22, 18:22] = True, True
    >>> planar_share(sheet, (1.0, 1.0, 1.0)) > 0.7, planar_share(tube, (1.0, 1.0, 1.0))
    (True, 0.0)
    """
    from scipy.ndimage import gaussian_filter

    size = [max(1, round(2.0 / step)) for step in spacing_mm]
    whole = [max(count // block, 1) * block for count, block in zip(mask.shape, size, strict=True)]
    padded = np.pad(mask, [(0, max(0, want - count)) for want, count in zip(whole, mask.shape, strict=True)])
    z, y, x = (want // block for want, block in zip(whole, size, strict=True))
    blocks = padded[: whole[0], : whole[1], : whole[2]].reshape(z, size[0], y, size[1], x, size[2]).mean((1, 3, 5)).astype(np.float32)
    step = [spacing * block for spacing, block in zip(spacing_mm, size, strict=True)]
    grids = np.meshgrid(*[(np.arange(n) - n / 2) * s for n, s in zip(blocks.shape, step, strict=True)], indexing="ij")
    axes = [grid.astype(np.float32) for grid in grids]
    inside = blocks > 0.15
    if not inside.any():
        return 0.0
    sigma = [sigma_mm / s for s in step]

    def local(values: FloatArray) -> npt.NDArray[np.float64]:
        return np.asarray(gaussian_filter(values, sigma, mode="constant", truncate=2.5)[inside], float)

    weight = local(blocks)
    middle = [local(blocks * axis) / weight for axis in axes]
    spread = np.empty((weight.size, 3, 3))
    for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)):
        spread[:, i, j] = spread[:, j, i] = local(blocks * axes[i] * axes[j]) / weight - middle[i] * middle[j]
    small, medium, large = np.linalg.eigvalsh(spread).T
    return float(np.average((medium - small) / np.maximum(large, 1e-6) > 0.5, weights=blocks[inside]))


def _free_standing(mask: BoolMask, bright: BoolMask, spacing_mm: tuple[float, float, float], settings: LumenSettings) -> BoolMask:
    """Drop specks, components metres long for their width (a skull), and those in bright surroundings (patches in bone)."""
    import edt
    from scipy.ndimage import maximum_filter

    parts = label(mask, connectivity=6)
    volume_mm3 = parts.counts * float(np.prod(spacing_mm))
    radius = edt.edt(mask, anisotropy=spacing_mm, black_border=False, parallel=0)
    length_mm = volume_mm3 / (np.pi * np.maximum(parts.most(radius), 0.1) ** 2)
    # certain lumen ends short of the wall by the window and the blur; the shell lies outside the wall
    inner = max(2, round(2.2 / min(spacing_mm)))
    outer = inner + max(2, round(1.5 / min(spacing_mm)))
    near, far = (maximum_filter(parts.labels, 2 * reach + 1) for reach in (inner, outer))
    shell = np.where(near == 0, far, 0)
    around = np.bincount(shell.ravel(), minlength=parts.counts.size)
    bright_around = np.bincount(shell[bright], minlength=parts.counts.size) / np.maximum(around, 1)
    keep = (length_mm < settings.plate_length_mm) & (volume_mm3 > 3.0) & (bright_around < settings.most_bright_around)
    return parts.choose(keep)
