"""How bright the contrast is in this scan, and where it is certain: the even, bright voxels inside wide vessels.

Contrast in a wide vessel is even down to the scanner's noise; bone is not, for marrow and cortex mix in every few
millimetres. That difference, rather than a fixed HU, finds the first certain lumen; every other threshold follows from
the lumen's own HU, so that a low-kV bolus of 650 HU and a weak one of 220 HU are treated alike.

A head alone has no wide vessel, and its bone has even patches of its own. Where little even lumen is found, or lumen of a rare HU,
the tubes that stand free in soft tissue decide whether there is contrast, and at what HU.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.resample import block_means
from inference.segmentation.filters import box_moments
from inference.segmentation.morphology import Labelled, dilated, eroded, label, largest_around
from inference.segmentation.tubes import Tubes, extents_mm, free_tubes
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
    wide_ml : float
        So much certain lumen of usual HU is believed without free tubes. [ml]
    whole_ml : float
        In fields with less body than this there is no room for tubes, and what is even is believed. [ml]
    least_tubes_mm : float
        Least length of free tubes alike in an enhanced scan, or of even lumen. [mm]
    head_ml : float
        In fields with less body than this the least length is less in proportion. [ml]
    least_wide_mm : float
        Pieces of even lumen shorter than this do not count towards it; even patches of bone reached 50 mm. [mm]
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
    wide_ml: float = 15.0
    whole_ml: float = 500.0
    least_tubes_mm: float = 180.0
    head_ml: float = 1500.0
    least_wide_mm: float = 80.0


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
    wide : bool
        Whether that was told by wide vessels rather than by free tubes.
    """

    noise_hu: float
    hu: float
    lower_hu: float
    ceiling_hu: float
    certain: BoolMask
    volume_ml: float
    enhanced: bool
    wide: bool = True


def local_statistics(array: FloatArray, *, size: int = 3) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation in a cube of `size` voxels around every voxel."""
    return box_moments(array, size)


def measure_lumen(
    array: FloatArray,
    mean: FloatArray,
    spread: FloatArray,
    *,
    spacing_mm: tuple[float, float, float],
    settings: LumenSettings | None = None,
) -> Lumen:
    """Find the HU of the contrast and the voxels that are certainly lumen.

    Parameters
    ----------
    array : numpy.ndarray
        The scan, float32 (z, y, x). [HU]
    mean, spread : numpy.ndarray
        Its local mean and standard deviation, from `local_statistics`. [HU]
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
    peaks = _peaks(mean[allowed], least_voxels=settings.least_volume_ml / voxel_ml)
    best = _best(peaks, allowed, mean, noise, spacing_mm, settings)
    if best is not None and best.hu <= settings.usual_hu and best.volume_ml >= settings.wide_ml:
        return best
    body_ml = np.count_nonzero(mean > -300) * voxel_ml
    if body_ml >= settings.whole_ml:
        least_mm = settings.least_tubes_mm * min(1.0, body_ml / settings.head_ml)
        tubes = free_tubes(array, spacing_mm)
        known = tubes.length_mm >= least_mm
        by_tubes = _from_tubes(tubes, peaks, allowed, mean, noise, spacing_mm, settings) if known else None
        best = by_tubes or _if_long(best, spacing_mm, settings, least_mm=least_mm)
    return best or Lumen(noise, 0.0, 200.0, 300.0, np.zeros(mean.shape, bool), 0.0, enhanced=False, wide=False)


def _if_long(lumen: Lumen | None, spacing_mm: tuple[float, float, float], settings: LumenSettings, *, least_mm: float) -> Lumen | None:
    """Even lumen if it is as long as carotids in a neck, which are too wide for free tubes; even patches of bone are short."""
    if lumen is None or lumen.hu > settings.usual_hu:
        return None
    extent = extents_mm(label(lumen.certain, connectivity=26), spacing_mm)
    return lumen if extent[extent >= settings.least_wide_mm].sum() >= least_mm else None


def _best(
    peaks: list[float], allowed: BoolMask, mean: FloatArray, noise: float, spacing_mm: tuple[float, float, float], settings: LumenSettings
) -> Lumen | None:
    """The most convincing of the HU that many even voxels share."""
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    best, best_score = None, 0.0
    values = mean[allowed]
    # the bolus is in the arteries: organs and slow veins are larger, but darker
    most = {hu: np.count_nonzero(_alike(values, hu)) * voxel_ml * (hu - SOFT_TISSUE_HU) ** 2 for hu in peaks}
    for hu in sorted(peaks, key=lambda hu: -most[hu]):  # those that cannot win any more are not looked at
        if most[hu] <= best_score:
            break
        contrast = hu - SOFT_TISSUE_HU
        lumen = _lumen(hu, _even_lumen(hu, allowed, mean, spacing_mm, settings), noise, voxel_ml, settings)
        score = float(np.count_nonzero(_alike(mean[lumen.certain], hu))) * voxel_ml * contrast**2
        enough = settings.least_volume_ml * (10.0 if hu > settings.usual_hu else 1.0)
        if lumen.volume_ml >= enough and score > best_score and _no_sheet(lumen.certain, mean, hu, spacing_mm, settings):
            best, best_score = lumen, score
    return best


def _alike(values: FloatArray, hu: float) -> BoolMask:
    """Which values are near that HU. [HU]"""
    return np.asarray(np.abs(values - hu) < 0.12 * (hu - SOFT_TISSUE_HU) + 10.0)


def _from_tubes(
    tubes: Tubes,
    peaks: list[float],
    allowed: BoolMask,
    mean: FloatArray,
    noise: float,
    spacing_mm: tuple[float, float, float],
    settings: LumenSettings,
) -> Lumen:
    """Lumen of the HU of free tubes, or of the brighter peak of wider vessels next to it."""
    contrast = tubes.hu - SOFT_TISSUE_HU
    near = [hu for hu in peaks if 0.85 < (hu - SOFT_TISSUE_HU) / contrast < 1.35]
    best = _best(near, allowed, mean, noise, spacing_mm, settings)
    hu = best.hu if best is not None else tubes.hu
    even = best.certain if best is not None else _even_lumen(hu, allowed, mean, spacing_mm, settings)
    return _lumen(hu, even | tubes.mask, noise, float(np.prod(spacing_mm)) / 1000.0, settings, wide=False)


def _even_lumen(
    hu: float, allowed: BoolMask, mean: FloatArray, spacing_mm: tuple[float, float, float], settings: LumenSettings
) -> BoolMask:
    """Even voxels of about that HU in bodies that stand free."""
    contrast = hu - SOFT_TISSUE_HU
    certain = allowed & (mean > SOFT_TISSUE_HU + 0.6 * contrast) & (mean < hu + 0.35 * contrast)
    return _free_standing(certain, mean > SOFT_TISSUE_HU + 0.5 * contrast, spacing_mm, settings)


def _lumen(hu: float, certain: BoolMask, noise: float, voxel_ml: float, settings: LumenSettings, *, wide: bool = True) -> Lumen:
    """Thresholds that follow from the lumen's HU."""
    contrast = hu - SOFT_TISSUE_HU
    lower = max(settings.least_lower_hu, SOFT_TISSUE_HU + settings.lower_share * contrast)
    ceiling = hu + max(200.0, settings.ceiling_share * contrast)
    return Lumen(noise, hu, lower, ceiling, certain, float(np.count_nonzero(certain)) * voxel_ml, True, wide)


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
    blocks = block_means(padded[: whole[0], : whole[1], : whole[2]], (size[0], size[1], size[2]))
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
    parts = label(mask, connectivity=6)
    volume_mm3 = parts.counts * float(np.prod(spacing_mm))
    # certain lumen ends short of the wall by the window and the blur; the shell lies outside the wall
    inner = max(2, round(2.2 / min(spacing_mm)))
    outer = inner + max(2, round(1.5 / min(spacing_mm)))
    shell = largest_around(parts.labels, outer)
    shell[largest_around(parts.labels, inner) > 0] = 0
    bright_around = Labelled.of(shell, parts.counts.size - 1).share(bright)
    keep = (volume_mm3 > 3.0) & (bright_around < settings.most_bright_around)
    return parts.choose(keep & ~_plates(parts, mask, volume_mm3, spacing_mm, settings))


def _plates(
    parts: Labelled, mask: BoolMask, volume_mm3: npt.NDArray[np.floating], spacing_mm: tuple[float, float, float], settings: LumenSettings
) -> npt.NDArray[np.bool_]:
    """Which components are too long for their width: nowhere deep enough to hold their volume in the length allowed."""
    depth_mm = np.sqrt(volume_mm3 / (np.pi * settings.plate_length_mm))
    found = np.zeros(volume_mm3.size, bool)
    for part in np.flatnonzero(depth_mm >= max(0.1, min(spacing_mm))):  # every voxel is as deep as a voxel
        if part > 0:
            found[part] = not (parts.labels[eroded(mask, float(depth_mm[part]), spacing_mm)] == part).any()
    return found
